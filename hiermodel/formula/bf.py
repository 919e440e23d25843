"""`bf()` and its relatives: one model formula out of formulas for parameters and responses."""

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
    Formula,
    FormulaOptions,
    Mecor,
    Rescor,
    ResponseFormula,
    SubFormula,
    SubFormulas,
    distinct,
    with_subformulas,
)

DECOMPOSITIONS = ("none", "QR")
# Keywords of bf() that are no parameters: what a mistyped one is compared with.
_KEYWORDS = ("nl", "loop", "center", "cmc", "sparse", "decomp", "family", "unused", "autocor")


def bf(
    formula: str | Formula,
    *subformulas: str | SubFormulas,
    nl: bool = False,
    loop: bool = True,
    center: bool | None = None,
    cmc: bool | None = None,
    sparse: bool | None = None,
    decomp: str | None = None,
    family: object = None,
    unused: str | None = None,
    autocor: str | Autocor | None = None,
    **parameters: float | str,
) -> Formula:
    """Make a model formula from formulas for its parameters.

    Parameters
    ----------
    formula : str
        The main formula: ``"y ~ x + (1 | g)"``.
    *subformulas : str or result of `lf` or `nlf`
        Formulas of further parameters: ``"sigma ~ x"``; ``"a + b ~ 1"`` serves both.
    nl, loop : bool
        The main formula is non-linear; evaluate it row by row.
    center, cmc, sparse, decomp
        Parameterisation of the main formula, see `FormulaOptions`.
    family : str or Family, optional
        Family of this response.
    unused : str, optional
        ``"~ v"``: columns that stay in the data though no term uses them.
    autocor : str or result of `acformula`, optional
        Autocorrelation terms apart from the formula, ``"~ ar(time = t, gr = g)"``; the only place
        for them when the formula is non-linear.
    **parameters
        ``sigma="~ x"`` is another way to write a formula; a number (``nu=4``) holds a
        parameter fixed, a name (``sigma2="sigma1"``) makes it equal to another one.

    Returns
    -------
    Formula

    Raises
    ------
    FormulaError
        For text that cannot be read, or a parameter with two formulas.

    Examples
    --------
    >>> print(bf("y ~ x", "sigma ~ x", nu=4))
    y ~ x
    sigma ~ x
    nu = 4
    """
    if isinstance(formula, Formula):
        text = str(formula)
        raise FormulaError(
            "bf() takes formula text; combine formulas with '+'", text, (0, max(1, len(text)))
        )
    if isinstance(family, (int, float, list, tuple, dict)):
        raise _about(formula, f"family= takes a name or the result of family(), not {family!r}")
    parsed = parse_formula(formula)
    options = _options(formula, center, cmc, sparse, decomp, nl, loop)
    items: list[SubFormula] = []
    for sub in subformulas:
        items += sub if isinstance(sub, SubFormulas) else _read(sub, FormulaOptions())
    fixed: list[tuple[str, float | str]] = []
    for name, value in parameters.items():
        if isinstance(value, str) and "~" in value:
            items += _named(name, value, FormulaOptions())
        else:
            fixed.append((_parameter_name(name), _fixed_value(name, value)))
    unused_side = _side("unused", unused)
    autocor_side = _autocor(formula, autocor)
    responses = tuple(
        ResponseFormula(main, (), tuple(fixed), options, family, unused_side, autocor_side)
        for main in _responses(parsed)
    )
    return Formula(with_subformulas(distinct(responses), items))


