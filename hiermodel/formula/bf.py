"""`bf()` and its relatives: one model formula out of formulas for parameters and responses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.formula.parse import parse_formula
from hiermodel.formula.syntax import Binary, Call, Name, Node, ParsedFormula

DECOMPOSITIONS = ("none", "QR")


@dataclass(frozen=True, slots=True)
class FormulaOptions:
    """How one formula is to be understood and parameterised.

    Attributes
    ----------
    center : bool
        Centre the design, with an intercept of its own.
    cmc : bool
        Without an intercept, give a factor one mean per level (cell-mean coding).
    sparse : bool
        Multiply with the design as a sparse matrix.
    decomp : {"none", "QR"}
        Sample the coefficients of the Q columns of a thin QR decomposition.
    nl : bool
        The right-hand side is a non-linear expression of parameters and columns.
    loop : bool
        Evaluate a non-linear expression row by row.
    """

    center: bool = True
    cmc: bool = True
    sparse: bool = False
    decomp: str = "none"
    nl: bool = False
    loop: bool = True


@dataclass(frozen=True, slots=True)
class SubFormula:
    """The formula of one parameter besides the main one: ``sigma ~ x``."""

    name: str
    parsed: ParsedFormula
    options: FormulaOptions = FormulaOptions()
    resp: str = ""


@dataclass(frozen=True, slots=True)
class ResponseFormula:
    """All formulas of one response.

    Attributes
    ----------
    main : ParsedFormula
    subformulas : tuple of SubFormula
    fixed : tuple of (str, float or str)
        Parameters held at a number, or equal to another one.
    options : FormulaOptions
        Of the main formula.
    family : object
        Family given inside `bf`, or None.
    unused : ParsedFormula, optional
        Names columns that stay in the data though no term uses them.
    autocor : ParsedFormula, optional
    """

    main: ParsedFormula
    subformulas: tuple[SubFormula, ...] = ()
    fixed: tuple[tuple[str, float | str], ...] = ()
    options: FormulaOptions = FormulaOptions()
    family: object = None
    unused: ParsedFormula | None = None
    autocor: ParsedFormula | None = None


@dataclass(frozen=True, slots=True)
class Rescor:
    """What `set_rescor` says; add it to a formula."""

    flag: bool


@dataclass(frozen=True, slots=True)
class SubFormulas:
    """What `lf` and `nlf` give; add them to a formula, or pass them to `bf`."""

    items: tuple[SubFormula, ...]

    def __iter__(self) -> Iterator[SubFormula]:
        return iter(self.items)


@dataclass(frozen=True, slots=True)
class Formula:
    """A model formula: one or several responses, each with formulas for its parameters.

    Made by `bf`; text is made one automatically. ``+`` adds the formulas of `lf` and `nlf` (to
    the last response), further responses, and `set_rescor`.
    """

    responses: tuple[ResponseFormula, ...]
    rescor: bool | None = None

    def __add__(self, other: object) -> Formula:
        match other:
            case Rescor(flag=flag):
                return replace(self, rescor=flag)
            case SubFormulas(items=items):
                return replace(self, responses=_with_subformulas(self.responses, items))
            case Formula():
                rescor = self.rescor if other.rescor is None else other.rescor
                return Formula(self.responses + other.responses, rescor)
            case str():
                return self + bf(other)
        return NotImplemented

    def __str__(self) -> str:
        lines = []
        for response in self.responses:
            lines.append(_one_line(response.main.source))
            written = dict.fromkeys(_one_line(s.parsed.source) for s in response.subformulas)
            lines += written
            lines += [f"{name} = {value}" for name, value in response.fixed]
        return "\n".join(lines)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _with_subformulas(
    responses: tuple[ResponseFormula, ...], items: Iterable[SubFormula]
) -> tuple[ResponseFormula, ...]:
    last = responses[-1]
    merged = _checked((*last.subformulas, *items), last.fixed)
    return (*responses[:-1], replace(last, subformulas=merged))


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
    autocor: str | None = None,
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
    autocor : str, optional
        Formula of autocorrelation terms.
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
    options = _options(center, cmc, sparse, decomp, nl, loop)
    if isinstance(formula, Formula):
        raise FormulaError("bf() takes formula text; combine formulas with '+'", str(formula))
    items: list[SubFormula] = []
    for sub in subformulas:
        items += sub if isinstance(sub, SubFormulas) else _read(sub, FormulaOptions())
    fixed: list[tuple[str, float | str]] = []
    for name, value in parameters.items():
        if isinstance(value, str) and "~" in value:
            items += _named(name, value)
        else:
            fixed.append((name, _fixed_value(name, value)))
    parsed = parse_formula(formula)
    extra = {"unused": unused, "autocor": autocor}
    sides = {k: parse_formula(v) for k, v in extra.items() if v is not None}
    common = ResponseFormula(
        parsed, _checked(items, fixed), tuple(fixed), options, family,
        sides.get("unused"), sides.get("autocor"),
    )
    return Formula(tuple(replace(common, main=main) for main in _responses(parsed)))


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
    dpar, resp : str, optional
        Parameter for a formula without a left side, and the response it belongs to.

    Returns
    -------
    SubFormulas

    Examples
    --------
    >>> print(bf("y ~ x") + lf("sigma ~ x", center=False))
    y ~ x
    sigma ~ x
    """
    options = _options(center, cmc, sparse, decomp, False, True)
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
    return _sub_formulas(formulas, FormulaOptions(nl=True, loop=loop), dpar, resp)


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
    responses = tuple(r for f in formulas for r in as_formula(f).responses)
    return Formula(responses, rescor)


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
    return Rescor(bool(flag))


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
    center: bool | None, cmc: bool | None, sparse: bool | None, decomp: str | None,
    nl: bool, loop: bool,
) -> FormulaOptions:
    if decomp is not None and decomp not in DECOMPOSITIONS:
        hint = did_you_mean(str(decomp), DECOMPOSITIONS)
        raise FormulaError(f"decomp must be 'QR' or 'none', not {decomp!r}{hint}")
    # Parameters of a non-linear formula are on the scale that the user wrote: no centring.
    default_center = not nl
    return FormulaOptions(
        default_center if center is None else bool(center),
        True if cmc is None else bool(cmc),
        bool(sparse),
        decomp or "none",
        bool(nl),
        bool(loop),
    )


