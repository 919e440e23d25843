"""M-splines, and I-splines, their integrals (Ramsay 1988).

J. O. Ramsay (1988), Monotone regression splines in action, Statistical Science 3, 425-441,
doi:10.1214/ss/1177012761. M-splines are B-splines that are scaled to integrate to one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiermodel.families.numerics import Array

# As far away as numbers go: 0 * inf has no value.
_FAR = 1e300


@dataclass(frozen=True, slots=True)
class MSplines:
    """The M-splines of a degree over a sequence of knots, those of the boundary at its ends.

    Outside of the boundary knots they go on as hazards should: before the first knot they are
    zero, behind the last one they keep the value that they have there.

    Attributes
    ----------
    degree : int
    knots : tuple of float
        Boundary knots at the ends, inner knots between them.
    """

    degree: int
    knots: tuple[float, ...]

    @property
    def count(self) -> int:
        """Number of splines."""
        return len(self.knots) - 1 + self.degree

    def values(self, x: Array) -> Array:
        """The splines at `x`: its shape, and one more axis.

        Examples
        --------
        >>> MSplines(1, (0.0, 2.0)).values(np.array([0.0, 2.0])).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
        """
        x = np.asarray(x, float)
        every = self._repeated(self.degree)
        # The i-th B-spline of degree d lives on the knots i to i + d + 1 and has the integral
        # (their distance) / (d + 1).
        width = every[self.degree + 1 :] - every[: -self.degree - 1]
        inside = self._b_splines(x, self.degree) * ((self.degree + 1) / width)
        return np.where((x < self.knots[0])[..., None], 0.0, inside)

    def integrals(self, x: Array) -> Array:
        """The splines, integrated from the first knot to `x`.

        Examples
        --------
        >>> MSplines(1, (0.0, 2.0)).integrals(np.array([1.0, 2.0, 3.0])).tolist()
        [[0.75, 0.25], [1.0, 1.0], [1.0, 2.0]]
        """
        x = np.minimum(np.asarray(x, float), _FAR)
        # The integral of a B-spline is a sum of those of the next degree.
        above = self._b_splines(x, self.degree + 1)
        sums = np.cumsum(above[..., ::-1], axis=-1)[..., ::-1][..., 1:]
        behind = np.maximum(x - self.knots[-1], 0.0)[..., None]
        last = self.values(np.asarray(self.knots[-1]))
        out: Array = sums + behind * last
        return out

    def _repeated(self, degree: int) -> Array:
        first, *inner, last = self.knots
        return np.array([first] * (degree + 1) + inner + [last] * (degree + 1))

    def _b_splines(self, x: Array, degree: int) -> Array:
        from scipy.interpolate import BSpline  # slow to import, seldom needed

        every = self._repeated(degree)
        spline = BSpline(every, np.eye(len(every) - degree - 1), degree)
        values: Array = spline(np.clip(x, self.knots[0], self.knots[-1]))
        return values
