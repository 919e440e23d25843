"""Default priors: the two named sets, ``"brms"`` and ``"weak"``.

``"brms"`` is what brms 2.23 does (feature-map C1 and C2): flat population-level effects, and
`scale_prior` for intercepts and standard deviations.

``"weak"`` is proper everywhere, so that prior predictive checks always run, and scales with the
data. Let ``s_y`` be the standard deviation of the response (of its logarithm for families on the
log scale), ``m_y`` its mean, ``s_x`` the standard deviation of a design column, and ``l`` the link:

=============================  =============================================================
class                          prior
=============================  =============================================================
Intercept, identity            ``normal(m_y, 2.5 s_y)``
b, identity                    ``normal(0, 2.5 s_y / s_x)``
sd, identity                   ``exponential(s_x / s_y)``: its mean is ``s_y / s_x``
Intercept, log                 ``normal(log m_y, 2.5)``; b ``normal(0, 2.5 / s_x)``;
                               sd ``exponential(s_x)``
Intercept, sqrt, inverse, ...  ``normal(l(m_y), 2.5 u)`` with ``u`` the standard deviation of
                               ``l(y)``; b and sd as with identity, ``u`` in the place of ``s_y``
Intercept, logit               ``normal(0, 1.5)``: nearly uniform as a probability;
                               b ``normal(0, 1 / s_x)``; sd ``exponential(s_x)``
Intercept, probit and the like  ``normal(0, 1)``; b ``normal(0, 0.6 / s_x)``; sd
                               ``exponential(s_x / 0.6)``
thresholds                     1.5 times as wide as those intercepts, around 0
sigma                          ``exponential(1 / s_y)``
sigma with a formula, log      Intercept ``normal(log s_y, 1)``
shape, kappa                   ``lognormal(1, 1)``; with a formula, log: ``normal(1, 1)``
phi                            ``lognormal(2, 1)``; with a formula, log: ``normal(2, 1)``
formulas of such parameters    b ``normal(0, 1 / s_x)``, sd ``exponential(s_x)``
cor, rescor, lncor, cortime    ``lkj(2)``
ar, ma, lagsar, errorsar       ``normal(0, 0.5)``; cosy ``uniform(0, 1)``
parameters of non-linear       b and Intercept ``normal(0, 2.5)``: set them, only you know
formulas                       their scale
delta                          ``normal(0, 1)``
everything else                the default of brms where it is proper; otherwise
                               ``exponential(1)`` on (0, inf), ``normal(0, 2.5)`` on the whole
                               line, uniform on an interval
=============================  =============================================================

The softplus and squareplus links count as identity. A column that does not vary (``s_x = 0``: the
intercept of ``0 + Intercept``) gets a prior around 0 that reaches the level of the response. The
scales follow Gabry & Goodrich (rstanarm, "Prior Distributions") and Capretto et al. (2022, Bambi).
Offsets are taken off the location of an intercept. Numbers are rounded to three digits and reach
the program as Stan data.
"""

from __future__ import annotations

import numpy as np

from hiermodel.errors import PriorError, did_you_mean
from hiermodel.families.base import Family, Param
from hiermodel.priors.scales import ResponseScale, scale_prior
from hiermodel.priors.weak import weak_prior
from hiermodel.stan.variables import ScalePrior

__all__ = ["DEFAULT_SETS", "default_prior", "scale_prior"]

DEFAULT_SETS = ("brms", "weak")
# Coefficients of autocorrelation, which are flat in the set of brms.
_AUTOCOR = {"cosy": "uniform(0, 1)"} | dict.fromkeys(
    ("ar", "ma", "lagsar", "errorsar"), "normal(0, 0.5)"
)

def default_prior(
    set_name: str,
    cls: str,
    family: Family,
    param: str = "mu",
    *,
    predicted: bool = True,
    y: np.ndarray | ResponseScale | None = None,
    offset_mean: float = 0.0,
    column_sd: float | None = None,
) -> str | ScalePrior:
    """Default prior of one element of a parameter.

    Parameters
    ----------
    set_name : {"brms", "weak"}
    cls : str
        Class of the element: ``b``, ``Intercept``, ``sd``, ``cor``, ``df``, ``delta``; the
        name of the parameter itself (``sigma``) when it has no formula.
    family : Family
    param : str
        Parameter of the family that the element belongs to, by its name in the family; empty
        for a parameter of a non-linear formula.
    predicted : bool
        Whether the parameter has a formula.
    y : ndarray (rows,), optional
        The response as the program sees it; None for responses with categories.
    offset_mean : float
        Mean of the offset of the parameter's formula.
    column_sd : float, optional
        Standard deviation of the design column, for ``b`` and ``sd``; 1 when not given. The
        ``"weak"`` set uses it.

    Returns
    -------
    str or ScalePrior
        ``""`` is flat.

    Raises
    ------
    PriorError
        Unknown set.
    """
    if set_name not in DEFAULT_SETS:
        hint = did_you_mean(set_name, DEFAULT_SETS)
        raise PriorError(f"no default priors are named {set_name!r}{hint}; known are brms, weak")
    if cls in ("rescor", "lncor", "corme", "cortime"):
        cls = "cor"
    if cls in _AUTOCOR:
        return "" if set_name == "brms" else _AUTOCOR[cls]
    if cls == "sderr":
        cls = "sd"
    if not param and cls in ("b", "Intercept"):
        # A parameter of a non-linear formula, whose scale only the user knows.
        return "" if set_name == "brms" else "normal(0, 2.5)"
    if family.has_categories:
        y = None
    if set_name == "weak":
        if isinstance(y, ResponseScale):
            raise PriorError(
                "priors='weak' needs the response in memory; leave priors out for those of brms, "
                "or give the priors you want"
            )
        return weak_prior(cls, family, param, predicted, y, offset_mean, column_sd)
    return _brms_prior(cls, family, param, predicted, y, offset_mean)


def response_link(family: Family, param: str) -> str:
    """Link on whose scale the response tells about a parameter."""
    return family.scale_link or family.link(param)


def _brms_prior(
    cls: str,
    family: Family,
    param: str,
    predicted: bool,
    y: np.ndarray | ResponseScale | None,
    offset_mean: float,
) -> str | ScalePrior:
    if cls in ("b", "delta"):
        return ""
    if cls == "cor":
        return "lkj(1)"
    if cls == "df":
        return "gamma(2, 0.1)"
    if cls == "sd":
        return scale_prior(y, response_link(family, "mu"), location=False)
    declared: Param = family.param(param)
    if cls != "Intercept" or not predicted:
        if declared.prior != "scale":
            return declared.prior
        return scale_prior(y, family.scale_link or "identity", location=False)
    if family.link(param) == "tan_half":
        # An angle: the link maps the circle to the line, where this is the uniform angle.
        return "student_t(1, 0, 1)"
    if param != "mu" and family.link(param) == "identity" and declared.prior != "scale":
        return declared.prior
    if declared.prior_predicted != "scale":
        return declared.prior_predicted
    return scale_prior(
        y, response_link(family, param), offset_mean=offset_mean, location=param == "mu"
    )
