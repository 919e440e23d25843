"""Warnings after sampling, and R-hat and ESS against ArviZ."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from engines.programs import SLEEP_CODE, SLEEP_PARAMETERS, param, sleep_data

from hiermodel.engines import Draws, SamplingSettings, check_sampling
from hiermodel.engines.diagnose import diagnostics, ebfmi
from hiermodel.engines.stanli import StanliEngine
from hiermodel.errors import SamplingWarning

RNG = np.random.default_rng(20)


def series(rho: float, chains: int, draws: int) -> np.ndarray:
    out = np.random.default_rng([chains, draws, int(1000 * (rho + 1))]).normal(size=(chains, draws))
    for t in range(1, draws):
        out[:, t] += rho * out[:, t - 1]
    return out


def arviz_values(x: np.ndarray) -> tuple[float, float, float]:
    from hiermodel.inference_data import uses_datatree

    if uses_datatree():
        from arviz_stats.base import array_stats

        axes: dict[str, Any] = {"chain_axis": 0, "draw_axis": 1}
        return (
            float(array_stats.rhat(x, **axes)),
            float(array_stats.ess(x, method="bulk", **axes)),
            float(array_stats.ess(x, method="tail", prob=(0.05, 0.95), **axes)),
        )
    import arviz as az

    rhat = float(az.rhat(x)) if len(x) > 1 else np.nan
    return rhat, float(az.ess(x, method="bulk")), float(az.ess(x, method="tail"))


def cases() -> Iterator[np.ndarray]:
    for rho in (-0.9, -0.4, 0, 0.5, 0.95, 0.999):
        for chains in (2, 4):
            for draws in (4, 5, 6, 7, 8, 9, 50, 203, 500):
                yield series(rho, chains, draws)
        yield series(rho, 1, 50)
    yield np.round(series(0.5, 4, 200))  # ties
    yield np.floor(2 * RNG.random((4, 100)))  # two values
    yield RNG.standard_cauchy((4, 100))
    yield series(0.3, 4, 100) + np.arange(4)[:, np.newaxis]


def test_diagnostics_equal_arviz() -> None:
    checked = 0
    for x in cases():
        found = diagnostics(x[:, :, np.newaxis])
        rhat, bulk, tail = arviz_values(x)
        if len(x) > 1:  # ArviZ gives none for one chain
            assert found["rhat"][0] == pytest.approx(rhat, rel=1e-10)
        assert found["ess_bulk"][0] == pytest.approx(bulk, rel=1e-9)
        assert found["ess_tail"][0] == pytest.approx(tail, rel=1e-9)
        checked += 1
    assert checked > 100


def test_diagnostics_of_many_equal_those_of_one() -> None:
    x = np.stack([series(rho, 4, 100) for rho in np.linspace(-0.5, 0.9, 70)], axis=2)
    x[:, :, 3] = np.round(x[:, :, 3])
    together = diagnostics(np.concatenate([x] * 15, axis=2))  # more than one chunk
    for i in (0, 3, 69):
        alone = diagnostics(x[:, :, i])
        for name, values in alone.items():
            assert together[name][i] == values[0] == together[name][i + 14 * 70]


def test_diagnostics_without_an_answer_are_nan() -> None:
    x = RNG.normal(size=(4, 100, 4))
    x[:, :, 1] = 3.0
    x[0, 5, 2] = np.nan
    found = diagnostics(x)
    for values in found.values():
        np.testing.assert_array_equal(np.isnan(values), [False, True, True, False])
    assert np.isnan(diagnostics(x[:, :3])["rhat"]).all()
    assert diagnostics(np.empty((4, 100, 0)))["rhat"].shape == (0,)
    with pytest.raises(ValueError, match="chain, draw, k"):
        diagnostics(np.zeros(5))


def messages(draws: Draws, **settings: Any) -> tuple[str, ...]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = check_sampling(draws, SamplingSettings(**settings))
    assert [str(w.message) for w in caught] == list(found)
    assert all(w.category is SamplingWarning for w in caught)
    return found


def good(**stats: np.ndarray) -> Draws:
    rng = np.random.default_rng(4)
    return Draws({"mu": rng.normal(size=(4, 500)), "b": rng.normal(size=(4, 500, 2))}, stats)


def test_good_draws_have_no_messages() -> None:
    quiet = good(
        diverging=np.zeros((4, 500), dtype=bool),
        tree_depth=np.full((4, 500), 9),
        energy=np.random.default_rng(1).normal(size=(4, 500)),
    )
    assert messages(quiet) == ()


def test_divergences() -> None:
    diverging = np.zeros((4, 500), dtype=bool)
    diverging[1, 3:6] = True
    (text,) = messages(good(diverging=diverging))
    assert text.startswith("3 of 2000 transitions") and "adapt_delta=0.95 (now 0.8)" in text
    assert "adapt_delta=0.99 (now 0.95)" in messages(good(diverging=diverging), adapt_delta=0.95)[0]
    (text,) = messages(good(diverging=diverging), adapt_delta=0.995)
    assert "adapt_delta is 0.995 already" in text


def test_tree_depth() -> None:
    depth = np.full((4, 500), 3)
    depth[0, 0] = 8
    (text,) = messages(good(tree_depth=depth), max_treedepth=8)
    assert "1 of 2000" in text and "max_treedepth=10" in text
    assert messages(good(tree_depth=depth), max_treedepth=9) == ()


def test_tree_depth_of_chains_that_disagree_is_not_called_harmless() -> None:
    draws = good(tree_depth=np.full((4, 500), 8))
    assert "slow, not wrong" in messages(draws, max_treedepth=8)[0]
    draws.values["b"][0, :, 1] += 3
    (text, *_) = messages(draws, max_treedepth=8)
    assert "was slow. Try" in text and "not wrong" not in text


def test_undetermined_parameters_are_not_told_to_run_longer() -> None:
    depth = np.full((4, 500), 4)
    depth[:, ::2] = 10
    draws = good(tree_depth=depth)
    draws.values["b"][...] += 1000 * np.arange(4)[:, np.newaxis, np.newaxis]
    (text,) = messages(draws)
    assert text.startswith("R-hat is above 1.1 for 2 of 3 parameters, worst b[") and "50 %" in text
    assert "collinear" in text and "draws=" not in text and "not wrong" not in text
    # One parameter that is far off is something else.
    draws.values["b"][:, :, 0] = draws.values["mu"]
    assert not any("collinear" in m for m in messages(draws))


def test_energy() -> None:
    energy = np.random.default_rng(1).normal(size=(4, 500))
    energy[2] = np.cumsum(energy[2])
    (text,) = messages(good(energy=energy))
    assert "below 0.2 in 1 of 4 chains" in text
    np.testing.assert_allclose(ebfmi(energy)[0], 2, atol=0.3)
    assert np.isnan(ebfmi(np.ones((1, 20)))).all()


def test_chains_that_disagree() -> None:
    draws = good()
    draws.values["b"][0, :, 1] += 3  # one chain elsewhere
    text = next(m for m in messages(draws) if m.startswith("R-hat"))
    assert "for 1 of 3 parameters, worst b[2] (" in text and "draws=1000" in text


def test_too_few_effective_draws() -> None:
    values = {f"x{i}": series(rho, 4, 500) for i, rho in enumerate((0.0, 0.9, 0.85))}
    text = next(m for m in messages(Draws(values)) if m.startswith("The effective"))
    assert "below 400 (100 per chain) for 2 of 3" in text
    assert "worst x2 (115), x1 (129): means" in text


def test_values_that_are_not_finite() -> None:
    draws = good()
    draws.values["b"][3, 7, 0] = np.inf
    (text,) = messages(draws)
    assert text.startswith("1 of 3 parameters have draws that are not finite: b[1].")


def test_constants_are_no_problem_and_names_select() -> None:
    values = {"L": np.ones((4, 300, 2, 2)), "bad": series(0.99, 4, 300)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_sampling(Draws(values), SamplingSettings(), ["L"]) == ()


def test_real_run_without_problems() -> None:
    settings = SamplingSettings(seed=1, progress=False)
    draws = StanliEngine().sample(SLEEP_CODE, sleep_data(), SLEEP_PARAMETERS, settings)
    assert not [m for m in messages(draws, seed=1) if "divergent" not in m]


def test_real_funnel_diverges() -> None:
    code = """
    parameters { real v; vector[9] x; }
    model { v ~ normal(0, 3); x ~ normal(0, exp(v / 2)); }
    """
    settings = SamplingSettings(seed=1, progress=False, adapt_delta=0.6)
    parameters = (param("v", "real"), param("x", "vector", "9"))
    draws = StanliEngine().sample(code, {}, parameters, settings)
    found = messages(draws, seed=1, adapt_delta=0.6)
    assert any("divergent" in m and "adapt_delta=0.95 (now 0.6)" in m for m in found)
    assert any(m.startswith("E-BFMI") for m in found)
    assert any(m.startswith("The effective") and "worst v (" in m for m in found)
