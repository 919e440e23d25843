"""Parts of the variance on the scale of the linear predictor.

Group-level variance at a row with design z is ``z' Sigma z`` (Goldstein, Browne and Rasbash 2002,
Understanding Statistics 1, 223-231); the average over rows is that of Johnson (2014, Methods in
Ecology and Evolution 5, 944-946). What stands for the residual variance where the response is not
on the scale of the predictor follows Nakagawa, Johnson and Schielzeth (2017, Journal of the Royal
Society Interface 14, 20170213).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from hiermodel.describe import family_words
from hiermodel.errors import ArgumentError, DataError, HiermodelError, did_you_mean
from hiermodel.multilevel.factors import Factor, check_independent_rows, flat, views
from hiermodel.prepare import PredictionOptions, prepare
from hiermodel.terms.base import Array
from hiermodel.terms.group_view import GroupView
from hiermodel.terms.offset import OffsetTerm
from hiermodel.terms.scalars import ScalarParameter

if TYPE_CHECKING:
    from hiermodel.fitted import Fit
    from hiermodel.predictors import Predictor

#: How the residual variance of a count on the log scale is approximated.
APPROXIMATIONS = ("lognormal", "trigamma", "delta")

# Variance of the latent variable behind a threshold model, by link.
_LATENT = {
    "logit": np.pi**2 / 3, "probit": 1.0, "probit_approx": 1.0, "cloglog": np.pi**2 / 6,
    "loglog": np.pi**2 / 6,
}
_THRESHOLD_FAMILIES = ("bernoulli", "binomial", "cumulative")


def covariance(fit: Fit, factor: Factor, predictor: Predictor) -> tuple[Array, list[str]]:
    """Covariance matrices of the effects on a predictor, (S, by levels, C, C), and their labels.

    Without a ``by`` factor there is one matrix. Student effects have the variance of their
    distribution, not the square of its scale.
    """
    first = factor.owners[0]
    labels = [
        view.owner.coefs[k - 1].label for view in views(predictor, factor.name)
        for k in view.columns
    ]  # fmt: skip
    sd_all = fit.posterior[f"sd_{first.key}"]
    every = [str(v) for v in sd_all.coords[sd_all.dims[-1]].values]
    at = [every.index(label) for label in labels]
    sd = flat(sd_all)[..., at]
    sd = sd[:, None, :] if first.by is None else sd
    cor = np.broadcast_to(np.eye(len(at)), (*sd.shape, len(at))).copy()
    if f"cor_{first.key}" in fit.posterior:
        found = np.nan_to_num(flat(fit.posterior[f"cor_{first.key}"])[..., at, :][..., at])
        cor = found[:, None] if first.by is None else found
        cor = cor.copy()
        cor[..., np.arange(len(at)), np.arange(len(at))] = 1.0
    out = sd[..., :, None] * cor * sd[..., None, :]
    if factor.student:
        df = student_df(fit, factor)
        out = out * (df / (df - 2))[:, None, None, None]
    return out, labels


def student_df(fit: Fit, factor: Factor) -> Array:
    """Degrees of freedom of Student effects, (S,).

    Raises
    ------
    HiermodelError
        When their variance is infinite in some draws.
    """
    df = flat(fit.posterior[f"df_{factor.owners[0].key}"])
    df = df.reshape(len(df), -1)[:, 0]
    few = float(np.mean(df <= 2))
    if few:
        raise HiermodelError(
            f"the effects of {factor.name!r} follow a Student distribution whose variance is "
            f"infinite in {100 * few:.3g} % of the draws (df of at most 2), so there are no shares "
            "of variance; use normal effects, or a prior that keeps df above 2"
        )
    return df


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The design of a grouping factor at some rows.

    Attributes
    ----------
    sigma : ndarray (S, by levels, C, C)
    z : list of ndarray (N, C)
        For each member of ``mm()``, with its weights; otherwise one.
    by : ndarray of int (N, members)
    scale : ndarray (N, members)
        Prior variance of the row's level relative to the others, with a known covariance.
    """

    sigma: Array
    z: list[Array]
    by: Array
    scale: Array


