"""The engine's log-likelihood and NumPy's agree, for every family, link and addition term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.certifying import numpy_log_lik
from hiermodel.engines.inits import declared_shape
from hiermodel.families.registry import as_family, family_names

from . import cases
from .draws import density
from .frames import study

DATA = study(n=36, levels=4)

RESPONSES = {
    "real": "y", "positive": "pos", "count": "count", "positive count": "count",
    "binary": "yes", "trials": "ok", "unit": "unit", "ordinal": "rating", "nominal": "kind",
    "simplex": "cbind(s1, s2, s3)", "count vector": "cbind(n1, n2, n3)",
    "nonnegative": "pos0", "unit_with_zero": "unit0", "unit_closed": "unit01", "angle": "angle",
}
# Upper ends of intervals, and bounds that hold all responses.
UPPER = {"y": "y_up", "pos": "pos_up", "count": "count_up", "ok": "ok_up", "unit": "unit_up",
         "pos0": "pos0_up", "unit0": "unit_up", "angle": "half_turn"}


@dataclass(frozen=True)
class Scenario:
    """One family with one left-hand side."""

    family: str
    left: str
    right: str = "x + (1 | g)"
    link: str | None = None
    offset: bool = False

    def __str__(self) -> str:
        link = f"-{self.link}" if self.link else ""
        return f"{self.family}{link}-{self.left} ~ {self.right}".replace(" ", "")


def _response(name: str) -> str:
    """The column that a family gets."""
    family = as_family(name)
    # A time of zero that is censored on the left is impossible.
    return "pos" if "bhaz" in family.additions else RESPONSES[family.response]


def _left(name: str, *additions: str) -> str:
    family = as_family(name)
    needed = [("trials", "trials(size)"), ("dec", "dec(dec)")]
    wanted = [term for kind, term in needed if kind in family.additions] + list(additions)
    left = _response(name)
    return f"{left} | {' + '.join(wanted)}" if wanted else left


def _additions(name: str) -> list[tuple[str, ...]]:
    """The sets of addition terms to try."""
    family = as_family(name)
    y = _response(name)
    out: list[tuple[str, ...]] = [("weights(w)",)]
    if "cens" in family.additions:
        interval = f"cens(event, {UPPER[y]})" if y in UPPER else ""
        out += [("cens(event2)",), ("weights(w)", "cens(event2)")]
        out += [(interval,)] if interval else []
    if "trunc" in family.additions:
        low = {"y": "y_low", "pos": "0.01", "count": "1", "ok": "1", "unit": "0.001",
               "angle": "-3.14159"}.get(y, "0")
        high = UPPER.get(y)
        out += [(f"trunc(lb = {low})",)]
        if high is not None:
            out += [(f"trunc(ub = {high})",), ("weights(w)", f"trunc({low}, {high})")]
            if "cens" in family.additions:
                out += [("cens(event2)", f"trunc({low}, {high})")]
    if "rate" in family.additions:
        out += [("rate(time)",), ("rate(time)", "weights(w)")]
    if "se" in family.additions:
        out += [("se(s)",), ("se(s, sigma = TRUE)", "weights(w)")]
    if "thres" in family.additions:
        out += [("thres(gr = item)",), ("thres(5)",), ("weights(w)", "thres(gr = item)")]
    return out


LINKS = [
    Scenario(name, _left(name), link=link)
    for name in family_names()
    for link in as_family(name).param("mu").links
]
ADDITIONS = [
    Scenario(name, _left(name, *terms)) for name in family_names() for terms in _additions(name)
]
OFFSETS = [Scenario(name, _left(name), "x + offset(0.1 * z) + (1 | g)") for name in family_names()]


def _agree(model: hm.Model, data: pd.DataFrame, seed: int = 1, points: int = 2) -> None:
    """Engine's log density with likelihood minus without equals NumPy's log-likelihood.

    Without the constants of the densities, the two differ by the same number at all points.
    """
    rows = model.rows(data)
    full, prior = density(model, data), density(model, data, prior_only=True)
    bound = model.bind(data)
    rng = np.random.default_rng(seed)
    checked = 0
    constant = None if not model.normalize else 0.0
    for _ in range(200):
        if checked == points:
            return
        point = rng.uniform(-0.6, 0.6, full.dim) * 0.9 ** checked
        params = _at(model, full, point, bound, rng)
        q = full.unconstrain({k: v for k, v in params.items() if v.size})
        engine = full.value_and_grad(q)[0] - prior.value_and_grad(q)[0]
        if not np.isfinite(engine):
            continue
        ours = numpy_log_lik(model, rows, params)
        if constant is None:
            constant = ours - engine
            assert abs(constant) > 1
        assert engine + constant == pytest.approx(ours, rel=1e-9, abs=1e-9)
        checked += 1
    pytest.fail("no point of finite density was found")


def _at(
    model: hm.Model, full: object, q: np.ndarray, data: dict[str, object], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Parameters at a point, with the intercept where links with a bounded range can live."""
    found = full.constrain(q)  # type: ignore[attr-defined]
    params = {
        var.name: np.asarray(found[var.name][0]) if var.name in found
        else np.zeros(declared_shape(var, data) or (0,))
        for var in model.parameters
    }
    if "Intercept" in params and params["Intercept"].ndim == 0:
        params["Intercept"] = np.asarray(rng.choice([0.4, 1.0, 4.0, -1.5]))
        for name in ("b", "z_1"):
            if name in params:
                params[name] = params[name] * 0.2
    if any(name.startswith("Intercept_mu") for name in params):  # a mu for each category
        level = np.asarray(rng.choice([0.4, 1.0, 4.0, -1.5]))
        for name in params:
            if name.startswith("Intercept_mu"):
                params[name] = params[name] + level
            elif name.startswith(("b_mu", "z_")):
                params[name] = params[name] * 0.2
    return params


