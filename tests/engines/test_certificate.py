"""The certificate: a right density passes, every wrong one is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engines.programs import SLEEP_CODE, SLEEP_PARAMETERS, param, sleep_data, sleep_log_lik

from hiermodel.engines.certificate import TOLERANCE, Certificate, certify_density
from hiermodel.engines.stanli_density import StanliDensity
from hiermodel.errors import CertificateError, EngineError


def certify(code: str = SLEEP_CODE, log_lik: Any = None, full: Any = None) -> Certificate:
    data = sleep_data()
    return certify_density(
        StanliDensity(code, data) if full is None else full,
        StanliDensity(code, data | {"prior_only": 1}),
        log_lik or (lambda params: sleep_log_lik(dict(params), data)),
        SLEEP_PARAMETERS,
        data,
        seed=3,
        subject="family 'gaussian' with y ~ days + (1 | g)",
    )


def test_right_density_is_certified() -> None:
    certificate = certify()
    assert certificate.ok and certificate.points == 3
    assert certificate.max_error < 1e-12
    assert 0 < certificate.max_gradient_error < 1e-6
    line = str(certificate)
    assert "\n" not in line and "3 points" in line
    assert certificate.seconds < 5


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("+ slope * days", "- slope * days"),
        ("+ r_1[J_1]", "+ 1.001 * r_1[J_1]"),
        ("r_1[J_1], sigma);", "r_1[J_1], 1.0001 * sigma);"),
        # The constant of one row left out.
        ("r_1[J_1], sigma);", "r_1[J_1], sigma) + 0.5 * log(2 * pi());"),
        ("Y | Intercept", "Y[1] | Intercept"),
    ],
)
def test_wrong_density_is_refused(right: str, wrong: str) -> None:
    assert SLEEP_CODE.count(right) == 1
    with pytest.raises(CertificateError, match="family 'gaussian' with y ~ days") as caught:
        certify(SLEEP_CODE.replace(right, wrong))
    message = str(caught.value)
    assert "relative difference" in message and "engine='cmdstan'" in message


def test_wrong_priors_cancel() -> None:
    assert certify(SLEEP_CODE.replace("normal_lpdf(slope | 0, 20)", "normal_lpdf(slope | 5, 1)")).ok


def test_nan_from_numpy_is_refused() -> None:
    with pytest.raises(CertificateError, match="that of the model nan"):
        certify(log_lik=lambda params: np.nan)


class Tampered:
    """A right density whose gradient is wrong in one element."""

    def __init__(self, inner: StanliDensity, element: int, by: float) -> None:
        self.inner, self.element, self.by = inner, element, by

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def value_and_grad(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = self.inner.value_and_grad(q)
        gradient = gradient.copy()
        gradient[self.element] *= self.by
        return value, gradient


@pytest.mark.parametrize("element", [0, 2, 5])
def test_wrong_gradient_is_refused(element: int) -> None:
    inner = StanliDensity(SLEEP_CODE, sleep_data())
    with pytest.raises(CertificateError, match="gradient of the embedded engine"):
        certify(full=Tampered(inner, element, 1.2))
    assert certify(full=Tampered(inner, element, 1.0)).ok


def test_points_shrink_until_the_density_is_finite() -> None:
    code = """
    data { int prior_only; }
    parameters { real x; }
    model {
      if (abs(x) > 0.02) reject("too far");
      if (!prior_only) target += normal_lpdf(1 | x, 1);
    }
    """
    certificate = certify_density(
        StanliDensity(code, {"prior_only": 0}),
        StanliDensity(code, {"prior_only": 1}),
        lambda p: float(-0.5 * (1 - p["x"]) ** 2 - 0.5 * np.log(2 * np.pi)),
        (param("x", "real"),),
        {},
    )
    assert certificate.max_error <= TOLERANCE


def test_no_finite_point_is_an_error() -> None:
    code = "data { int prior_only; } parameters { real x; } model { target += log(-1 - x * x); }"
    densities = [StanliDensity(code, {"prior_only": i}) for i in (0, 1)]
    with pytest.raises(EngineError, match="not finite anywhere near the origin"):
        certify_density(*densities, lambda p: 0.0, (param("x", "real"),), {})


def test_program_without_free_parameters() -> None:
    code = """
    data { int prior_only; int K; }
    parameters { vector[K] b; }
    model { if (!prior_only) target += normal_lpdf(1 | 0, 1); }
    """
    data = {"K": 0, "prior_only": 0}
    certificate = certify_density(
        StanliDensity(code, data),
        StanliDensity(code, data | {"prior_only": 1}),
        lambda p: -0.5 - 0.5 * float(np.log(2 * np.pi)) + p["b"].sum(),
        (param("b", "vector", "K"),),
        data,
    )
    assert certificate.ok
