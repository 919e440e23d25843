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
from .frames import study
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
    known: str = ""


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
    Bad("term that is not built yet", F, lambda: model("y ~ car(W, gr = g)")),
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
    Bad("prior that is not finished", P, lambda: model("y ~ x", None, "gaussian", {"b": "normal("})),
    Bad("prior with too few arguments", P,
        lambda: fit("y ~ x", "gaussian", {"b": "normal(0)"})),
    Bad("prior of another kind", P, lambda: model("y ~ x", None, "gaussian", 3)),
    Bad("bounds the wrong way round", P, lambda: model(
        "y ~ x", None, "gaussian", [hm.prior("normal(0, 1)", cls="b", lb=2, ub=1)])),
    Bad("flat prior alone", P, lambda: fit("y ~ x", sample_prior="only")),
    Bad("unknown sample_prior", H, lambda: model("y ~ x", sample_prior="maybe")),
    # ---- settings
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
    Bad("re_formula with an unknown group", F,
        lambda: fitted().posterior_epred(re_formula="~ (1 | h)")),
    Bad("re_formula with an unknown coefficient", F,
        lambda: fitted().posterior_epred(re_formula="~ (z | g)")),
    Bad("re_formula that is no formula", F, lambda: fitted().posterior_epred(re_formula="~ (")),
    Bad("re_formula without group-level terms", F,
        lambda: fitted().posterior_epred(re_formula="~ x"),
        "'~ x' passes silently and leaves all effects out"),
    Bad("too many draws", H, lambda: fitted().posterior_epred(ndraws=9)),
    Bad("no draws of a prediction", H, lambda: fitted().posterior_epred(ndraws=0)),
    Bad("unknown dpar", H, lambda: fitted().posterior_epred(dpar="shape")),
    Bad("dpar without a formula", H, lambda: fitted().posterior_linpred(dpar="sigma")),
    Bad("thresholds of no ordinal family", H,
        lambda: fitted().posterior_linpred(incl_thres=True)),
    Bad("residuals of an ordinal response", H, lambda: fit_of("cumulative").residuals()),
    Bad("unknown method of residuals", H, lambda: fitted().residuals(method="pearson")),
    Bad("empty newdata", D, lambda: fitted().posterior_epred(study().head(0))),
    Bad("newdata of another kind", D, lambda: fitted().posterior_epred(3)),
    Bad("unknown group of arrays", H, lambda: fitted().with_groups("log_likelyhood")),
    Bad("unknown variable of to_frame", H, lambda: fitted().to_frame(["no such"]),
        "a KeyError of xarray; flat names such as 'b_x' are not taken either"),
    Bad("unknown name in a hypothesis", H, lambda: fitted().hypothesis("xx > 0")),
)

BY_NAME = {case.name: case for case in CASES}