def lf(
    *formulas: str,
    center: bool | None = None,
    cmc: bool | None = None,
    sparse: bool | None = None,
    decomp: str | None = None,
    dpar: str | None = None,
    resp: str | None = None,
) -> SubFormulas:
    """Make linear formulas of parameters, to be added to `bf`.

    Parameters
    ----------
    *formulas : str
        Such as ``"sigma ~ x"``.
    center, cmc, sparse, decomp
        Parameterisation of these formulas, see `FormulaOptions`.
    dpar : str, optional
        The parameter, for formulas without a left side (``"~ x"``).
    resp : str, optional
        The response, needed when they are added to a formula with several.

    Returns
    -------
    SubFormulas

    Examples
    --------
    >>> print(bf("y ~ x") + lf("sigma ~ x", center=False))
    y ~ x
    sigma ~ x
    """
    text = formulas[0] if formulas else None
    options = _options(text, center, cmc, sparse, decomp, False, True)
    return _sub_formulas(formulas, options, dpar, resp)


def nlf(
    *formulas: str, loop: bool = True, dpar: str | None = None, resp: str | None = None
) -> SubFormulas:
    """Make non-linear formulas of parameters, to be added to `bf`.

    Parameters
    ----------
    *formulas : str
        Such as ``"sigma ~ a * exp(x)"``.
    loop : bool
        Evaluate row by row.
    dpar, resp : str, optional
        As in `lf`.

    Returns
    -------
    SubFormulas

    Examples
    --------
    >>> nlf("sigma ~ exp(a)").items[0].options.nl
    True
    """
    text = formulas[0] if formulas else None
    options = FormulaOptions(nl=True, loop=_flag("loop", loop, True, text))
    return _sub_formulas(formulas, options, dpar, resp)


def mvbf(*formulas: str | Formula, rescor: bool | None = None) -> Formula:
    """Make one formula of several responses.

    Parameters
    ----------
    *formulas : str or Formula
    rescor : bool, optional
        Estimate residual correlations.

    Returns
    -------
    Formula

    Examples
    --------
    >>> len(mvbf("y1 ~ x", "y2 ~ x").responses)
    2
    """
    if not formulas:
        raise FormulaError("mvbf() needs a formula per response")
    parts = [as_formula(formula) for formula in formulas]
    responses = distinct(tuple(r for part in parts for r in part.responses))
    said = [part.mecor for part in parts if part.mecor is not None]
    wanted = None if rescor is None else _flag("rescor", rescor, True, None)
    return Formula(responses, wanted, said[-1] if said else None)


def set_rescor(flag: bool = True) -> Rescor:
    """Say whether residual correlations between responses are estimated; add it to a formula.

    Parameters
    ----------
    flag : bool

    Returns
    -------
    Rescor

    Examples
    --------
    >>> (bf("y1 ~ x") + bf("y2 ~ x") + set_rescor(False)).rescor
    False
    """
    return Rescor(_flag("flag", flag, True, None))


def set_mecor(flag: bool = True) -> Mecor:
    """Say whether the true values of covariates with error are correlated; add it to a formula.

    Parameters
    ----------
    flag : bool
        True, the default of a model, estimates the correlations between the covariates of all
        ``me()`` that have the same ``gr``.

    Returns
    -------
    Mecor

    Examples
    --------
    >>> (bf("y ~ me(x, sdx) + me(z, sdz)") + set_mecor(False)).mecor
    False
    """
    return Mecor(_flag("flag", flag, True, None))


def acformula(autocor: str, resp: str | None = None) -> Autocor:
    """Make autocorrelation terms, to be added to `bf` or passed as its ``autocor``.

    Parameters
    ----------
    autocor : str
        One-sided formula text: ``"~ ar(time = t, gr = g)"``.
    resp : str, optional
        The response, needed when they are added to a formula with several.

    Returns
    -------
    Autocor

    Raises
    ------
    FormulaError
        For text that cannot be read, or has a left side.

    Examples
    --------
    >>> print(bf("y ~ x") + acformula("~ ar(time = t, p = 2)"))
    y ~ x
    autocor = ~ ar(time = t, p = 2)
    """
    parsed = _side("autocor", autocor)
    if parsed is None:
        raise FormulaError("acformula() takes formula text such as '~ ar(time = t)'")
    if resp is not None and not (isinstance(resp, str) and resp):
        raise _about(autocor, f"resp must be the name of a response, not {resp!r}")
    return Autocor(parsed, resp or "")


