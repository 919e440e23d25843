"""``sar(W)``: simultaneous autoregression in space.

``type = "lag"``: ``y = rho W y + mu + e``; ``type = "error"``: ``y = mu + u`` with
``u = rho W u + e``; e is independent with the standard deviation sigma (Anselin 1988; LeSage & Pace
2009). In both, ``(I - rho W)`` turns residuals of rows into independent ones, and its determinant
is the product of ``1 - rho * lambda`` over the eigenvalues of W (Ord 1975), which may come in
complex pairs when W is not symmetric.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.stan.variables import Block as StanBlock
from hiermodel.stan.variables import PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.base import Array, Labelled, Scope
from hiermodel.terms.fcor import check_rows
from hiermodel.terms.residual_blocks import Block, student_mixing
from hiermodel.terms.residual_covariance import DensityInput, Residuals


@dataclass(frozen=True, eq=False)
class SpatialAutoregression:
    """Correlations between the rows of a map.

    Attributes
    ----------
    scope : Scope
    name : str
        The weights in data2.
    weights : ndarray (N, N)
    lag : bool
        Of the response; else of the residuals.
    text : str
    default : str or ScalePrior
        Default prior of the correlation.
    """

    template: ClassVar[str] = "sar.stan.jinja"
    needs_all_rows: ClassVar[bool] = True
    columns_needed: ClassVar[tuple[str, ...]] = ()

    scope: Scope
    name: str
    weights: Array
    lag: bool
    text: str
    default: str | ScalePrior
    eigenvalues: Array = field(init=False)

    def __post_init__(self) -> None:
        """Find the eigenvalues once."""
        object.__setattr__(self, "eigenvalues", sorted_eigenvalues(self.weights))

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.scope.suffix

    @property
    def parameter(self) -> str:
        """Name of the correlation: ``lagsar`` or ``errorsar``."""
        return f"{'lagsar' if self.lag else 'errorsar'}{self.suffix}"

    @property
    def widest(self) -> int:
        """A matrix for each draw, to have expectations and random draws."""
        return max(1, len(self.weights))

    @property
    def variables(self) -> tuple[Var, ...]:
        """The weights, their eigenvalues, and the correlation in the range that they allow."""
        s, n = self.suffix, self.scope.rows
        cls = "lagsar" if self.lag else "errorsar"
        element = PriorElement(resp=self.scope.resp, default=self.default)
        return (
            Var(f"Msar{s}", "matrix", (n, n), comment=f"spatial weights, {self.name}"),
            Var(f"eigenMsar{s}", "vector", (n,), comment="real parts of their eigenvalues"),
            Var(f"eigenMsar_im{s}", "vector", (n,), comment="imaginary parts"),
            Var(f"min_eigenMsar{s}", "real", comment=f"lower bound of {self.parameter}"),
            Var(f"max_eigenMsar{s}", "real", comment=f"upper bound of {self.parameter}"),
            Var(self.parameter, "real", block=StanBlock.PARAMETERS, lower=f"min_eigenMsar{s}",
                upper=f"max_eigenMsar{s}", prior=PriorTarget(cls, (element,)),
                comment=f"spatial correlation of {'responses' if self.lag else 'residuals'}"),
        )

    def data(self, frame: pd.DataFrame) -> dict[str, Any]:
        """The weights, which must have a row for each row of the frame."""
        check_rows(self.text, self.name, self.weights, frame)
        s = self.suffix
        return {
            f"Msar{s}": self.weights,
            f"eigenMsar{s}": self.eigenvalues.real,
            f"eigenMsar_im{s}": self.eigenvalues.imag,
        }

    def constants(self) -> dict[str, Any]:
        """The bounds: inside the eigenvalues, and where no factor of the determinant is zero."""
        low, high = bounds(self.eigenvalues)
        return {f"min_eigenMsar{self.suffix}": low, f"max_eigenMsar{self.suffix}": high}

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The correlation."""
        cls = "lagsar" if self.lag else "errorsar"
        attrs = {"cls": cls, "group": "", "dpar": "", "resp": self.scope.resp}
        return (Labelled(self.parameter, draws[self.parameter], attrs=attrs),)

    # ------------------------------------------------------------------ Stan

    def functions(self, facts: DensityInput) -> tuple[Any, ...]:
        """The density of Student residuals, and the determinant."""
        return ("sar.stan", *(("whitened.stan",) if facts.student else ()))

    def density(self, facts: DensityInput) -> str:
        """The density of all rows, whose residuals are made independent first."""
        end = "lpdf" if facts.normalize else "lupdf"
        s, rho = self.suffix, self.parameter
        if self.lag:
            whitened = f"({facts.y} - {rho} * (Msar{s} * {facts.y}) - {facts.mu})"
        else:
            whitened = f"sar_filter({facts.y} - {facts.mu}, {rho}, Msar{s})"
        name = f"student_whitened_{end}" if facts.student else f"std_normal_{end}"
        nu = f" {facts.nu}" if facts.student else ""
        return (
            f"{name}({whitened} / {facts.sigma} |{nu}) + "
            f"sar_log_det({rho}, eigenMsar{s}, eigenMsar_im{s}) - "
            f"{self.scope.rows} * log({facts.sigma})"
        )

    # ------------------------------------------------------------------ NumPy

    def _filters(self, p: Residuals) -> Array:
        """``I - rho W`` of each draw, (S, N, N)."""
        rho = p.draws[self.parameter][:, None, None]
        return np.eye(len(self.weights)) - rho * self.weights

    def expectation(self, p: Residuals, frame: pd.DataFrame) -> Array:
        """What neighbours pass on to each other, with lags of the response."""
        if not self.lag:
            return p.mu
        check_rows(self.text, self.name, self.weights, frame)
        mu = np.broadcast_to(p.mu, p.shape)
        out: Array = np.linalg.solve(self._filters(p), mu[..., None])[..., 0]
        return out

    def blocks(
        self, y: Array, p: Residuals, frame: pd.DataFrame, joint: bool = False
    ) -> Iterator[Block]:
        """All rows are one block."""
        check_rows(self.text, self.name, self.weights, frame)
        rho = p.draws[self.parameter][:, None]
        y = np.broadcast_to(y, p.shape)
        e = y if self.lag else y - p.mu
        whitened = e - rho * (e @ self.weights.T)
        if self.lag:
            whitened = whitened - p.mu
        variance = p.sigma**2
        gradient = (whitened - rho * (whitened @ self.weights)) / variance
        # Column sums of squares of I - rho W, without the matrix of each draw.
        w = self.weights
        squares = 1 - 2 * rho * np.diag(w) + rho**2 * np.sum(w**2, axis=0)
        determinant = np.log(np.abs(1 - rho * self.eigenvalues)).sum(axis=1)
        n = p.shape[1]
        yield Block(
            np.arange(n)[None, :], gradient[:, None, :], (squares / variance)[:, None, :],
            np.sum(whitened**2 / variance, axis=1)[:, None],
            (2 * determinant - n * np.log(variance[:, 0]))[:, None],
        )

    def random(self, rng: np.random.Generator, p: Residuals, frame: pd.DataFrame) -> Array:
        """All rows together."""
        check_rows(self.text, self.name, self.weights, frame)
        mixing = student_mixing(rng, p.nu, (p.shape[0], 1))
        e = rng.standard_normal(p.shape) * p.sigma * mixing
        if self.lag:
            e = e + p.mu
        solved: Array = np.linalg.solve(self._filters(p), e[..., None])[..., 0]
        return solved if self.lag else solved + p.mu


def sorted_eigenvalues(matrix: Array) -> Array:
    """Eigenvalues: of a symmetric matrix from the largest down, else by their absolute value."""
    if np.allclose(matrix, matrix.T):
        return np.linalg.eigvalsh(matrix)[::-1].astype(complex)
    found = np.linalg.eigvals(matrix).astype(complex)
    return found[np.argsort(-np.abs(found), kind="stable")]


def bounds(eigenvalues: Array) -> tuple[float, float]:
    """Where the correlation lies: in the range of the eigenvalues, as far as it is stationary.

    brms takes the range of the eigenvalues. It is right for weights whose rows sum to one; where
    some are beyond one in absolute value, the density has poles in it, and their inverses count.
    """
    real = eigenvalues.real
    low, high = float(real.min()), float(real.max())
    return max(low, 1 / low), min(high, 1 / high)