def _sub_formulas(
    formulas: Iterable[str], options: FormulaOptions, dpar: str | None, resp: str | None
) -> SubFormulas:
    items: list[SubFormula] = []
    for text in formulas:
        if dpar is not None and text.lstrip().startswith("~"):
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
        raise FormulaError(message, text, (0, 1))
    if parsed.additions:
        message = "addition terms belong to the formula of the response"
        raise FormulaError(message, text, parsed.additions[0].span)
    return [SubFormula(name, parsed, options) for name in _parameters(parsed.response, text)]


def _named(
    name: str, text: str, options: FormulaOptions = FormulaOptions()
) -> list[SubFormula]:
    written = text if not text.lstrip().startswith("~") else f"{name} {text.lstrip()}"
    return _read(written, options)


def _parameters(node: Node, source: str) -> list[str]:
    match node:
        case Name(value=value):
            if "_" in value or "." in value:
                message = f"the name of a parameter has no '.' or '_': {value!r}"
                raise FormulaError(message, source, node.span)
            return [value]
        case Binary(op="+", left=left, right=right):
            return [*_parameters(left, source), *_parameters(right, source)]
    message = "the left side of this formula names parameters, such as sigma"
    raise FormulaError(message, source, node.span)


def _fixed_value(name: str, value: object) -> float | str:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise FormulaError(
            f"{name}= takes a formula ('~ x'), a number, or the name of a parameter, not "
            f"{value!r}"
        )
    return value


def _checked(
    items: Iterable[SubFormula], fixed: Iterable[tuple[str, float | str]]
) -> tuple[SubFormula, ...]:
    seen: set[tuple[str, str]] = set()
    out = tuple(items)
    for item in out:
        if (item.name, item.resp) in seen:
            raise FormulaError(f"{item.name!r} has two formulas", item.parsed.source, (0, 1))
        seen.add((item.name, item.resp))
    for name, _ in fixed:
        if (name, "") in seen:
            raise FormulaError(f"{name!r} has a formula and a fixed value")
    return out


def _responses(parsed: ParsedFormula) -> tuple[ParsedFormula, ...]:
    """One formula per response of ``mvbind(y1, y2) ~ x``."""
    response = parsed.response
    if not (isinstance(response, Call) and response.function == "mvbind"):
        return (parsed,)
    return tuple(replace(parsed, response=a.value) for a in response.arguments)
