"""Residual correlations between responses: one multivariate density for all of them.

The responses of a row are jointly normal, or jointly Student with common degrees of freedom,
with the standard deviations ``sigma`` of each response and a correlation matrix ``rescor``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from hiermodel.errors import FormulaError
from hiermodel.families.base import Family
from hiermodel.stan.expr import StanExpr
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.base import Array, Labelled
from hiermodel.terms.scalars import dpar_attrs

FAMILIES = ("gaussian", "student")
# Addition terms that a joint density can take.
ADDITIONS = frozenset({"se", "weights", "mi"})


@dataclass(frozen=True, eq=False)
class ResidualCorrelation:
    """The joint density of all responses.

    Attributes
    ----------
    names : tuple of str
        The responses, as in names.
    student : bool
    mu, sigma : tuple of StanExpr
        Parameters of each response in the program.
    weighted : bool
        Rows have weights, the same for all responses.
    default, default_nu : str or ScalePrior
        Default priors.
    imputed : tuple of str
        Responses with ``mi()``, which are read with the gaps filled.
    """

    names: tuple[str, ...]
    student: bool
    mu: tuple[StanExpr, ...]
    sigma: tuple[StanExpr, ...]
    weighted: bool
    default: str | ScalePrior
    default_nu: str | ScalePrior
    imputed: tuple[str, ...] = ()

    @property
    def variables(self) -> tuple[Var, ...]:
        """The number of responses, their correlations, the common degrees of freedom."""
        parameters = Block.PARAMETERS
        out = [
            Var("nresp", "int", lower="2", comment="correlated responses"),
            Var("Lrescor", "cholesky_factor_corr", ("nresp",), block=parameters,
                prior=PriorTarget("rescor", (PriorElement(default=self.default),)),
                comment="Cholesky factor of the residual correlations"),
        ]
        if self.student:
            out.append(
                Var("nu", "real", lower="1", block=parameters,
                    prior=PriorTarget("nu", (PriorElement(default=self.default_nu),)),
                    comment="degrees of freedom of all responses")
            )
        return tuple(out)

    def constants(self) -> dict[str, Any]:
        """The number of responses."""
        return {"nresp": len(self.names)}

    # ------------------------------------------------------------------ what the template prints

    @property
    def responses(self) -> str:
        """The responses of row n as a Stan row vector."""
        heads = ("Yl" if name in self.imputed else "Y" for name in self.names)
        return ", ".join(f"{h}_{name}[n]" for h, name in zip(heads, self.names, strict=True))

    @property
    def means(self) -> str:
        """The means of row n."""
        return ", ".join(mu.at("n").text for mu in self.mu)

    @property
    def by_row(self) -> bool:
        """True when the covariance differs between rows, or rows have weights."""
        return self.weighted or any(sigma.rows for sigma in self.sigma)

    @property
    def scales(self) -> str:
        """The standard deviations, of row n when they differ."""
        return ", ".join(sigma.at("n").text for sigma in self.sigma)

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The correlation matrix, and the degrees of freedom."""
        factor = draws["Lrescor"]
        matrix = factor @ np.swapaxes(factor, -1, -2)
        dims = ("response", "response_other")
        attrs = {"cls": "rescor", "group": "", "dpar": "", "resp": ""}
        out = [Labelled("rescor", matrix, dims, dict.fromkeys(dims, self.names), attrs)]
        if self.student:
            out.append(Labelled("nu", draws["nu"], attrs=dpar_attrs("nu", "")))
        return tuple(out)

    # ------------------------------------------------------------------ NumPy

    def log_prob(self, y: Array, mu: Array, sigma: Array, draws: Mapping[str, Array]) -> Array:
        """Joint log density of each row, (S, N).

        Parameters
        ----------
        y : ndarray (N, R)
            NaN where a response is missing: the density is that of the others of its row.
        mu, sigma : ndarray (S, N or 1, R)
        draws : mapping
            ``rescor`` (S, R, R) and, for Student responses, ``nu`` (S,).
        """
        absent = np.isnan(y)
        if not absent.any():
            return self._density(y, mu, sigma, draws["rescor"], draws)
        # The margins of both densities are densities of the same kind.
        shape = (len(draws["rescor"]), *y.shape)
        mu, sigma = np.broadcast_to(mu, shape), np.broadcast_to(sigma, shape)
        out = np.full(shape[:2], np.nan)
        for pattern in np.unique(absent, axis=0):
            at, there = (absent == pattern).all(axis=1), np.flatnonzero(~pattern)
            if len(there):
                cor = draws["rescor"][:, there[:, None], there]
                some = mu[:, at][..., there], sigma[:, at][..., there]
                out[:, at] = self._density(y[at][:, there], *some, cor, draws)
        return out

    def _density(
        self, y: Array, mu: Array, sigma: Array, cor: Array, draws: Mapping[str, Array]
    ) -> Array:
        factor = np.linalg.cholesky(cor)
        z = (y - mu) / sigma
        solved = np.linalg.solve(factor[:, None], z[..., None])[..., 0]
        square = np.sum(solved**2, axis=-1)
        size = y.shape[-1]
        log_det = np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)[:, None]
        log_scale = log_det + np.log(np.broadcast_to(sigma, z.shape)).sum(axis=-1)
        if not self.student:
            out: Array = -0.5 * square - log_scale - 0.5 * size * np.log(2 * np.pi)
            return out
        nu = draws["nu"][:, None]
        constant = special.gammaln((nu + size) / 2) - special.gammaln(nu / 2)
        constant = constant - 0.5 * size * np.log(nu * np.pi)
        out = constant - log_scale - 0.5 * (nu + size) * np.log1p(square / nu)
        return out

    def random(
        self, rng: np.random.Generator, mu: Array, sigma: Array, draws: Mapping[str, Array]
    ) -> Array:
        """Draw all responses of every row, (S, N, R)."""
        factor = np.linalg.cholesky(draws["rescor"])
        z = rng.standard_normal(np.broadcast_shapes(mu.shape, sigma.shape))
        if self.student:
            nu = draws["nu"][:, None]
            mixing = nu / rng.chisquare(np.broadcast_to(nu, z.shape[:2]))
            z = z * np.sqrt(mixing)[..., None]
        out: Array = mu + sigma * np.einsum("sij,snj->sni", factor, z)
        return out


def wants_rescor(
    asked: bool | None, families: Sequence[Family], additions: Sequence[set[str]],
    nonlinear_nu: bool, covariance: str, source: str,
) -> bool:
    """Decide whether residual correlations are estimated: by default where they can be.

    Raises
    ------
    FormulaError
        When they are asked for and cannot be.
    """
    if asked is False or len(families) < 2:
        if asked and len(families) < 2:
            raise FormulaError("set_rescor(True) needs at least two responses", source)
        return False
    names = {family.name for family in families}
    reason = ""
    if len(names) > 1 or not names <= set(FAMILIES):
        reason = "all responses must be gaussian, or all student"
    elif any(extra - ADDITIONS for extra in additions):
        extra = sorted(set.union(*additions) - ADDITIONS)
        reason = f"the addition term {extra[0]}() cannot stand beside them"
    elif covariance:
        reason = f"{covariance} has a density of all rows of one response"
    elif nonlinear_nu:
        reason = "the degrees of freedom nu belong to all responses and have no formula"
    if reason and asked:
        raise FormulaError(f"residual correlations cannot be estimated: {reason}", source)
    return not reason
