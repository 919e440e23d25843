"""A model formula as a frozen value: its responses, and the formulas of their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.formula.deparse import deparse
from hiermodel.formula.syntax import Name, ParsedFormula, Span, walk


@dataclass(frozen=True, slots=True)
class FormulaOptions:
    """How one formula is to be understood and parameterised.

    Attributes
    ----------
    center : bool, optional
        Centre the design, with an intercept of its own. By default so, but not for parameters
        of a non-linear formula: these are on the scale that the user wrote.
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

    center: bool | None = None
    cmc: bool = True
    sparse: bool = False
    decomp: str = "none"
    nl: bool = False
    loop: bool = True


@dataclass(frozen=True, slots=True)
class SubFormula:
    """The formula of one parameter besides the main one: ``sigma ~ x``.

    `resp` names the response it was meant for, when `lf` or `nlf` said so.
    """

    name: str
    parsed: ParsedFormula
    options: FormulaOptions = FormulaOptions()
    resp: str = ""

    @property
    def span(self) -> Span:
        """Place of the parameter's name in the text."""
        nodes = () if self.parsed.response is None else walk(self.parsed.response)
        spans = [n.span for n in nodes if isinstance(n, Name) and n.value == self.name]
        return spans[-1] if spans else (0, len(self.parsed.source))


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

    @property
    def name(self) -> str:
        """The left side as written: ``y``, ``log(y)``; empty without one."""
        return "" if self.main.response is None else deparse(self.main.response)

    @property
    def lines(self) -> tuple[str, ...]:
        """The formulas as text, one a line."""
        subs = {_one_line(sub.parsed.source): None for sub in self.subformulas}
        sides = (("unused", self.unused), ("autocor", self.autocor))
        return (
            _one_line(self.main.source),
            *subs,
            *(f"{name} = {value}" for name, value in self.fixed),
            *(f"{key} = {_one_line(side.source)}" for key, side in sides if side is not None),
        )


@dataclass(frozen=True, slots=True)
class Rescor:
    """What `set_rescor` says; add it to a formula."""

    flag: bool


@dataclass(frozen=True, slots=True)
class Mecor:
    """What `set_mecor` says; add it to a formula."""

    flag: bool


@dataclass(frozen=True, slots=True)
class Autocor:
    """What `acformula` gives; add it to a formula, or pass it to `bf`.

    `resp` names the response it is for, of several.
    """

    parsed: ParsedFormula
    resp: str = ""


@dataclass(frozen=True, slots=True)
class SubFormulas:
    """What `lf` and `nlf` give; add them to a formula, or pass them to `bf`."""

    items: tuple[SubFormula, ...]

    def __iter__(self) -> Iterator[SubFormula]:
        return iter(self.items)


@dataclass(frozen=True, slots=True)
class Formula:
    """A model formula: one or several responses, each with formulas for its parameters.

    Made by `bf`; text is made one automatically. ``+`` adds the formulas of `lf` and `nlf`,
    further responses, `acformula`, `set_rescor` and `set_mecor`.
    """

    responses: tuple[ResponseFormula, ...]
    rescor: bool | None = None
    mecor: bool | None = None

    def __add__(self, other: object) -> Formula:
        match other:
            case Rescor(flag=flag):
                return replace(self, rescor=flag)
            case Mecor(flag=flag):
                return replace(self, mecor=flag)
            case SubFormulas(items=items):
                return replace(self, responses=with_subformulas(self.responses, items))
            case Autocor():
                return replace(self, responses=_with_autocor(self.responses, other))
            case Formula():
                rescor = self.rescor if other.rescor is None else other.rescor
                mecor = self.mecor if other.mecor is None else other.mecor
                return Formula(distinct(self.responses + other.responses), rescor, mecor)
            case str():
                message = (
                    "text cannot be added to a formula: wrap it in lf() when it belongs to a "
                    "parameter, in bf() when it is a further response"
                )
                raise FormulaError(message, other, (0, max(1, len(other))))
        return NotImplemented

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        """The formulas as text, one a line; those of ``mvbind(y1, y2)`` once."""
        lines: list[str] = []
        before: tuple[str, ...] = ()
        for response in self.responses:
            if response.lines != before:
                lines += response.lines
            before = response.lines
        if self.rescor is not None:
            lines.append(f"rescor = {self.rescor}")
        if self.mecor is not None:
            lines.append(f"mecor = {self.mecor}")
        return "\n".join(lines)