def _rows(fit: Fit, factor: Factor, predictor: Predictor, frame: pd.DataFrame) -> _Rows | None:
    chosen = views(predictor, factor.name)
    if not chosen:
        return None
    if any(view in predictor.category_specific for view in chosen):
        raise HiermodelError(
            f"shares of variance are not defined with group-level cs() terms, such as "
            f"{chosen[0].text}: they differ between thresholds"
        )
    first = factor.owners[0]
    members = first.grouping.member_indices
    pieces: list[Array] = []
    for k, member in enumerate(members):
        z = np.column_stack([
            values for view in chosen for values in _columns(view, frame, member)
        ])  # fmt: skip
        if first.grouping.multi:
            z = z * first.grouping.weight_columns(frame)[k][:, None]
        pieces.append(z)
    by = np.zeros((len(frame), len(members)), dtype=int)
    if first.by is not None:
        by = first.by.row_codes(frame, len(members))
        if (by < 0).any():
            raise DataError(f"the data hold a level of {first.by.name!r} that the fit has not seen")
    scale = np.ones((len(frame), len(members)))
    if first.cov_factor is not None:
        own = np.sum(np.asarray(first.cov_factor) ** 2, axis=1)
        codes = np.column_stack(first.grouping.codes(frame))
        if (codes < 0).any():
            raise DataError(
                f"the data hold a level of {factor.name!r} that the fit has not seen; with a known "
                "covariance its variance is not known"
            )
        scale = own[codes]
    return _Rows(covariance(fit, factor, predictor)[0], pieces, by, scale)


def mean_group_variance(
    fit: Fit, factor: Factor, predictor: Predictor, frame: pd.DataFrame
) -> tuple[Array, bool]:
    """Variance that a grouping factor adds, averaged over rows, (S,); whether it differs by row."""
    rows = _rows(fit, factor, predictor, frame)
    if rows is None:
        return np.zeros(len(factor.r)), False
    out, varies = np.zeros(len(rows.sigma)), False
    for k, z in enumerate(rows.z):
        for level in np.unique(rows.by[:, k]):
            at = rows.by[:, k] == level
            # Of the rows only the second moments of the design matter.
            moments = z[at].T @ (rows.scale[at, k, None] * z[at]) / len(frame)
            out += np.einsum("skl,kl->s", rows.sigma[:, level], moments)
        varies = varies or bool(np.any(np.ptp(z, axis=0) > 0))
    return out, varies


def group_variance(
    fit: Fit, factor: Factor, predictor: Predictor, frame: pd.DataFrame
) -> Array:
    """Variance that a grouping factor adds at each row of a frame, (S, N)."""
    rows = _rows(fit, factor, predictor, frame)
    if rows is None:
        return np.zeros((len(factor.r), len(frame)))
    out = np.zeros((len(rows.sigma), len(frame)))
    for k, z in enumerate(rows.z):
        for level in np.unique(rows.by[:, k]):
            at = rows.by[:, k] == level
            value = np.einsum("nk,skl,nl->sn", z[at], rows.sigma[:, level], z[at], optimize=True)
            out[:, at] += rows.scale[at, k] * value
    return out


def _columns(view: GroupView, frame: pd.DataFrame, member: int | None) -> list[Array]:
    data = view.data(frame)
    return [np.asarray(data[view.z_name(k, member)], dtype=float) for k in view.columns]


def fixed_variance(fit: Fit, predictor: Predictor) -> Array:
    """Variance over the fitted rows of the linear predictor without group effects, (S,).

    Offsets are left out: they are no effects.
    """
    options = PredictionOptions(re_formula="none")
    prediction = prepare(fit.model, fit.posterior, fit.frame, None, options)
    terms = [t for t in predictor.terms if not isinstance(t, GroupView | OffsetTerm)]
    out = np.zeros(prediction.size)
    if prediction.n < 2:
        return out
    for at in prediction.chunks():
        draws = prediction.chunk(at)
        total = np.zeros((at.stop - at.start, prediction.n))
        for term in terms:
            total = total + term.eta(draws, prediction.data)
        out[at] = total.var(axis=1, ddof=1)
    return out


