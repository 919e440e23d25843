"""Prior tables and prior densities of all core cases of the reference corpus."""

from __future__ import annotations

import numpy as np
import pytest

from hiermodel.families.registry import family
from hiermodel.priors import default_prior, resolve_priors
from hiermodel.stan.variables import ScalePrior
from priors import corpus
from priors.program import log_density

pytestmark = pytest.mark.skipif(not corpus.HAS_CORPUS, reason="no reference corpus")

CASES = corpus.core_ids()


def resolved(case):
    args = case["call"]["args"] or {}
    normalize = args.get("normalize", True)
    variables, user = corpus.parameters(case), corpus.user_priors(case)
    return resolve_priors(variables, user, normalize=normalize), normalize


def as_rows(table):
    return [
        (r.prior, r.cls, r.coef, r.group, r.resp, r.dpar, r.nlpar, r.lb, r.ub, r.tag, r.source)
        for r in table
    ]


def recorded_rows(rows):
    """Rows in our spelling: brms shows the class of correlations as L once it is validated."""
    return [
        (
            r["prior"].replace("lkj_corr_cholesky", "lkj"),
            "cor" if r["class"] == "L" else r["class"],
            *(r[k] for k in ("coef", "group", "resp", "dpar", "nlpar", "lb", "ub", "tag")),
            r["source"],
        )
        for r in rows
    ]


@pytest.mark.parametrize("case_id", CASES)
def test_table(case_id):
    case = corpus.load(case_id)
    defaults = resolve_priors(corpus.parameters(case))
    assert as_rows(defaults.table) == recorded_rows(case["default_prior"])
    if case.get("prior_summary"):
        # brms orders this table by class first, so only its rows are compared.
        table = resolved(case)[0].table
        assert sorted(as_rows(table)) == sorted(recorded_rows(case["prior_summary"]))


@pytest.mark.parametrize("case_id", CASES)
def test_parameters(case_id):
    case = corpus.load(case_id)
    parameters = {v.name: v for v in resolved(case)[0].parameters}
    assert set(parameters) == {p["name"] for p in case["parameters"]}
    for declared in case["parameters"]:
        var = parameters[declared["name"]]
        for bound, text in (("lower", var.lower), ("upper", var.upper)):
            expected = declared[bound]
            assert text == ("" if expected is None else f"{expected:g}"), var.name
        dims = declared["declared_dims"]
        # A Cholesky factor has one size for its two dimensions.
        assert [*var.array, *var.size] == dims


@pytest.mark.parametrize("case_id", CASES)
def test_density(case_id):
    case = corpus.load(case_id)
    data = case["standata"]
    if any(name.startswith("PW_") for name in data):
        pytest.skip("levels have weights, which are not part of the priors here")
    priors, normalize = resolved(case)
    sizes = {
        name: entry["values"]
        for name, entry in data.items()
        if entry["type"] == "int" and (entry["shape"] == [] or name == "nthres")
    }
    for point in case["points"]:
        # With sample_prior = "only", the density of the model is that of the priors.
        expected = point.get("lp_prior_only", point["lp"])
        got = log_density(priors, sizes, point["params"], normalize=normalize)
        assert got == pytest.approx(expected, rel=1e-10, abs=1e-9)


@pytest.mark.parametrize("case_id", CASES)
def test_complete_adds_what_is_constant(case_id):
    case = corpus.load(case_id)
    priors, _ = resolved(case)
    point = case["points"][0]
    draws = {k: np.asarray(v, dtype=float)[None, None] for k, v in point["params"].items()}
    sizes = {k: e["values"] for k, e in case["standata"].items() if e["shape"] == []}
    full = priors.complete(draws, sizes)
    assert set(full) == {*draws, *(f.var.name for f in priors.fixed)}
    for fixed in priors.fixed:
        name = fixed.var.name
        recorded = point["derived"].get(name) if isinstance(point.get("derived"), dict) else None
        assert full[name].shape[:2] == (1, 1)
        if recorded is not None:
            np.testing.assert_allclose(full[name][0, 0], recorded)


@pytest.mark.parametrize("case_id", CASES)
def test_rules_give_the_recorded_defaults(case_id):
    """`default_prior` on the family as declared, against every class-wide row."""
    case = corpus.load(case_id)
    settings = dict(case["call"]["family"])
    name, link = settings.pop("name"), settings.pop("link")
    links = {k: v for k, v in settings.items() if k.startswith("link_")}
    fam = family(name, link=link, **links)
    y = corpus.response(case)
    offset = float(np.mean(case["standata"].get("offsets", {}).get("values", 0.0)))
    for row in case["default_prior"]:
        is_head = not row["coef"] and not (row["group"] and row["class"] != "df")
        if not is_head:
            continue
        cls = row["class"]
        predicted = cls in ("b", "Intercept", "sd", "cor", "df", "delta")
        dpar = row["dpar"] if predicted else cls
        param = "mu" if not dpar or dpar.startswith("mu") else dpar
        got = default_prior(
            "brms", cls, fam, param, predicted=predicted, y=y,
            offset_mean=offset if param == "mu" else 0.0,
        )
        assert (got.text if isinstance(got, ScalePrior) else got) == row["prior"], row
