"""Evidence for a point hypothesis: the ratio of Savage and Dickey.

The Bayes factor of ``a = b`` against the model in which they are free is the posterior density of
``a - b`` at zero over its prior density there (Dickey & Lientz 1970, "The weighted likelihood
ratio, sharp hypotheses about chances, the order of a Markov chain",
doi:10.1214/aoms/1177697203; Wagenmakers, Lodewyckx, Kuriyal & Grasman 2010,
doi:10.1016/j.cogpsych.2009.12.001).
"""

from __future__ import annotations

import numpy as np

from hiermodel.errors import warn

# Fewer draws than this around zero make no density.
_FEW = 20


def density_ratio(posterior: np.ndarray, prior: np.ndarray, text: str) -> float:
    """Density of posterior draws at zero over that of prior draws.

    Parameters
    ----------
    posterior, prior : ndarray (draws,)
    text : str
        The hypothesis, for the warning.

    Returns
    -------
    float
        From 0 on; not a number where neither has draws around zero.

    Warns
    -----
    HiermodelWarning
        When few draws lie around zero, so that the ratio is a guess.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> u = (np.arange(4000) + 0.5) / 4000
    >>> found = density_ratio(norm.ppf(u, 0, 1), norm.ppf(u, 0, 5), "b = 0")
    >>> 4.9 < found < 5.1
    True
    """
    (above, near), (below, near_prior) = _density_at_zero(posterior), _density_at_zero(prior)
    if min(near, near_prior) < _FEW:
        which = "posterior" if near <= near_prior else "prior"
        warn(
            f"the evidence ratio of {text!r} is a guess: {min(near, near_prior)} draws of the "
            f"{which} lie around zero. Take more draws; bayes_factor() of two fits is for "
            "hypotheses far in the tails"
        )
    if below == 0.0:
        return float("nan") if above == 0.0 else float("inf")
    return above / below


def _density_at_zero(values: np.ndarray) -> tuple[float, int]:
    """Density by a normal kernel (Silverman's rule), and how many draws lie within its reach."""
    q1, q3 = np.quantile(values, [0.25, 0.75])
    sd = float(np.std(values, ddof=1))
    # Heavy tails say nothing about the middle.
    spread = min(sd, (q3 - q1) / 1.34) or sd
    if spread == 0.0:
        return (np.inf if values[0] == 0.0 else 0.0), len(values)
    width = 0.9 * spread * len(values) ** -0.2
    z = values / width
    kernel = np.exp(-0.5 * np.square(z)) / np.sqrt(2 * np.pi)
    return float(kernel.mean()) / width, int((np.abs(z) < 1).sum())
