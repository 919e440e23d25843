"""Spatial effects: densities by the full precision matrix, maps, new rows, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

import hiermodel as hm
from hiermodel.engines import get_engine
from hiermodel.errors import DataError, FormulaError, HiermodelWarning

NAMES = ["north", "east", "south", "west", "centre"]
SETTINGS: dict[str, Any] = {"chains": 1, "draws": 30, "warmup": 60, "seed": 1, "progress": False,
                            "engine": "stanli"}  # fmt: skip


def adjacency(*pairs: tuple[str, str], names: list[str] = NAMES) -> pd.DataFrame:
    out = pd.DataFrame(0, index=names, columns=names)
    for a, b in pairs:
        out.loc[a, b] = out.loc[b, a] = 1
    return out


MAP = adjacency(
    ("north", "centre"), ("east", "centre"), ("south", "centre"), ("west", "centre"),
    ("north", "east"),
)
RNG = np.random.default_rng(3)
DATA = pd.DataFrame(
    {"y": RNG.normal(size=15), "y2": RNG.normal(size=15), "x": RNG.normal(size=15),
     "place": np.array(NAMES)[np.arange(15) % 5]}
)  # fmt: skip
ORDER = sorted(NAMES)


def model(formula: Any, matrix: Any = MAP, data: pd.DataFrame = DATA, **more: Any) -> hm.Model:
    return hm.model(formula, data, data2={"M": matrix}, **more)


def log_prior(made: hm.Model, params: dict[str, Any]) -> float:
    """The density without the likelihood."""
    bound = made.bind(DATA, prior_only=True)
    density = get_engine("stanli").log_density(made.stan_code, bound, made.parameters)
    return float(density.value({k: np.asarray(v, dtype=float) for k, v in params.items()}))


def quadratic(car: float, phi: np.ndarray) -> float:
    w = MAP.loc[ORDER, ORDER].to_numpy(dtype=float)
    return float(phi @ (np.diag(w.sum(axis=1)) - car * w) @ phi)


def test_proper_density_is_that_of_the_precision_matrix() -> None:
    """Differences between points: the constant of the density is left out."""
    made = model("y ~ car(M, gr = place)")
    w = MAP.loc[ORDER, ORDER].to_numpy(dtype=float)
    found, expected = [], []
    for car, sd, seed in ((0.3, 0.5, 1), (0.9, 2.0, 2)):
        phi = np.random.default_rng(seed).normal(size=5)
        point = {"Intercept": 0.0, "sdcar": sd, "rcar": phi, "car": car, "sigma": 1.0}
        precision = (np.diag(w.sum(axis=1)) - car * w) / sd**2
        normal = stats.multivariate_normal(np.zeros(5), np.linalg.inv(precision))
        # The density is on the unconstrained scale of car and sdcar.
        jacobian = np.log(car * (1 - car)) + np.log(sd)
        prior = stats.t(3, scale=2.5).logpdf(sd)
        found.append(log_prior(made, point) - jacobian - prior)
        expected.append(normal.logpdf(phi))
    assert found[1] - found[0] == pytest.approx(expected[1] - expected[0], rel=1e-9)


@pytest.mark.parametrize("kind", ["esicar", "icar"])
def test_intrinsic_densities_are_quadratic_forms(kind: str) -> None:
    made = model(f"y ~ car(M, gr = place, type = '{kind}')")
    values = []
    for seed in (1, 2):
        z = np.random.default_rng(seed).normal(size=5)
        z -= z.mean()
        sd = 0.5 + seed
        given = z[:4] if kind == "esicar" else z
        point = {"Intercept": 0.0, "sdcar": sd, "zcar": given, "sigma": 1.0}
        outside = np.log(sd) + stats.t(3, scale=2.5).logpdf(sd)
        spread = sd if kind == "esicar" else 1.0
        log_scale = -4 * np.log(sd) if kind == "esicar" else 0.0
        expected = log_scale - 0.5 * quadratic(1.0, z) / spread**2
        values.append(log_prior(made, point) - outside - expected)
    assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_effects_of_every_type() -> None:
    z, v = np.array([0.5, -0.2, 0.1, 0.4, -0.8]), np.array([1.0, 0.0, -1.0, 2.0, 0.5])
    base = {"Intercept": 0.0, "sigma": 1.0, "sdcar": 2.0}
    cases = {
        "escar": ({"rcar": z, "car": 0.5}, z),
        "esicar": ({"zcar": z[:4]}, np.append(z[:4], -z[:4].sum())),
        "icar": ({"zcar": z}, 2 * z),
    }
    made = model("y ~ car(M, gr = place, type = 'bym2')")
    scale = made.bind(DATA)["car_scale"]
    mixed = 2 * (np.sqrt(0.7) * v + np.sqrt(0.3 / scale) * z)
    cases["bym2"] = ({"zcar": z, "nszcar": v, "rhocar": 0.3}, mixed)
    for kind, (own, effects) in cases.items():
        made = model(f"y ~ car(M, gr = place, type = '{kind}')")
        draws = {k: np.asarray(w, dtype=float)[None, None] for k, w in (base | own).items()}
        fit = hm.Fit.from_draws(made, DATA, draws)
        shown = fit.posterior["rcar"].sel(rcar_location=list(DATA["place"])).values[0, 0]
        by_name = dict(zip(ORDER, effects, strict=True))
        np.testing.assert_allclose(shown, DATA["place"].map(by_name), rtol=1e-12)
        np.testing.assert_allclose(fit.posterior_linpred().values[0, 0], shown, rtol=1e-12)
        assert f"rcar[{ORDER[0]}]" in fit.to_frame().columns


def test_typical_variance_of_a_connected_map() -> None:
    """The geometric mean of the diagonal of the generalised inverse of the precision."""
    w = MAP.loc[ORDER, ORDER].to_numpy(dtype=float)
    inverse = np.linalg.pinv(np.diag(w.sum(axis=1)) - w)
    found = model("y ~ car(M, gr = place, type = 'bym2')").bind(DATA)["car_scale"]
    assert found == pytest.approx(np.exp(np.log(np.diag(inverse)).mean()), rel=1e-6)


def test_the_order_of_the_matrix_does_not_matter() -> None:
    turned = MAP.loc[NAMES[::-1], NAMES]
    first, second = model("y ~ car(M, gr = place)"), model("y ~ car(M, gr = place)", turned)
    for key, value in first.bind(DATA).items():
        np.testing.assert_array_equal(value, second.bind(DATA)[key])


def test_new_rows_and_new_places() -> None:
    fit = hm.fit("y ~ x + car(M, gr = place)", DATA, data2={"M": MAP}, **SETTINGS)
    same = fit.posterior_epred(DATA.drop(columns="y")).values
    np.testing.assert_array_equal(same, fit.posterior_epred().values)
    new = pd.DataFrame({"x": [0.0, 1.0], "place": ["west", "atlantis"]})
    with pytest.raises(DataError, match=r"'atlantis' of car.* .row 2. is not in the model"):
        fit.posterior_epred(new)
    without = fit.posterior_epred(new, incl_autocor=False).values[0]
    b = fit.posterior["b"].values[0]
    np.testing.assert_allclose(without, b[:, :1] + b[:, 1:] * new["x"].to_numpy(), rtol=1e-12)
    effects = fit.conditional_effects()
    assert set(effects) == {"x"}
    assert "rcar" not in str(fit.summary())


def test_a_fit_is_saved_with_its_map(tmp_path: Path) -> None:
    fit = hm.fit("y ~ car(M, gr = place, type = 'bym2')", DATA, data2={"M": MAP}, **SETTINGS)
    fit.save(tmp_path / "map.nc")
    again = hm.load(tmp_path / "map.nc")
    np.testing.assert_array_equal(
        again.posterior_epred().values, fit.posterior_epred().values
    )
    more = fit.update(formula="y ~ x + car(M, gr = place, type = 'icar')", **SETTINGS)
    assert "b_x" in more.to_frame().columns


def test_other_places_of_a_formula() -> None:
    """In sigma, in a parameter of a non-linear formula, of one of several responses, autocor."""
    formula = hm.bf("y ~ a * x", "a ~ 1 + car(M, gr = place)", "sigma ~ car(M, gr = place)",
                    nl=True)  # fmt: skip
    names = [v.name for v in model(
        formula, priors=[hm.prior("normal(0, 1)", nlpar="a")]
    ).parameters]  # fmt: skip
    assert {"rcar_a", "car_a", "sdcar_sigma"} <= set(names)
    both = hm.bf("y ~ x") + hm.bf("y2 ~ car(M, gr = place, type = 'icar')") + hm.set_rescor(False)
    fit = hm.fit(both, DATA, data2={"M": MAP}, **SETTINGS)
    assert "rcar_y2[west]" in fit.to_frame().columns
    aside = hm.bf("y ~ x", autocor="~ car(M, gr = place)")
    inside = model("y ~ x + car(M, gr = place)")
    # But for the title, which shows the formula.
    assert model(aside).stan_code.split("\n")[3:] == inside.stan_code.split("\n")[2:] or (
        model(aside).stan_code.partition("functions {")[2]
        == inside.stan_code.partition("functions {")[2]
    )


def test_threads_give_the_same_density() -> None:
    formula = "y ~ x + car(M, gr = place, type = 'bym2')"
    one, two = model(formula), model(formula, threads=2)
    densities = [
        get_engine("stanli").log_density(m.stan_code, m.bind(DATA), m.parameters)
        for m in (one, two)
    ]
    point = np.random.default_rng(1).normal(size=(1, densities[0].dim)) * 0.3
    found = {k: v[0] for k, v in densities[0].constrain(point).items() if k != "lprior"}
    assert densities[0].value(found) == pytest.approx(densities[1].value(found), rel=1e-12)


def test_marginal_predictions_have_the_place_of_a_row() -> None:
    fit = hm.fit("y ~ x + car(M, gr = place)", DATA, data2={"M": MAP}, **SETTINGS)
    rows = DATA.head(3)
    whole = fit.predictions(rows, draws=True).draws.values[0]
    np.testing.assert_allclose(whole, fit.posterior_epred(rows).values[0], rtol=1e-12)
    without = fit.predictions(rows[["x"]], groups="none", draws=True).draws.values[0]
    expected = fit.posterior_epred(rows, incl_autocor=False).values[0]
    np.testing.assert_allclose(without, expected, rtol=1e-12)


def test_places_that_are_rows_are_not_added_up() -> None:
    rows = DATA.iloc[:5].assign(n=[1, 2, 3, 4, 5])
    with pytest.raises(hm.HiermodelError, match="each row is a place"):
        hm.fit("n ~ car(M)", rows, "poisson", data2={"M": MAP.to_numpy()}, aggregate=True,
               **SETTINGS)  # fmt: skip


def test_each_row_a_place() -> None:
    rows = DATA.iloc[:5].drop(columns="place")
    plain = MAP.to_numpy()
    for matrix in (plain, sparse.csr_matrix(plain), MAP):
        made = model("y ~ car(M)", matrix, rows)
        np.testing.assert_array_equal(made.bind(rows)["Jloc"], [1, 2, 3, 4, 5])
        assert made.bind(rows)["Nedges"] == 5
    with pytest.raises(DataError, match="without gr = each row is a location"):
        model("y ~ car(M)", plain)
    draws = {"Intercept": np.zeros((1, 1)), "sdcar": np.ones((1, 1)), "car": np.full((1, 1), 0.5),
             "rcar": np.zeros((1, 1, 5)), "sigma": np.ones((1, 1))}  # fmt: skip
    fit = hm.Fit.from_draws(model("y ~ car(M)", plain, rows), rows, draws)
    with pytest.raises(DataError, match="name the locations with gr"):
        fit.posterior_epred(DATA)


def test_warnings() -> None:
    weights = MAP * 0.5
    with pytest.warns(HiermodelWarning, match="values besides 0 and 1"):
        made = model("y ~ car(M, gr = place)", weights)
    assert made.bind(DATA)["Nneigh"].sum() == 10
    bigger = adjacency(("moon", "west"), ("north", "centre"), ("east", "centre"),
                       ("south", "centre"), ("west", "centre"),
                       names=[*NAMES, "moon"])  # fmt: skip
    with pytest.warns(HiermodelWarning, match="without rows in the data.*'moon'"):
        made = model("y ~ car(M, gr = place)", bigger)
    assert made.bind(DATA)["Nloc"] == 5
    parts = adjacency(("north", "east"), ("south", "west"), ("west", "centre"))
    with pytest.warns(HiermodelWarning, match="2 parts that do not touch"):
        model("y ~ car(M, gr = place, type = 'icar')", parts)


WRONG: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "asymmetric": (
        "car(M, gr = place)", MAP.where(np.triu(np.ones((5, 5))) > 0, 0), DataError,
        "not symmetric between 'centre' and 'east'",
    ),
    "own neighbour": ("car(M, gr = place)", MAP + np.eye(5, dtype=int), DataError,
                      "own neighbour"),
    "negative": ("car(M, gr = place)", -MAP, DataError, "negative"),
    "missing value": ("car(M, gr = place)", MAP.astype(float).replace(0.0, np.nan), DataError,
                      "missing or infinite"),
    "unknown place": ("car(M, gr = place)", MAP.rename(index={"west": "wst"},
                      columns={"west": "wst"}), DataError, "lacks the location 'west'"),
    "without names": ("car(M, gr = place)", MAP.to_numpy(), DataError, "has no names"),
    "other columns": ("car(M, gr = place)", MAP.rename(columns={"west": "w"}), DataError,
                      "different locations"),
    "twice": ("car(M, gr = place)", MAP.rename(index={"west": "north"}), DataError, "twice"),
    "oblong": ("car(M)", MAP.to_numpy()[:, :4], DataError, "square"),
    "text": ("car(M, gr = place)", MAP.astype(str).replace("1", "yes"), DataError, "numbers"),
    "island": ("car(M, gr = place)", adjacency(("north", "east"), ("south", "west")), DataError,
               "'centre' has no neighbour"),
    "no such matrix": ("car(W, gr = place)", MAP, FormulaError, "no 'W' in data2"),
    "no matrix": ("car(gr = place)", MAP, FormulaError, "takes the name"),
    "an expression": ("car(M, gr = factor(place))", MAP, FormulaError, "names the column"),
    "type": ("car(M, gr = place, type = 'icr')", MAP, FormulaError, "did you mean 'icar'"),
    "argument": ("car(M, group = place)", MAP, FormulaError, "no argument 'group'"),
    "times": ("car(M, gr = place):x", MAP, FormulaError, "cannot be multiplied"),
    "two": ("car(M, gr = place) + car(M)", MAP, FormulaError, "one .*term in space"),
}


@pytest.mark.parametrize("name", WRONG)
def test_refusals(name: str) -> None:
    term, matrix, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        model(f"y ~ x + {term}", matrix)
