"""The density of the cumulative model that takes all rows at once, where categories are odd."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.certifying import numpy_log_lik
from hiermodel.engines import get_engine

RESPONSES = {
    "two categories": [1, 2, 2, 1, 2, 1],
    "three": [1, 2, 3, 3, 2, 1],
    "none in the middle": pd.Categorical(list("acacca"), ["a", "b", "c"], ordered=True),
    "none at the end": pd.Categorical(list("abbaba"), ["a", "b", "c"], ordered=True),
    "one alone": pd.Categorical(list("bbbbbb"), ["a", "b", "c"], ordered=True),
}


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("threads", [1, 2])
def test_density_is_that_of_numpy(name: str, threads: int) -> None:
    data = pd.DataFrame({"y": RESPONSES[name], "x": [0.3, -1.0, 0.5, 2.0, -0.4, 0.1]})
    model = hm.model("y ~ x", data, "cumulative", drop_unused_levels=False, threads=threads)
    assert "cumulative_logit_lpmf(" in model.stan_code
    found = []
    for prior_only in (0, 1):
        bound = model.bind(data) | {"prior_only": prior_only}
        found.append(get_engine("stanli").log_density(model.stan_code, bound, model.parameters))
    # The second scale puts thresholds far into the tails.
    for scale in (0.5, 8.0):
        q = np.random.default_rng(3).normal(size=found[0].dim) * scale
        params = {k: v[0] for k, v in found[0].constrain(q[None]).items() if k != "lprior"}
        whole, prior = (density.value_and_grad(q)[0] for density in found)
        assert whole - prior == pytest.approx(numpy_log_lik(model, data, params), rel=1e-8)


def test_rows_with_weights_go_one_by_one() -> None:
    data = pd.DataFrame({"y": [1, 2, 3], "x": [0.0, 1.0, 2.0], "w": [1.0, 2.0, 0.5]})
    model = hm.model("y | weights(w) ~ x", data, "cumulative")
    assert "ordered_logistic_lpmf(Y[n]" in model.stan_code
