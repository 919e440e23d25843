"""Odd input that simply works: names of columns, levels and groups, kinds of columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm

from .draws import random_fit
from .frames import study

SETTINGS: dict[str, Any] = {
    "chains": 1, "draws": 20, "warmup": 20, "seed": 1, "engine": "stanli", "progress": False
}


def model(formula: Any, frame: Any = None, *args: Any, **kwargs: Any) -> hm.Model:
    return hm.model(formula, study() if frame is None else frame, *args, **kwargs)


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
    text = (
        "`reaction time` ~ `day.no` * `kind of` + day.no:z + (`day.no` | `the group`)"
        " + (1 | `2nd`)"
    )
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


# ------------------------------------------------------------------ names that the posterior uses

_GROUPS = ["b", "sigma", "Intercept", "coef", "chain", "draw", "obs", "category", "lprior", "mu",
           "r_g", "g_coef", "index", "N", "Y"]


@pytest.mark.parametrize("name", _GROUPS)
def test_groups_may_have_any_name(name: str) -> None:
    """Renaming a grouping factor changes its name and nothing else."""
    frame = study()
    plain = random_fit(model("y ~ x + (1 | g) + (1 | h)", frame), frame)
    renamed = frame.rename(columns={"h": name})
    text = f"y ~ x + (1 | g) + (1 | {name})"
    # Blocks are numbered by name: draws belong to a grouping factor, not to a number.
    made = model(text, renamed)
    draws = _draws_by_group(plain, made, {name: "h"})
    fit = hm.Fit.from_draws(made, renamed, draws)
    assert fit.fixef().index.tolist() == ["Intercept", "x"]
    assert len(fit.to_frame().columns) == len(plain.to_frame().columns)
    np.testing.assert_allclose(fit.posterior_epred(), plain.posterior_epred())
    np.testing.assert_allclose(fit.posterior_epred(renamed), plain.posterior_epred())
    np.testing.assert_allclose(fit.log_lik(), plain.log_lik())
    assert fit.ngroups() == {"g": 6, name: 4}
    assert len(fit.summary().to_frame()) == len(plain.summary().to_frame())


def _draws_by_group(
    fit: hm.Fit, other: hm.Model, names: dict[str, str]
) -> dict[str, np.ndarray]:
    """Draws of the first model (see `random_fit`) under the numbers of the other."""
    from .draws import random_draws

    draws = random_draws(fit.model, fit.frame)
    first = {g.name: g.index for g in fit.model.groups}
    out = {k: v for k, v in draws.items() if k[:2] not in ("sd", "z_")}
    for group in other.groups:
        index = first[names.get(group.name, group.name)]
        out |= {f"{k}_{group.index}": draws[f"{k}_{index}"] for k in ("sd", "z")}
    return out


def test_a_column_named_obs_is_saved(tmp_path: Path) -> None:
    """As in the epilepsy data: ``count ~ ... + (1 | obs)``."""
    data = hm.datasets.load("epilepsy")
    fit = random_fit(model("count ~ zBase + (1 | obs)", data, "poisson"), data)
    again = hm.load(fit.save(tmp_path / "fit.nc"))
    np.testing.assert_array_equal(again.posterior_epred(), fit.posterior_epred())


def test_names_with_slashes_are_saved(tmp_path: Path) -> None:
    frame = study().rename(columns={"x": "km/h", "g": "in/out"})
    fit = random_fit(model("y ~ `km/h` + (1 | `in/out`)", frame), frame)
    again = hm.load(fit.save(tmp_path / "fit.nc"))
    np.testing.assert_array_equal(again.posterior_epred(), fit.posterior_epred())
    assert "kmDh" in again.fixef().index


# ------------------------------------------------------------------ small and odd models


@pytest.mark.parametrize(
    "text", ["y ~ 1", "y ~ 0", "y ~ 0 + x", "y ~ 0 + (1 | g)", "y ~ 0 + offset(x)", "y ~ f:x"]
)
def test_small_models(text: str) -> None:
    fit = random_fit(model(text), study())
    assert fit.posterior_epred().shape == (2, 4, 60)
    assert str(fit.summary())


def test_a_model_without_any_parameter() -> None:
    """Nothing to sample: a clear error, or a fit whose expectation is the offset."""
    try:
        fit = hm.fit("count ~ 0 + offset(x)", study(), "poisson", **SETTINGS)
    except hm.HiermodelError as error:
        assert "parameter" in str(error)
    else:
        assert fit.posterior_epred().sizes["obs"] == 60


def test_by_in_one_formula_only() -> None:
    """As in brms, all effects of a factor have one by factor and one distribution."""
    with pytest.raises(hm.FormulaError, match="another by factor"):
        model(hm.bf("y ~ x + (1 | gr(g, by = side))", "sigma ~ (1 | g)"))


def test_student_effects_in_the_second_formula() -> None:
    with pytest.raises(hm.FormulaError, match="another distribution"):
        model(hm.bf("y ~ x + (1 | g)", 'sigma ~ (1 | gr(g, dist = "student"))'))


@pytest.mark.parametrize(
    ("left", "family"),
    [("y", "gaussian"), ("count", "poisson"), ("rating", "cumulative"), ("unit", "beta"),
     ("kind", "categorical")],
)
def test_predictions_where_x_is_missing_are_missing(left: str, family: str) -> None:
    fit = random_fit(model(f"{left} ~ x", None, family), study())
    drawn = fit.posterior_predict(study().assign(x=np.nan), seed=1)
    assert np.isnan(drawn.values).all()
