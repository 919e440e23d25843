"""Parts of the variance on the scale of the response, by simulating new groups.

Method B of Goldstein, Browne and Rasbash (2002, Understanding Statistics 1, 223-231), with
quasi-random normal numbers (scrambled Sobol points) in the place of random ones. Per posterior
draw and row, effects of new levels of every grouping factor are drawn, and the expectation of the
response computed. A factor's part is the covariance between the expectations of two observations
that share its level, but no other level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special, stats
from scipy.stats import qmc

from hiermodel.errors import HiermodelError
from hiermodel.families import evaluate
from hiermodel.multilevel.factors import Factor, check_independent_rows, factors, flat
from hiermodel.multilevel.link_scale import student_df, student_nu
from hiermodel.predict import parameters
from hiermodel.prepare import EXPECTATION_ROLES, Prediction, prepare
from hiermodel.terms.base import Array
from hiermodel.terms.grouping import index_name

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Variances on the scale of the response, per draw: all (S,), means over rows.

    Attributes
    ----------
    groups : mapping of str to ndarray
        Of each grouping factor.
    between : ndarray
        Of the expectation over all of them together.
    residual : ndarray
        Of the response given all effects.
    fixed : ndarray
        Of the expectation over new groups, between the fitted rows.
    """

    groups: dict[str, Array]
    between: Array
    residual: Array
    fixed: Array


def response_parts(
    fit: Fit, at: Array, nsim: int, max_rows: int, seed: int | None
) -> Parts:
    """Compute the parts for some draws.

    Parameters
    ----------
    fit : Fit
        Of one response.
    at : ndarray of int
        Positions of the draws to use, chains joined.
    nsim : int
        New groups for each draw: a power of two.
    max_rows : int
        With more rows, that many evenly spread ones are used.
    seed : int, optional
    """
    found = factors(fit)
    _check(fit, found)
    frame = fit.frame
    if len(frame) > max_rows:
        frame = frame.iloc[np.unique(np.linspace(0, len(frame) - 1, max_rows).astype(int))]
        frame = frame.reset_index(drop=True)
    whole = prepare(fit.model, fit.posterior, fit.frame, frame, None, EXPECTATION_ROLES)
    rng = np.random.default_rng(seed)
    simulators = [_Simulator(fit, factor, at, nsim, rng) for factor in found]
    codes: dict[str, Any] = {}
    for simulator in simulators:
        codes |= simulator.codes(fit, frame)
    out = Parts({f.name: np.empty(len(at)) for f in found}, *(np.empty(len(at)) for _ in range(3)))
    for s, place in enumerate(at):
        _one_draw(fit, whole, codes, simulators, s, int(place), nsim, rng, out)
    total = out.between + out.residual + out.fixed
    if not np.all(np.isfinite(total)):
        wrong = 100 * float(np.mean(~np.isfinite(total)))
        raise HiermodelError(
            f"the variance of the response is not finite in {wrong:.3g} % of the draws, so there "
            "are no shares of it: look at extreme draws of the parameters"
        )
    return out


def _check(fit: Fit, found: Sequence[Factor]) -> None:
    check_independent_rows(fit, "a share of the variance")
    family = fit.model.family
    if family.per_category:
        raise HiermodelError(
            f"family {family.name} has no variance of a single number: shares of variance are not "
            "defined for unordered categories and for responses of several columns"
        )
    if family.name == "student":
        student_nu(fit)
    for factor in found:
        if factor.student:
            student_df(fit, factor)
    for owner in fit.model.groups:
        if owner.grouping.multi:
            raise HiermodelError(
                f'scale="response" is not defined for {owner.name!r}: with mm() a row belongs to '
                "several levels"
            )
        if owner.cov_factor is not None:
            raise HiermodelError(
                f'scale="response" needs independent new levels, and those of {owner.name!r} have '
                "a known covariance"
            )


