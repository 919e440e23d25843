"""Starts and metric from the mode, and when they are used."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import hiermodel as hm
from hiermodel.engines import SamplingSettings, get_engine, stanli
from hiermodel.engines.tuning import TUNED_WARMUP, Tuning, normal_tuning

from .frames import study

COVARIANCE = np.array([[4.0, 1e-3], [1e-3, 1e-6]])
NORMAL = """
data { matrix[2, 2] S; }
parameters { vector[2] q; }
model { target += multi_normal_lpdf(q | [3, -1]', S); }
"""


def tuning(code: str, data: dict[str, Any], chains: int = 4) -> Tuning | None:
    settings = SamplingSettings(chains=chains, seed=1)
    return normal_tuning(get_engine("stanli").log_density(code, data), settings, (), data)


def test_metric_is_the_covariance_of_a_normal() -> None:
    found = tuning(NORMAL, {"S": COVARIANCE}, chains=400)
    assert found is not None
    assert found.inverse_metric == pytest.approx(COVARIANCE, rel=1e-3)
    assert found.starts.shape == (400, 2)
    assert found.starts.mean(axis=0) == pytest.approx([3, -1], abs=0.8)
    # Twice as far out as draws.
    assert np.cov(found.starts.T) / (4 * COVARIANCE) == pytest.approx(np.ones((2, 2)), abs=0.3)


def test_no_tuning_without_a_mode() -> None:
    assert tuning("parameters { real a; } model { target += 0 * a; }", {}) is None


def test_no_tuning_of_many_parameters() -> None:
    code = "parameters { vector[110] a; } model { a ~ std_normal(); }"
    assert tuning(code, {}) is None


@pytest.mark.parametrize(
    ("more", "tuned"),
    [({}, True), ({"warmup": 200}, False), ({"init": 0.5}, False), ({"collapse": False}, False)],
)
def test_used_where_the_user_says_nothing(
    more: dict[str, Any], tuned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    whole = stanli._run

    def spy(model: Any, settings: SamplingSettings, *rest: Any) -> Any:
        seen.append({"warmup": settings.warmup, "metric": len(rest) > 1})
        return whole(model, settings, *rest)

    monkeypatch.setattr(stanli, "_run", spy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hm.fit("y ~ x + (1 | g)", study(), chains=1, draws=20, seed=1, progress=False, **more)
    warmup = TUNED_WARMUP if tuned else more.get("warmup", 1000)
    assert seen == [{"warmup": warmup, "metric": tuned}]
