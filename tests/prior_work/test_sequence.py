from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import norm

from hiermodel.errors import ArgumentError

from .conjugate import conjugate_fit, scaled


@pytest.fixture(scope="module")
def found():
    return conjugate_fit(0.8, 0.3).prior_sensitivity_sequence(length=5)


def test_summaries_are_those_of_the_scaled_posterior(found) -> None:
    assert found.table["alpha"].unique() == pytest.approx(
        [0.8, 0.8**0.5, 1.0, 1.25**0.5, 1.25], rel=1e-12
    )
    assert found.table["parameter"].unique().tolist() == ["b_Intercept"]
    for row in found.table.itertuples():
        mean, sd = scaled(0.8, 0.3, **{row.component: row.alpha})
        want = [mean, mean, *norm(mean, sd).ppf([0.05, 0.95])]
        np.testing.assert_allclose(
            [row.mean, row.median, row.Q5, row.Q95], want, atol=0.03 * sd
        )
        assert row.sd == pytest.approx(sd, rel=0.01)


def test_distance_is_from_power_one(found) -> None:
    table = found.table.set_index(["component", "alpha"])["distance"]
    assert table["prior"][1.0] == pytest.approx(0, abs=1e-8)
    assert table["prior"].iloc[0] > table["prior"].iloc[1] > 0.001


def test_picture_draws_the_table(found) -> None:
    (ax,) = found.plot("sd")
    for line, component in zip(ax.lines, ("prior", "likelihood"), strict=False):
        rows = found.table[found.table["component"] == component]
        np.testing.assert_array_equal(line.get_ydata(), rows["sd"])
        assert line.get_label() == component
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0.8", "1", "1.25"]
    plt.close("all")
    with pytest.raises(ArgumentError, match=r"no quantity 'men'.*did you mean"):
        found.plot("men")


def test_length() -> None:
    with pytest.raises(ArgumentError, match="length must be a whole number from 3 on, not 2"):
        conjugate_fit(0, 1).prior_sensitivity_sequence(length=2)