def as_formula(obj: str | Formula) -> Formula:
    """Make a `Formula` of formula text; a `Formula` stays as it is.

    Parameters
    ----------
    obj : str or Formula

    Returns
    -------
    Formula

    Examples
    --------
    >>> str(as_formula("y ~  x"))
    'y ~ x'
    """
    if isinstance(obj, Formula):
        return obj
    if isinstance(obj, str):
        return bf(obj)
    raise FormulaError(f"a formula is text or the result of bf(), not {type(obj).__name__}")


# --------------------------------------------------------------------------- reading the pieces


def _options(
    text: str | None, center: bool | None, cmc: bool | None, sparse: bool | None,
    decomp: str | None, nl: bool, loop: bool,
) -> FormulaOptions:
    """Options as given; `text` is the formula they belong to, for messages."""
    if decomp is not None and decomp not in DECOMPOSITIONS:
        hint = did_you_mean(str(decomp), DECOMPOSITIONS)
        raise _about(text, f"decomp must be 'QR' or 'none', not {decomp!r}{hint}")
    non_linear = _flag("nl", nl, False, text)
    return FormulaOptions(
        None if center is None else _flag("center", center, True, text),
        _flag("cmc", cmc, True, text),
        _flag("sparse", sparse, False, text),
        decomp or "none",
        non_linear,
        _flag("loop", loop, True, text),
    )


def _flag(name: str, value: object, default: bool, text: str | None) -> bool:
    if value is None:
        return default
    # NumPy's booleans are of a class of that name.
    if type(value).__name__ not in ("bool", "bool_"):
        raise _about(text, f"{name} must be True or False, not {value!r}")
    return bool(value)


def _about(text: object, message: str) -> FormulaError:
    """An error about a formula as a whole."""
    if not isinstance(text, str):
        return FormulaError(message)
    return FormulaError(message, text, (0, max(1, len(text))))


def _autocor(formula: object, value: object) -> ParsedFormula | None:
    """The autocorrelation terms of one response: text, or what `acformula` made of it."""
    if not isinstance(value, Autocor):
        return _side("autocor", value)
    if value.resp:
        raise _about(
            formula, "acformula(resp=) is for several responses: add it to their formula with '+'"
        )
    return value.parsed


def _side(name: str, text: object) -> ParsedFormula | None:
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


def _sub_formulas(
    formulas: Sequence[str], options: FormulaOptions, dpar: str | None, resp: str | None
) -> SubFormulas:
    if not formulas:
        raise FormulaError("lf() and nlf() need a formula, such as 'sigma ~ x'")
    text = formulas[0]
    for key, value in (("dpar", dpar), ("resp", resp)):
        if value is not None and not (isinstance(value, str) and value):
            raise _about(text, f"{key} must be a name, not {value!r}")
    items: list[SubFormula] = []
    for text in formulas:
        if dpar is not None and isinstance(text, str):
            items += _named(dpar, text, options)
        else:
            items += _read(text, options)
    return SubFormulas(tuple(replace(item, resp=resp or "") for item in items))


def _read(text: object, options: FormulaOptions) -> list[SubFormula]:
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


def _named(name: str, text: str, options: FormulaOptions) -> list[SubFormula]:
    """Read ``sigma="~ x"``; ``sigma="sigma ~ x"`` says the same."""
    one_sided = text.lstrip().startswith("~")
    items = _read(f"{name} {text.lstrip()}" if one_sided else text, options)
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


def _parameter_name(name: str) -> str:
    if "_" in name:
        raise FormulaError(f"the name of a parameter has no '.' or '_': {name!r}")
    return name


def _fixed_value(name: str, value: object) -> float | str:
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


def _responses(parsed: ParsedFormula) -> tuple[ParsedFormula, ...]:
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