# --------------------------------------------------------------------------- the residual


def residual_variance(
    fit: Fit, predictor: Predictor, approximation: str, spread: Callable[[], Array] | None,
    newdata: pd.DataFrame | None = None,
) -> tuple[Array, str]:
    """Variance of the response given the linear predictor, on the scale of its link.

    Parameters
    ----------
    approximation : str
        For counts, see `APPROXIMATIONS`.
    spread : callable
        Gives the sum of the group-level variances at each row, (S, N).
    newdata : DataFrame, optional
        Rows to give it at; by default the mean over the fitted rows.

    Returns
    -------
    ndarray (S, 1 or rows)
    str
        What it is, in words.
    """
    check_independent_rows(fit, "a share of the variance")
    if approximation not in APPROXIMATIONS:
        raise ArgumentError(
            f"approximation must be one of {', '.join(APPROXIMATIONS)}, not {approximation!r}"
            f"{did_you_mean(str(approximation), APPROXIMATIONS)}"
        )
    family, link, reading = fit.model.family, predictor.link, _Reading(fit, newdata)
    main = predictor is fit.model.part.main
    truncated = {"lb", "ub"} & set(fit.model.response.additions.values)
    # rate() scales more than the mean, so that rows have shapes of their own.
    scaled = "denom" in fit.model.response.additions and set(family.scaled_by_rate) != {"mu"}
    if not main or truncated or (scaled and family.name in _RELATIVE):
        _refuse(fit, predictor)
    if family.name in _THRESHOLD_FAMILIES and link in _LATENT:
        value, words = _LATENT[link], f"latent variable of the {link} link"
        if family.name == "cumulative":
            disc = reading("disc")
            return reading.mean(value / disc**2), words
        return np.full((len(_any_draws(fit)), 1), value), words
    if link == "identity" and family.name in _IDENTITY:
        return reading.mean(_IDENTITY[family.name](reading)), "variance of the family"
    if family.name == "poisson" and link == "sqrt":
        return np.full((len(_any_draws(fit)), 1), 0.25), "delta method, 1/4"
    if link == "log" and family.name in _RELATIVE:
        needs_mean, relative = _RELATIVE[family.name]
        mean = reading.mean_response(spread) if needs_mean else np.ones((1, 1))
        squared = relative(reading, mean)
        return reading.mean(_on_log_scale(squared, approximation)), f"{approximation} approximation"
    _refuse(fit, predictor)
    raise AssertionError


def _on_log_scale(squared: Array, approximation: str) -> Array:
    """Variance of the log of a variable from its squared coefficient of variation.

    As of a lognormal variable, of a gamma variable, or by the delta method.
    """
    if approximation == "delta":
        return squared
    lognormal = approximation == "lognormal"
    out: Array = np.log1p(squared) if lognormal else special.polygamma(1, 1.0 / squared)
    return out


def _refuse(fit: Fit, predictor: Predictor) -> None:
    raise HiermodelError(
        f"there is no residual variance on the scale of the linear predictor of "
        f"{predictor.name!r} for family {family_words(fit.model.part)}: take "
        'scale="response", which simulates new groups for any family'
    )


