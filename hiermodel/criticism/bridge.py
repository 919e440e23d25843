"""The marginal likelihood by bridge sampling.

Meng and Wong (1996), Simulating ratios of normalizing constants via a simple identity, Statistica
Sinica 6, 831-860, with the optimal bridge function; a normal proposal on the unconstrained scale
as in Gronau and others (2017), A tutorial on bridge sampling, Journal of Mathematical Psychology
81, 80-97; the relative mean squared error of Frühwirth-Schnatter (2004), Estimating marginal
likelihoods for mixture and Markov switching models, The Econometrics Journal 7, 143-167.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from hiermodel.arguments import whole_number
from hiermodel.engines.diagnostics import diagnostics
from hiermodel.errors import ArgumentError, HiermodelError, PriorError, warn
from hiermodel.terms.base import Array
from hiermodel.unconstrained import unconstrained

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

# The iteration ends when the estimate changes by less, relative to itself, as in the tutorial.
_TOLERANCE = 1e-10
_DOUBTFUL_ERROR = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class MarginalLikelihood:
    """A log marginal likelihood, estimated by bridge sampling.

    Attributes
    ----------
    logml : float
        Log of the density of the data, averaged over the prior.
    relative_error : float
        Root of the relative mean squared error of the marginal likelihood (not of its
        logarithm): 0.01 is one percent, and about the standard error of `logml`.
    iterations : int
    converged : bool
    n_draws : int
        Posterior draws in the iteration: half of those of the fit.
    n_eff : float
        Median effective sample size of these.
    data : str
        A digest of the responses, which tells models of other data.

    Examples
    --------
    >>> fit.bridge_sampler().logml  # doctest: +SKIP
    """

    logml: float
    relative_error: float
    iterations: int
    converged: bool
    n_draws: int
    n_eff: float
    data: str

    @property
    def error_percentage(self) -> float:
        """The relative error in percent."""
        return 100.0 * self.relative_error

    def __repr__(self) -> str:
        end = "" if self.converged else "; the iteration did not converge"
        return (
            f"log marginal likelihood {self.logml:.4f} by bridge sampling\n  error of the marginal "
            f"likelihood {self.error_percentage:.2g}%; {self.iterations} iterations with "
            f"{self.n_draws} draws (effective {self.n_eff:.0f}){end}"
        )


def bridge_sampler(
    fit: Fit, *, maxiter: int = 1000, seed: int | None = None
) -> MarginalLikelihood:
    """Estimate the log marginal likelihood of a model by bridge sampling.

    The draws are mapped to the unconstrained scale. The first half of each chain gives mean and
    covariance of a normal proposal, the second half and as many draws of the proposal enter the
    iteration of Meng and Wong with the optimal bridge function, in which posterior draws count
    with their effective sample size.

    Parameters
    ----------
    fit : Fit
    maxiter : int
        Iterations at most.
    seed : int, optional
        For the draws of the proposal.

    Returns
    -------
    MarginalLikelihood

    Raises
    ------
    HiermodelError
        For a mode, an approximation, draws of the prior, or a program without the constants of
        its densities (``normalize=False``).
    PriorError
        When a parameter has a flat prior, so that there is no marginal likelihood.
    ArgumentError
        When there are fewer draws than a covariance matrix needs.

    Warns
    -----
    HiermodelWarning
        When the iteration did not converge, or the error is large.

    Notes
    -----
    Fits that were sampled collapsed are bridged as they were sampled: group-level effects are
    integrated out in closed form, so that few parameters are left and the error is small.

    Priors of ordered thresholds are densities of each threshold; their order cuts off the same
    part of the prior in all models with the same thresholds, so that it drops out of Bayes
    factors between these only.

    Examples
    --------
    >>> fit.bridge_sampler(seed=1)  # doctest: +SKIP
    """
    whole_number("maxiter", maxiter, 1)
    if seed is not None:
        whole_number("seed", seed, 0)
    _check(fit)
    # With the effects integrated out there are few parameters, and the marginal likelihood is
    # the same.
    space = unconstrained(fit, collapsed=True)
    chains, draws, dim = space.draws.shape
    half = draws // 2
    least = max(2 * dim, 10)
    if chains * half < least:
        raise ArgumentError(
            f"bridge sampling fits a normal distribution of {dim} unconstrained parameters to half "
            f"of the draws, {chains * half}; it needs at least {least}, and some thousand for a "
            f"good estimate: fit again with draws={max(1000, -(-2 * least // chains))} or more"
        )
    first, second = space.draws[:, :half], space.draws[:, half:]
    centre, factor = _normal_of(first.reshape(-1, dim))
    rng = np.random.default_rng(seed)
    points = second.reshape(-1, dim)
    z = rng.standard_normal((len(points), dim))
    proposed = centre + z @ factor.T
    log_ratio_posterior = space.log_density(points) - _log_normal(points, centre, factor)
    log_ratio_proposal = space.log_density(proposed) - _log_normal(proposed, centre, factor)
    if not np.isfinite(log_ratio_posterior).all():
        raise HiermodelError("the log density of this fit is not finite at all of its draws")
    n_eff = float(np.median(diagnostics(second)["ess_bulk"]))
    n_eff = n_eff if np.isfinite(n_eff) and n_eff > 0 else float(len(points))
    logml, iterations, converged = bridge(
        log_ratio_posterior, log_ratio_proposal, n_eff, maxiter
    )
    error = relative_error(
        log_ratio_posterior.reshape(chains, -1), log_ratio_proposal, logml
    )
    result = MarginalLikelihood(
        logml, error, iterations, converged, len(points), n_eff, data_digest(fit)
    )
    _warn(result, maxiter)
    return result


def _warn(result: MarginalLikelihood, maxiter: int) -> None:
    if not result.converged:
        warn(
            f"bridge sampling did not converge in {maxiter} iterations: do not report this "
            "marginal likelihood; fit again with more draws"
        )
    elif not result.relative_error <= _DOUBTFUL_ERROR:
        warn(
            f"the error of this marginal likelihood is {result.error_percentage:.0f}%: fit again "
            "with more draws before Bayes factors are computed from it"
        )


def bridge(
    posterior: Array, proposal: Array, n_eff: float, maxiter: int = 1000
) -> tuple[float, int, bool]:
    """The iteration of Meng and Wong with the optimal bridge function.

    Parameters
    ----------
    posterior, proposal : ndarray (n1,), (n2,)
        Log of the unnormalised posterior density minus that of the proposal density, at draws of
        the posterior and of the proposal.
    n_eff : float
        Effective number of the draws of the posterior.
    maxiter : int

    Returns
    -------
    logml : float
        Log of the constant that normalises the posterior density.
    iterations : int
    converged : bool

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.normal(size=1000), rng.normal(size=1000)
    >>> bridge(0 * x + 2.5, 0 * y + 2.5, 1000)[0]      # a proposal that is exact
    2.5
    """
    shift = float(np.median(posterior))
    one, two = posterior - shift, proposal - shift
    weight = n_eff / (n_eff + len(proposal))
    log_s1, log_s2 = np.log(weight), np.log1p(-weight)
    value = 0.0
    for iteration in range(1, maxiter + 1):
        # log of l / (s1 l + s2 r) and of 1 / (s1 l + s2 r), for l the exponentials of the ratios.
        upper = two - np.logaddexp(log_s1 + two, log_s2 + value)
        lower = -np.logaddexp(log_s1 + one, log_s2 + value)
        new = float(
            logsumexp(upper) - np.log(len(two)) - logsumexp(lower) + np.log(len(one))
        )
        change = abs(np.expm1(new - value))
        value = new
        if not np.isfinite(value):
            return value + shift, iteration, False
        if change <= _TOLERANCE:
            return value + shift, iteration, True
    return value + shift, maxiter, False


def relative_error(posterior: Array, proposal: Array, logml: float) -> float:
    """Root of the relative mean squared error of a bridge estimate (Frühwirth-Schnatter 2004).

    Parameters
    ----------
    posterior : ndarray (chain, draw)
        Log density ratios at posterior draws, in the order of the chains.
    proposal : ndarray (n2,)
    logml : float

    Returns
    -------
    float
    """
    n1, n2 = posterior.size, proposal.size
    s1, s2 = n1 / (n1 + n2), n2 / (n1 + n2)
    # With p and g normalised: f1 = p / (s1 p + s2 g) at proposal draws, f2 = g / (...) at posterior
    # draws.
    f1 = np.exp(
        proposal - logml - np.logaddexp(np.log(s1) + proposal - logml, np.log(s2))
    )
    f2 = np.exp(-np.logaddexp(np.log(s1) + posterior - logml, np.log(s2)))
    if np.ptp(f1) < 1e-12 and np.ptp(f2) < 1e-12:
        return 0.0
    independent = float(diagnostics(f2)["ess_bulk"][0])
    independent = independent if np.isfinite(independent) and independent > 0 else float(n1)
    squared = f1.var(ddof=1) / f1.mean() ** 2 / n2
    squared += f2.var(ddof=1) / f2.mean() ** 2 / independent
    return float(np.sqrt(squared))


def _normal_of(points: Array) -> tuple[Array, Array]:
    """Mean and Cholesky factor of the covariance of points (n, dim)."""
    centre = points.mean(axis=0)
    covariance = np.atleast_2d(np.cov(points, rowvar=False))
    scale = np.sqrt(np.diag(covariance))
    if (scale > 0).all():
        try:
            correlation = covariance / np.outer(scale, scale)
            return centre, scale[:, np.newaxis] * np.linalg.cholesky(correlation)
        except np.linalg.LinAlgError:
            pass
    raise HiermodelError(
        "the draws have no covariance matrix of full rank, so that bridge sampling has no "
        "proposal: some parameters do not vary or repeat each other; take more draws, or look for "
        "parameters that the data leave undetermined"
    )


def _log_normal(points: Array, centre: Array, factor: Array) -> Array:
    z = solve_triangular(factor, (points - centre).T, lower=True)
    constant = 0.5 * len(factor) * np.log(2 * np.pi) + np.log(np.diag(factor)).sum()
    values: Array = -0.5 * np.square(z).sum(axis=0) - constant
    return values


def _check(fit: Fit) -> None:
    what = "bridge_sampler()"
    fit.origin.refuse_point(what)
    if fit.origin.prior_only:
        raise HiermodelError(
            f"{what} needs draws of the posterior, and this fit left out the data: its draws are "
            "from the prior. Fit the model to the data first"
        )
    if fit.origin.is_approximation:
        raise HiermodelError(
            f"{what} needs draws of the posterior, and this fit is {fit.origin.phrase}. Fit "
            'again with algorithm="sampling"'
        )
    model = fit.model
    if not model.normalize:
        raise HiermodelError(
            f"{what} needs densities with their constants; fit again with normalize=True"
        )
    flat = [*model.resolved_priors.improper, *_bounded_flat(fit)]
    if flat:
        raise PriorError(
            f"{what}: the prior of {', '.join(flat[:5])} is flat, so that the marginal likelihood "
            "is not defined; give a proper prior, such as priors={'b': 'normal(0, 5)'}, and "
            "remember that Bayes factors depend on it. Between bounds write uniform(a, b)"
        )


def _bounded_flat(fit: Fit) -> list[str]:
    """Parameters between two bounds without a prior: constant there, but not normalised."""
    priors = fit.model.resolved_priors
    said = " ".join((*priors.statements, *priors.raw))
    return [
        var.name
        for var in priors.parameters
        if var.lower and var.upper and var.prior is not None
        and not re.search(rf"\b{re.escape(var.name)}\b", said)
    ]


def data_digest(fit: Fit) -> str:
    """A digest of the responses of a fit."""
    found = hashlib.sha256()
    observed = fit.datasets["observed_data"]
    for name in sorted(map(str, observed.data_vars)):
        found.update(np.ascontiguousarray(observed[name].values, dtype=float).tobytes())
    return found.hexdigest()
