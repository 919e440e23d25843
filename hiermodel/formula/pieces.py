"""The arguments of `bf()` and its relatives, read one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real

from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.formula.parse import parse_formula
from hiermodel.formula.syntax import Call, Name, Node, ParsedFormula, chain
from hiermodel.formula.values import (
    Autocor,
    FormulaOptions,
    SubFormula,
    SubFormulas,
)

DECOMPOSITIONS = ("none", "QR")
# Keywords of bf() that are no parameters: what a mistyped one is compared with.
_KEYWORDS = ("nl", "loop", "center", "cmc", "sparse", "decomp", "family", "unused", "autocor")


def options_named(
    text: str | None, center: bool | None, cmc: bool | None, sparse: bool | None,
    decomp: str | None, nl: bool, loop: bool,
) -> FormulaOptions:
    """Options as given; `text` is the formula they belong to, for messages."""
    if decomp is not None and decomp not in DECOMPOSITIONS:
        hint = did_you_mean(str(decomp), DECOMPOSITIONS)
        raise error_about(text, f"decomp must be 'QR' or 'none', not {decomp!r}{hint}")
    non_linear = flag_given("nl", nl, False, text)
    return FormulaOptions(
        None if center is None else flag_given("center", center, True, text),
        flag_given("cmc", cmc, True, text),
        flag_given("sparse", sparse, False, text),
        decomp or "none",
        non_linear,
        flag_given("loop", loop, True, text),
    )


def flag_given(name: str, value: object, default: bool, text: str | None) -> bool:
    """A flag, or its default for None."""
    if value is None:
        return default
    # NumPy's booleans are of a class of that name.
    if type(value).__name__ not in ("bool", "bool_"):
        raise error_about(text, f"{name} must be True or False, not {value!r}")
    return bool(value)


def error_about(text: object, message: str) -> FormulaError:
    """An error about a formula as a whole."""
    if not isinstance(text, str):
        return FormulaError(message)
    return FormulaError(message, text, (0, max(1, len(text))))


def autocor_given(formula: object, value: object) -> ParsedFormula | None:
    """The autocorrelation terms of one response: text, or what `acformula` made of it."""
    if not isinstance(value, Autocor):
        return side_given("autocor", value)
    if value.resp:
        raise error_about(
            formula, "acformula(resp=) is for several responses: add it to their formula with '+'"
        )
    return value.parsed


def side_given(name: str, text: object) -> ParsedFormula | None:
    """``unused=`` and ``autocor=``: one-sided formulas."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise FormulaError(f"{name}= takes formula text such as '~ x', not {text!r}")
    parsed = parse_formula(text)
    if parsed.response is not None:
        message = f"{name}= takes a formula without a left side, such as '~ x'"
        raise FormulaError(message, text, parsed.response.span)
    return parsed


def sub_formulas(
    formulas: Sequence[str], options: FormulaOptions, dpar: str | None, resp: str | None
) -> SubFormulas:
    """The formulas of `lf()` and `nlf()`."""
    if not formulas:
        raise FormulaError("lf() and nlf() need a formula, such as 'sigma ~ x'")
    text = formulas[0]
    for key, value in (("dpar", dpar), ("resp", resp)):
        if value is not None and not (isinstance(value, str) and value):
            raise error_about(text, f"{key} must be a name, not {value!r}")
    items: list[SubFormula] = []
    for text in formulas:
        if dpar is not None and isinstance(text, str):
            items += named_formula(dpar, text, options)
        else:
            items += read_formulas(text, options)
    return SubFormulas(tuple(replace(item, resp=resp or "") for item in items))


def read_formulas(text: object, options: FormulaOptions) -> list[SubFormula]:
    """Read ``sigma ~ x``; the left side may name several parameters joined by ``+``."""
    if not isinstance(text, str):
        raise FormulaError(
            f"a formula of a parameter is text or the result of lf(), not {type(text).__name__}"
        )
    parsed = parse_formula(text)
    if parsed.response is None:
        message = "a formula of a parameter names it on the left: sigma ~ x"
        start = text.index("~")
        raise FormulaError(message, text, (start, start + 1))
    if parsed.additions:
        message = "addition terms belong to the formula of the response"
        raise FormulaError(message, text, parsed.additions[0].span)
    return [SubFormula(name, parsed, options) for name in _parameters(parsed.response, text)]


def named_formula(name: str, text: str, options: FormulaOptions) -> list[SubFormula]:
    """Read ``sigma="~ x"``; ``sigma="sigma ~ x"`` says the same."""
    one_sided = text.lstrip().startswith("~")
    items = read_formulas(f"{name} {text.lstrip()}" if one_sided else text, options)
    if [item.name for item in items] != [name]:
        other = next((item for item in items if item.name != name), items[-1])
        message = f"this was given for {name!r}, but has {other.name!r} on its left side"
        raise FormulaError(message, text, other.span)
    return items


def _parameters(node: Node, source: str) -> list[str]:
    first, steps = chain(node, "+")
    out: list[str] = []
    for part in (first, *(step.right for step in steps)):
        if not isinstance(part, Name):
            message = "the left side of this formula names parameters, such as sigma"
            raise FormulaError(message, source, part.span)
        if "_" in part.value or "." in part.value:
            message = f"the name of a parameter has no '.' or '_': {part.value!r}"
            raise FormulaError(message, source, part.span)
        out.append(part.value)
    return out


def parameter_name(name: str) -> str:
    """A name of a parameter, checked."""
    if "_" in name:
        raise FormulaError(f"the name of a parameter has no '.' or '_': {name!r}")
    return name


def fixed_value(name: str, value: object) -> float | str:
    """A number, or the name of the parameter that a parameter equals."""
    match value:
        case bool():
            pass
        case Integral():
            return int(value)
        case Real() if math.isfinite(value):
            return float(value)
        case str() if value == name:
            raise FormulaError(f"{name}={value!r} makes the parameter equal to itself")
        case str() if value.isidentifier():
            return value
    raise FormulaError(
        f"{name}= takes a formula ('~ x'), a finite number, or the name of a parameter, not "
        f"{value!r}{did_you_mean(name, _KEYWORDS)}"
    )


def responses_of(parsed: ParsedFormula) -> tuple[ParsedFormula, ...]:
    """One formula per response of ``mvbind(y1, y2) ~ x``."""
    response = parsed.response
    if not (isinstance(response, Call) and response.function == "mvbind"):
        return (parsed,)
    if not response.arguments:
        message = "mvbind() takes the responses: mvbind(y1, y2)"
        raise FormulaError(message, parsed.source, response.span)
    for argument in response.arguments:
        if argument.name is not None:
            message = f"mvbind() takes responses only, no argument {argument.name!r}"
            raise FormulaError(message, parsed.source, argument.value.span)
    return tuple(replace(parsed, response=a.value) for a in response.arguments)
