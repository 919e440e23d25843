"""The collapsed density is the integral of the model's density over the effects."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy import stats

import hiermodel as hm
from hiermodel.certifying import numpy_log_lik
from hiermodel.collapse import CollapsedModel
from hiermodel.collapse.rotate import rotate
from hiermodel.engines import get_engine

from .frames import study

FORMULAS = {
    "one": "y ~ x + (1 | g)",
    "no population": "y ~ 0 + (x | g)",
    "intercept alone": "y ~ 1 + (1 | g)",
    "no intercept": "y ~ 0 + x + (0 + x | g)",
    "two": "y ~ x + (x | g)",
    "uncorrelated": "y ~ x + (x || g)",
    "two blocks": "y ~ x + (1 | g) + (0 + x | g)",
    "three": "y ~ x + t + (x + t | g)",
    "four": "y ~ t + (0 + f + x | g)",
    "blocks of three": "y ~ x + (x | g) + (0 + t | g)",
    "offset": "y ~ x + offset(2 * t) + (x | g)",
    "weights": "y | weights(w) ~ x + (x | g)",
    "se": "y | se(error) ~ x + (1 | g)",
    "se and weights": "y | se(error) + weights(w) ~ x + (x | g)",
    "interaction of factors": "y ~ x + (x | g:h)",
    "crossed": "y ~ x + (x | g) + (1 | h)",
    "crossed, no population": "y ~ 0 + (1 | g) + (x | h)",
    "crossed, slopes and weights": "y | weights(w) ~ x + (x | g) + (t || h)",
    "nested": "y ~ x + (1 | h/g)",
    "crossed with members": "y ~ x + (1 | g) + (1 | mm(h, f))",
    "crossed with Student effects": 'y ~ x + (1 | g) + (1 | gr(h, dist = "student"))',
    "crossed with se": "y | se(error) ~ x + (x | g) + (1 | h)",
}


def made(formula: Any, **more: Any) -> tuple[CollapsedModel, Any]:
    data = study()
    return hm.model(formula, data, **more).collapsed(), data


def points(collapsed: CollapsedModel, data: Any) -> list[tuple[dict[str, np.ndarray], float]]:
    """Parameters at random points, with the engine's log-likelihood there."""
    bound, engine = collapsed.bind(data), get_engine("stanli")
    density = engine.log_density(collapsed.stan_code, bound, collapsed.parameters)
    prior = engine.log_density(
        collapsed.stan_code, bound | {"prior_only": 1}, collapsed.parameters
    )
    names = [v.name for v in collapsed.parameters]
    out = []
    for k in range(3):
        q = np.random.default_rng(k).uniform(-1, 1, density.dim)
        found = density.constrain(q[None])
        value = density.value_and_grad(q)[0] - prior.value_and_grad(q)[0]
        out.append(({name: found[name][0] for name in names}, value))
    return out


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_program_equals_dense_normal(formula: str) -> None:
    collapsed, data = made(formula)
    for params, value in points(collapsed, data):
        assert value == pytest.approx(
            collapsed.log_lik(collapsed.model.rows(data), params), rel=1e-11
        )


def test_qr_design_and_fixed_sigma() -> None:
    collapsed, data = made(hm.bf("y ~ x + t + (x | g)", sigma=0.7, decomp="QR"))
    assert "sigma" not in [v.name for v in collapsed.parameters]
    for params, value in points(collapsed, data):
        assert value == pytest.approx(collapsed.log_lik(data, params), rel=1e-11)


def test_constant_sd() -> None:
    collapsed, data = made("y ~ x + (x | g)", priors={"sd_g": "constant(0.4)"})
    for params, value in points(collapsed, data):
        assert value == pytest.approx(collapsed.log_lik(data, params), rel=1e-11)


def test_constant_coefficient() -> None:
    collapsed, data = made("y ~ x + t + (x | g)", priors=[hm.prior("constant(0.4)", coef="x")])
    for params, value in points(collapsed, data):
        assert value == pytest.approx(collapsed.log_lik(data, params), rel=1e-11)


