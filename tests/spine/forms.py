"""Programs of the forms in which models are sampled: collapsed, aggregated, centred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

import hiermodel as hm
from hiermodel.centring import recentred
from hiermodel.terms.centring import Centring, Parameter, Shift
from hiermodel.terms.group import CoefficientEffects

from .frames import study


def _centred() -> str:
    """Correlated effects centred halfway, that give way to intercept and coefficients."""
    model = hm.model("count ~ x + z + (x | g)", study(), "poisson")
    (group,) = model.groups
    shape = (len(group.coefs), len(group.grouping.levels))
    by_name = {v.name: v for v in model.parameters}
    shifts = (
        Shift(Parameter(by_name["Intercept"]), np.zeros(shape), np.zeros(())),
        Shift(Parameter(by_name["b"]), np.zeros((*shape, 2)), np.zeros(2)),
    )
    return recentred(model, {group.index: Centring(np.full(shape, 0.5), shifts)}).stan_code


def _crossed() -> str:
    """Effects of one factor move with those of another."""
    model = hm.model("count ~ 1 + (1 | g) + (1 | h)", study(), "poisson")
    larger, smaller = model.groups
    n, m = len(larger.grouping.levels), len(smaller.grouping.levels)
    first = Centring(np.full((1, m), 0.5))
    source = CoefficientEffects(replace(smaller, centring=first), 1)
    shift = Shift(source, np.zeros((1, n, m)), np.zeros(m))
    return recentred(model, {2: first, 1: Centring(np.full((1, n), 0.5), (shift,))}).stan_code


def _collapsed(formula: str) -> str:
    return hm.model(formula, study()).collapsed().stan_code


def _aggregated(formula: str, family: str) -> str:
    data = study()
    data["event"] = data["event"] == "none"
    return hm.model(formula, data, family).aggregated().stan_code


#: Name of a snapshot -> its program.
FORMS: dict[str, Callable[[], str]] = {
    "collapsed": lambda: _collapsed("y ~ x + (x | g)"),
    "collapsed_regression": lambda: _collapsed("y ~ x + f"),
    "aggregated": lambda: _aggregated("event ~ f + (1 | g)", "bernoulli"),
    "aggregated_gaussian": lambda: _aggregated("y ~ f + (1 | g)", "gaussian"),
    "collapsed_crossed": lambda: _collapsed("y ~ x + (x | g) + (1 | h)"),
    "centred": _centred,
    "centred_crossed": _crossed,
}
