"""What a fit says of itself when its draws are not of the posterior."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest

import hiermodel as hm
from hiermodel.errors import HiermodelError, SamplingWarning
from hiermodel.origin import Origin

from .posteriors import reaction_data

matplotlib.use("Agg")

QUICK: dict[str, Any] = {"draws": 200, "warmup": 200, "seed": 1, "progress": False}


def made(algorithm: str, **options: Any) -> hm.Fit:
    return hm.fit("y ~ x", reaction_data(), algorithm=algorithm, **(QUICK | options))


@pytest.fixture(scope="module")
def point() -> hm.Fit:
    return made("optimize")


@pytest.fixture(scope="module")
def laplace() -> hm.Fit:
    return made("laplace")


@pytest.fixture(scope="module")
def prior() -> hm.Fit:
    return made("sampling", priors="weak", sample_prior="only", draws=500)


def test_summary_of_a_mode(point: hm.Fit) -> None:
    summary = point.summary()
    assert dict(summary.fields)["Estimate"] == (
        "posterior mode by L-BFGS (a point, no uncertainty)"
    )
    assert "Draws" not in dict(summary.fields)
    for text in (str(summary), summary._repr_html_()):
        assert "warmup" not in text and "R-hat" not in text and "ESS" not in text
        assert "Q2.5" not in text and "posterior mode by L-BFGS" in text
    assert summary.to_frame().columns.tolist() == ["Estimate"]
    assert summary.to_frame().loc[("Population level", "x"), "Estimate"] == pytest.approx(2, abs=1)


def test_tables_of_a_mode_have_no_intervals(point: hm.Fit) -> None:
    table = point.fixef()
    assert np.isfinite(table["Estimate"]).all()
    assert table[["Est.Error", "Q2.5", "Q97.5"]].isna().all(axis=None)
    effect = point.conditional_effects("x", resolution=3)["x"]
    assert np.isfinite(effect["estimate__"]).all() and effect["lower__"].isna().all()


@pytest.mark.parametrize("method", [
    hm.Fit.loo,
    hm.Fit.waic,
    hm.Fit.pp_check,
    hm.Fit.plot_trace,
    hm.Fit.plot_forest,
    hm.Fit.plot_pairs,
    lambda fit: fit.hypothesis("x > 0"),
    lambda fit: hm.compare({"a": fit, "b": fit}),
])  # fmt: skip
def test_a_mode_is_no_basis_for(method: Callable[[hm.Fit], Any], point: hm.Fit) -> None:
    with pytest.raises(HiermodelError, match=r'needs draws.*algorithm="sampling"'):
        method(point)


def test_a_mode_can_be_fitted_again(point: hm.Fit) -> None:
    assert point.update().origin.is_point
    again = point.update(algorithm="sampling", chains=2, draws=400)
    assert again.origin.is_plain and again.posterior.sizes["draw"] == 400


def test_summary_of_an_approximation(laplace: hm.Fit) -> None:
    summary = laplace.summary()
    k = laplace.provenance["pareto_k"]
    assert dict(summary.fields)["Draws"] == (
        f"200 draws of a Laplace approximation of the posterior (Pareto k = {k:.2f})"
        if k >= 0 else "200 draws of a Laplace approximation of the posterior (Pareto k < 0)"
    )  # fmt: skip
    for text in (str(summary), summary._repr_html_()):
        assert "warmup" not in text and "R-hat" not in text and "ESS" not in text
    columns = ["Estimate", "Est.Error", "Q2.5", "Q97.5"]
    assert summary.to_frame().columns.tolist() == columns


def test_results_from_an_approximation_say_so(laplace: hm.Fit) -> None:
    assert "From draws of a Laplace approximation" in repr(laplace.hypothesis("x > 0"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = np.ravel(laplace.plot_trace("b") if _legacy() else [])
        laplace.loo()
    if _legacy():
        assert "Laplace approximation" in picture[0].figure.get_suptitle()


def _legacy() -> bool:
    from hiermodel.inference_data import uses_datatree

    return not uses_datatree()


def test_a_poor_approximation_is_told_everywhere() -> None:
    with pytest.warns(SamplingWarning, match="laplace approximation is poor"):
        fit = hm.fit("y ~ x + (1 | g)", reaction_data(), algorithm="laplace", **QUICK)
    assert ", poor)" in str(fit.summary()) and "! The laplace approximation" in str(fit.summary())
    for method in (fit.loo, fit.waic, lambda: fit.hypothesis("x > 0")):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            method()
        assert any("rests on a Laplace approximation" in str(w.message) for w in caught)


def test_the_mode_of_group_level_terms_is_warned_of() -> None:
    with pytest.warns(SamplingWarning, match="group-level terms says little"):
        hm.fit("y ~ x + (1 | g)", reaction_data(), algorithm="optimize", **QUICK)


def test_draws_of_the_prior(prior: hm.Fit) -> None:
    text = str(prior.summary())
    assert text.startswith("gaussian model of y (prior only, not fitted to the data)")
    assert "after 200 of warmup = 2000, from the prior" in text and "R-hat" in text
    for method in (prior.loo, prior.waic):
        with pytest.raises(HiermodelError, match="left out the data"):
            method()
    told = repr(prior.hypothesis("x > 0"))
    assert "prior probability" in told and "From draws of the prior." in told
    told_above = "prior predictive check, from draws of the prior"
    assert prior.pp_check(seed=1).figure.get_suptitle() == told_above


def test_the_prior_beside_a_mode_is_sampled() -> None:
    fit = made("optimize", priors="weak", sample_prior="yes")
    assert fit.posterior.sizes["draw"] == 1 and fit.datasets["prior"].sizes["draw"] == 200


def test_the_origin_is_saved(laplace: hm.Fit, prior: hm.Fit, tmp_path: Path) -> None:
    for fit in (laplace, prior):
        assert hm.load(fit.save(tmp_path / "fit.nc")).origin == fit.origin


def test_plain_draws_are_as_before() -> None:
    origin = Origin.of({"method": "recorded"})
    assert origin.is_plain and origin.size(2, 20, None) == ("Draws", "2 chains x 20 draws = 40")
    assert Origin("laplace", pareto_k=-np.inf).phrase.endswith("(Pareto k < 0)")
    assert Origin("pathfinder", True).phrase == "a Pathfinder approximation of the prior"
    origin.refuse_point("x")
    origin.refuse_prior("x")


def test_warnings_count_what_a_summary_shows() -> None:
    with pytest.warns(SamplingWarning, match=r"for \d of 3 parameters"):
        fit = made("sampling", draws=20, warmup=20, chains=2)
    assert len(fit.summary().to_frame()) == 3