def test_dense_normal_is_the_textbook_one() -> None:
    """The NumPy side by SciPy's multivariate normal over all rows at once."""
    data = study()
    collapsed = hm.model("y ~ x + (x | g)", data).collapsed()
    sd, cor, b, intercept, sigma = np.array([1.2, 0.6]), 0.4, 0.5, 1.5, 0.9
    factor = np.linalg.cholesky(np.array([[1, cor], [cor, 1]]))
    params = {"b": np.array([b]), "Intercept": np.array(intercept), "sigma": np.array(sigma),
              "sd_1": sd, "L_1": factor}
    x = data["x"].to_numpy()
    same = data["g"].to_numpy()[:, None] == data["g"].to_numpy()[None]
    covariance = sd[:, None] * np.array([[1, cor], [cor, 1]]) * sd
    z = np.column_stack([np.ones_like(x), x])
    whole = same * (z @ covariance @ z.T) + sigma**2 * np.eye(len(x))
    want = stats.multivariate_normal(intercept + b * (x - x.mean()), whole).logpdf(data["y"])
    assert collapsed.log_lik(data, params) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("formula", ["y ~ x + (1 | g)", "y | weights(w) ~ x + (1 | g)",
                                     "y | se(error) ~ x + (1 | g)"])
def test_marginal_is_the_integral(formula: str) -> None:
    """Gauss-Hermite quadrature of the uncollapsed likelihood over the effect of each level."""
    data = study(rows=24, levels=4)
    model = hm.model(formula, data)
    nodes, heights = hermegauss(60)
    params = {"b": np.array([0.5]), "Intercept": np.array(1.8), "sd_1": np.array([0.6])}
    if "se(" not in formula:
        params["sigma"] = np.array(0.9)
    total = 0.0
    for level in sorted(set(data["g"])):
        rows = data[data["g"] == level].reset_index(drop=True)
        values = [
            numpy_log_lik(model, rows, params | {"z_1": np.full((1, 4), node)}) for node in nodes
        ]
        top = max(values)
        total += top + np.log(
            (heights / np.sqrt(2 * np.pi) * np.exp(np.array(values) - top)).sum()
        )
    assert model.collapsed().log_lik(data, params) == pytest.approx(total, rel=1e-9)


def test_rotation_keeps_cross_products() -> None:
    rng = np.random.default_rng(4)
    codes = np.sort(rng.integers(0, 5, 40))
    x, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    z = np.column_stack([np.ones(40), x[:, 0], 2 * x[:, 0]])  # the third tells nothing new
    found = rotate(codes, 6, z, x, y)
    for level in range(6):
        at = codes == level
        r = found.level_r[:, :, level]
        assert r.T @ r == pytest.approx(z[at].T @ z[at], abs=1e-10)
        assert r.T @ found.level_y[:, level] == pytest.approx(z[at].T @ y[at], abs=1e-10)
        assert r.T @ found.level_x[:, level] == pytest.approx(z[at].T @ x[at], abs=1e-10)
    assert (found.level_r[2, 2] == 0).all()
    q_x = found.level_x.reshape(-1, 3)
    assert found.rest_x.T @ found.rest_x + q_x.T @ q_x == pytest.approx(x.T @ x)
    assert found.rest_x.T @ found.rest_y + q_x.T @ found.level_y.ravel() == pytest.approx(x.T @ y)


def test_rotation_of_columns_far_from_zero() -> None:
    """Years as they are: the slope's part beyond the intercept is a thousandth of the column."""
    rng = np.random.default_rng(5)
    codes = np.repeat(np.arange(3), 20)
    year = 2000.0 + rng.integers(0, 4, 60)
    z = np.column_stack([np.ones(60), year])
    y = 3 + 0.2 * (year - 2000) + rng.normal(size=60)
    found = rotate(codes, 3, z, np.ones((60, 1)), y)
    for level in range(3):
        at = codes == level
        spread = np.sqrt(((year[at] - year[at].mean()) ** 2).sum())
        slope = np.polyfit(year[at] - year[at].mean(), y[at], 1)[0]
        assert found.level_r[1, 1, level] == pytest.approx(spread, rel=1e-11)
        got = found.level_y[1, level] / found.level_r[1, 1, level]
        assert got == pytest.approx(slope, rel=1e-10)


def test_blocks_of_rows_give_one_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    codes, x, y = rng.integers(0, 4, 50), rng.normal(size=(50, 2)), rng.normal(size=50)
    whole = rotate(codes, 4, np.ones((50, 1)), x, y)
    monkeypatch.setattr("hiermodel.collapse.rotate._BLOCK", 7)
    parts = rotate(codes, 4, np.ones((50, 1)), x, y)
    cross = [np.column_stack([r.rest_x, r.rest_y]) for r in (whole, parts)]
    assert cross[0].T @ cross[0] == pytest.approx(cross[1].T @ cross[1])


