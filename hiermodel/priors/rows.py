"""The rows of the prior table: which there are, which the user means, which one wins."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hiermodel.errors import PriorError
from hiermodel.priors.specify import Prior
from hiermodel.stan.variables import PriorElement, ScalePrior, Var

# Classes whose prior is about each group alone: their table has no class-wide row.
GROUP_ONLY = frozenset({"df"})
# Classes whose prior is about each coefficient alone.
COEF_ONLY = frozenset({"simo"})
# Classes whose defaults differ between coefficients even where their numbers happen to agree.
_DEFAULT_BY_COEF = frozenset({"lscale"})
# Classes whose group rows repeat the bounds of the class.
_GROUP_BOUNDS = frozenset({"delta"})
# Correlation matrices; their prior is lkj(eta).
CORRELATIONS = frozenset({"cor", "rescor", "corme", "lncor", "cortime"})


class RowKey(NamedTuple):
    """What a row is for."""

    cls: str
    coef: str = ""
    group: str = ""
    resp: str = ""
    dpar: str = ""
    nlpar: str = ""

    @property
    def scope(self) -> tuple[str, str, str]:
        """Response, distributional and non-linear parameter."""
        return self.resp, self.dpar, self.nlpar

    @property
    def order(self) -> tuple[str, ...]:
        """Sort key of the table: by predictor, then class, group and coefficient."""
        cls, coef, group, resp, dpar, nlpar = (part.lower() for part in self)
        return resp, dpar, nlpar, cls, group, coef

    def __str__(self) -> str:
        pairs = zip(self._fields, self, strict=True)
        return "prior(..., " + ", ".join(f"{k}={v!r}" for k, v in pairs if v) + ")"


@dataclass(frozen=True, slots=True)
class PriorRow:
    """A row of the prior table (feature-map C1); see `ResolvedPriors.frame`."""

    prior: str
    cls: str
    coef: str = ""
    group: str = ""
    resp: str = ""
    dpar: str = ""
    nlpar: str = ""
    lb: str = ""
    ub: str = ""
    tag: str = ""
    source: str = "default"

    @property
    def key(self) -> RowKey:
        """What the row is for."""
        return RowKey(self.cls, self.coef, self.group, self.resp, self.dpar, self.nlpar)


def element_key(cls: str, element: PriorElement) -> RowKey:
    """Return the most specific row of an element."""
    e = element
    return RowKey(cls, e.coef, e.group, e.resp, e.dpar, e.nlpar)


def lineage(key: RowKey) -> Iterator[RowKey]:
    """Yield the rows that may hold the prior of an element, the most specific first."""
    yield key
    if key.cls in COEF_ONLY:
        return
    if key.coef and key.group:
        yield key._replace(coef="")
    if key.coef or key.group:
        yield key._replace(coef="", group="")


def existing_rows(variables: Sequence[Var]) -> dict[RowKey, PriorRow]:
    """All rows of a model with their defaults, in the order of the table."""
    bounds: dict[RowKey, tuple[str, str]] = {}
    defaults: dict[RowKey, list[tuple[RowKey, str]]] = {}
    keys: dict[RowKey, None] = {}
    for var in variables:
        if var.prior is None:
            continue
        for element in var.prior.elements:
            key = element_key(var.prior.cls, element)
            keys.update(dict.fromkeys(lineage(key)))
            home = home_row(key)
            bounds.setdefault(home, (var.lower, var.upper))
            defaults.setdefault(home, []).append((key, default_text(element)))
    texts: dict[RowKey, str] = {}
    for home, entries in defaults.items():
        # One default for all is shown once, on the row that all of them inherit from.
        shared = len({text for _, text in entries}) == 1 and home.cls not in _DEFAULT_BY_COEF
        texts |= {home: entries[0][1]} if shared else dict(entries)
    rows = {}
    for key in sorted(keys, key=lambda k: k.order):
        low, high = bounds.get(key, ("", ""))
        if key.cls in _GROUP_BOUNDS and key.group and not key.coef:
            low, high = bounds[home_row(key)]
        rows[key] = PriorRow(texts.get(key, ""), *key, lb=low, ub=high)
    return rows


def home_row(key: RowKey) -> RowKey:
    """Return the class-wide row of an element (of its group, for classes that live in groups)."""
    if key.cls in COEF_ONLY:
        return key
    return key._replace(coef="", group=key.group if key.cls in GROUP_ONLY else "")


def default_text(element: PriorElement) -> str:
    """Default prior of an element as text."""
    default = element.default
    return default.text if isinstance(default, ScalePrior) else default


def row_bounds(
    key: RowKey, found: Mapping[RowKey, Prior], default: tuple[str, str]
) -> tuple[str, str]:
    """Bounds of an element: those of its group's row, else of its class, else the default."""
    low: str | None = None
    high: str | None = None
    for row in lineage(key._replace(coef="")):
        given = found.get(row)
        if given is not None:
            low = given.lb if low is None else low
            high = given.ub if high is None else high
    return (default[0] if low is None else low), (default[1] if high is None else high)


def final_rows(
    rows: Mapping[RowKey, PriorRow], found: Mapping[RowKey, Prior]
) -> tuple[PriorRow, ...]:
    """Return the table with the user's priors in it."""
    out = []
    for key, row in rows.items():
        home = home_row(key)
        given = found.get(key)
        if key.cls in GROUP_ONLY and not key.group and given is None:
            continue
        default = rows[home].lb, rows[home].ub
        # A group's row shows bounds only when it has its own.
        bounded = given is not None and (given.lb is not None or given.ub is not None)
        if key == home or bounded or row.lb or row.ub:
            low, high = row_bounds(key, found, default)
            row = replace(row, lb=low, ub=high)
        if given is not None:
            text = row.prior if given.text is None else given.text
            row = replace(row, prior=text, tag=given.tag, source="user")
        elif any(r in found and found[r].text is not None for r in lineage(key)):
            # The default of this row has given way to the user's less specific prior.
            row = replace(row, prior="")
        out.append(row)
    return tuple(out)


