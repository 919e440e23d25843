"""References that follow exactly from the draws: predictors, expectations, log-likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from harness import compare
from harness.post import EXACT, PostCase, by_response, exact, method, per_draw, stored
from hiermodel.errors import HiermodelError

_VERBS: dict[str, tuple[str, dict[str, Any]]] = {
    "linpred": ("posterior_linpred", {}),
    "linpred_thres": ("posterior_linpred", {"incl_thres": True}),
    "epred": ("posterior_epred", {}),
    "log_lik": ("log_lik", {}),
    "log_lik_resp": ("log_lik", {}),
    "epred_new_population": ("posterior_epred", {"re_formula": "none"}),
    "epred_new_no_autocor": ("posterior_epred", {"incl_autocor": False}),
}


def prediction(post: PostCase, key: str) -> list[str]:
    """``linpred``, ``epred``, ``log_lik`` and the like, for the data or for new rows."""
    new = "_new" in key
    verb, options = _VERBS.get(key) or _VERBS[key.replace("_new", "")]
    newdata = post.newdata("newdata", key.startswith("log_lik")) if new else None
    lines: list[str] = []
    for resp, reference in by_response(post.case[key]):
        expected = stored(_followed(post, key, resp, reference))
        if expected is None:
            continue
        extra = options | ({"resp": resp} if resp else {})
        result = method(post.fit, verb)(newdata, **extra)
        lines.append(exact(_named(key, resp), result, expected, None if new else post.rows))
    return [line for line in lines if line]


def _followed(
    post: PostCase, key: str, resp: str | None, reference: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Follow ``same_as``; for new rows it means the linear predictor of the new rows."""
    if "same_as" not in reference:
        return reference
    target = reference["same_as"] + ("_new" if "_new" in key else "")
    found: Mapping[str, Any] = post.case[target]
    return found[resp] if resp and resp in found else found


def _named(key: str, resp: str | None) -> str:
    return f"{key} ({resp})" if resp else key


def dpars(post: PostCase, key: str) -> list[str]:
    """Predicted distributional parameters on their natural scale."""
    new = key.endswith("_new")
    newdata = post.newdata("newdata") if new else None
    lines: list[str] = []
    for name, reference in _dpar_references(post, key):
        expected = stored(reference)
        if expected is None:
            continue
        resp, _, dpar = name.rpartition("/")
        extra = {"resp": resp} if resp else {}
        result = method(post.fit, "posterior_epred")(newdata, dpar=dpar, **extra)
        lines.append(exact(f"{key} {name}", result, expected, None if new else post.rows))
    return [line for line in lines if line]


def _dpar_references(post: PostCase, key: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Pairs (``sigma`` or ``resp/sigma``, reference); mind that a parameter may be ``shape``."""
    out: list[tuple[str, Mapping[str, Any]]] = []
    for name, inner in post.case[key].items():
        if "values" in inner:
            out.append((name, inner))
        else:
            out += [(f"{name}/{dpar}", one) for dpar, one in inner.items()]
    return out


def nlpars(post: PostCase, key: str) -> list[str]:
    """Non-linear parameters."""
    lines: list[str] = []
    for name, reference in post.case[key].items():
        expected = stored(reference)
        if expected is not None:
            result = method(post.fit, "posterior_linpred")(nlpar=name)
            lines.append(exact(f"{key} {name}", result, expected, post.rows))
    return [line for line in lines if line]


def missing_rows(post: PostCase, key: str) -> list[str]:
    """New rows with a missing factor (all its dummies zero) or number (a missing result).

    The references are predictions of the population level.
    """
    newdata = post.newdata(key)
    lines: list[str] = []
    for resp, reference in by_response(post.case[key]["linpred"]):
        expected = stored(reference)
        if expected is None:
            continue
        extra = {"resp": resp} if resp else {}
        result = method(post.fit, "posterior_linpred")(newdata, re_formula="none", **extra)
        lines.append(exact(_named(f"{key} linpred", resp), result, expected, None))
    return [line for line in lines if line]


def missing_group(post: PostCase, key: str) -> list[str]:
    """New rows with a missing grouping factor: refused, or allowed as a new level."""
    newdata, reference = post.newdata(key), post.case[key]
    lines = population(post, newdata, reference, key)
    if _refused(reference.get("linpred")):
        lines += must_refuse(post, newdata, key)
    if reference.get("linpred_allow_new_levels", {}).get("random"):
        linpred = method(post.fit, "posterior_linpred")
        result = linpred(newdata, allow_new_levels=True, seed=1)
        if not np.isfinite(per_draw(result)).all():
            lines.append(f"{key}: not finite with allow_new_levels")
    return lines


def _refused(reference: Mapping[str, Any] | None) -> bool:
    return reference is not None and "Levels" in str(reference.get("not_available", ""))


def population(
    post: PostCase, newdata: pd.DataFrame, reference: Mapping[str, Any], key: str
) -> list[str]:
    """The population-level prediction of new rows."""
    lines: list[str] = []
    for resp, inner in by_response(reference.get("linpred_population") or {}):
        expected = stored(inner)
        if expected is None:
            continue
        extra = {"resp": resp} if resp else {}
        result: xr.DataArray = method(post.fit, "posterior_linpred")(
            newdata, re_formula="none", **extra
        )
        lines.append(exact(_named(f"{key} population", resp), result, expected, None))
    return [line for line in lines if line]


def must_refuse(post: PostCase, newdata: pd.DataFrame, key: str) -> list[str]:
    """An unseen level without permission must be an error of the package."""
    try:
        method(post.fit, "posterior_linpred")(newdata)
    except HiermodelError:
        return []
    return [f"{key}: an unseen level was accepted without allow_new_levels"]


def posterior_smooths(post: PostCase, key: str) -> list[str]:
    """Draws of one smooth term, for training rows and for new ones."""
    reference = post.case[key]
    options = {} if reference.get("dpar", "mu") == "mu" else {"dpar": reference["dpar"]}
    smooths = method(post.fit, "posterior_smooths")
    problems = []
    for part, newdata, rows in (
        ("train", None, post.rows), ("newdata", post.newdata("newdata"), None)
    ):
        expected = stored(reference.get(part) or {})
        if expected is not None:
            found = smooths(reference["term"], newdata, **options)
            problems.append(exact(f"{key} {part}", found, expected, rows))
    return [line for line in problems if line]


def mixture_draws(post: PostCase, key: str) -> list[str]:
    """Probabilities of the components of a mixture, draw by draw."""
    expected = stored(post.case[key])
    if expected is None:
        return []
    result = method(post.fit, "pp_mixture")()
    line = exact(key, result, expected, post.rows)
    return [line] if line else []


def mixture_table(post: PostCase, key: str) -> list[str]:
    """Means and errors of the probabilities of the components, (rows, statistics, components)."""
    expected = stored(post.case[key])
    if expected is None:
        return []
    draws = per_draw(method(post.fit, "pp_mixture")())[:, post.rows[: len(expected)]]
    ours = np.stack([draws.mean(axis=0), draws.std(axis=0, ddof=1)], axis=1)
    line = compare.difference(key, ours, expected[:, :2], EXACT, 1.0)
    return [line] if line else []