@pytest.mark.parametrize("formula", ["y ~ x + (1 | g)", "y ~ x + (x + t | g)",
                                     "y | weights(w) ~ x + (x | g)",
                                     "y ~ x + (x | g) + (1 | h)"])
def test_effects_have_their_conditional_moments(formula: str) -> None:
    """Mean and covariance of drawn effects at fixed parameters, by the textbook formula."""
    collapsed, data = made(formula)
    params, _ = points(collapsed, data)[0]
    draws = {k: np.broadcast_to(v, (2, 8000, *v.shape)) for k, v in params.items()}
    r = collapsed.effects(draws, collapsed.bind(data), seed=1)["r_1"].reshape(
        16000, collapsed.levels, collapsed.coefs
    )
    mode = collapsed.effects(draws, collapsed.bind(data), seed=1, random=False)["r_1"][0, 0]
    y, x, z, codes = collapsed.design(data)
    if "| h)" in formula:
        of_h = params["sd_2"] * params["z_2"][0]
        y = y - of_h[[sorted(set(data["h"])).index(h) for h in data["h"]]]
    w = data["w"].to_numpy() if "weights" in formula else np.ones(len(y))
    beta = np.concatenate([[params["Intercept"]], params["b"]])
    factor = collapsed.scales({k: v for k, v in params.items()})
    sigma = float(params["sigma"])
    for level in range(collapsed.levels):
        at = codes == level
        precision = np.linalg.inv(factor @ factor.T) + (z[at].T * w[at]) @ z[at] / sigma**2
        covariance = np.linalg.inv(precision)
        mean = covariance @ (z[at].T * w[at]) @ (y[at] - x[at] @ beta) / sigma**2
        assert mode[level] == pytest.approx(mean, rel=1e-8, abs=1e-10)
        error = np.sqrt(np.diag(covariance) / 16000)
        assert (np.abs(r[:, level].mean(axis=0) - mean) < 5 * error).all()
        got = np.atleast_2d(np.cov(r[:, level].T))
        scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        assert (np.abs(got - covariance) / scale < 0.06).all()


def test_effects_do_not_depend_on_cores_and_obey_the_seed() -> None:
    collapsed, data = made("y ~ x + (x | g)")
    params, _ = points(collapsed, data)[0]
    draws = {k: np.broadcast_to(v, (3, 40, *v.shape)) for k, v in params.items()}
    bound = collapsed.bind(data)
    first, second, other = (
        collapsed.effects(draws, bound, seed, cores)["r_1"]
        for seed, cores in ((1, 1), (1, 3), (2, 1))
    )
    assert (first == second).all()
    assert not (first == other).any()
    assert all(not (first[a] == first[b]).any() for a, b in pairwise(range(3)))


def test_zero_sd_gives_zero_effects() -> None:
    collapsed, data = made("y ~ x + (x | g)")
    params, _ = points(collapsed, data)[0]
    params["sd_1"] = np.array([0.0, 0.3])
    draws = {k: np.broadcast_to(v, (1, 5, *v.shape)) for k, v in params.items()}
    r = collapsed.effects(draws, collapsed.bind(data), seed=1)["r_1"]
    assert (r[..., 0] == 0).all()
    assert np.isfinite(r).all()


def test_cells_are_fewer_than_rows() -> None:
    """Rows of a level of both factors are one cell; a slope of the other makes rows differ."""
    data = study(rows=400)
    bound = hm.model("y ~ x + t + (x | g) + (1 | h)", data).collapsed().bind(data)
    assert bound["Ncell"] == len(data[["g", "h"]].drop_duplicates())
    assert bound["Wcell"].sum() == len(data)
    bound = hm.model("y ~ x + (1 | g) + (x | h)", data).collapsed().bind(data)
    assert bound["Ncell"] == len(data)


def test_largest_plain_factor_is_chosen() -> None:
    data = study()
    assert hm.model("y ~ (1 | h) + (1 | g)", data).collapsed().name == "g"
    assert hm.model("y ~ (1 + x + t | h) + (1 | g)", data).collapsed().name == "h"
    student = hm.model('y ~ (1 | h) + (1 | gr(g, dist = "student"))', data)
    assert student.collapsed().name == "h"


def test_program_does_not_depend_on_numbers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one = hm.model("y ~ x + (x | g)", study(seed=1)).collapsed().stan_code
        other = hm.model("y ~ x + (x | g)", study(rows=80, levels=9, seed=2)).collapsed().stan_code
    assert one == other
