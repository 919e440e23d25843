"""Numbers of default priors that come from the response."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from hiermodel.stan.variables import DataNumber, ScalePrior

_FLAT_SCALE = "student_t(3, 0, 2.5)"


@dataclass(frozen=True, slots=True, eq=False)
class ResponseScale:
    """Median and median absolute deviation of a response that is not in memory.

    Attributes
    ----------
    known : dict of str to tuple of float
        Link -> median and median absolute deviation of the response on the scale of the link.
    measure : callable, optional
        Computes the two for a link that is not known yet.
    """

    known: dict[str, tuple[float, float]] = field(default_factory=dict)
    measure: Callable[[str], tuple[float, float]] | None = None

    def of(self, link: str) -> tuple[float, float]:
        """Return median and median absolute deviation, which are computed once."""
        if link not in self.known and self.measure is not None:
            self.known[link] = self.measure(link)
        return self.known[link]


def scale_prior(
    y: np.ndarray | ResponseScale | None, link: str, *, offset_mean: float = 0.0, location: bool
) -> str | ScalePrior:
    """Default prior of brms whose scale follows the response (feature-map C2).

    ``student_t(3, location, scale)`` with ``scale = max(2.5, round(mad(link(y)), 1))``, and
    ``location = round(median(link(y)), 1)`` minus the mean of the offset for an intercept.

    Parameters
    ----------
    y : ndarray (rows,), ResponseScale or None
        The response as the program sees it, or what is known of it; None for responses
        that are categories.
    link : str
        Link of the parameter that the prior is for, ``"log"`` for log-scale families. With
        links other than identity, log, inverse, sqrt and 1/mu^2 the prior is
        ``student_t(3, 0, 2.5)``.
    offset_mean : float
        Mean of the offset of the parameter's formula.
    location : bool
        True for an intercept of ``mu``; False for standard deviations, whose location is 0.

    Returns
    -------
    str or ScalePrior
        Text when no number depends on the data.

    Examples
    --------
    >>> import numpy as np
    >>> scale_prior(np.array([200.0, 250.0, 300.0]), "identity", location=True).text
    'student_t(3, 250, 74.1)'
    >>> scale_prior(None, "logit", location=True)
    'student_t(3, 0, 2.5)'
    """
    if y is None or link not in _LINKS:
        return _FLAT_SCALE
    if isinstance(y, ResponseScale):
        centre, deviation = y.of(link)
    else:
        values = link_values(np.asarray(y, dtype=float), link)
        centre = float(np.median(values)) if values.size else math.nan
        deviation = float(np.median(np.abs(values - centre))) if values.size else math.nan
    # 1.4826 makes the median absolute deviation agree with the sd of a normal distribution.
    rounded = round_like_r(1.4826 * deviation)
    scale = max(2.5, rounded) if math.isfinite(rounded) else 2.5
    if not location:
        return ScalePrior("student_t", ("3", "0", DataNumber("scale", scale)))
    middle = round_like_r(centre)
    middle = middle if math.isfinite(middle) else 0.0
    if math.isfinite(offset_mean):
        middle -= offset_mean
    return ScalePrior(
        "student_t", ("3", DataNumber("location", middle), DataNumber("scale", scale))
    )


_LINKS = frozenset({"identity", "log", "inverse", "sqrt", "1/mu^2"})


def link_values(y: np.ndarray, link: str) -> np.ndarray:
    """Return the response on the scale of a link, without what is missing or has no link value."""
    y = on_link(y, link)
    return np.ravel(y[~np.isnan(y)])


def on_link(y: np.ndarray, link: str) -> np.ndarray:
    """Return the response on the scale of a link, NaN where it has no value there."""
    if link in ("log", "inverse", "1/mu^2"):
        y = np.where(y == 0, y + 0.1, y)
    with np.errstate(all="ignore"):
        if link == "log":
            y = np.log(y)
        elif link == "inverse":
            y = 1 / y
        elif link == "sqrt":
            y = np.sqrt(y)
        elif link == "1/mu^2":
            y = 1 / np.square(y)
    return y


def round_like_r(x: float) -> float:
    """Round to one decimal as R >= 4 does: the nearer of the two candidates, ties to even."""
    if not math.isfinite(x):
        return x
    down = math.floor(x * 10)
    low, high = down / 10, math.ceil(x * 10) / 10
    to_low, to_high = x - low, high - x
    return low if to_low < to_high or (to_low == to_high and down % 2 == 0) else high
