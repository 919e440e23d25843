"""Columns of a design that the data cannot tell apart, where no prior does it either."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.errors import warn
from hiermodel.predictors import Predictor
from hiermodel.terms.base import Array
from hiermodel.terms.population import PopulationTerm

_MOST_COLUMNS = 500
_ROWS_AT_ONCE = 65_536
# A column is a combination of others when less than this part of its length is its own; the
# cross-product, which squares it, only tells whether a closer look is worth its time.
_TOLERANCE = 1e-7
_SUSPICIOUS = 1e-9
_ROUNDING = 1e-12
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Dependence:
    """A column that is a combination of earlier ones; of none when it does not vary."""

    column: int
    others: tuple[int, ...]


def warn_of_collinear_columns(
    predictors: Sequence[Predictor], frame: pd.DataFrame, improper: Collection[str]
) -> None:
    """Warn of population-level columns with flat priors that the data cannot tell apart.

    Parameters
    ----------
    predictors : sequence of Predictor
    frame : DataFrame
        The training rows.
    improper : collection of str
        Parameters with flat priors, ``b[x]``; see `ResolvedPriors`.
    """
    told: set[tuple[str, ...]] = set()
    for predictor in predictors:
        population = predictor.population
        coefs = population.coefs
        flat = {k for k, c in enumerate(coefs) if f"{population.coefficients}[{c}]" in improper}
        # With decomp = "QR" the decomposition itself refuses such columns.
        if not flat or population.qr or len(coefs) > _MOST_COLUMNS:
            continue
        if coefs in told:
            continue
        found = [
            d for d in dependences(population, frame) if flat.issuperset((d.column, *d.others))
        ]
        if found:
            told.add(coefs)  # the categories of a nominal response share their design
            of = predictor.name if predictor.param != "mu" else ""
            warn(_message(found, coefs, of, population.centred))


def _message(found: list[Dependence], coefs: Sequence[str], of: str, centred: bool) -> str:
    parts = []
    for one in found[:_SHOWN]:
        name = repr(coefs[one.column])
        if one.others:
            others = ", ".join(repr(coefs[k]) for k in one.others[:_SHOWN])
            more = ", ..." if len(one.others) > _SHOWN else ""
            parts.append(f"{name} is a linear combination of {others}{more}")
        else:
            parts.append(f"{name} is constant" + (" beside the intercept" if centred else ""))
    if len(found) > _SHOWN:
        parts.append(f"{len(found) - _SHOWN} more columns are like this")
    where = f" in the formula of {of}" if of else ""
    first = coefs[found[0].column]
    return (
        f"the data cannot tell all coefficients apart{where}: {'; '.join(parts)}. With flat "
        f"priors the posterior is improper. Leave such columns out, or give them proper priors, "
        f'for example hm.prior("normal(0, 5)", coef={first!r})'
    )


def dependences(population: PopulationTerm, frame: pd.DataFrame) -> list[Dependence]:
    """The columns of a design, as its coefficients are numbered, that depend on earlier ones.

    The cross-product of the columns is cheap and shows that nothing is wrong; only when it does
    not, the R factor of a QR decomposition, chunk by chunk, gives the numbers for the answer.
    """
    k = len(population.coefs)
    product, largest = np.zeros((k, k)), np.zeros(k)
    for chunk in _chunks(population, frame):
        product += chunk.T @ chunk
    if population.centred:
        largest = np.abs(population.means) * np.sqrt(len(frame))
    length = np.sqrt(np.diag(product))
    varies = np.flatnonzero(length > _ROUNDING * largest)
    out = [Dependence(int(j), ()) for j in np.flatnonzero(length <= _ROUNDING * largest)]
    scaled = product[np.ix_(varies, varies)] / np.outer(length[varies], length[varies])
    if _least_pivot(scaled) < _SUSPICIOUS:
        r: Any = np.zeros((0, len(varies)))
        for chunk in _chunks(population, frame):
            r = np.linalg.qr(np.vstack([r, chunk[:, varies] / length[varies]]), mode="r")
        out += [
            Dependence(int(varies[d.column]), tuple(int(varies[m]) for m in d.others))
            for d in _dependent_columns(r)
        ]
    return out


def _chunks(population: PopulationTerm, frame: pd.DataFrame) -> Iterator[Array]:
    """The columns of the coefficients as they are sampled, some rows at a time."""
    skipped = int(population.has_intercept)
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        rows = frame.iloc[start : start + _ROWS_AT_ONCE]
        columns = population.design.matrix(rows)[:, skipped:]
        yield columns - population.means if population.centred else columns


def _least_pivot(product: Array) -> float:
    if len(product) == 0:
        return 1.0
    try:
        return float(np.diag(np.linalg.cholesky(product)).min() ** 2)
    except np.linalg.LinAlgError:
        return 0.0


def _dependent_columns(r: Array) -> list[Dependence]:
    """Go through the columns in order and take each apart from those kept before it."""
    kept: list[int] = []
    basis = np.zeros((len(r), 0))
    out = []
    for j in range(r.shape[1]):
        own = r[:, j].copy()
        for _ in range(2):  # the second time removes what rounding left
            own -= basis @ (basis.T @ own)
        if np.linalg.norm(own) > _TOLERANCE * np.linalg.norm(r[:, j]):
            kept.append(j)
            basis = np.column_stack([basis, own / np.linalg.norm(own)])
            continue
        shares = np.linalg.lstsq(r[:, kept], r[:, j], rcond=None)[0]
        others = tuple(k for k, s in zip(kept, shares, strict=True) if abs(s) > 1e-6)
        out.append(Dependence(j, others))
    return out
