"""Fits of cells: the posterior of the rows, and everything after the fit per row."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.aggregate import worth_it
from hiermodel.aggregate.cells import first_rows, number_cells
from hiermodel.engines import get_engine
from hiermodel.errors import ArgumentError, CertificateError, EngineError, HiermodelError
from hiermodel.unconstrained import unconstrained

from .frames import study

QUICK: dict[str, Any] = {"chains": 2, "draws": 50, "warmup": 50, "seed": 1, "progress": False}


def fitted(formula: Any, data: Any, family: Any = "gaussian", **more: Any) -> hm.Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hm.fit(formula, data, family, **{**QUICK, **more})


def test_posterior_of_real_data_is_the_same() -> None:
    data = hm.datasets.load("inhaler")
    long: dict[str, Any] = {"draws": 1500, "warmup": 500}
    made = [
        fitted("rating ~ treat + period + carry", data, "cumulative", aggregate=aggregate, **long)
        for aggregate in (True, False)
    ]
    assert "added up" in made[0].provenance["aggregated"]
    assert "aggregated" not in made[1].provenance
    for name in ("b", "threshold"):
        first, second = (fit.posterior[name].stack(s=("chain", "draw")).values for fit in made)
        sd = second.std(axis=-1)
        assert (np.abs(first.mean(axis=-1) - second.mean(axis=-1)) < 0.15 * sd).all()
        np.testing.assert_allclose(first.std(axis=-1), sd, rtol=0.12)


def test_after_the_fit_everything_is_per_row(tmp_path: Path) -> None:
    data = study(400).set_axis([f"row{k}" for k in range(400)], axis=0)
    fit = fitted("b ~ f + (1 | h)", data, "bernoulli", aggregate=True)
    assert fit.nobs == 400 and list(fit.row_labels[:2]) == ["row0", "row1"]
    assert fit.log_lik().sizes["obs"] == 400
    assert fit.posterior_epred().sizes["obs"] == 400
    assert len(fit.waic().pointwise) == 400
    loaded = hm.load(fit.save(tmp_path / "fit.nc"))
    assert loaded.provenance["aggregated"] == fit.provenance["aggregated"]
    assert "Aggregated" in str(loaded.summary())
    again = fit.update(seed=2)
    assert "aggregated" in again.provenance


def test_lp_is_that_of_the_rows() -> None:
    data = study()
    fit = fitted("k ~ f + (1 | h)", data, "categorical", aggregate=True)
    made = unconstrained(fit)
    found = made.log_density(made.draws.reshape(100, -1))
    np.testing.assert_allclose(found, fit.sample_stats["lp"].values.ravel(), rtol=1e-10)


@pytest.mark.parametrize("algorithm", ["laplace", "pathfinder", "optimize"])
def test_other_algorithms(algorithm: str) -> None:
    data = study()
    two = [
        fitted("b ~ f", data, "bernoulli", algorithm=algorithm, aggregate=aggregate, draws=400)
        for aggregate in (True, False)
    ]
    assert "aggregated" in two[0].provenance
    a, b = (fit.posterior["b"].mean(("chain", "draw")).values for fit in two)
    np.testing.assert_allclose(a, b, atol=1e-3 if algorithm == "optimize" else 0.1)


def test_auto_counts_rows_and_cells() -> None:
    few, many = study(500), study(1500)
    made = {n: hm.model("b ~ f + (1 | h)", d, "bernoulli") for n, d in ((0, few), (1, many))}
    assert not worth_it(made[0], few)
    assert worth_it(made[1], many)
    # A covariate with a value of its own in each row leaves nothing to add up.
    many["u"] = np.random.default_rng(1).normal(size=len(many))
    assert not worth_it(hm.model("b ~ u", many, "bernoulli"), many)
    # Counted cells are called one by one, so they must be fewer.
    many["c"] = np.arange(len(many)) // 3
    assert not worth_it(hm.model("c ~ f", many, "negbinomial"), many)
    assert worth_it(hm.model("c ~ f", many, "poisson"), many)
    fit = fitted("b ~ f + (1 | h)", many, "bernoulli")
    assert "1500 rows added up to 15 cells" in str(fit.summary())
    assert "aggregated" not in fitted("b ~ f", many, "bernoulli", aggregate=False).provenance
    assert "aggregated" not in fitted(
        "b ~ f", many, "bernoulli", sample_prior="only", priors="weak"
    ).provenance


@pytest.mark.parametrize(("family", "worth", "not_worth"), [
    ("bernoulli", 3.1, 2.9), (hm.family("bernoulli", link="probit"), 6.2, 5.8),
    ("poisson", 1.5, 1.3), (hm.family("poisson", link="sqrt"), 2.1, 1.9),
    ("gaussian", 3.1, 2.9), ("cumulative", 3.8, 3.5), ("student", 8.2, 7.8), ("sratio", 2.3, 2.1),
])
def test_auto_knows_what_a_cell_costs(family: Any, worth: float, not_worth: float) -> None:
    """Rows a cell from which on a gradient costs less than half, as benchmarks/cells.py found."""
    for ratio, expected in ((worth, True), (not_worth, False)):
        cells = round(3000 / ratio)
        data = pd.DataFrame({"x": np.arange(3000) % cells})
        # The same response in all rows of a cell, so that cells are as many in each form.
        data["y"] = 1 + data["x"] % 2
        response = "I(y - 1)" if "bernoulli" in str(family) else "y"
        assert worth_it(hm.model(f"{response} ~ x", data, family), data) is expected


def test_collapse_comes_first_and_composes() -> None:
    data = study(1500)
    fit = fitted("y ~ f + (x | h)", data)
    assert "collapsed" in fit.provenance and "aggregated" not in fit.provenance
    fit = fitted("y ~ f + (x | h)", data, aggregate=True)
    assert fit.provenance["collapsed"].startswith("rows added up to cells")
    assert "aggregated" in fitted(
        "y ~ f + (x | h)", data, aggregate=True, collapse=False
    ).provenance


@pytest.mark.parametrize("formula", [
    "y ~ f + x + (x | h)", "y | weights(w) ~ x + (1 | h)",
    "y | se(error) + weights(w) ~ x + (1 | h)", "y ~ x + (1 | h) + (1 | f)",
    "y ~ x + offset(x) + (1 | h)",
])
def test_collapsed_from_cells_equals_collapsed_from_rows(formula: str) -> None:
    data = study()
    collapsed = hm.model(formula, data).collapsed()
    cells = replace(collapsed, cells=collapsed.model.aggregated())
    engine = get_engine("stanli")
    a, b = (
        engine.log_density(one.stan_code, one.bind(data), one.parameters)
        for one in (collapsed, cells)
    )
    for k in range(3):
        q = np.random.default_rng(k).uniform(-1, 1, a.dim)
        assert a.value_and_grad(q)[0] == pytest.approx(b.value_and_grad(q)[0], rel=1e-12)


def test_refused_by_name() -> None:
    data = study()
    gaps = data.assign(y=np.where(data["b"] == 1, np.nan, data["y"]))
    cases = {
        "several responses": hm.model(hm.bf("y ~ f") + hm.bf("e ~ x"), data),
        r"missing values of 'y' .* mi\(\)": hm.model("y | mi() ~ f", gaps),
        r"true values of covariates .* me\(\)": hm.model("y ~ me(x, error)", data),
        "stanvars": hm.model("y ~ f", data, stanvars=[hm.stanvar(1.0, "one", "real one;")]),
        "threads": hm.model("y ~ f", data, threads=2),
    }
    for words, model in cases.items():
        with pytest.raises(HiermodelError, match=f"cannot be added up: .*{words}"):
            model.aggregated()
        assert not worth_it(model, pd.concat([data] * 5, ignore_index=True))
    with pytest.raises(HiermodelError, match="leave aggregate to 'auto'"):
        fitted(hm.bf("y ~ f") + hm.bf("e ~ x"), data, aggregate=True)


@pytest.mark.parametrize("value", ["yes", 1, None, "atuo"])
def test_bad_argument(value: Any) -> None:
    with pytest.raises(ArgumentError, match='aggregate takes "auto", True or False'):
        hm.fit("y ~ f", study(), aggregate=value, **QUICK)


def test_recorded_draws_are_of_the_model_as_it_stands() -> None:
    from hiermodel.engines.recorded import RecordedEngine

    engine = RecordedEngine({"b": np.zeros((1, 1, 2)), "Intercept": np.zeros((1, 1))})
    with pytest.raises(EngineError, match="aggregate=False"):
        fitted("b ~ f", study(), "bernoulli", engine=engine, aggregate=True)


def test_the_certificate_compares_cells_with_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong sum is found before a draw is taken."""
    from hiermodel.aggregate import forms

    right = forms.sums

    def wrong(cell: np.ndarray, count: int, values: np.ndarray) -> np.ndarray:
        found = right(cell, count, values)
        found[0] += 1
        return found

    monkeypatch.setattr(forms, "sums", wrong)
    with pytest.raises(CertificateError, match="computes another density"):
        fitted("b ~ f", study(), "bernoulli", aggregate=True)


def test_numbers_of_cells() -> None:
    rng = np.random.default_rng(1)
    columns = [
        rng.integers(0, 3, 500), rng.choice(["a", "b"], 500),
        pd.Series(pd.Categorical(rng.choice(["u", None], 500), categories=["u", "v"])),
        np.where(rng.uniform(size=500) < 0.2, np.nan, 1.0),
    ]
    cell = number_cells(columns, 500)
    assert cell is not None
    seen: dict[tuple[str, ...], int] = {}
    slow = [seen.setdefault(tuple(map(str, row)), len(seen)) for row in zip(*columns, strict=True)]
    np.testing.assert_array_equal(cell, slow)
    np.testing.assert_array_equal(cell[first_rows(cell)], np.arange(cell.max() + 1))
    assert number_cells(columns, 500, most=int(cell.max())) is None
    assert number_cells(columns, 500, most=int(cell.max()) + 1) is not None
    assert number_cells([], 3).tolist() == [0, 0, 0]  # type: ignore[union-attr]


def test_numbers_of_cells_do_not_overflow() -> None:
    columns = [np.arange(3000)] * 8
    cell = number_cells(columns, 3000)
    np.testing.assert_array_equal(cell, np.arange(3000))
