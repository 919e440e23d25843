"""Programs of the forms in which models are sampled: collapsed, aggregated, centred."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import hiermodel as hm
from hiermodel.centring import recentred
from hiermodel.terms.centring import Centring, Shift

from .frames import study


def _centred() -> str:
    """Correlated effects centred halfway, that give way to intercept and coefficients."""
    model = hm.model("count ~ x + z + (x | g)", study(), "poisson")
    (group,) = model.groups
    shape = (len(group.coefs), len(group.grouping.levels))
    by_name = {v.name: v for v in model.parameters}
    shifts = (
        Shift(by_name["Intercept"], np.zeros(shape), np.zeros(())),
        Shift(by_name["b"], np.zeros((*shape, 2)), np.zeros(2)),
    )
    return recentred(model, {group.index: Centring(np.full(shape, 0.5), shifts)}).stan_code


def _aggregated(formula: str, family: str) -> str:
    data = study()
    data["event"] = data["event"] == "none"
    return hm.model(formula, data, family).aggregated().stan_code


#: Name of a snapshot -> its program.
FORMS: dict[str, Callable[[], str]] = {
    "collapsed": lambda: hm.model("y ~ x + (x | g)", study()).collapsed().stan_code,
    "collapsed_regression": lambda: hm.model("y ~ x + f", study()).collapsed().stan_code,
    "aggregated": lambda: _aggregated("event ~ f + (1 | g)", "bernoulli"),
    "aggregated_gaussian": lambda: _aggregated("y ~ f + (1 | g)", "gaussian"),
    "centred": _centred,
}
