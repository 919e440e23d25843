"""Families and Stan code of the user."""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import HiermodelError

SMALL: dict[str, Any] = {"chains": 1, "draws": 50, "warmup": 100, "seed": 1, "progress": False}
GUMBEL = "real gum_lpdf(real y, real mu, real sigma) { return gumbel_lpdf(y | mu, sigma); }"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "custom-families.md"


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    x = rng.normal(size=30)
    return pd.DataFrame({"y": x + rng.gumbel(size=30), "x": x, "k": np.arange(30) % 4 + 1})


def gum(**changes: Any) -> Any:
    return hm.custom_family(
        "gum", **({"dpars": ["mu", "sigma"], "links": ["identity", "log"], "lb": [None, 0],
                   "stan": GUMBEL} | changes)
    )


def gum_log_lik(y: Any, mu: Any, sigma: Any) -> Any:
    z = (y - mu) / sigma
    return -z - np.exp(-z) - np.log(sigma)


def test_the_page_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    space: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for block in blocks:
            exec(block, space)
        # The built-in family is the same model.
        built = hm.fit(
            "incidence | trials(size) ~ period + (1 | herd)", space["cbpp"],
            family="beta_binomial", **(SMALL | {"chains": 2, "draws": 300, "warmup": 300}),
        )
    own = space["fit"]
    assert own.provenance["certificate"].startswith("log density equals")
    np.testing.assert_allclose(
        own.fixef()["mean"] if "mean" in own.fixef() else own.fixef().iloc[:, 0],
        built.fixef()["mean"] if "mean" in built.fixef() else built.fixef().iloc[:, 0], atol=0.25,
    )
    assert [v.name for v in space["model"].parameters][-1] == "tau"


def test_without_functions_it_fits_and_says_what_is_missing() -> None:
    fit = hm.fit("y ~ x", frame(), family=gum(), **SMALL)
    assert fit.provenance["certificate"] == "skipped: family 'gum' has no log_lik="
    for method, argument in (("loo", "log_lik"), ("posterior_predict", "posterior_predict"),
                             ("posterior_epred", "posterior_epred")):
        with pytest.raises(HiermodelError, match=f"{argument}="):
            getattr(fit, method)()


def test_a_wrong_log_lik_is_told() -> None:
    with pytest.raises(HiermodelError, match="log_lik="):
        hm.fit("y ~ x", frame(), family=gum(log_lik=lambda y, mu, sigma: -((y - mu) ** 2)),
               **SMALL)


def test_wrong_stan_text_shows_its_line() -> None:
    broken = GUMBEL.replace("gumbel_lpdf", "gumbol_lpdf")
    with pytest.raises(HiermodelError, match="gumbol"):
        hm.fit("y ~ x", frame(), family=gum(stan=broken), **SMALL)


def test_pickle_save_and_load(tmp_path: Path) -> None:
    family = gum(log_lik=gum_log_lik)
    stanvars = [hm.stanvar(2, name="m0"),
                hm.stanvar(scode="vector<lower=0>[2] tau;", block="parameters")]
    priors = [hm.prior("normal(m0, tau[1])"), hm.prior("target += exponential_lpdf(tau | 1)")]
    fit = hm.fit("y ~ x", frame(), family=family, stanvars=stanvars, priors=priors, **SMALL)
    assert fit.posterior["tau"].shape == (1, 50, 2)
    again = pickle.loads(pickle.dumps(fit))
    np.testing.assert_allclose(again.log_lik(), fit.log_lik())
    assert fit.update(**SMALL).model.stan_code == fit.model.stan_code
    fit.save(tmp_path / "fit.nc")
    with pytest.raises(HiermodelError, match="register_family"):
        hm.load(tmp_path / "fit.nc")
    from hiermodel.families import registry

    try:
        hm.register_family(gum(stan=GUMBEL + "\n// other"))
        with pytest.raises(HiermodelError, match="not the one"):
            hm.load(tmp_path / "fit.nc")
        hm.register_family(family)
        loaded = hm.load(tmp_path / "fit.nc")
    finally:
        registry._FAMILIES.pop("gum", None)
    assert loaded.model.stan_code == fit.model.stan_code
    np.testing.assert_allclose(loaded.log_lik(), fit.log_lik())