def _data(name: str) -> pd.DataFrame:
    """The study; without interval-censored rows in ``event2``."""
    data = DATA.copy()
    # More successes than trials are impossible: no such row is right censored or an interval.
    full = (data["ok"] == data["size"]) & ("trials" in as_family(name).additions)
    data["event"] = data["event"].mask(full, "none")
    data["event2"] = data["event"].replace("interval", "none")
    return data


@pytest.mark.parametrize("name", cases.ALL)
def test_cases(name: str) -> None:
    _agree(cases.model(name), cases.training(name))


@pytest.mark.parametrize("scenario", LINKS, ids=str)
def test_families_and_links(scenario: Scenario) -> None:
    family = hm.family(scenario.family, scenario.link)
    data = _data(scenario.family)
    _agree(hm.model(f"{scenario.left} ~ {scenario.right}", data, family), data)


@pytest.mark.parametrize("scenario", [*ADDITIONS, *OFFSETS], ids=str)
def test_additions(scenario: Scenario) -> None:
    data = _data(scenario.family)
    _agree(hm.model(f"{scenario.left} ~ {scenario.right}", data, scenario.family), data)


@pytest.mark.parametrize(
    "name", [n for n in family_names() if len(as_family(n).params) > 1]
)
def test_every_parameter_may_have_a_formula(name: str) -> None:
    data = _data(name)
    others = [
        each for p in as_family(name).params[1:] if p.links
        for each in ([f"{p.name}s2", f"{p.name}s3"] if p.per_category else [p.name])
    ]
    formula = hm.bf(f"{_left(name)} ~ x", *(f"{p} ~ z01 + (1 | g)" for p in others))
    data["z01"] = data["x1"] / 4
    if "ndt" in others:
        data["pos"] += 5  # every response has to be later than the non-decision time
    _agree(hm.model(formula, data, name), data)


ORDINAL = [
    Scenario(name, left)
    for name in ("cumulative", "sratio", "cratio", "acat")
    for left in ("rating", "rating | thres(gr = item)")
]


@pytest.mark.parametrize("threshold", ["flexible", "equidistant", "sum_to_zero"])
@pytest.mark.parametrize("scenario", ORDINAL, ids=str)
def test_threshold_structures(scenario: Scenario, threshold: str) -> None:
    data = _data(scenario.family)
    family = hm.family(scenario.family, threshold=threshold)
    formula = hm.bf(f"{scenario.left} ~ x + f + (1 | g)", "disc ~ 0 + x1")
    _agree(hm.model(formula, data, family), data)