def _any_draws(fit: Fit) -> range:
    return range(fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"])


class _Reading:
    """Parameters of the family at the rows in question, (S, N)."""

    def __init__(self, fit: Fit, newdata: pd.DataFrame | None) -> None:
        self.fit, self.newdata = fit, newdata
        self.size = len(_any_draws(fit))

    def __call__(self, name: str) -> Array:
        part = self.fit.model.part
        fixed = part.fixed.get(name)
        if isinstance(fixed, (int, float)):
            return np.full((1, 1), float(fixed))
        scalar = {s.param: s.shown for s in part.scalars if isinstance(s, ScalarParameter)}
        if name in scalar and scalar[name] in self.fit.posterior:
            return flat(self.fit.posterior[scalar[name]])[:, None]
        if self.newdata is None:
            found = self.fit.posterior_epred(dpar=name)
        else:
            found = self.fit.posterior_epred(self.newdata, dpar=name, re_formula="none")
        return np.asarray(found.values).reshape(self.size, -1)

    def errors(self) -> Array | None:
        """Known standard errors of ``se()``, (1, N)."""
        additions = self.fit.model.response.additions
        if "se" not in additions:
            return None
        frame = self.fit.frame if self.newdata is None else self.newdata
        value = additions.data(frame, ("se",))[f"se{additions.suffix}"]
        return np.asarray(value, dtype=float)[None, :]

    def mean(self, values: Array) -> Array:
        """The mean over fitted rows, or the values at the rows of new data."""
        values = np.broadcast_to(values, (self.size, values.shape[1]))
        return values if self.newdata is not None else values.mean(axis=1, keepdims=True)

    def mean_response(self, spread: Callable[[], Array] | None) -> Array:
        """Expected response over new groups, ``exp(eta + v / 2)``, on the log link.

        The mean over the fitted rows, or at each row of new data.
        """
        assert spread is not None
        eta = self.fit.posterior_linpred(self.newdata, re_formula="none").values
        value = np.exp(eta.reshape(self.size, -1) + 0.5 * spread())
        rate = self.fit.model.response.additions
        if "denom" in rate:
            frame = self.fit.frame if self.newdata is None else self.newdata
            value = value * rate.data(frame, ("denom",))[f"denom{rate.suffix}"]
        return value if self.newdata is not None else value.mean(axis=1, keepdims=True)


def _normal(read: _Reading) -> Array:
    se, part = read.errors(), read.fit.model.part
    if se is None:
        return read("sigma") ** 2
    both = part.response.additions.se_with_sigma
    return read("sigma") ** 2 + se**2 if both else se**2


def student_nu(fit: Fit, newdata: pd.DataFrame | None = None) -> Array:
    """Degrees of freedom of a Student response.

    Raises
    ------
    HiermodelError
        When its variance is infinite in some draws.
    """
    nu = _Reading(fit, newdata)("nu")
    few = float(np.mean(nu <= 2))
    if few:
        raise HiermodelError(
            f"the residual variance of family student is infinite in {100 * few:.3g} % of the "
            "draws (nu of at most 2), so there are no shares of variance"
        )
    return nu


def _student(read: _Reading) -> Array:
    nu = student_nu(read.fit, read.newdata)
    return _normal(read) * nu / (nu - 2)


_IDENTITY: Mapping[str, Callable[[_Reading], Array]] = {
    "gaussian": _normal,
    "student": _student,
    # mu and sigma are those of the log of the response.
    "lognormal": lambda read: read("sigma") ** 2,
    "skew_normal": lambda read: read("sigma") ** 2,
    "logistic": lambda read: read("sigma") ** 2 * np.pi**2 / 3,
}

# Squared coefficient of variation of the response given its mean: whether it needs the mean, and
# the function of (parameters, mean).
_RELATIVE: Mapping[str, tuple[bool, Callable[[Any, Array], Array]]] = {
    "poisson": (True, lambda read, m: 1 / m),
    "negbinomial": (True, lambda read, m: 1 / m + 1 / read("shape")),
    "negbinomial2": (True, lambda read, m: 1 / m + read("sigma")),
    "nbinom1": (True, lambda read, m: (1 + read("phi")) / m),
    "geometric": (True, lambda read, m: 1 / m + 1),
    "gamma": (False, lambda read, m: 1 / read("shape")),
    "exponential": (False, lambda read, m: np.ones((1, 1))),
}
