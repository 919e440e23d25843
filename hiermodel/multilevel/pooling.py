"""How much each level borrows from the others: pooling factors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.multilevel.factors import Factor, factors
from hiermodel.multilevel.results import checked_origin, cut
from hiermodel.summary.html import frame_html, page
from hiermodel.summary.text import frame_text, title_text

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

_ABOUT = (
    "pooling = Var(effect | data) / sd^2: 0 when a level speaks for itself, 1 when it says "
    "nothing of its own; weight = 1 - pooling, the weight of the level's own data. "
    "lambda: the same of the whole batch (Gelman and Pardoe 2006)."
)


@dataclass(frozen=True, slots=True, eq=False)
class Pooling:
    """Pooling factors of the group-level effects.

    Attributes
    ----------
    batches : pandas.DataFrame
        Index (group, coef): ``levels``, ``sd`` (posterior mean of the standard deviation between
        levels), ``lambda``, ``pooling`` (mean over levels), ``lowest``, ``highest``.
    levels : pandas.DataFrame
        Index (group, level, coef): ``n`` rows of the level, ``Estimate`` and ``Est.Error`` of
        its effect, ``pooling`` and ``weight``.
    origin : str
        What the draws are of, when not of the posterior itself.

    Examples
    --------
    >>> fit.pooling("county").batches.loc[("county", "Intercept"), "lambda"]  # doctest: +SKIP
    """

    batches: pd.DataFrame
    levels: pd.DataFrame
    origin: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table of levels."""
        return self.levels.copy()

    def __repr__(self) -> str:
        shown, more = cut(self.levels, ".levels")
        parts = [
            f"{title_text('Pooling of group-level effects')}\n{frame_text(self.batches, 2)}",
            "\n".join(p for p in (frame_text(shown, 2), more) if p),
            f"{_ABOUT} {self.origin}".strip(),
        ]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        shown, more = cut(self.levels, ".levels")
        parts = [
            frame_html(self.batches, "Batches", digits=2),
            frame_html(shown, "Levels", more, digits=2),
            f'<p class="note">{_ABOUT} {self.origin}</p>',
        ]
        return page("Pooling of group-level effects", parts)


def pooling(fit: Fit, group: str | Iterable[str] | None = None) -> Pooling:
    """Compute how far the effects of each level are pooled towards the population.

    Parameters
    ----------
    fit : Fit
        Of one response.
    group : str or list of str, optional
        Grouping factors; all by default.

    Returns
    -------
    Pooling

    Raises
    ------
    DataError
        For a model without group-level terms, or an unknown factor.
    HiermodelError
        For a fit that is a mode, not draws.

    Notes
    -----
    The pooling factor of the effect e_j of level j is ``Var(e_j | y) / sd^2``, cut at 1, with the
    posterior mean of the standard deviation sd (Gelman and Hill 2007, section 21.6). In a normal
    model with known population mean it is ``(sigma^2 / n_j) / (sd^2 + sigma^2 / n_j)``, so that
    ``1 - pooling`` is the weight of the level's own mean in its estimate. Uncertainty of the
    population mean and of sd adds to it. Of the batch,
    ``lambda = 1 - V(E(e_j | y)) / E(V(e_j) | y)``, with V the variance over levels (Gelman and
    Pardoe 2006, Technometrics 48, 241-251). With ``gr(by = )`` each level is compared with the
    sd of its own part, with a known covariance with its own prior variance; the effects of a
    Student distribution with its scale.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.fit("log_radon ~ floor + (1 | county)", hm.datasets.load("radon"), chains=2,
    ...              draws=200, warmup=200, seed=1, progress=False)
    >>> list(fit.pooling().batches.columns)
    ['levels', 'sd', 'lambda', 'pooling', 'lowest', 'highest']
    """
    origin = checked_origin(fit, "pooling()")
    batches: dict[tuple[str, str], dict[str, Any]] = {}
    tables: list[pd.DataFrame] = []
    for factor in factors(fit, group):
        rows = factor.rows(fit.frame)
        pooled = pooling_factors(factor)
        index = pd.MultiIndex.from_product(
            [[factor.name], factor.levels, factor.coefs], names=["group", "level", "coef"]
        )
        k = len(factor.coefs)
        tables.append(pd.DataFrame(
            {
                "n": np.repeat(rows, k),
                "Estimate": factor.r.mean(axis=0).ravel(),
                "Est.Error": factor.r.std(axis=0, ddof=1).ravel(),
                "pooling": pooled.ravel(),
                "weight": 1.0 - pooled.ravel(),
            },
            index=index,
        ))  # fmt: skip
        for j, coef in enumerate(factor.coefs):
            batches[factor.name, coef] = {
                "levels": len(factor.levels),
                "sd": float(factor.sd[:, :, j].mean()),
                "lambda": batch_lambda(factor.r[:, :, j]),
                "pooling": float(pooled[:, j].mean()),
                "lowest": float(pooled[:, j].min()),
                "highest": float(pooled[:, j].max()),
            }
    frame = pd.DataFrame.from_dict(batches, orient="index").astype({"levels": int})
    frame.index = pd.MultiIndex.from_tuples(list(batches), names=["group", "coef"])
    return Pooling(frame, pd.concat(tables), origin)


def pooling_factors(factor: Factor) -> np.ndarray:
    """Pooling factor of each level and coefficient, (levels, coefs)."""
    spread = factor.r.var(axis=0, ddof=1)
    prior = factor.sd.mean(axis=0) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(prior > 0, spread / prior, 1.0)
    out: np.ndarray = np.minimum(ratio, 1.0)
    return out


def batch_lambda(effects: np.ndarray) -> float:
    """Gelman and Pardoe's lambda of draws (S, levels); missing for a single level."""
    if effects.shape[1] < 2:
        return float("nan")
    expected = float(effects.var(axis=1, ddof=1).mean())
    if expected == 0.0:
        return 1.0
    return 1.0 - float(effects.mean(axis=0).var(ddof=1)) / expected
