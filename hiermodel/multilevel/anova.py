"""Analysis of variance as batches of coefficients (Gelman 2005, Annals of Statistics 33, 1-53).

A row per batch: each term of the population-level formula, each batch of group-level effects,
the residuals. The finite-population standard deviation is that of the effects that are in the
data, the superpopulation standard deviation that of the distribution they come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.arguments import flag
from hiermodel.multilevel.factors import factors, flat, linear_predictor, views
from hiermodel.multilevel.results import checked_origin, joined
from hiermodel.summary.html import frame_html, page
from hiermodel.summary.statistics import describe
from hiermodel.summary.text import frame_text, title_text
from hiermodel.terms.base import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.fitted import Fit
    from hiermodel.predictors import Predictor

PROBS = (0.025, 0.25, 0.75, 0.975)
RESIDUAL = "residual"

_ABOUT = (
    "sd: finite-population standard deviation of the effects of a batch, in units of the linear "
    "predictor; super: standard deviation of the distribution that they come from (- where the "
    "model has none). A number counts with its standard deviation over the rows."
)


@dataclass(frozen=True, slots=True, eq=False)
class Anova:
    """Batches of coefficients with their standard deviations.

    Attributes
    ----------
    table : pandas.DataFrame
        Index ``source``: ``df``; ``sd``, ``Est.Error`` and the quantiles ``Q2.5``, ``Q25``,
        ``Q75``, ``Q97.5`` of the finite-population standard deviation; ``super`` and
        ``super_Q2.5``, ..., the same of the superpopulation.
    draws, super_draws : pandas.DataFrame
        A row per draw, a column per source.
    label : str
        What the effects are about, for the axis.
    origin : str
        What the draws are of, when not of the posterior itself.

    Examples
    --------
    >>> fit.anova().table[["df", "sd", "super"]]  # doctest: +SKIP
    >>> fit.anova().plot()  # doctest: +SKIP
    """

    table: pd.DataFrame
    draws: pd.DataFrame
    super_draws: pd.DataFrame
    label: str
    origin: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.table.copy()

    def plot(self, ax: Axes | None = None, figsize: tuple[float, float] | None = None) -> Axes:
        """Draw it as in the paper: a line per source, 50 % and 95 % intervals.

        Parameters
        ----------
        ax : Axes, optional
        figsize : (float, float), optional
            Inches, for a new figure.

        Returns
        -------
        Axes
        """
        from hiermodel.multilevel.draw import draw_anova

        return draw_anova(self, ax, figsize)

    def _note(self) -> str:
        return f"{_ABOUT} {self.origin}".strip()

    def _brief(self) -> pd.DataFrame:
        return self.table[["df", "sd", "Est.Error", "Q2.5", "Q97.5", "super", "super_Q2.5",
                           "super_Q97.5"]]

    def __repr__(self) -> str:
        return f"{title_text(f'Anova: {self.label}')}\n{frame_text(self._brief())}\n{self._note()}"

    def _repr_html_(self) -> str:
        return page(f"Anova: {self.label}", [frame_html(self._brief(), note=self._note())])


def anova(fit: Fit, *, dpar: str | None = None, robust: bool = True) -> Anova:
    """Compute the analysis of variance of a fit.

    Parameters
    ----------
    fit : Fit
        Of one response, with or without group-level terms.
    dpar : str, optional
        Linear predictor to look at: the main one by default.
    robust : bool
        Median and median absolute deviation, as in the paper; False for mean and standard
        deviation.

    Returns
    -------
    Anova

    Raises
    ------
    HiermodelError
        For non-linear formulas, and for a fit that is a mode, not draws.

    Notes
    -----
    Terms of factors only: in each draw the population-level part is added up over all combinations
    of their levels, and split by averages into main effects and interactions, all levels with the
    same weight, so that the result does not depend on the contrasts; with df degrees of freedom
    of a batch, ``sd^2 = sum of squared effects / df``, over the effects of the batch. A term whose
    margins are no terms (``A:B`` alone) holds them. Terms with
    numbers: the standard deviation of the numbers over the rows times the slopes; those of the
    levels of a factor are taken as deviations from their mean. Group-level batches: the standard
    deviation of the levels' effects, and the sd parameter. Residuals: of normal and
    student responses with the identity link their standard deviation over the rows, and sigma.
    Population-level terms have no distribution over their coefficients in the model, hence no
    superpopulation standard deviation: write ``(1 | factor)`` for one.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.fit("angle ~ recipe * temperature + (1 | replicate:recipe)",
    ...              hm.datasets.load("cake"), chains=2, draws=200, warmup=200, seed=1,
    ...              progress=False)
    >>> fit.anova().table["df"].to_dict()["recipe:temperature"]
    10
    """
    origin = checked_origin(fit, "anova()")
    robust = flag("robust", robust)
    predictor = linear_predictor(fit, dpar, "anova()")
    df: dict[str, int] = {}
    finite: dict[str, Array] = {}
    superpopulation: dict[str, Array] = {}
    for name, (count, sd) in _population(fit, predictor).items():
        df[name], finite[name] = count, sd
    if views(predictor):
        for name, (count, sd, scale) in _groups(fit, predictor).items():
            df[name], finite[name], superpopulation[name] = count, sd, scale
    if predictor is fit.model.part.main:
        _residual(fit, predictor, df, finite, superpopulation)
    size = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    missing = np.full(size, np.nan)
    draws = joined(finite, "source")
    supers = joined({k: superpopulation.get(k, missing) for k in finite}, "source")
    columns = ["sd", "Est.Error", "Q2.5", "Q25", "Q75", "Q97.5"]
    table = pd.DataFrame(describe(draws.to_numpy(), PROBS, robust), draws.columns, columns)
    more = pd.DataFrame(describe(supers.to_numpy(), PROBS, robust), draws.columns, columns)
    table.insert(0, "df", [df[k] for k in finite])
    table["super"] = more["sd"]
    for column in columns[1:]:
        table[f"super_{column}"] = more[column]
    of = f"{predictor.name} of " if dpar is not None else ""
    on = "" if predictor.link == "identity" else f" ({predictor.link} scale)"
    return Anova(table, draws, supers, f"{of}{fit.response_name}{on}", origin)


# --------------------------------------------------------------------------- population level


@dataclass(frozen=True, slots=True, eq=False)
class _Term:
    """A term of the design: its factors with their codings, its columns, its numbers."""

    text: str
    factors: tuple[str, ...]
    codings: tuple[Array, ...]
    columns: tuple[int, ...]
    numbers: tuple[str, ...]
    widths: tuple[int, ...]


def _population(fit: Fit, predictor: Predictor) -> dict[str, tuple[int, Array]]:
    """Degrees of freedom and finite-population sd of each population-level term."""
    design = predictor.population.design
    name = f"b{predictor.population.suffix}"
    if not design.terms or name not in fit.posterior:
        return {}
    b = flat(fit.posterior[name])
    terms = _terms(design)
    levels = {
        key: coding.shape[0]
        for t in terms for key, coding in zip(t.factors, t.codings, strict=True)
    }  # fmt: skip
    # What the term's numbers are, and the terms that share them: one table of slopes over cells.
    families: dict[tuple[str, ...], list[_Term]] = {}
    for term in terms:
        families.setdefault(term.numbers, []).append(term)
    matrix = design.matrix(fit.frame)
    out: dict[str, tuple[int, Array]] = {}
    for numbers, members in families.items():
        if numbers and ((len(members) == 1 and not members[0].factors) or _wide(members)):
            for term in members:
                part = matrix[:, term.columns]
                centred = part - part.mean(axis=0)
                spread = np.einsum("sk,kl,sl->s", b[:, term.columns], centred.T @ centred,
                                   b[:, term.columns])
                sd = np.sqrt(np.maximum(spread, 0) / max(len(part) - 1, 1))
                out[term.text] = (len(term.columns), sd)
            continue
        scale = 1.0
        if numbers:
            scale = float(np.std(_product(design, numbers, fit.frame), ddof=1))
        out |= _cells(members, levels, b, scale)
    return {t.text: out[t.text] for t in terms if t.text in out}


def _wide(terms: Sequence[_Term]) -> bool:
    """True when a number has several columns, as ``poly(x, 2)``."""
    return any(width > 1 for t in terms for width in t.widths)


def _terms(design: Any) -> list[_Term]:
    out = []
    for t, (term, parts) in enumerate(zip(design.terms, design.parts, strict=True)):
        columns = tuple(k for k, a in enumerate(design.assign) if a == t)
        inside = [(p.key, p.coding) for p in parts if p.coding is not None]
        numbers = tuple(sorted(p.key for p in parts if p.coding is None))
        widths = tuple(len(p.labels) for p in parts if p.coding is None)
        out.append(_Term(
            term.text, tuple(k for k, _ in inside), tuple(c for _, c in inside), columns,
            numbers, widths,
        ))  # fmt: skip
    return out


def _product(design: Any, keys: Sequence[str], frame: pd.DataFrame) -> Array:
    out: Array = np.ones(len(frame))
    for key in keys:
        out = out * np.asarray(design.expressions[key].value(frame), dtype=float).reshape(-1)
    return out


def _cells(
    terms: Sequence[_Term], levels: Mapping[str, int], b: Array, scale: float
) -> dict[str, tuple[int, Array]]:
    """Split sums over all cells of factors into effects of each term by averaging.

    The main effects and interactions that a term holds are its own, unless a smaller term holds
    them: ``A:B`` beside ``A`` and ``B`` is their interaction, alone it is all differences between
    cells. With numbers, `terms` are slopes; that of the number itself is the mean over all cells.
    """
    keys = list(dict.fromkeys(k for t in terms for k in t.factors))
    shape = [levels[k] for k in keys]
    table = np.zeros((len(b), *shape))
    for term in terms:
        table = table + _effect_table(term, keys, levels, b)
    slopes = bool(terms[0].numbers)
    owners: dict[frozenset[str], _Term] = {}
    for term in sorted(terms, key=lambda t: len(t.factors)):
        for size in range(0 if slopes else 1, len(term.factors) + 1):
            for held in combinations(term.factors, size):
                owners.setdefault(frozenset(held), term)
    df = dict.fromkeys((t.text for t in terms), 0)
    squares = {t.text: np.zeros(len(b)) for t in terms}
    for inside, term in owners.items():
        effects = _margin(table, [keys.index(k) for k in inside], len(keys))
        # Over the cells of the term: an effect of fewer factors is there several times.
        times = np.prod([levels[k] for k in term.factors if k not in inside], dtype=int)
        df[term.text] += int(np.prod([levels[k] - 1 for k in inside], dtype=int))
        squares[term.text] += times * np.sum(effects.reshape(len(b), -1) ** 2, axis=1)
    return {t: (df[t], scale * np.sqrt(squares[t] / max(df[t], 1))) for t in df}


def _effect_table(
    term: _Term, keys: Sequence[str], levels: Mapping[str, int], b: Array
) -> Array:
    """Contribution of a term to each cell, broadcast over the other factors."""
    shape = [levels[k] if k in term.factors else 1 for k in keys]
    widths = [c.shape[1] for c in term.codings]
    # The first factor of a term varies fastest over its columns.
    table = b[:, term.columns].reshape(len(b), *widths[::-1])
    table = table.transpose(0, *range(len(widths), 0, -1))
    for axis, coding in enumerate(term.codings, start=1):
        table = np.moveaxis(np.tensordot(table, coding, axes=([axis], [1])), -1, axis)
    order = [term.factors.index(k) for k in keys if k in term.factors]
    table = table.transpose(0, *(k + 1 for k in order))
    return table.reshape(len(b), *shape)


def _margin(table: Array, inside: Sequence[int], n: int) -> Array:
    """Effects of the factors `inside`: means over the others, minus all lower margins."""
    others = tuple(k + 1 for k in range(n) if k not in inside)
    out = table.mean(axis=others) if others else table
    kept = sorted(inside)
    for axis in range(1, len(kept) + 1):
        out = out - out.mean(axis=axis, keepdims=True)
    return out


# --------------------------------------------------------------------------- groups, residuals


def _groups(fit: Fit, predictor: Predictor) -> dict[str, tuple[int, Array, Array]]:
    """Degrees of freedom, finite-population and superpopulation sd of group-level batches."""
    out: dict[str, tuple[int, Array, Array]] = {}
    for factor in factors(fit):
        for view in views(predictor, factor.name):
            design = view.data(fit.frame)
            for position, name in zip(view.columns, view.coefficient_names, strict=True):
                label = view.owner.coefs[position - 1].label
                k = factor.position(label)
                z = np.concatenate([
                    design[view.z_name(position, m)] for m in view.owner.grouping.member_indices
                ])  # fmt: skip
                scale = _size(z)
                title = factor.name if name == "Intercept" else f"{factor.name}: {name}"
                finite = factor.r[:, :, k].std(axis=1, ddof=1) if len(factor.levels) > 1 else (
                    np.zeros(len(factor.r)))
                between = np.sqrt(np.mean(factor.sd[:, :, k] ** 2, axis=1))
                out[title] = (len(factor.levels) - 1, scale * finite, scale * between)
    return out


def _size(z: Array) -> float:
    """What one unit of a slope is in the predictor: sd of numbers, 1 for columns of 0 and 1."""
    if set(np.unique(z)) <= {0.0, 1.0}:
        return 1.0
    return float(np.std(z, ddof=1)) if len(z) > 1 else 1.0


def _residual(
    fit: Fit, predictor: Predictor, df: dict[str, int], finite: dict[str, Array],
    superpopulation: dict[str, Array],
) -> None:
    family = fit.model.family
    if family.name not in ("gaussian", "student") or predictor.link != "identity":
        return
    additions = set(fit.model.response.additions.values)
    if additions & {"lb", "ub", "cens", "se"}:
        return
    y = np.asarray(fit.response, dtype=float)
    eta = fit.posterior_linpred().values.reshape(-1, len(y))
    sd = np.empty(len(eta))
    for start in range(0, len(eta), 500):
        sd[start:start + 500] = (y - eta[start:start + 500]).std(axis=1, ddof=1)
    used = sum(df.values())
    df[RESIDUAL], finite[RESIDUAL] = max(len(y) - 1 - used, 0), sd
    sigma = fit.posterior_epred(dpar="sigma").values.reshape(-1, len(y))
    superpopulation[RESIDUAL] = np.sqrt(np.mean(sigma**2, axis=1))

