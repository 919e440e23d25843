"""What cannot be is told, with the culprit and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError, FormulaError, HiermodelError, PriorError

from .models import covariance, made, matrices, ring, series

N = 23


def build(formula: Any, family: str = "gaussian", **more: Any) -> hm.Model:
    data = more.pop("data", series())
    return hm.model(formula, data, family, data2=more.pop("data2", matrices(N)), **more)


FORMULAS = {
    "y ~ ar(t, s) + cosy(t, s)": "one autocorrelation term in time",
    "y ~ cosy(t, s) + fcor(V)": "have one covariance matrix",
    "y ~ sar(W) + fcor(V)": "have one covariance matrix",
    "y ~ ar(t, s):x": "cannot be multiplied",
    "y ~ ar(t, s, p = 0)": "p of ar() is a whole number from 1 on, not 0",
    "y ~ ma(t, s, q = 1.5)": "q of ma() is a whole number from 1 on, not 1.5",
    "y ~ arma(t, s, p = 0, q = 0)": "has no coefficients",
    "y ~ ar(t, s, p = 2, cov = TRUE)": "with cov = TRUE the orders of ar() are at most 1",
    "y ~ ar(t, s, cov = 1)": "cov of ar() must be TRUE or FALSE",
    "y ~ ar(t, s, q = 1)": "ar() has no argument 'q'",
    "y ~ ar(when, s)": "column 'when' is not in the data",
    "y ~ ar(t, gr = sss)": "column 'sss' is not in the data",
    "y ~ ar(t, gr = s + visit)": "gr of ar() names a grouping factor",
    "y ~ unstr(t)": "unstr() needs time = and gr =",
    "y ~ unstr(gr = s)": "unstr() needs time = and gr =",
    "y ~ fcor(M)": "there is no 'M' in data2",
    "y ~ fcor()": "takes the name of a matrix in data2",
    "y ~ fcor(3)": "takes the name of a matrix in data2",
    'y ~ sar(W, type = "lags")': "is 'lag' or 'error', not 'lags' (did you mean 'lag'?)",
    "y | weights(w) ~ cosy(t, s)": "weights() cannot stand beside cosy() here",
    "y | cens(0) ~ fcor(V)": "cens() cannot stand beside fcor() here",
    "y | se(se) ~ ar(t, s, cov = TRUE)": "write se(..., sigma = TRUE)",
    "y | se(se, sigma = TRUE) ~ sar(W)": "se() cannot stand beside sar() here",
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas(formula: str) -> None:
    with pytest.raises(HiermodelError) as caught:
        build(formula)
    assert FORMULAS[formula] in str(caught.value)
    assert isinstance(caught.value, FormulaError)
    assert "^" in str(caught.value)


OTHERS = [
    ("count ~ ar(t, s)", "poisson", "write cov = TRUE for latent ones"),
    ("count ~ fcor(V)", "poisson", "it is for gaussian and student"),
    ("visit ~ cosy(t, s)", "categorical", "family 'categorical' has several"),
    (hm.bf("y ~ x", "sigma ~ ar(t, s)"), "gaussian", "belongs to the formula of mu"),
    (hm.bf("y ~ sar(W)", "sigma ~ x"), "gaussian", "sigma has a formula, which sar() cannot"),
    (hm.bf("y ~ cosy(t, s)", "nu ~ x"), "student", "nu has a formula, which cosy(t, s) cannot"),
    (hm.bf("count ~ a", "a ~ 1", nl=True, autocor="~ cosy(t, s)"), "poisson", "non-linear here"),
    (hm.bf("y ~ x", autocor="~ z"), "gaussian", "autocor holds autocorrelation terms only"),
    (hm.bf("y ~ x", autocor="~ (1 | s)"), "gaussian", "autocor holds autocorrelation terms only"),
]


@pytest.mark.parametrize("formula, family, message", OTHERS)
def test_families_and_other_formulas(formula: Any, family: str, message: str) -> None:
    with pytest.raises(FormulaError) as caught:
        build(formula, family)
    assert message in str(caught.value)


def test_mixtures_have_several_means() -> None:
    with pytest.raises(FormulaError, match="has several"):
        hm.model("y ~ ar(t, s)", series(), hm.mixture("gaussian", "gaussian"))


def changed(matrix: np.ndarray, value: float, row: int = 2, column: int = 5) -> np.ndarray:
    out = matrix.copy()
    out[row, column] = value
    return out


MATRICES = [
    ("fcor(V)", {"V": covariance(7)}, "is 7 x 7, and the model has 23 rows"),
    ("fcor(V)", {"V": np.ones((23, 4))}, "must be a square matrix for fcor(), not 23 x 4"),
    ("fcor(V)", {"V": np.ones(23)}, "must be a square matrix"),
    ("fcor(V)", {"V": "no matrix"}, "does not hold numbers"),
    ("fcor(V)", {"V": changed(covariance(23), np.nan)}, "in row 3, column 6"),
    ("fcor(V)", {"V": changed(covariance(23), 9.0)}, "is not symmetric (row 3, column 6)"),
    ("fcor(V)", {"V": -np.eye(23)}, "is not positive definite"),
    ("sar(W)", {"W": np.eye(23)}, "no eigenvalues on both sides of zero"),
    ("sar(W)", {"W": np.triu(np.ones((23, 23)), 1)}, "no eigenvalues on both sides of zero"),
    ("sar(W)", {"W": ring(22)}, "is 22 x 22, and the model has 23 rows"),
    ("sar(W)", {"W": changed(ring(23), np.inf)}, "missing or infinite value in row 3, column 6"),
]


@pytest.mark.parametrize("term, data2, message", MATRICES)
def test_matrices(term: str, data2: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        build(f"y ~ {term}", data2=data2)
    assert message in str(caught.value)


def test_dropped_rows_are_told_with_the_matrix() -> None:
    data = series().copy()
    data.loc[0, "x"] = np.nan
    with pytest.warns(UserWarning, match="left out"), pytest.raises(
        DataError, match="drop them from the matrix too"
    ):
        build("y ~ x + fcor(V)", data=data)


def test_new_times_and_missing_ones() -> None:
    fit, data = made("y ~ unstr(visit, s)"), series()
    with pytest.raises(DataError, match="visit"):
        fit.log_lik(data.assign(visit=["v99", *data["visit"][1:]]))
    with pytest.raises(DataError, match="twice"):
        fit.posterior_predict(pd.concat([data, data.head(1)]))


def test_residual_correlations_cannot_stand_beside_a_covariance() -> None:
    formula = hm.bf("y ~ cosy(t, s)") + hm.bf("y2 ~ 1")
    assert build(formula).rescor is None
    with pytest.raises(FormulaError, match=r"cosy\(t, s\) has a density of all rows"):
        build(formula + hm.set_rescor(True))


def test_acformula() -> None:
    one = hm.bf("y ~ x") + hm.acformula("~ ar(t, s)")
    assert build(one).stan_code.splitlines()[2:] == build(
        "y ~ x + ar(t, s)").stan_code.splitlines()[1:]
    assert str(hm.bf("y ~ x", autocor=hm.acformula("~ ar(t)"))) == "y ~ x\nautocor = ~ ar(t)"
    two = hm.bf("y ~ x") + hm.bf("y2 ~ x")
    assert build(two + hm.acformula("~ ar(t, s)", resp="y2")).parts[1].autocor is not None
    with pytest.raises(FormulaError, match="which response has these"):
        two + hm.acformula("~ ar(t, s)")
    with pytest.raises(FormulaError, match="there is no response 'y3'"):
        two + hm.acformula("~ ar(t, s)", resp="y3")
    with pytest.raises(FormulaError, match="has autocorrelation terms already"):
        one + hm.acformula("~ cosy(t, s)")
    with pytest.raises(FormulaError, match="without a left side"):
        hm.acformula("y ~ ar(t)")
    with pytest.raises(FormulaError, match="takes formula text"):
        hm.acformula(None)  # type: ignore[arg-type]
    with pytest.raises(FormulaError, match="add it to their formula"):
        hm.bf("y ~ x", autocor=hm.acformula("~ ar(t)", resp="y"))
    both = hm.bf("y ~ ar(t, s)", autocor="~ ma(t, s)")
    with pytest.raises(FormulaError, match="one autocorrelation term in time"):
        build(both)


def test_priors() -> None:
    table = build("y ~ arma(t, s)").priors
    assert table.query("`class` in ['ar', 'ma']")["prior"].tolist() == ["", ""]
    bounds = build("y ~ arma(t, s, cov = TRUE)").priors.set_index("class")[["lb", "ub"]]
    assert bounds.loc["ar"].tolist() == ["-1", "1"] == bounds.loc["ma"].tolist()
    weak = build("y ~ ar(t, s)", priors="weak").priors.set_index("class")["prior"]
    assert weak["ar"] == "normal(0, 0.5)"
    model = build("y ~ unstr(t, s)", priors={"cortime": "lkj(3)"})
    assert "lkj_corr_cholesky_lpdf(Lcortime | 3)" in model.stan_code
    with pytest.raises(PriorError, match="matches no parameter"):
        build("y ~ ar(t, s)", priors=[hm.prior("normal(0, 1)", cls="ma")])


def test_flags() -> None:
    fit = made("y ~ ar(t, s)")
    with pytest.raises(ArgumentError, match="incl_autocor"):
        fit.posterior_epred(incl_autocor="no")  # type: ignore[arg-type]
