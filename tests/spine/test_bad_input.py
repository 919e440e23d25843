"""Bad input is answered with an error of the package that says what is wrong and what to do.

The messages are kept in ``tests/snapshots/messages.txt``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm

from .draws import fit_of, random_fit
from .frames import relatives, study
from .snapshots import FOLDER, regenerate

SETTINGS: dict[str, Any] = {
    "chains": 1, "draws": 20, "warmup": 20, "seed": 1, "engine": "stanli", "progress": False
}


def data(**columns: Any) -> pd.DataFrame:
    return study().assign(**columns)


def with_cell(column: str, value: Any, row: int = 4) -> pd.DataFrame:
    frame = study()
    values = frame[column].astype(object) if isinstance(value, str) else frame[column].astype(float)
    values.iloc[row] = value
    return frame.assign(**{column: values})


def model(formula: Any, frame: Any = None, *args: Any, **kwargs: Any) -> hm.Model:
    return hm.model(formula, study() if frame is None else frame, *args, **kwargs)


def fit(formula: Any, *args: Any, **kwargs: Any) -> hm.Fit:
    return hm.fit(formula, study(), *args, **{**SETTINGS, **kwargs})


def fitted() -> hm.Fit:
    return fit_of("correlated_slopes")


def factor_fit() -> hm.Fit:
    return random_fit(model("y ~ x + f"), study())


@dataclass(frozen=True)
class Bad:
    """Something that a user might do, and the class of error that answers it."""

    name: str
    error: type[Exception]
    run: Callable[[], Any]


F, D, Fam, P, E, H = (
    hm.FormulaError, hm.DataError, hm.FamilyError, hm.PriorError, hm.EngineError, hm.HiermodelError
)

CASES = (
    # ---- columns
    Bad("unknown column", F, lambda: model("y ~ z2 + (x | g)")),
    Bad("unknown response", F, lambda: model("yy ~ x")),
    Bad("unknown group", F, lambda: model("y ~ x + (1 | gg)")),
    Bad("unknown column in an addition", F, lambda: model("y | weights(ww) ~ x")),
    Bad("unknown column in a second formula", F, lambda: model(hm.bf("y ~ x", "sigma ~ xx"))),
    Bad("column missing in newdata", D, lambda: fitted().posterior_epred(study()[["g"]])),
    Bad("group missing in newdata", D, lambda: fitted().posterior_epred(study()[["x"]])),
    Bad("response missing in newdata", D,
        lambda: fitted().log_lik(study().drop(columns="y"))),
    Bad("unknown level of a factor in newdata", D,
        lambda: factor_fit().posterior_epred(data(f="none of these"))),
    Bad("unknown level of a group in newdata", D,
        lambda: fitted().posterior_epred(data(g="g1"))),
    Bad("text where the fit had a number", D, lambda: fitted().posterior_epred(data(x="a"))),
    Bad("number where the fit had a factor", D, lambda: factor_fit().posterior_epred(data(f=1.5))),
    # ---- responses
    Bad("one ordered category", D, lambda: model("rating ~ x", data(rating=1), "cumulative")),
    Bad("censoring as in survival", D, lambda: model(
        "pos | cens(status) ~ x", data(status=np.tile([1, 2], 30)), "weibull")),
    Bad("missing value in a matrix", D, lambda: model(
        "y ~ (1 | gr(g, cov = A))", data2={"A": relatives(study()).mask(lambda m: m < 0.3)})),
    Bad("constant response", F, lambda: model("1 ~ x")),
    Bad("constant by name as response", F, lambda: model("pi ~ x")),
    Bad("response on the right-hand side", F, lambda: model("y ~ x + y")),
    Bad("response in an interaction", F, lambda: model("log(pos) ~ x * log(pos)")),
    Bad("response with varying effects of itself", F, lambda: model("y ~ x + (y | g)")),
    Bad("all weights zero", D, lambda: model("y | weights(w) ~ x", data(w=0))),
    Bad("text as response", D, lambda: model("g ~ x")),
    Bad("factor as response of gaussian", D, lambda: model("f ~ x")),
    Bad("counts below zero", D, lambda: model("count ~ x", with_cell("count", -1), "poisson")),
    Bad("counts with a fraction", D, lambda: model("pos ~ x", None, "poisson")),
    Bad("successes above trials", D,
        lambda: model("ok | trials(size) ~ x", with_cell("ok", 99), "binomial")),
    Bad("trials forgotten", F, lambda: model("ok ~ x", None, "binomial")),
    Bad("negative trials", D, lambda: model("ok | trials(-size) ~ x", None, "binomial")),
    Bad("fractional trials", D, lambda: model("ok | trials(pos) ~ x", None, "binomial")),
    Bad("probability of one", D, lambda: model("unit ~ x", with_cell("unit", 1.0), "beta")),
    Bad("probability of zero", D, lambda: model("unit ~ x", with_cell("unit", 0.0), "beta")),
    Bad("zero in a gamma response", D, lambda: model("pos ~ x", with_cell("pos", 0.0), "gamma")),
    Bad("negative lognormal response", D, lambda: model("y ~ x", None, "lognormal")),
    Bad("binary response with three levels", D, lambda: model("f ~ x", None, "bernoulli")),
    Bad("binary response of twos", D, lambda: model("count ~ x", None, "bernoulli")),
    Bad("ordinal response with zeros", D, lambda: model("yes ~ x", None, "cumulative")),
    Bad("ordinal response with fractions", D, lambda: model("y ~ x", None, "cumulative")),
    Bad("categorical with one category", D,
        lambda: model("kind ~ x", data(kind="bus"), "categorical")),
    Bad("unknown reference category", D,
        lambda: model("kind ~ x", None, hm.family("categorical", refcat="bicycle"))),
    Bad("infinite response", D, lambda: model("y ~ x", with_cell("y", np.inf))),
    Bad("too few thresholds", F, lambda: model("rating | thres(2) ~ x", None, "cumulative")),
    Bad("interval without its right end", D,
        lambda: model("pos | cens(event) ~ x", None, "weibull")),
    Bad("right end of an interval is missing", D,
        lambda: model("pos | cens(event, up) ~ x", data(up=np.nan), "weibull")),
    Bad("right end below the left one", D,
        lambda: model("pos | cens(event, low) ~ x", data(low=0.0), "weibull")),
    Bad("unknown kind of censoring", D,
        lambda: model("pos | cens(event) ~ x", data(event="banana"), "weibull")),
    Bad("response outside of the truncation bounds", D,
        lambda: model("y | trunc(lb = 0) ~ x")),
    Bad("truncation bounds the wrong way round", D,
        lambda: model("y | trunc(50, -50) ~ x")),
    Bad("rate of zero", D, lambda: model("count | rate(time) ~ x", data(time=0.0), "poisson")),
    Bad("negative standard errors", D, lambda: model("y | se(s) ~ x", data(s=-1.0))),
    Bad("categories that give the same name", D,
        lambda: model("k ~ x", data(k=np.array(["a.1", "a1", "b"])[np.arange(60) % 3]),
                      "categorical")),
    # ---- predictors
    Bad("infinite predictor", D, lambda: model("y ~ x", with_cell("x", -np.inf))),
    Bad("predictor that becomes infinite", D, lambda: model("y ~ log(x0)", data(x0=0.0))),
    Bad("infinite weight", D, lambda: model("y | weights(w) ~ x", with_cell("w", np.inf))),
    Bad("negative weight", D, lambda: model("y | weights(w) ~ x", with_cell("w", -1.0))),
    Bad("infinite predictor in newdata", D,
        lambda: fitted().posterior_epred(with_cell("x", np.inf))),
    Bad("one-level group", D, lambda: model("y ~ x + (1 | one)", data(one="only"))),
    Bad("one-level factor", D, lambda: model("y ~ one", data(one="only"))),
    Bad("empty data", D, lambda: model("y ~ x", study().head(0))),
    Bad("all-missing column", D, lambda: model("y ~ x", data(x=np.nan))),
    Bad("all rows miss something", D, lambda: model(
        "y ~ x + z", study().assign(x=lambda d: d["x"].where(d.index % 2 == 0),
                                    z=lambda d: d["z"].where(d.index % 2 == 1)))),
    Bad("data of another kind", D, lambda: model("y ~ x", [1, 2, 3])),
    Bad("no data", D, lambda: model("y ~ x", 3)),
    Bad("group varies over itself", F, lambda: model("y ~ (g | g)")),
    Bad("by that varies within levels", D, lambda: model("y ~ (1 | gr(g, by = h))")),
    Bad("matrix that is not in data2", F, lambda: model("y ~ (1 | gr(g, cov = A))")),
    Bad("matrix without a level", D, lambda: model(
        "y ~ (1 | gr(g, cov = A))", data2={"A": pd.DataFrame([[1.0]], ["g01"], ["g01"])})),
    Bad("known covariance that is not positive definite", D, lambda: model(
        "y ~ (1 | gr(g, cov = A))", data2={"A": relatives(study()) * 0 + 1.0})),
    Bad("known covariance without labels", D,
        lambda: model("y ~ (1 | gr(g, cov = A))", data2={"A": np.eye(6)})),
    Bad("members whose weights are all zero", D,
        lambda: model("y ~ (1 | mm(m1, m2, weights = cbind(o, o)))", data(o=0.0))
        .bind(data(o=0.0))),
    Bad("QR of a constant column", D, lambda: model(hm.bf("y ~ x + z", decomp="QR"), data(x=1.0))),
    Bad("QR of collinear columns", D,
        lambda: model(hm.bf("y ~ x + x3", decomp="QR"), study().assign(x3=lambda d: 2 * d["x"]))),
    Bad("QR with more columns than rows", D,
        lambda: model(hm.bf("y ~ f * x + z", decomp="QR"), study().groupby("f").head(1))),
    Bad("intercept of a group twice", F, lambda: model("y ~ x + (x | g) + (1 | g)")),
    Bad("column of dates", D,
        lambda: model("y ~ when", data(when=pd.date_range("2020-01-01", periods=60)))),
    Bad("column of mixed values", D, lambda: model("y ~ o", data(o=[1, "a"] * 30))),
    Bad("column name twice", D,
        lambda: model("y ~ x", pd.concat([study(), study()[["x"]]], axis=1))),
    Bad("one ID for two factors", F, lambda: model("y ~ (1 |a| g) + (x |a| h)")),
    Bad("unknown contrast", D, lambda: model("y ~ f", contrasts={"f": "treatmant"})),
    Bad("contrast of no factor", D, lambda: model("y ~ x", contrasts={"x": "sum"})),
    # ---- families
    Bad("unknown family", Fam, lambda: model("y ~ x", None, "gausian")),
    Bad("unknown link", Fam, lambda: model("y ~ x", None, hm.family("gaussian", "logg"))),
    Bad("link that the family cannot have", Fam,
        lambda: model("y ~ x", None, hm.family("beta", "inverse"))),
    Bad("link of an unknown parameter", Fam, lambda: hm.family("gaussian", link_shape="log")),
    Bad("unknown option", Fam, lambda: hm.family("cumulative", threshold="flexibel")),
    Bad("addition that the family cannot have", F,
        lambda: model("y | trials(size) ~ x")),
    Bad("unknown parameter in a formula", F, lambda: model(hm.bf("y ~ x", "shape ~ x"))),
    Bad("family of another kind", Fam, lambda: model("y ~ x", None, 3)),
    # ---- formulas
    Bad("formula without a tilde", F, lambda: model("y + x")),
    Bad("formula without a response", F, lambda: model("~ x")),
    Bad("formula that stops", F, lambda: model("y ~ x + (x | g")),
    Bad("formula with two operators", F, lambda: model("y ~ x + * z")),
    Bad("empty formula", F, lambda: model("")),
    Bad("formula of another kind", F, lambda: model(3)),
    Bad("unknown function", F, lambda: model("y ~ lgo(x)")),
    Bad("unknown addition", F, lambda: model("y | wieghts(w) ~ x")),
    Bad("unknown argument of gr", F, lambda: model("y ~ (1 | gr(g, bye = side))")),
    Bad("group-level term without a coefficient", F, lambda: model("y ~ x + (0 | g)")),
    Bad("process of a factor", F, lambda: model("y ~ gp(f)")),
    Bad("process without a covariate", F, lambda: model("y ~ gp(k = 5)")),
    Bad("process times a column", F, lambda: model("y ~ gp(x):z")),
    Bad("unknown argument of gp", F, lambda: model("y ~ gp(x, bye = f)")),
    Bad("unknown covariance of gp", F, lambda: model('y ~ gp(x, cov = "matern25")')),
    Bad("gp with a fraction of functions", F, lambda: model("y ~ gp(x, k = 2.5)")),
    Bad("gp with too many functions", F, lambda: model("y ~ gp(x, z, x1, k = 99)")),
    Bad("gp with a negative boundary", F, lambda: model("y ~ gp(x, k = 5, c = -1)")),
    Bad("gp with too many boundaries", F, lambda: model("y ~ gp(x, k = 5, c = c(1, 2))")),
    Bad("gp twice", F, lambda: model("y ~ gp(x) + gp(x, k = 5)")),
    Bad("gp of a constant", D, lambda: model("y ~ gp(one)", data(one=2.0))),
    Bad("gp in a group-level term", F, lambda: model("y ~ x + (gp(x) | g)")),
    Bad("smooth with too many functions", F, lambda: model("y ~ s(x, k = 500)")),
    Bad("smooth with too few functions", F, lambda: model("y ~ s(x, k = 1)")),
    Bad("smooth with an unknown basis", F, lambda: model('y ~ s(x, bs = "tpp")')),
    Bad("smooth with an unknown argument", F, lambda: model("y ~ s(x, kk = 5)")),
    Bad("smooth of a factor", D, lambda: model("y ~ s(f)")),
    Bad("smooth times a column", F, lambda: model("y ~ s(x) * z")),
    Bad("smooth with several covariates for a basis of one", F,
        lambda: model('y ~ s(x, z, bs = "cr")')),
    Bad("smooth twice", F, lambda: model("y ~ s(x) + s(x, k = 5)")),
    Bad("te", F, lambda: model("y ~ te(x, z)")),
    Bad("margins that do not add up", F, lambda: model("y ~ t2(x, z, d = c(2, 1))")),
    Bad("knots without a smooth", hm.HiermodelError,
        lambda: model("y ~ s(x)", knots={"z": [0, 1]})),
    Bad("knots that are no numbers", hm.HiermodelError,
        lambda: model("y ~ s(x)", knots={"x": ["a", "b"]})),
    Bad("function as grouping factor", F, lambda: model("y ~ (1 | factor(score))")),
    # ---- priors
    Bad("prior for a parameter that does not exist", P,
        lambda: model("y ~ x", None, "gaussian", [hm.prior("normal(0, 1)", cls="b", coef="xx")])),
    Bad("prior for a class that does not exist", P,
        lambda: model("y ~ x", None, "gaussian", [hm.prior("normal(0, 1)", cls="shape")])),
    Bad("prior key that does not exist", P,
        lambda: model("y ~ x", None, "gaussian", {"b_days": "normal(0, 1)"})),
    Bad("unknown default set", P, lambda: model("y ~ x", None, "gaussian", "week")),
    Bad("unknown distribution", P,
        lambda: model("y ~ x", None, "gaussian", {"b": "normall(0, 1)"})),
    Bad("prior that is not finished", P,
        lambda: model("y ~ x", None, "gaussian", {"b": "normal("})),
    Bad("prior with too few arguments", P,
        lambda: fit("y ~ x", "gaussian", {"b": "normal(0)"})),
    Bad("prior of another kind", P, lambda: model("y ~ x", None, "gaussian", 3)),
    Bad("bounds the wrong way round", P, lambda: model(
        "y ~ x", None, "gaussian", [hm.prior("normal(0, 1)", cls="b", lb=2, ub=1)])),
    Bad("negative scale of a prior", P, lambda: hm.prior("normal(0, -5)", cls="b", coef="x")),
    Bad("negative rate of a prior", P,
        lambda: model("y ~ x", None, "gaussian", {"sigma": "exponential(-1)"})),
    Bad("shape of zero of a prior", P, lambda: hm.prior("gamma(0, 1)", cls="sigma")),
    Bad("ends of a uniform prior", P, lambda: hm.prior("uniform(2, 1)")),
    Bad("none among priors", P, lambda: model("y ~ x", None, "gaussian", [None])),
    Bad("flat prior alone", P, lambda: fit("y ~ x", sample_prior="only")),
    Bad("two statements as a prior", P,
        lambda: model("y ~ x", None, "gaussian", {"b": "normal(0, 1); target += 3"})),
    Bad("lkj below zero", P, lambda: model("y ~ (x | g)", None, "gaussian", {"cor": "lkj(-2)"})),
    Bad("number as constant correlation", P, lambda: model(
        "y ~ (x | g)", None, "gaussian", {"cor": "constant(1)"}).fit(study(), **SETTINGS)),
    Bad("unknown sample_prior", H, lambda: model("y ~ x", sample_prior="maybe")),
    # ---- parameters held fixed
    Bad("negative sigma", Fam, lambda: model(hm.bf("y ~ x", sigma=-4))),
    Bad("degrees of freedom below one", Fam,
        lambda: model(hm.bf("y ~ x", nu=0.5), None, "student")),
    # ---- settings
    Bad("iterations of brms", E, lambda: fit("y ~ x", iter=2000)),
    Bad("warmup of PyMC", E, lambda: fit("y ~ x", tune=1000)),
    Bad("control of brms", E, lambda: fit("y ~ x", control={"adapt_delta": 0.9})),
    Bad("prior of brms", E, lambda: fit("y ~ x", prior="normal(0, 1)")),
    Bad("backend of brms", E, lambda: fit("y ~ x", backend="cmdstanr")),
    Bad("a model as a setting", E, lambda: fit("y ~ x", model=1)),
    Bad("no algorithm", E, lambda: fit("y ~ x", algorithm=None)),
    Bad("number as algorithm", E, lambda: fit("y ~ x", algorithm=3)),
    Bad("text as progress", H, lambda: fit("y ~ x", progress="no")),
    Bad("text as certify", H, lambda: fit("y ~ x", certify="no")),
    Bad("text as drop_unused_levels", H, lambda: model("y ~ x", drop_unused_levels="no")),
    Bad("text as normalize", H, lambda: model("y ~ x", normalize="no")),
    Bad("contrasts without a column", D, lambda: model("y ~ f", contrasts="sum")),
    Bad("matrix as data2", H,
        lambda: model("y ~ (1 | gr(g, cov = A))", data2=relatives(study()))),
    Bad("unknown setting", E, lambda: fit("y ~ x", iters=100)),
    Bad("no draws", E, lambda: fit("y ~ x", draws=0)),
    Bad("adapt_delta of one", E, lambda: fit("y ~ x", adapt_delta=1.0)),
    Bad("unknown engine", E, lambda: fit("y ~ x", engine="stan")),
    Bad("unknown algorithm", E, lambda: fit("y ~ x", algorithm="vb")),
    Bad("init of an unknown parameter", E, lambda: fit("y ~ x", init={"beta": 1.0})),
    Bad("init of the wrong size", E, lambda: fit("y ~ x", init={"b": [1.0, 2.0]})),
    Bad("init outside the support", E, lambda: fit("y ~ x", init={"sigma": -1.0})),
    Bad("init by a user-facing name", E, lambda: fit("y ~ x + (1 | g)", init={"sd_g": 1.0})),
    # ---- after the fit
    Bad("hypothesis without a parameter", F, lambda: fitted().hypothesis("1 > 0")),
    Bad("number as hypothesis", H, lambda: fitted().hypothesis(3)),
    Bad("alpha above one half", H, lambda: fitted().hypothesis("x > 0", alpha=0.9)),
    Bad("number as effect", H, lambda: fitted().conditional_effects(3)),
    Bad("number as conditions", H, lambda: fitted().conditional_effects("x", conditions=3)),
    Bad("unknown method of effects", H, lambda: fitted().conditional_effects(method="fitted")),
    Bad("interaction values of no variable", D,
        lambda: fitted().conditional_effects(int_conditions={"xx": [1]})),
    Bad("number as interaction values", H,
        lambda: fitted().conditional_effects(int_conditions=3)),
    Bad("number as statistic", D, lambda: fitted().pp_check("stat", stat=3)),
    Bad("text as number of replications", D, lambda: fitted().pp_check(ndraws="all")),
    Bad("unknown way to sample levels", H,
        lambda: fitted().posterior_epred(sample_new_levels="old")),
    Bad("folder as file", D, lambda: fitted().save(".")),
    Bad("number as family in bf()", F, lambda: model(hm.bf("y ~ x", family=3))),
    Bad("number as variable", H, lambda: fitted().to_frame(3)),
    Bad("number as type of check", H, lambda: fitted().pp_check(3)),
    Bad("number as probs", H, lambda: fitted().fixef(probs=0.5)),
    Bad("percent as probs", H, lambda: fitted().ranef(probs=[2.5, 97.5])),
    Bad("text as robust", H, lambda: fitted().summary(robust="no")),
    Bad("text as allow_new_levels", H, lambda: fitted().posterior_epred(allow_new_levels="no")),
    Bad("number as path to load", H, lambda: hm.load(3)),
    Bad("none as path to save", H, lambda: fitted().save(None)),
    Bad("list of models to compare", D, lambda: hm.compare([fitted(), fitted()])),
    Bad("number to compare", D, lambda: hm.compare({"a": fitted(), "b": 3})),
    Bad("by factor against the fit", D, lambda: fit_of("by").posterior_epred(
        data(side=np.where(study()["side"] == "left", "right", "left")))),
    Bad("re_formula with an unknown group", F,
        lambda: fitted().posterior_epred(re_formula="~ (1 | h)")),
    Bad("re_formula with an unknown coefficient", F,
        lambda: fitted().posterior_epred(re_formula="~ (z | g)")),
    Bad("re_formula that is no formula", F, lambda: fitted().posterior_epred(re_formula="~ (")),
    Bad("re_formula without group-level terms", F,
        lambda: fitted().posterior_epred(re_formula="~ x")),
    Bad("too many draws", H, lambda: fitted().posterior_epred(ndraws=9)),
    Bad("no draws of a prediction", H, lambda: fitted().posterior_epred(ndraws=0)),
    Bad("fraction of draws", H, lambda: fitted().posterior_epred(ndraws=2.5)),
    Bad("negative seed", H, lambda: fitted().posterior_predict(seed=-1)),
    Bad("seed that is text", H, lambda: fitted().posterior_predict(seed="a")),
    Bad("re_formula of another kind", H, lambda: fitted().posterior_epred(re_formula=True)),
    Bad("probability above one", H, lambda: fitted().summary(prob=2)),
    Bad("missing value in trials of newdata", D, lambda: random_fit(
        model("ok | trials(size) ~ x", None, "binomial"), study()
    ).posterior_epred(data(size=np.nan))),
    Bad("missing response in newdata", D, lambda: fitted().log_lik(data(y=np.nan))),
    Bad("hypothesis with one side", F, lambda: fitted().hypothesis("x >")),
    Bad("folder that does not exist", H, lambda: fitted().save("no/such/folder/fit.nc")),
    Bad("draws that are text", H,
        lambda: hm.Fit.from_draws(model("y ~ 1"), study(), {"Intercept": "a", "sigma": "b"})),
    Bad("unknown dpar", H, lambda: fitted().posterior_epred(dpar="shape")),
    Bad("dpar without a formula", H, lambda: fitted().posterior_linpred(dpar="sigma")),
    Bad("thresholds of no ordinal family", H,
        lambda: fitted().posterior_linpred(incl_thres=True)),
    Bad("residuals of an ordinal response", H, lambda: fit_of("cumulative").residuals()),
    Bad("unknown method of residuals", H, lambda: fitted().residuals(method="pearson")),
    Bad("empty newdata", D, lambda: fitted().posterior_epred(study().head(0))),
    Bad("newdata of another kind", D, lambda: fitted().posterior_epred(3)),
    Bad("unknown group of arrays", H, lambda: fitted().with_groups("log_likelyhood")),
    Bad("unknown variable of to_frame", H, lambda: fitted().to_frame(["no such"])),
    Bad("unknown name in a hypothesis", H, lambda: fitted().hypothesis("xx > 0")),
)

BY_NAME = {case.name: case for case in CASES}


def parameters() -> list[Any]:
    return [
        pytest.param(case, id=case.name)
        for case in CASES
    ]


def message_of(case: Bad) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hm.errors.HiermodelWarning)
        with pytest.raises(hm.HiermodelError) as info:
            case.run()
    assert isinstance(info.value, case.error), f"{type(info.value).__name__}: {info.value}"
    return f"{type(info.value).__name__}: {info.value}"


def kept() -> dict[str, str]:
    path = FOLDER / "messages.txt"
    if not path.is_file():
        return {}
    parts = path.read_text(encoding="utf-8").split("## ")[1:]
    return {name: text.strip("\n") for name, _, text in (part.partition("\n") for part in parts)}


@pytest.mark.parametrize("case", parameters())
def test_message(case: Bad) -> None:
    message = message_of(case)
    assert len(message) < 1000 and "Traceback" not in message
    if regenerate():
        messages = {**kept(), case.name: message}
        ordered = [f"## {c.name}\n{messages[c.name]}\n" for c in CASES if c.name in messages]
        (FOLDER / "messages.txt").write_text("\n".join(ordered), encoding="utf-8")
    assert kept().get(case.name) == message


def test_no_message_is_left_over() -> None:
    assert set(kept()) == {case.name for case in CASES}


def test_a_prior_that_stanc_refuses() -> None:
    """The message shows the statement and what the compiler says of it."""
    with pytest.raises(hm.EngineError, match=r"normal_lpdf\(b \| 0, tau\)(.|\n)*\"tau\" not in"):
        fit("y ~ x", "gaussian", {"b": "normal(0, tau)"})
