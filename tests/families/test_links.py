"""Links: inverses invert, tails keep their digits, errors name the nearest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from hiermodel.errors import FamilyError
from hiermodel.links import LINKS, link_named, log1m_exp

POSITIVE_ETA = {"inverse", "sqrt", "1/mu^2"}
PROBABILITY = sorted(name for name, link in LINKS.items() if link.is_probability)


@pytest.mark.parametrize("name", sorted(LINKS))
def test_link_inverts_its_inverse(name: str) -> None:
    eta = np.linspace(0.1, 5, 30) if name in POSITIVE_ETA else np.linspace(-5, 5, 41)
    eta = np.minimum(eta, 3) if name == "cloglog" else eta
    link = LINKS[name]
    # near 1 a probability has no digits left to tell one predictor from the next
    np.testing.assert_allclose(link.link(link.inverse(eta)), eta, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", PROBABILITY)
def test_logs_of_probability_links(name: str) -> None:
    link, eta = LINKS[name], np.linspace(-4, 3, 29)
    np.testing.assert_allclose(np.exp(link.log_inverse(eta)), link.inverse(eta), rtol=1e-12)
    np.testing.assert_allclose(np.exp(link.log1m_inverse(eta)), 1 - link.inverse(eta), rtol=1e-7)


@pytest.mark.parametrize("name", ["logit", "probit", "probit_approx", "cauchit"])
def test_symmetric_links(name: str) -> None:
    link, eta = LINKS[name], np.linspace(0, 30, 31)
    np.testing.assert_allclose(link.log1m_inverse(eta), link.log_inverse(-eta), rtol=1e-14)


def test_values_from_definitions() -> None:
    x = np.array([-1.5, 0.0, 2.0])
    np.testing.assert_allclose(LINKS["squareplus"].inverse(x), (x + np.sqrt(x**2 + 4)) / 2)
    s = np.log(1 + np.exp(x))
    np.testing.assert_allclose(LINKS["softit"].inverse(x), s / (1 + s))
    np.testing.assert_allclose(LINKS["cauchit"].inverse(x), np.arctan(x) / np.pi + 0.5)
    np.testing.assert_allclose(LINKS["cloglog"].inverse(x), 1 - np.exp(-np.exp(x)))
    np.testing.assert_allclose(
        LINKS["probit_approx"].inverse(x), special.expit(0.07056 * x**3 + 1.5976 * x)
    )
    np.testing.assert_allclose(LINKS["logm1"].inverse(x), 1 + np.exp(x))
    np.testing.assert_allclose(LINKS["1/mu^2"].inverse(np.array([4.0])), [0.5])


@pytest.mark.parametrize(
    ("name", "eta", "limit"),
    [
        ("squareplus", -1e9, 1e-9),
        ("softplus", -40.0, np.exp(-40.0)),
        ("softit", -40.0, np.exp(-40.0)),
        ("cauchit", -1e12, 1 / (np.pi * 1e12)),
        ("cloglog", -40.0, np.exp(-40.0)),
    ],
)
def test_far_left_tail_keeps_relative_precision(name: str, eta: float, limit: float) -> None:
    assert LINKS[name].inverse(np.array([eta]))[0] == pytest.approx(limit, rel=1e-9)


def test_log1m_exp_at_both_ends() -> None:
    x = np.array([-1e-10, -50.0, 0.0])
    np.testing.assert_allclose(log1m_exp(x), [np.log(1e-10), -np.exp(-50), -np.inf], rtol=1e-9)


def test_unknown_link_names_the_nearest() -> None:
    with pytest.raises(FamilyError, match=r"no link 'logitt' \(did you mean 'logit'\?\)"):
        link_named("logitt")
    with pytest.raises(FamilyError, match="no link None"):
        link_named(None)  # type: ignore[arg-type]