class _Simulator:
    """New effects of one grouping factor."""

    def __init__(
        self, fit: Fit, factor: Factor, at: Array, nsim: int, rng: np.random.Generator
    ) -> None:
        first = factor.owners[0]
        self.name, self.owners, self.by = factor.name, factor.owners, first.by
        array = fit.posterior[f"r_{first.key}"]
        self.labels = [str(v) for v in array.coords[array.dims[-1]].values]
        sd = flat(fit.posterior[f"sd_{first.key}"])[at]
        self.sd = sd[:, None] if self.by is None else sd
        cor = f"cor_{first.key}"
        self.factor: Array | None = None
        if cor in fit.posterior:
            values = np.nan_to_num(flat(fit.posterior[cor])[at])
            values = values[:, None] if self.by is None else values
            values = values.copy()
            k = np.arange(values.shape[-1])
            values[..., k, k] = 1.0
            self.factor = np.linalg.cholesky(values)
        self.df: Array | None = None
        if factor.student:
            df = flat(fit.posterior[f"df_{first.key}"])[at]
            self.df = df.reshape(len(df), -1)[:, 0]
        # Two sets of points: those of this factor, and those of its double when others share.
        self.points = [self._points(nsim, rng) for _ in range(2)]

    def _points(self, nsim: int, rng: np.random.Generator) -> tuple[Array, Array]:
        width = len(self.labels)
        sobol = qmc.Sobol(width + 1, scramble=True, seed=rng)
        uniform = np.clip(sobol.random(nsim), 1e-12, 1 - 1e-12)
        order = rng.permutation(nsim)
        return special.ndtri(uniform[order, :width]), uniform[order, width]

    def codes(self, fit: Fit, frame: Any) -> dict[str, Array]:
        """Level of each row among the new ones: one, or one for each level of ``by``."""
        level = np.zeros(len(frame), dtype=int)
        if self.by is not None:
            level = self.by.row_codes(frame, 1)[:, 0]
        name = fit.model.part.name
        return {index_name("J", o.index, name, None): level + 1 for o in self.owners}

    def effects(self, s: int, double: bool) -> dict[str, Array]:
        """Draw s: ``r_<i>`` of every owner, (nsim, new levels, coefs)."""
        z, u = self.points[int(double)]
        levels = self.sd.shape[1]
        r = np.repeat(z[:, None, :], levels, axis=1)
        if self.factor is not None:
            r = np.einsum("lkm,nlm->nlk", self.factor[s], r)
        r = r * self.sd[s]
        if self.df is not None:
            r = r * np.sqrt(self.df[s] / stats.chi2.ppf(u, self.df[s]))[:, None, None]
        return {
            f"r_{o.index}": r[:, :, [self.labels.index(c.label) for c in o.coefs]]
            for o in self.owners
        }


def _one_draw(
    fit: Fit, whole: Prediction, codes: dict[str, Any], simulators: Sequence[_Simulator],
    s: int, place: int, nsim: int, rng: np.random.Generator, out: Parts,
) -> None:
    held = {
        k: np.broadcast_to(v[place], (nsim, *v.shape[1:]))
        for k, v in whole.draws.items() if not k.startswith("r_")
    }  # fmt: skip
    family = fit.model.family

    def prediction(new: dict[str, Array]) -> Prediction:
        return replace(whole, draws=held | new, data=dict(whole.data) | codes, shape=(1, nsim))

    base: dict[str, Array] = {}
    for simulator in simulators:
        base |= simulator.effects(s, False)
    mean, drawn = _evaluate(prediction(base), family, rng)
    centre = mean.mean(axis=0)
    out.between[s] = np.mean((mean - centre) ** 2)
    out.residual[s] = np.mean((drawn - mean) ** 2)
    out.fixed[s] = centre.var(ddof=1) if len(centre) > 1 else 0.0
    if len(simulators) == 1:
        out.groups[simulators[0].name][s] = out.between[s]
        return
    for simulator in simulators:
        shared: dict[str, Array] = {}
        for other in simulators:
            shared |= other.effects(s, other is not simulator)
        again, _ = _evaluate(prediction(shared), family, None)
        # Both have the same mean; with quasi-random points its estimates differ by very little.
        value = np.mean((mean - centre) * (again - again.mean(axis=0)))
        out.groups[simulator.name][s] = max(float(value), 0.0)


def _evaluate(
    prediction: Prediction, family: Any, rng: np.random.Generator | None
) -> tuple[Array, Array]:
    """Expectations (nsim, rows), and draws of the response; categories by number."""
    extras = prediction.extras
    bounds = {role: extras[role] for role in ("lb", "ub") if role in extras}
    shape = (prediction.size, prediction.n)
    means, draws = np.empty(shape), np.empty(shape if rng is not None else (0, 0))
    for at in prediction.chunks(max(1, len(prediction.part.response.categories))):
        p = parameters(prediction, at)
        value = evaluate.mean(family, p, **bounds)
        if value.ndim == 3:
            value = value @ (np.arange(value.shape[-1]) + family.first_category)
        means[at] = value
        if rng is not None:
            draws[at] = evaluate.random(
                family, rng, p, lb=bounds.get("lb"), ub=bounds.get("ub")
            )
    return means, draws