def test_code_of_every_block_runs() -> None:
    code = {
        "functions": "real half_lpdf(real x, real s) { return normal_lpdf(x | 0, s); }",
        "tdata": "real two = 2;", "tparameters": "real w = two * sigma;",
        "model": "target += -w;", "likelihood": "target += -square(w);",
        "genquant": "real g = w;",
    }  # fmt: skip
    for position in ("start", "end"):
        model = hm.model(
            "y ~ x", frame(), priors={"sigma": "half(2)"},
            stanvars=[hm.stanvar(scode=c, block=b, position=position) for b, c in code.items()],
        )
        fit = model.fit(frame(), **SMALL)
        assert fit.provenance["certificate"] == "skipped: a stanvar changes the likelihood"


def test_stanvars_reach_the_functions() -> None:
    text = "real gw_lpdf(real y, real mu, real w, real s) { return normal_lpdf(y | mu, w * s); }"
    family = hm.custom_family(
        "gw", vars=["w[n]", "s"], stan=text,
        log_lik=lambda y, mu, w, s: (
            -0.5 * ((y - mu) / (w * s)) ** 2 - np.log(w * s) - 0.5 * np.log(2 * np.pi)
        ),
    )
    rows = frame()
    fit = hm.fit(
        "y ~ x", rows, family=family, **SMALL,
        stanvars=[hm.stanvar(rows["k"] / 2.0, name="w"),
                  hm.stanvar(scode="real<lower=0> s;", block="parameters")],
        priors=[hm.prior("target += std_normal_lpdf(s)")],
    )
    assert fit.provenance["certificate"].startswith("log density equals")
    with pytest.raises(HiermodelError, match=r"vint\(\) or vreal"):
        fit.log_lik(newdata=rows.head(3))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dpars": ["sigma", "phi"]}, "must contain 'mu'"),
        ({"links": ["log", "log", "log"]}, "links has 3 entries"),
        ({"links": ["identity", "lgo"]}, "lgo"),
        ({"lb": [0]}, "lb has 1 entries"),
        ({"ub": 3}, "one entry per parameter"),
        ({"type": "integer"}, "'real' or 'int'"),
        ({"vars": ["vint1[n]; x"]}, "vars takes names"),
        ({"dpars": ["mu", "mu"]}, "twice"),
        ({"log_lik": 3}, "must be a function"),
        ({"response": "count"}, "not known for type 'real'"),
        ({"name": "a b"}, "Stan function"),
    ],
)
def test_wrong_families(changes: dict[str, Any], words: str) -> None:
    arguments = {"name": "gum", "dpars": ["mu", "sigma"], **changes}
    with pytest.raises(HiermodelError, match=re.escape(words)):
        hm.custom_family(arguments.pop("name"), **arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scode": "x", "block": "parms"}, "there is no block 'parms'"),
        ({"name": "m0"}, "needs its value"),
        ({"x": 1}, "needs a name"),
        ({"x": "a", "name": "m0"}, "must be numbers"),
        ({"scode": "real a", "block": "parameters"}, "lacks the ';'"),
        ({"scode": "a ~ normal(0, 1);", "block": "parameters"}, "not read as the declaration"),
        ({"scode": "} model {", "block": "tdata"}, "braces"),
        ({"block": "model"}, "needs code"),
        ({"x": 1.5, "name": "k", "scode": "int k;"}, "declared int"),
    ],
)
def test_wrong_stanvars(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(HiermodelError, match=re.escape(words)):
        hm.stanvar(**arguments)


def test_names_that_clash() -> None:
    one = hm.stanvar(1.0, name="m0")
    for name in ("sigma", "N", "lprior", "mu"):
        with pytest.raises(HiermodelError, match="already"):
            hm.model("y ~ x", frame(), stanvars=[hm.stanvar(1.0, name=name)])
    with pytest.raises(HiermodelError, match="two stanvars"):
        hm.model("y ~ x", frame(), stanvars=[one, one])
    with pytest.raises(HiermodelError, match="list of"):
        hm.model("y ~ x", frame(), stanvars=["real a;"])


def test_columns_of_vint() -> None:
    family = gum(vars=["vint1[n]", "vreal2[n]"])
    with pytest.raises(HiermodelError, match="whole numbers"):
        hm.model("y | vint(x) + vreal(x, x) ~ 1", frame(), family=family)
    with pytest.raises(HiermodelError, match=r"vreal\(...\)"):
        hm.model("y | vint(k) ~ 1", frame(), family=family)
    with pytest.raises(HiermodelError, match="vint"):
        hm.model("y | vint(k) ~ 1", frame(), family="gaussian")
    code = hm.model("y | vint(k) + vreal(x, k) ~ 1", frame(), family=family).stan_code
    assert "gum_lpdf(Y[n] | mu[n], sigma, vint1[n], vreal2[n])" in code
