"""M-splines and their integrals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from hiermodel.families.msplines import MSplines

CASES = [
    MSplines(3, (0.0, 80.0, 1019.0)),
    MSplines(3, (0.5, 1.0, 1.5, 4.0)),
    MSplines(2, (0.0, 1.0, 1.0, 3.0)),
    MSplines(1, (0.0, 2.0)),
    MSplines(0, (0.0, 1.0, 4.0)),
]


@pytest.mark.parametrize("splines", CASES, ids=str)
def test_integrals_are_those_of_the_splines(splines: MSplines) -> None:
    low, high = splines.knots[0], splines.knots[-1]
    assert splines.values(np.array([low])).shape == (1, splines.count)
    for x in np.linspace(low, high, 7)[1:]:
        inner = [k for k in splines.knots[1:-1] if k < x]
        for k in range(splines.count):
            direct = sum(
                integrate.quad(lambda u, k=k: float(splines.values(u)[k]), a, b)[0]
                for a, b in zip([low, *inner], [*inner, x], strict=True)
            )
            assert float(splines.integrals(x)[k]) == pytest.approx(direct, abs=1e-9)


@pytest.mark.parametrize("splines", CASES, ids=str)
def test_each_integrates_to_one_and_none_is_negative(splines: MSplines) -> None:
    np.testing.assert_allclose(splines.integrals(splines.knots[-1]), 1.0, rtol=1e-12)
    x = np.linspace(splines.knots[0], splines.knots[-1], 301)
    assert (splines.values(x) >= 0).all()
    assert (np.diff(splines.integrals(x), axis=0) >= -1e-15).all()


@pytest.mark.parametrize("splines", CASES, ids=str)
def test_outside_of_the_boundary(splines: MSplines) -> None:
    low, high = splines.knots[0], splines.knots[-1]
    assert not splines.values(low - 1).any() and not splines.integrals(low - 1).any()
    np.testing.assert_array_equal(splines.values(high + 5), splines.values(high))
    np.testing.assert_allclose(splines.integrals(high + 5), 1 + 5 * splines.values(high))
    assert np.isfinite(splines.integrals(np.inf)).all()


def test_values_of_the_paper_by_hand() -> None:
    """One inner knot, degree 3: the first spline is 4 (1 - x / t)^3 / t up to the knot t."""
    splines, x = MSplines(3, (0.0, 80.0, 1019.0)), 72.0
    assert splines.values(x)[0] == pytest.approx(4 / 80 * 0.1**3, rel=1e-12)
    assert splines.integrals(x)[0] == pytest.approx(1 - 0.1**4, rel=1e-12)
