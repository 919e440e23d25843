"""Read the arguments of a call in formula text: by name, by position, as literals."""

from __future__ import annotations

from collections.abc import Sequence

from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.formula.syntax import Call, Constant, Name, Node, Number, String, Unary

Literal = bool | int | float | str | None


def match_arguments(call: Call, names: Sequence[str], source: str) -> dict[str, Node]:
    """Assign arguments to parameter names as a function call does.

    Parameters
    ----------
    call : Call
    names : sequence of str
        Parameter names in positional order.
    source : str
        The formula, for error messages.

    Returns
    -------
    dict of str to Node
        Only the arguments that were given.

    Raises
    ------
    FormulaError
        For an unknown name, a repeated or a surplus argument.
    """
    out: dict[str, Node] = {}
    free = [n for n in names if n not in {a.name for a in call.arguments}]
    for argument in call.arguments:
        name = argument.name
        if name is None:
            if not free:
                message = f"{call.function}() takes at most {len(names)} arguments: " + ", ".join(
                    names
                )
                raise FormulaError(message, source, argument.value.span)
            name = free.pop(0)
        elif name not in names:
            message = (
                f"{call.function}() has no argument {name!r}{did_you_mean(name, names)}; "
                f"it takes {', '.join(names)}"
            )
            raise FormulaError(message, source, argument.value.span)
        if name in out:
            message = f"argument {name!r} of {call.function}() is given twice"
            raise FormulaError(message, source, argument.value.span)
        out[name] = argument.value
    return out


def literal(node: Node | None, default: Literal, source: str, what: str) -> Literal:
    """The value of a literal argument, or `default` when it was not given.

    Raises
    ------
    FormulaError
        When the argument is an expression; `what` names it in the message.
    """
    match node:
        case None:
            return default
        case Constant(value=value) | Number(value=value) | String(value=value):
            return value
        case Unary(op="-", operand=Number(value=value)):
            return -value
        case Name(value=value, span=span):
            message = f"{what} must be a literal, not the variable {value!r}"
            raise FormulaError(message, source, span)
        case _:
            raise FormulaError(f"{what} must be a literal", source, node.span)


def flag(node: Node | None, default: bool, source: str, what: str) -> bool:
    """The value of an argument that must be TRUE or FALSE."""
    value = literal(node, default, source, what)
    if not isinstance(value, bool):
        raise FormulaError(f"{what} must be TRUE or FALSE", source, node.span if node else None)
    return value
