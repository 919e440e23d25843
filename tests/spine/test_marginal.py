"""Effects on the scale of the response of models of every kind, in every mode of their clusters."""

from __future__ import annotations

import numpy as np
import pytest

import hiermodel as hm
from hiermodel.errors import ArgumentError

from . import cases
from .draws import fit_of, random_draws


def rows_of(name: str):
    fit = fit_of(name)
    if fit.model.is_multivariate:
        pytest.skip("one response at a time")
    return fit, cases.training(name)


def flat(array) -> np.ndarray:
    return array.values.reshape(-1, *array.values.shape[2:])


# Group-level terms with special effects, whose integral is refused.
@pytest.mark.parametrize("name", cases.ALL)
def test_averages_of_rows(name: str) -> None:
    fit, _ = rows_of(name)
    for mode, formula in (("observed", None), ("none", "none")):
        # Averages say what the formula means for a row, without its neighbours, at its place.
        maps = name in cases.MAPS and mode == "observed"
        expected = flat(fit.posterior_epred(re_formula=formula, incl_autocor=maps)).mean(axis=1)
        expected = expected.reshape(len(expected), -1)
        table = fit.avg_predictions(groups=mode)
        np.testing.assert_allclose(flat(table.draws), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", cases.ALL)
def test_other_clusters(name: str) -> None:
    fit, data = rows_of(name)
    rows = data.iloc[:3]
    typical = flat(fit.predictions(rows, groups="none", draws=True).draws)
    new = flat(fit.predictions(rows, groups="new", draws=True, seed=1).draws)
    assert np.isfinite(new).all()
    try:
        whole = flat(fit.predictions(rows, groups="integrated", draws=True).draws)
    except ArgumentError as error:
        assert "category-specific effects" in str(error)
        return
    if not fit.model.groups and name not in cases.MAPS:
        np.testing.assert_array_equal(new, typical)
        np.testing.assert_array_equal(whole, typical)
    link = fit.predictions(rows, groups="integrated", type="link", draws=True)
    assert whole.shape == typical.shape and np.isfinite(flat(link.draws)).all()


@pytest.mark.parametrize(
    "name", [n for n in cases.ALL if cases.model(n).groups]
)
def test_the_integral_is_the_average_over_new_clusters(name: str) -> None:
    """One draw, repeated: each repetition draws a new cluster."""
    model, data = cases.model(name), cases.training(name)
    if model.is_multivariate:
        pytest.skip("one response at a time")
    count = 3000
    values = random_draws(model, data, chains=1, draws=1, seed=4)
    repeated = {k: np.repeat(v, count, axis=1) for k, v in values.items()}
    fit = hm.Fit.from_draws(model, data, repeated)
    rows = data.iloc[[2, 11]]
    new = flat(fit.predictions(rows, groups="new", draws=True, seed=8).draws)
    whole = flat(fit.predictions(rows, groups="integrated", ndraws=2, draws=True).draws)
    np.testing.assert_allclose(whole[0], whole[1])
    typical = flat(fit.predictions(rows, groups="none", ndraws=2, draws=True).draws)[0]
    error = new.std(axis=0, ddof=1) / np.sqrt(count)
    assert (np.abs(new.mean(axis=0) - whole[0]) <= 4.5 * error + 1e-9 * np.abs(typical)).all()
