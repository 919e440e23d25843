"""How far the effects of a grouping factor are centred: another parameterisation, same posterior.

With little data in a level, standardised effects (non-centred) are easy to sample; with much data,
the effects themselves (centred), the more so when what the data tell about them together with the
population-level parameters is taken off (hierarchical centring). Between the two there is a way for
each level: Papaspiliopoulos, Roberts & Skold (2007), Statistical Science 22, 59-73, and
Gorinova, Moore & Hoffman (2020), ICML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from hiermodel.stan.variables import Block, Var

Array = np.ndarray


class Source(Protocol):
    """Numbers along which effects move: coefficients, or the effects of another factor.

    Attributes
    ----------
    name : str
        Part of the names of Stan variables.
    text : str
        The Stan expression.
    size : tuple of str
        Its length in Stan; empty for one number.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> tuple[str, ...]: ...  # noqa: D102

    def values(self, draws: Mapping[str, Array]) -> Array:
        """Their draws (chain, draw[, elements])."""
        ...


@dataclass(frozen=True, eq=False)
class Parameter:
    """A declared parameter as a `Source`."""

    var: Var

    @property
    def name(self) -> str:
        """Its name."""
        return self.var.name

    @property
    def text(self) -> str:
        """Its name."""
        return self.var.name

    @property
    def size(self) -> tuple[str, ...]:
        """Its declared size."""
        return self.var.size

    def values(self, draws: Mapping[str, Array]) -> Array:
        """Its draws."""
        return draws[self.var.name]


@dataclass(frozen=True, eq=False)
class Shift:
    """What moves the effects along with other numbers of the model.

    Attributes
    ----------
    source : Source
    slopes : ndarray (coefs, levels[, elements])
        Change of an effect when a number of the source changes by 1.
    near : ndarray ([elements])
        Where the effects stay as they are.
    """

    source: Source
    slopes: Array
    near: Array

    @property
    def is_single(self) -> bool:
        """True when the source is one number."""
        return self.slopes.ndim == 2

    def values(self, draws: Mapping[str, Array], k: int) -> Array:
        """What it adds to coefficient `k` (from 0), (chain, draw, levels)."""
        away, slopes = self.source.values(draws) - self.near, self.slopes[k]
        return np.asarray(away[..., None] * slopes if self.is_single else away @ slopes.T)


@dataclass(frozen=True, eq=False)
class Centring:
    """How far each effect is centred.

    Coefficient k of a level is ``r_k = (1 - w_k) m_k + tau_k ^ (1 - w_k) v_k + shift``, where
    ``m_k`` and ``tau_k`` are mean and standard deviation of its prior given the coefficients before
    it, ``v_k`` is what is sampled and the shift does not depend on it. Weight 0 gives standardised
    effects, weight 1 the effects themselves.

    Attributes
    ----------
    weights : ndarray (coefs, levels)
    shifts : tuple of Shift
    """

    weights: Array
    shifts: tuple[Shift, ...] = field(default=())

    def variables(self, i: int, name: str) -> tuple[Var, ...]:
        """Data and sampled effects of block `i` in the place of the standardised effects."""
        n, m = (f"N_{i}",), (f"M_{i}",)
        out = [
            Var(f"w_{i}", "vector", n, m, lower="0", upper="1",
                comment="how far effects are centred: 0 standardised, 1 the effects themselves"),
        ]
        for shift in self.shifts:
            source = shift.source
            note = f"change of the effects of {name} with {source.name}"
            if shift.is_single:
                out.append(Var(f"shift_{i}_{source.name}", "vector", n, m, comment=note))
            else:
                size = (*n, *source.size)
                out.append(Var(f"shift_{i}_{source.name}", "matrix", size, m, comment=note))
            kind = "real" if shift.is_single else "vector"
            note = f"a value near {source.name}"
            out.append(Var(f"near_{i}_{source.name}", kind, source.size, comment=note))
        note = "effects, centred as far as the data tell of them"
        return (*out, Var(f"v_{i}", "vector", n, m, Block.PARAMETERS, comment=note))

    def constants(self, i: int) -> dict[str, Any]:
        """The data."""
        out: dict[str, Any] = {f"w_{i}": self.weights}
        for shift in self.shifts:
            name = shift.source.name
            out[f"shift_{i}_{name}"] = shift.slopes
            out[f"near_{i}_{name}"] = shift.near.item() if shift.is_single else shift.near
        return out

    def summands(self, i: int, k: str) -> tuple[str, ...]:
        """The Stan expressions that add up to the shift of coefficient `k`."""
        sources = (shift.source for shift in self.shifts)
        return tuple(
            f"shift_{i}_{s.name}[{k}] * ({s.text} - near_{i}_{s.name})" for s in sources
        )

    def effects(
        self, draws: Mapping[str, Array], v: Array, sd: Array, factor: Array | None
    ) -> tuple[Array, Array]:
        """The effects, and what they are standardised: the twin of the template.

        Parameters
        ----------
        draws : mapping of str to ndarray (chain, draw, ...)
            Holds what the sources of the shifts are made of.
        v : ndarray (chain, draw, coefs, levels)
        sd : ndarray (chain, draw, coefs)
        factor : ndarray (chain, draw, coefs, coefs), optional
            Cholesky factor of the correlations.

        Returns
        -------
        r : ndarray (chain, draw, levels, coefs)
        z : ndarray (chain, draw, coefs, levels)
        """
        r = np.empty((*v.shape[:2], v.shape[3], v.shape[2]))
        z = np.empty_like(v)
        for k, w in enumerate(self.weights):
            m, tau = _given_before(k, z, sd, factor)
            effect = (1 - w) * m + tau ** (1 - w) * v[..., k, :]
            for shift in self.shifts:
                effect = effect + shift.values(draws, k)
            z[..., k, :] = (effect - m) / tau
            r[..., k] = effect
        return r, z

    def sampled(
        self, draws: Mapping[str, Array], z: Array, sd: Array, factor: Array | None
    ) -> Array:
        """What would be sampled for given standardised effects: the inverse of `effects`.

        Parameters
        ----------
        draws : mapping of str to ndarray (chain, draw, ...)
        z : ndarray (chain, draw, coefs, levels)
        sd : ndarray (chain, draw, coefs)
        factor : ndarray (chain, draw, coefs, coefs), optional

        Returns
        -------
        ndarray (chain, draw, coefs, levels)
        """
        v = np.empty_like(z)
        for k, w in enumerate(self.weights):
            m, tau = _given_before(k, z, sd, factor)
            rest = w * m + tau * z[..., k, :]
            for shift in self.shifts:
                rest = rest - shift.values(draws, k)
            v[..., k, :] = rest / tau ** (1 - w)
        return v


def _given_before(k: int, z: Array, sd: Array, factor: Array | None) -> tuple[Array, Array]:
    """Mean and standard deviation of the prior of coefficient `k` given those before it."""
    if factor is None:
        return np.zeros(1), sd[..., k, None]
    row = sd[..., k, None] * factor[..., k, :]
    return np.einsum("cdl,cdln->cdn", row[..., :k], z[..., :k, :]), row[..., k, None]