def parameters() -> list[Any]:
    return [
        pytest.param(case, id=case.name, marks=pytest.mark.xfail(reason=case.known))
        if case.known else pytest.param(case, id=case.name)
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
    assert set(kept()) == {case.name for case in CASES if not case.known}


def test_a_prior_that_stanc_refuses() -> None:
    """The message shows the statement and what the compiler says of it."""
    with pytest.raises(hm.EngineError, match=r"normal_lpdf\(b \| 0, tau\)(.|\n)*\"tau\" not in"):
        fit("y ~ x", "gaussian", {"b": "normal(0, tau)"})


# ------------------------------------------------------------------ odd input that simply works


def test_names_of_stan() -> None:
    """Columns may be called as they like: no name of a column becomes a name of Stan."""
    names = {"x": "real", "g": "int", "z": "for", "y": "target", "f": "vector"}
    frame = study().rename(columns=names)
    made = model("target ~ real + for + vector + (real | int)", frame)
    done = random_fit(made, frame)
    assert done.fixef().index.tolist() == ["Intercept", "real", "for", "vectormid", "vectortop"]
    assert "b_real" in done.to_frame()
    assert done.posterior_epred(frame.head(2)).sizes["obs"] == 2
    with pytest.warns(hm.SamplingWarning):
        sampled = hm.fit("target ~ real + (1 | int)", frame, **SETTINGS)
    assert "real" in str(sampled.summary())


def test_parameters_with_formulas_of_odd_columns() -> None:
    frame = study().rename(columns={"x": "sigma", "z": "mu", "g": "N"})
    done = random_fit(model(hm.bf("y ~ sigma + mu + (1 | N)", "sigma ~ mu"), frame), frame)
    assert done.posterior_epred(dpar="sigma").sizes["obs"] == 60
    assert {"b_sigma", "b_sigma_mu", "r_N"} <= {*done.to_frame(), *map(str, done.posterior)}


def test_names_with_blanks_and_dots() -> None:
    """Backticks, from the formula to newdata, summary, save and update."""
    names = {"y": "reaction time", "x": "day.no", "g": "the group", "f": "kind of", "h": "2nd"}
    frame = study().rename(columns=names)
    text = "`reaction time` ~ `day.no` * `kind of` + day.no:z + (`day.no` | `the group`) + (1 | `2nd`)"
    made = model(text, frame)
    done = random_fit(made, frame)
    assert "day.no" in done.fixef().index
    assert {"sd_the group", "r_2nd"} <= set(map(str, done.posterior))
    np.testing.assert_allclose(
        done.posterior_epred(frame.head(3)), done.posterior_epred().values[:, :, :3]
    )
    assert "day.no" in str(done.summary()) and "the group" in str(done.summary())
    reduced = done.posterior_epred(re_formula="~ (1 | `the group`)")
    assert (reduced.values != done.posterior_epred().values).any()
    with pytest.raises(hm.DataError, match="'nobody' of grouping factor 'the group'"):
        done.posterior_epred(frame.head(2).assign(**{"the group": "nobody"}))
    with pytest.warns(hm.SamplingWarning):
        sampled = hm.fit("`reaction time` ~ `day.no` + (1 | `the group`)", frame, **SETTINGS)
    with pytest.warns(hm.errors.HiermodelWarning, match="Pareto k"):
        assert sampled.loo() is not None


def test_labels_with_odd_letters() -> None:
    frame = study()
    frame["f"] = frame["f"].cat.rename_categories({"mid": "mid, [1]", "top": "größer \"2\""})
    frame["g"] = frame["g"] + ", ünit [x]"
    done = random_fit(model("y ~ f + (f | g)", frame), frame)
    assert "r_g[g01, ünit [x],Intercept]" in done.to_frame() or any(
        "ünit" in name for name in done.to_frame()
    )
    assert np.isfinite(done.posterior_epred(frame.head(2))).all()
    assert str(done.summary())


def test_duplicate_terms_count_once() -> None:
    assert _design("y ~ x + x + z") == _design("y ~ x + z")
    assert _design("y ~ x + x:z + z:x") == _design("y ~ x + x:z")


def _design(text: str) -> list[str]:
    return random_fit(model(text), study()).fixef().index.tolist()


def test_a_duplicate_group_level_term() -> None:
    """The same effect twice cannot be told apart: an error, or counted once."""
    try:
        made = model("y ~ x + (1 | g) + (1 | g)")
    except hm.HiermodelError as error:
        assert "twice" in str(error) or "duplicate" in str(error).lower()
    else:
        assert len(made.groups) == 1


def test_a_group_that_is_also_a_covariate() -> None:
    frame = study().assign(year=lambda d: d["count"].clip(1, 4).astype(float))
    with pytest.warns(hm.errors.HiermodelWarning, match="numeric covariate and a grouping factor"):
        made = model("y ~ year + (1 | year)", frame)
    done = random_fit(made, frame)
    assert done.fixef().index.tolist() == ["Intercept", "year"]
    levels = done.posterior["r_year"].coords["year"].values.tolist()
    assert levels == sorted({f"{v:g}" for v in frame["year"]})
    new = pd.DataFrame({"year": [1.0, 9.0]})
    with pytest.raises(hm.DataError, match="'9'"):
        done.posterior_epred(new)
    plain = done.posterior_linpred(new, re_formula="none").values
    b = done.posterior["b"].values
    np.testing.assert_allclose(plain, b[..., :1] + b[..., 1:] * np.array([1.0, 9.0]))


@pytest.mark.parametrize("kind", ["bool", "Int64", "float32", "boolean", "string", "category"])
def test_kinds_of_columns(kind: str) -> None:
    """Types of pandas and NumPy that hold the same values mean the same."""
    frame = study()
    column = {"bool": "flag", "boolean": "flag", "Int64": "size", "float32": "x",
              "string": "g", "category": "g"}[kind]
    other = frame.assign(**{column: frame[column].astype(kind)})
    text = {"g": "y ~ (1 | g)", "flag": "y ~ flag", "size": "y ~ size", "x": "y ~ x"}[column]
    first, second = (model(text, f).bind(f) for f in (frame, other))
    for key in first:
        np.testing.assert_allclose(first[key], second[key], rtol=1e-6, err_msg=key)


def test_the_input_is_not_changed() -> None:
    frame = study()
    before = frame.copy(deep=True)
    done = random_fit(model("y ~ x + f + (x | g)", frame), frame)
    done.posterior_predict(frame, seed=1)
    pd.testing.assert_frame_equal(frame, before)
