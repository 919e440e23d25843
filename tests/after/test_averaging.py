"""Comparison by other criteria, weights of models, and averages by them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import hiermodel as hm
from hiermodel.criticism import loo_of
from hiermodel.errors import ArgumentError, DataError, HiermodelWarning

from .posteriors import fit_of, reaction_data
from .test_elpd import labelled


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Random draws are no posterior; that is not what is tested here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(Pareto k|p_waic)", category=HiermodelWarning)
        yield


@pytest.fixture(scope="module")
def three() -> dict[str, Any]:
    """Results for models of 50 rows, one better by about 3."""
    rng = np.random.default_rng(0)
    base = rng.normal(-1, 0.5, size=50)
    out = {}
    for k, shift in enumerate((0.0, -0.06, -0.5)):
        noise = rng.normal(scale=0.2, size=50)
        draws = rng.normal(scale=0.05, size=(2, 300, 50))
        out["abc"[k]] = loo_of(labelled(base + shift + noise + draws))
    return out


def test_pseudo_bma_is_a_softmax(three: dict[str, Any]) -> None:
    elpd = np.array([r.elpd for r in three.values()])
    expected = np.exp(elpd) / np.exp(elpd).sum()
    for name in ("pseudobma", "loo"):
        found = hm.model_weights(three, name)
        np.testing.assert_allclose(found, expected)
    assert found.index.tolist() == ["a", "b", "c"]


def test_pseudo_bma_with_the_bayesian_bootstrap(three: dict[str, Any]) -> None:
    found = hm.model_weights(three, "pseudobma_bb", bb_draws=4000, seed=1)
    table = np.stack([r.pointwise.values for r in three.values()])
    alpha = np.random.default_rng(7).dirichlet(np.ones(50), size=20_000)
    z = 50 * alpha @ table.T
    w = np.exp(z - z.max(axis=1, keepdims=True))
    np.testing.assert_allclose(found, (w / w.sum(axis=1, keepdims=True)).mean(axis=0), atol=0.02)
    # It is less sure than without the bootstrap.
    assert found.max() < hm.model_weights(three, "pseudobma").max()


def test_stacking_is_that_of_compare(three: dict[str, Any]) -> None:
    table = hm.loo_compare(three)
    found = hm.model_weights(three)
    np.testing.assert_allclose(found[table.index], table["weight"])
    density = np.exp(np.stack([r.pointwise.values for r in three.values()]))
    best = np.log(found.to_numpy() @ density).sum()
    rng = np.random.default_rng(1)
    assert all(np.log(w @ density).sum() <= best + 1e-9 for w in rng.dirichlet(np.ones(3), 500))


def test_criteria_of_weights() -> None:
    fits = {"x": fit_of("n ~ x", "poisson"), "1": fit_of("n ~ 1", "poisson")}
    elpd = np.array([fit.waic().elpd for fit in fits.values()])
    weights = np.exp(elpd - elpd.max())
    np.testing.assert_allclose(hm.model_weights(fits, "waic"), weights / weights.sum())
    with pytest.raises(DataError, match=r"needs results of waic\(\), not of loo\(\)"):
        hm.model_weights({name: fit.loo() for name, fit in fits.items()}, "waic")
    with pytest.raises(ArgumentError, match="did you mean 'stacking'"):
        hm.model_weights(fits, "stackin")
    with pytest.raises(DataError, match=r"model_weights\(\) takes at least two"):
        hm.model_weights({"x": fits["x"]})


@pytest.mark.filterwarnings("ignore::hiermodel.errors.SamplingWarning")
def test_kfold_has_the_same_folds_for_all() -> None:
    frame = reaction_data()
    small: dict[str, Any] = {"chains": 1, "draws": 100, "warmup": 100, "progress": False, "seed": 1}
    fits = {f: hm.fit(f"y ~ {f}", frame, **small) for f in ("x", "1")}
    one = fits["x"].kfold(2, seed=1, cores=1, progress=False)
    table = hm.compare({"x": one, "1": fits["1"]}, "kfold")
    assert table.index.tolist() == ["x", "1"] and table["elpd_diff"].iloc[1] < -10
    with warnings.catch_warnings():
        warnings.simplefilter("error", HiermodelWarning)
        hm.compare({"x": one, "1": one})
    other = fits["1"].kfold(2, seed=2, cores=1, progress=False)
    with pytest.warns(HiermodelWarning, match="different folds"):
        hm.compare({"x": one, "1": other})
    with pytest.raises(DataError, match="'a' is kfold and 'b' is loo"):
        hm.compare({"a": one, "b": fits["1"].loo()})


def test_other_responses_and_rows_are_not_comparable() -> None:
    frame = reaction_data()
    logged = frame.assign(y=np.log(frame["y"] - frame["y"].min() + 1))
    with pytest.raises(DataError, match=r"same response only.*'b' is y"):
        hm.compare({"a": fit_of("y ~ x"), "b": fit_of("y ~ x", frame=logged)})
    turned = fit_of("y ~ x", frame=frame.set_axis(range(40, 80)))
    with pytest.raises(DataError, match="different row labels"):
        hm.compare({"a": fit_of("y ~ x").loo(), "b": turned.loo()})
    with pytest.raises(DataError, match="did you mean 'kfold'"):
        hm.compare({"a": turned, "b": turned}, "k-fold")


def test_one_function_with_two_names() -> None:
    assert hm.loo_compare is hm.compare


def test_a_mixture_takes_draws_by_weight() -> None:
    fits = {"x": fit_of("y ~ x"), "1": fit_of("y ~ 1")}
    found = hm.pp_average(fits, {"1": 1.0, "x": 3.0}, "posterior_epred", ndraws=20, seed=2)
    assert found.sizes == {"chain": 1, "draw": 20, "obs": 40}
    models = found["model"].values
    assert (models == "x").sum() == 15 and found.attrs["weights"] == {"x": 0.75, "1": 0.25}
    ours = found.values[0][models == "1"]
    theirs = fits["1"].posterior_epred(ndraws=5).values[0]
    np.testing.assert_allclose(np.sort(ours[:, 0]), np.sort(theirs[:, 0]))
    assert not np.array_equal(np.sort(models), models)  # in random order
    again = hm.pp_average(fits, [3, 1], "posterior_epred", ndraws=20, seed=2)
    np.testing.assert_array_equal(again, found)
    # Remainders go to the largest: 1/2 of 7 each.
    assert hm.pp_average(fits, [1, 1], ndraws=7, seed=1).attrs["ndraws"] == {"x": 4, "1": 3}
    alone = hm.pp_average(fits, [0, 1], "posterior_linpred", newdata=reaction_data().iloc[:3])
    assert alone.sizes["obs"] == 3 and set(alone["model"].values) == {"1"}
    default = hm.pp_average(fits, seed=1)
    stacked = hm.model_weights(fits)
    assert default.attrs["weights"] == pytest.approx(stacked.to_dict())
    assert default.sizes["draw"] == 40


def test_averages_of_parameters() -> None:
    fits = {"x": fit_of("y ~ x"), "1": fit_of("y ~ 1")}
    found = hm.posterior_average(fits, ["b_Intercept", "b_x"], [1, 1], missing=0, seed=1)
    assert found.columns.tolist() == ["b_Intercept", "b_x", "model"]
    assert (found.loc[found["model"] == "1", "b_x"] == 0).all()
    own = fits["x"].posterior["b"].values.reshape(-1, 2)
    rows = found.loc[found["model"] == "x", ["b_Intercept", "b_x"]].to_numpy()
    # Whole draws are taken, each at most once.
    assert all((np.abs(own - row).sum(axis=1) < 1e-12).any() for row in rows)
    assert len(np.unique(rows, axis=0)) == len(rows) == 20
    assert "b_x" not in hm.posterior_average(fits, weights=[1, 1])
    with pytest.raises(ArgumentError, match=r"'1' has no parameter 'b_x'; missing="):
        hm.posterior_average(fits, "b_x", [1, 1])
    with pytest.raises(ArgumentError, match=r"no parameter 'b_y' \(did you mean"):
        hm.posterior_average(fits, "b_y", [1, 1], missing=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [1, 2, 3]}, "3 weights are given for 2 models"),
        ({"weights": [-1, 2]}, "numbers from 0 on, got -1"),
        ({"weights": [0, 0]}, "at least one weight"),
        ({"weights": {"x": 1, "z": 2}}, "different names: '1'"),
        ({"weights": [1, 1], "method": "predict"}, "method must be one of"),
        ({"weights": [1, 1], "ndraws": 100}, "50 draws of 'x', which has 40"),
        ({"weights": [1, 1], "ndraws": 0}, "ndraws must be"),
    ],
)
def test_averages_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        hm.pp_average({"x": fit_of("y ~ x"), "1": fit_of("y ~ 1")}, **options)
