"""Variables that follow from parameters: scales of many coefficients, and what they scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hiermodel.priors.syntax import number
from hiermodel.stan.variables import Var

Array = np.ndarray


class Computed(Protocol):
    """A variable of the transformed parameters block that follows from parameters."""

    @property
    def var(self) -> Var:
        """Its declaration."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Statements that assign it."""

    def values(
        self, draws: Mapping[str, Array], sizes: Mapping[str, int], lead: tuple[int, ...]
    ) -> Array:
        """Its draws from those of the parameters, (chain, draw, ...)."""


@dataclass(frozen=True, slots=True)
class Scales:
    """The vector ``scales``, or with `part` ``"tau2"`` the variance that R2D2 shares out."""

    var: Var
    lines: tuple[str, ...]
    horseshoe: bool
    suffix: str
    slab: float = 1.0
    sigma: str = ""
    part: str = ""

    def values(
        self, draws: Mapping[str, Array], sizes: Mapping[str, int], lead: tuple[int, ...]
    ) -> Array:
        """The twin of `lines`."""
        s = self.suffix
        if self.horseshoe:
            local = draws[f"hs_global{s}"][..., None] * draws[f"hs_local{s}"]
            slab = (self.slab**2 * draws[f"hs_slab{s}"])[..., None]
            return np.asarray(local / np.sqrt(1 + local**2 / slab))
        if self.part == "tau2":
            r2 = draws[f"R2D2_R2{s}"]
            known = number(self.sigma) if self.sigma else 1.0
            sigma = draws[self.sigma] if known is None else known
            return np.asarray(sigma**2 * r2 / (1 - r2))
        return np.asarray(np.sqrt(draws[f"R2D2_phi{s}"] * draws[f"R2D2_tau2{s}"][..., None]))


@dataclass(frozen=True, slots=True)
class Share:
    """A part of ``scales``, in the shape of what it scales."""

    var: Var
    lines: tuple[str, ...]
    scales: str
    first: int
    shape: tuple[int, ...]

    def values(
        self, draws: Mapping[str, Array], sizes: Mapping[str, int], lead: tuple[int, ...]
    ) -> Array:
        """Its entries; Stan fills a matrix column by column."""
        count = int(np.prod(self.shape))
        part = draws[self.scales][..., self.first : self.first + count]
        if len(self.shape) < 2:
            return part[..., 0] if not self.shape else part
        turned = part.reshape(*part.shape[:2], *self.shape[::-1])
        return np.ascontiguousarray(np.swapaxes(turned, -1, -2))


@dataclass(frozen=True, slots=True)
class Scaled:
    """Coefficients: standard normal ones times their scales."""

    var: Var
    lines: tuple[str, ...]
    unscaled: str
    scales: str

    def values(
        self, draws: Mapping[str, Array], sizes: Mapping[str, int], lead: tuple[int, ...]
    ) -> Array:
        """The product."""
        return np.asarray(draws[self.unscaled] * draws[self.scales])