def flat_names(key: RowKey) -> tuple[str, ...]:
    """Names of a row in the shorthand mapping, as tables print its parameters."""
    cls, coef, group = key.cls, key.coef, key.group
    scope = [part for part in (key.dpar, key.resp, key.nlpar) if part]
    prefix = "_".join((cls, *scope))
    if cls == "Intercept" and (coef or group):
        index = ",".join(part for part in (group, coef) if part)
        return (f"{prefix}[{index}]",)
    if group:
        inner = "_".join((*scope, coef) if coef else scope)
        return (f"{cls}_{group}__{inner}" if inner else f"{cls}_{group}",)
    return (f"{prefix}_{coef}" if coef else prefix,)


def match_priors(
    user: Sequence[Prior], rows: Mapping[RowKey, PriorRow]
) -> dict[RowKey, Prior]:
    """Assign the user's priors to rows.

    Raises
    ------
    PriorError
        A prior that matches no row, or two priors for one row.
    """
    found: dict[RowKey, Prior] = {}
    for prior in user:
        if prior.key:
            prior = _resolve_key(prior, rows)
        key = RowKey(
            prior.cls, prior.coef, prior.group, prior.resp, prior.dpar, prior.nlpar
        )
        key = _as_written(key, rows)
        if key not in rows:
            raise PriorError(_no_such_row(prior, key, rows))
        if key in found:
            raise PriorError(
                f"two priors for the same parameters: {found[key]} and {prior}; keep one"
            )
        found[key] = prior
    return found


def _as_written(key: RowKey, rows: Mapping[RowKey, PriorRow]) -> RowKey:
    """The key whose coefficient is the same but for blanks and quotes, as of ``s(x,k=5)``."""
    if key in rows or not key.coef:
        return key
    plain = _plain(key.coef)
    return next(
        (row for row in rows if _plain(row.coef) == plain and row._replace(coef=key.coef) == key),
        key,
    )


def _plain(text: str) -> str:
    return text.replace(" ", "").replace("'", '"')


def _resolve_key(prior: Prior, rows: Mapping[RowKey, PriorRow]) -> Prior:
    names: dict[str, list[RowKey]] = {}
    for row in rows:
        for name in flat_names(row):
            names.setdefault(name, []).append(row)
    hits = names.get(prior.key, [])
    if len(hits) > 1:
        options = " or ".join(str(hit) for hit in hits)
        raise PriorError(f"the prior key {prior.key!r} is ambiguous: write {options}")
    if not hits:
        near = _closest(prior.key, names)
        hint = f" (did you mean {near!r}?)" if near else ""
        raise PriorError(
            f"the prior key {prior.key!r} matches no parameter of this model{hint}\n"
            f"keys of this model: {', '.join(names)}"
        )
    cls, coef, group, resp, dpar, nlpar = hits[0]
    return replace(
        prior, cls=cls, coef=coef, group=group, resp=resp, dpar=dpar, nlpar=nlpar, key=""
    )


def _no_such_row(prior: Prior, key: RowKey, rows: Mapping[RowKey, PriorRow]) -> str:
    message = f"{prior} matches no parameter of this model"
    advice = _advice(key, rows)
    if advice:
        message += f": {advice}"
    else:
        near = _closest_row(key, rows)
        message += f"; the nearest is {near}" if near else ""
    return f"{message}\npriors of this model can be set for\n{_listed(rows)}"


_MAX_LISTED = 25


def _listed(rows: Mapping[RowKey, PriorRow]) -> str:
    lines = [f"  {row}" for row in rows]
    if len(lines) > _MAX_LISTED:
        more = len(lines) - _MAX_LISTED
        lines = [*lines[:_MAX_LISTED], f"  and {more} more (see default_priors())"]
    return "\n".join(lines)


def _advice(key: RowKey, rows: Mapping[RowKey, PriorRow]) -> str:
    """Say what is behind the usual mistakes."""
    if key.cls == "b" and key.coef == "Intercept":
        meant = key._replace(cls="Intercept", coef="")
        if meant in rows:
            return f"the intercept of the centred design has a class of its own, {meant}"
    if key.cls == "Intercept" and not key.coef and not key.group:
        meant = key._replace(cls="b", coef="Intercept")
        if meant in rows:
            return f"the intercept is an ordinary coefficient in this formula, {meant}"
    if any(row.dpar == key.cls for row in rows):
        return (
            f"{key.cls} has a formula of its own here; set the priors of its intercept and "
            f"coefficients with cls='Intercept' or cls='b' and dpar={key.cls!r}"
        )
    if not key.dpar:
        return ""
    whole = RowKey(key.dpar, resp=key.resp)
    if whole in rows:
        return f"{key.dpar} has no formula here; set its prior with {whole}"
    return ""


def _closest_row(key: RowKey, rows: Mapping[RowKey, PriorRow]) -> RowKey | None:
    def likeness(row: RowKey) -> float:
        # Rows of the right class come first, then those that share most of the other fields.
        scores = [
            difflib.SequenceMatcher(None, a.lower(), b.lower()).ratio() if a or b else 1.0
            for a, b in zip(key, row, strict=True)
        ]
        return 3 * scores[0] + 2 * scores[1] + sum(scores[2:])

    return max(rows, key=likeness, default=None)


def _closest(name: str, options: Mapping[str, object]) -> str | None:
    hits = difflib.get_close_matches(name, list(options), n=1, cutoff=0.5)
    return hits[0] if hits else None
