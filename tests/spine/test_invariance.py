"""What should not matter does not: order of rows, names of levels, parameterisations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm

from . import cases
from .draws import density, permuted, random_draws, random_fit, same_values
from .frames import study


def log_density(
    model: hm.Model, data: pd.DataFrame, params: dict[str, Any], prior_only: bool = False
) -> float:
    """Log density at constrained parameters."""
    given = {k: v for k, v in params.items() if np.size(v)}
    return float(density(model, data, prior_only).value(given))


def point(model: hm.Model, data: pd.DataFrame, seed: int = 1) -> dict[str, np.ndarray]:
    """One valid point of the declared parameters."""
    return {k: v[0, 0] for k, v in random_draws(model, data, 1, 1, seed).items()}


def log_lik(model: hm.Model, data: pd.DataFrame, params: dict[str, Any]) -> np.ndarray:
    """Pointwise log-likelihood at a point, rows in the order of the data."""
    draws = {k: np.asarray(v, dtype=float)[None, None] for k, v in params.items()}
    return np.asarray(hm.Fit.from_draws(model, data, draws).log_lik().values[0, 0])


# Matrices of data2 have the order of the rows.
@pytest.mark.parametrize("name", [n for n in cases.ALL if not cases.BY_NAME[n].needs_map])
def test_order_of_rows(name: str) -> None:
    data = cases.training(name)
    if name == "exact_processes":
        pytest.skip("coefficients of an exact process belong to its points in the order of rows")
    model, params = cases.model(name), point(cases.model(name), data)
    shuffled, order = permuted(data)
    again = cases.BY_NAME[name].build(shuffled)
    assert again.stan_code == model.stan_code
    pd.testing.assert_frame_equal(again.priors, model.priors)
    if name == "qr":  # the decomposition is that of the rows, whatever their order
        same_values(again.constants()["XR_inv"], model.constants()["XR_inv"], rtol=1e-9)
    assert log_density(again, shuffled, params) == pytest.approx(
        log_density(model, data, params), rel=1e-11
    )
    same_values(log_lik(again, shuffled, params), log_lik(model, data, params)[order], rtol=1e-9)


@pytest.mark.parametrize("name", cases.ALL)
def test_order_of_columns_and_labels_of_rows(name: str) -> None:
    data = cases.training(name)
    turned = data[list(data.columns[::-1])]
    turned.index = pd.Index([f"row {k}" for k in range(len(turned))][::-1])
    again = cases.BY_NAME[name].build(turned)
    first, second = cases.model(name).bind(data), again.bind(turned)
    assert list(first) == list(second)
    for key in first:
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)


@pytest.mark.parametrize(
    "name", ["correlated_slopes", "factor_slopes", "nested", "by", "students", "members"]
)
def test_names_of_levels(name: str) -> None:
    """New names with the same order: the same data, under other labels."""
    name = "student_effects" if name == "students" else name
    data = cases.training(name)
    renamed = data.copy()
    for column in ("g", "m1", "m2"):
        renamed[column] = "site " + renamed[column] + " (x)"
    renamed["h"] = renamed["h"].cat.rename_categories(lambda v: f"{v}: [a, b]")
    again = cases.BY_NAME[name].build(renamed)
    first, second = cases.model(name).bind(data), again.bind(renamed)
    for key in first:
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)
    fit = random_fit(again, renamed)
    group = again.groups[0].name
    levels = fit.posterior[f"r_{group}"].coords[group].values.tolist()
    assert all("site " in v or ": [a, b]" in v for v in levels)
    same_values(fit.posterior_epred(renamed), fit.posterior_epred())


def test_order_of_levels_of_a_group() -> None:
    """Other codes for the same levels: only the effects change their places."""
    data = study()
    order = [f"g{k:02d}" for k in (4, 1, 6, 2, 5, 3)]
    turned = data.assign(g=pd.Categorical(data["g"], categories=order))
    first, second = (hm.model("y ~ x + (x | g)", d) for d in (data, turned))
    params = point(first, data)
    position = [int(level[1:]) - 1 for level in order]
    moved = params | {"z_1": params["z_1"][:, position]}
    same_values(log_lik(second, turned, moved), log_lik(first, data, params))
    assert log_density(second, turned, moved) == pytest.approx(log_density(first, data, params))


@pytest.mark.parametrize(
    ("left", "family"),
    [("y", "gaussian"), ("count", "poisson"), ("rating", "cumulative"), ("kind", "categorical"),
     ("pos", "gamma"), ("y | se(s)", "gaussian"), ("ok | trials(size)", "binomial")],
)
def test_a_weight_of_two_is_a_row_twice(left: str, family: str) -> None:
    data = study()
    twice = np.arange(len(data)) % 3 == 0
    weighted = data.assign(weight=np.where(twice, 2.0, 1.0))
    doubled = pd.concat([data, data[twice]], ignore_index=True)
    joined = f"{left} + weights(weight)" if "|" in left else f"{left} | weights(weight)"
    first = hm.model(f"{joined} ~ 0 + x + (1 | g)", weighted, family)
    second = hm.model(f"{left} ~ 0 + x + (1 | g)", doubled, family)
    params = point(first, weighted)
    likelihoods = [
        log_density(m, d, params) - log_density(m, d, params, prior_only=True)
        for m, d in ((first, weighted), (second, doubled))
    ]
    assert likelihoods[0] == pytest.approx(likelihoods[1], rel=1e-11)
    assert log_lik(first, weighted, params).sum() == pytest.approx(likelihoods[0], rel=1e-9)


def test_a_weight_of_zero_is_no_row() -> None:
    data = study()
    out = np.arange(len(data)) % 5 == 0
    weighted = data.assign(weight=np.where(out, 0.0, 1.0))
    model = hm.model("count | weights(weight) ~ 0 + x", weighted, "poisson")
    params = point(model, weighted)
    total = log_lik(model, weighted, params)
    assert (total[out] == 0).all()
    plain = hm.model("count ~ 0 + x", data, "poisson")
    same_values(total[~out], log_lik(plain, data, params)[~out])


def test_scaled_weights_have_mean_one() -> None:
    data = study()
    scaled = hm.model("y | weights(w, scale = TRUE) ~ x", data).bind(data)["weights"]
    assert scaled.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(scaled, data["w"] / data["w"].mean())


# ------------------------------------------------------------------ parameterisations


def test_qr_is_a_linear_map() -> None:
    """The same density after ``b = R^-1 bQ``: flat priors on both."""
    data = study()
    plain = hm.model("y ~ x + z + f", data)
    turned = hm.model(hm.bf("y ~ x + z + f", decomp="QR"), data)
    params = point(turned, data)
    mapped = {k: v for k, v in params.items() if k != "bQ"}
    mapped["b"] = turned.constants()["XR_inv"] @ params["bQ"]
    assert log_density(turned, data, params) == pytest.approx(
        log_density(plain, data, mapped), rel=1e-11
    )
    columns = turned.bind(data)
    centred = columns["X"][:, 1:] - columns["means_X"]
    q = centred @ columns["XR_inv"]
    np.testing.assert_allclose(q.T @ q / (len(data) - 1), np.eye(4), atol=1e-10)
    first = hm.Fit.from_draws(turned, data, {k: v[None, None] for k, v in params.items()})
    second = hm.Fit.from_draws(plain, data, {k: v[None, None] for k, v in mapped.items()})
    same_values(first.posterior["b"], second.posterior["b"])


@pytest.mark.parametrize("option", ["center", "sparse", "plain"])
def test_the_intercept_of_the_uncentred_design(option: str) -> None:
    """Centred or not, sparse or dense: the same likelihood at the same coefficients."""
    data = study()
    text = "y ~ x + z + f + (1 | g)"
    centred = hm.model(text, data)
    formula = {
        "center": hm.bf(text, center=False),
        "sparse": hm.bf(text, sparse=True),
        "plain": hm.bf("y ~ 0 + Intercept + x + z + f + (1 | g)"),
    }[option]
    other = hm.model(formula, data)
    params = point(centred, data)
    shift = params["b"] @ centred.constants()["means_X"]
    mapped = {k: v for k, v in params.items() if k != "Intercept"}
    mapped["b"] = np.concatenate([[params["Intercept"] - shift], params["b"]])
    same_values(log_lik(other, data, mapped), log_lik(centred, data, params))


def test_uncorrelated_effects_are_separate_terms() -> None:
    data = study()
    one = hm.model("y ~ x + (x || g)", data)
    two = hm.model("y ~ x + (1 | g) + (0 + x | g)", data)
    params = point(one, data)
    mapped = {k: v for k, v in params.items() if k not in ("sd_1", "z_1")}
    for k in (0, 1):
        mapped |= {f"sd_{k + 1}": params["sd_1"][k : k + 1], f"z_{k + 1}": params["z_1"][k : k + 1]}
    same_values(log_lik(two, data, mapped), log_lik(one, data, params))
    assert log_density(two, data, mapped) == pytest.approx(log_density(one, data, params))


def test_identity_correlations_are_no_correlations() -> None:
    data = study()
    one, two = hm.model("y ~ (x || g)", data), hm.model("y ~ (x | g)", data)
    params = point(one, data)
    mapped = params | {"L_1": np.eye(2)}
    same_values(log_lik(two, data, mapped), log_lik(one, data, params))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("y ~ x + (1 | h/g)", "y ~ x + (1 | h) + (1 | h:g)"),
        ("y ~ f * x", "y ~ f + x + f:x"),
        ("y ~ x + (x | g)", "y ~ 1 + x + (1 + x | gr(g))"),
        ("y ~ x + (x || g)", "y ~ x + (x | gr(g, cor = FALSE))"),
        ("y ~ x + (1 |a| g)", "y ~ x + (1 | gr(g, id = a))"),
        ("y ~ (x + z)^2", "y ~ x * z"),
        ("y ~ x + z - z", "y ~ x"),
    ],
)
def test_two_ways_to_write_a_model(first: str, second: str) -> None:
    data = study()
    one, two = hm.model(first, data), hm.model(second, data)
    a, b = one.bind(data), two.bind(data)
    assert list(a) == list(b)
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    assert _statements(one) == _statements(two)


def _statements(model: hm.Model) -> list[str]:
    return [line.split("//")[0].strip() for line in model.stan_code.splitlines()]


def test_one_level_of_by_is_no_by() -> None:
    data = study().assign(all="same")
    plain = hm.model("y ~ x + (x | g)", data)
    by = hm.model("y ~ x + (x | gr(g, by = all))", data)
    params = point(plain, data)
    mapped = params | {"sd_1": params["sd_1"][:, None], "L_1": params["L_1"][None]}
    same_values(log_lik(by, data, mapped), log_lik(plain, data, params))
    assert log_density(by, data, mapped) == pytest.approx(log_density(plain, data, params))


def test_an_identity_as_known_covariance_is_none() -> None:
    data = study()
    levels = sorted(data["g"].unique())
    eye = pd.DataFrame(np.eye(6), index=levels, columns=levels)
    plain = hm.model("y ~ x + (x | g)", data)
    known = hm.model("y ~ x + (x | gr(g, cov = A))", data, data2={"A": eye})
    params = point(plain, data)
    same_values(log_lik(known, data, params), log_lik(plain, data, params))


def test_order_of_a_known_covariance_is_free() -> None:
    """Levels are matched by label."""
    from .frames import relatives

    data = study()
    matrix = relatives(data)
    turned = matrix.iloc[::-1, ::-1]
    bound = [
        hm.model("y ~ (1 | gr(g, cov = A))", data, data2={"A": m}).bind(data)["Lcov_1"]
        for m in (matrix, turned)
    ]
    np.testing.assert_allclose(bound[0] @ bound[0].T, matrix.to_numpy())
    np.testing.assert_array_equal(bound[0], bound[1])


def test_members_that_agree_are_one_group() -> None:
    data = study()
    data["m2"] = data["m1"]
    several = hm.model("y ~ x + (x | mm(m1, m2))", data)
    single = hm.model("y ~ x + (x | m1)", data)
    params = point(single, data)
    same_values(log_lik(several, data, params), log_lik(single, data, params))


def test_weights_of_members_are_scaled_per_row() -> None:
    data = study()
    text = "y ~ x + (1 | mm(m1, m2, weights = cbind(w1, w2){}))"
    scaled = hm.model(text.format(""), data).bind(data)
    raw = hm.model(text.format(", scale = FALSE"), data).bind(data)
    np.testing.assert_array_equal(raw["W_1_1"], data["w1"])
    np.testing.assert_allclose(scaled["W_1_1"] + scaled["W_1_2"], 1.0)
    np.testing.assert_allclose(scaled["W_1_1"], data["w1"] / (data["w1"] + data["w2"]))


def test_a_rate_is_an_offset() -> None:
    data = study()
    rate = hm.model("count | rate(time) ~ x", data, "poisson")
    offset = hm.model("count ~ x + offset(log(time))", data, "poisson")
    params = point(rate, data)
    same_values(log_lik(rate, data, params), log_lik(offset, data, params))


def test_no_censoring_is_no_addition() -> None:
    data = study().assign(never="none")
    censored = hm.model("pos | cens(never) ~ x", data, "weibull")
    plain = hm.model("pos ~ x", data, "weibull")
    params = point(plain, data)
    same_values(log_lik(censored, data, params), log_lik(plain, data, params))


def test_wide_bounds_are_no_truncation() -> None:
    data = study()
    bounded = hm.model("y | trunc(-1e6, 1e6) ~ x", data)
    plain = hm.model("y ~ x", data)
    params = point(plain, data)
    same_values(log_lik(bounded, data, params), log_lik(plain, data, params))


def test_binary_responses_are_one_trial() -> None:
    data = study().assign(one=1)
    binary = hm.model("yes ~ x + (1 | g)", data, "bernoulli")
    trials = hm.model("yes | trials(one) ~ x + (1 | g)", data, "binomial")
    params = point(binary, data)
    same_values(log_lik(binary, data, params), log_lik(trials, data, params))


def test_a_constant_formula_is_no_formula() -> None:
    """``sigma ~ 1`` with a log link at log(sigma) is sigma."""
    data = study()
    plain = hm.model("y ~ x", data)
    predicted = hm.model(hm.bf("y ~ x", "sigma ~ 1"), data)
    params = point(plain, data)
    mapped = {k: v for k, v in params.items() if k != "sigma"}
    mapped["Intercept_sigma"] = np.log(params["sigma"])
    same_values(log_lik(predicted, data, mapped), log_lik(plain, data, params))


def test_two_categories_are_a_binary_response() -> None:
    data = study()
    data["two"] = pd.Categorical.from_codes(data["yes"].to_numpy(), ["no", "yes"])
    nominal = hm.model("two ~ x", data, "categorical")
    binary = hm.model("two ~ x", data, "bernoulli")
    params = point(binary, data)
    mapped = {"b_muyes": params["b"], "Intercept_muyes": params["Intercept"]}
    same_values(log_lik(nominal, data, mapped), log_lik(binary, data, params))


def test_a_factor_and_its_text_are_the_same() -> None:
    data = study()
    text = data.assign(f=data["f"].astype(str), g=data["g"].astype("category"))
    first, second = (hm.model("y ~ f + (f | g)", d).bind(d) for d in (data, text))
    for key in first:
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)