def _with_autocor(
    responses: tuple[ResponseFormula, ...], given: Autocor
) -> tuple[ResponseFormula, ...]:
    """Give autocorrelation terms to the response that they name, or to the only one.

    The responses of one ``mvbind()`` count as one here, as they do for formulas of parameters.
    """
    source = given.parsed.source
    shared = len({response.main.source for response in responses}) == 1
    named = [k for k, r in enumerate(responses) if given.resp in (r.name, _letters(r.name))]
    if given.resp and not named:
        known = [response.name for response in responses]
        raise FormulaError(
            f"there is no response {given.resp!r}{did_you_mean(given.resp, known)}; the responses "
            f"are {', '.join(known)}", source,
        )
    if not given.resp and not shared:
        raise FormulaError(
            "which response has these autocorrelation terms? Say acformula(..., resp=...), or put "
            "them into the formula of its response", source,
        )
    chosen = named if given.resp else range(len(responses))
    taken = next((k for k in chosen if responses[k].autocor is not None), None)
    if taken is not None:
        raise FormulaError(
            f"the response {responses[taken].name!r} has autocorrelation terms already; join them "
            "in one formula, such as '~ ar(time) + car(W)'", source,
        )
    return tuple(
        replace(r, autocor=given.parsed) if k in chosen else r for k, r in enumerate(responses)
    )


def with_subformulas(
    responses: tuple[ResponseFormula, ...], items: Iterable[SubFormula]
) -> tuple[ResponseFormula, ...]:
    """Give each formula of a parameter to the response that it names, or to the only one.

    The responses of one ``mvbind()`` count as one here: they share their formulas.
    """
    new: list[list[SubFormula]] = [[] for _ in responses]
    shared = len({response.main.source for response in responses}) == 1
    for item in items:
        named = [k for k, r in enumerate(responses) if item.resp in (r.name, _letters(r.name))]
        if item.resp and not named:
            known = [response.name for response in responses]
            message = (
                f"there is no response {item.resp!r}{did_you_mean(item.resp, known)}; the "
                f"responses are {', '.join(known)}"
            )
            raise FormulaError(message, item.parsed.source, item.span)
        if not item.resp and not shared:
            message = (
                f"which response has this {item.name!r}? Say lf(..., resp=...), or put the "
                "formula into the bf() of its response"
            )
            raise FormulaError(message, item.parsed.source, item.span)
        for k in named if item.resp else range(len(responses)):
            new[k].append(item)
    return tuple(
        replace(r, subformulas=checked((*r.subformulas, *extra), r.fixed)) if extra else r
        for r, extra in zip(responses, new, strict=True)
    )


def distinct(responses: tuple[ResponseFormula, ...]) -> tuple[ResponseFormula, ...]:
    """The responses as given; an error when two of them are named alike.

    Names are compared as they stand in the program, without dots and underscores.
    """
    seen: dict[str, str] = {}
    for response in responses:
        name, node = response.name, response.main.response
        if node is None:
            continue
        key = _letters(name)
        if key in seen:
            message = f"the response {name!r} stands in this formula twice"
            if seen[key] != name:
                message = (
                    f"the responses {seen[key]!r} and {name!r} would have one name in the "
                    f"program, {key!r}; rename one of the columns"
                )
            raise FormulaError(message, response.main.source, node.span)
        seen[key] = name
    return responses


def checked(
    items: Iterable[SubFormula], fixed: Iterable[tuple[str, float | str]]
) -> tuple[SubFormula, ...]:
    """The formulas of the parameters of one response: at most one each, and none that is fixed."""
    values = dict(fixed)
    seen: set[str] = set()
    out = tuple(items)
    for item in out:
        message = ""
        if item.name in seen:
            message = f"{item.name!r} has two formulas"
        elif item.name in values:
            message = f"{item.name!r} has a formula and a fixed value, {values[item.name]!r}"
        if message:
            raise FormulaError(message, item.parsed.source, item.span)
        seen.add(item.name)
    return out


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _letters(name: str) -> str:
    """A response as brms writes it: ``y1`` for ``y_1``."""
    return name.replace(".", "").replace("_", "")
