"""The registry of families: names, links, options, declarations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hiermodel.errors import FamilyError
from hiermodel.families import registry
from hiermodel.families.base import Family, FunctionTemplate, StanExpr, StanMath, stan_call
from hiermodel.families.registry import as_family, family, family_names, register_family
from hiermodel.links import LINKS
from hiermodel.stan.render import function_text


@pytest.mark.parametrize("name", family_names())
def test_declarations_are_complete(name: str) -> None:
    fam = as_family(name)
    assert fam.name == name and fam.params[0].name == "mu"
    for param in fam.params:
        assert set(param.links) <= set(LINKS)
        assert param.lower < param.upper
        if param.name != "mu" and param.fixed is None:
            assert param.prior
        if param.name != "mu" and param.name != "ndt":  # flat on purpose: its range is data
            assert param.prior_predicted or not param.links
    for fused in fam.fused:
        assert fused.link in fam.param("mu").links
    for file in fam.distribution.functions:
        if not isinstance(file, (str, FunctionTemplate)):
            file = file.written(None, True)
        assert function_text(file)
    # what truncates must know its mean
    assert ("trunc" in fam.additions) <= (fam.distribution.truncated_mean is not None)
    assert ("cens" in fam.additions) <= (fam.distribution.log_cdf is not None)


def test_links_and_options() -> None:
    fam = family("gaussian", link="log", link_sigma="identity")
    assert (fam.link("mu"), fam.link("sigma")) == ("log", "identity")
    assert as_family("gaussian").link("sigma") == "log"
    ordinal = family("cumulative", link="probit", threshold="equidistant")
    assert ordinal.option("threshold") == "equidistant"
    assert as_family("cumulative").option("threshold") == "flexible"
    assert family("categorical", refcat="b").option("refcat") == "b"
    assert as_family("categorical").option("refcat") is None


def test_changing_a_link_later_changes_the_arguments_too() -> None:
    fam = as_family("sratio").with_links({"mu": "cloglog"})
    p = registry_parameters()
    assert "exp(thr - mu)" in fam.arguments(p, StanMath)[0].text
    assert as_family(fam) is fam


def registry_parameters() -> object:
    class P:
        mu, disc, thresholds = StanExpr("mu", rows=True), StanExpr("1"), StanExpr("thr")

    return P()


@pytest.mark.parametrize(
    ("text", "name", "link"),
    [
        ("poisson", "poisson", "log"),
        ("Gamma", "gamma", "log"),
        ("Beta", "beta", "logit"),
        ("normal", "gaussian", "identity"),
        ("neg_binomial_2", "negbinomial", "log"),
        ("binomial(probit)", "binomial", "probit"),
        ("gaussian('log')", "gaussian", "log"),
        ("student()", "student", "identity"),
    ],
)
def test_text(text: str, name: str, link: str) -> None:
    fam = as_family(text)
    assert (fam.name, fam.link("mu")) == (name, link)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: family("gausian"), r"no family 'gausian' \(did you mean 'gaussian'\?\)"),
        (lambda: family("poisson", link="logg"), "does not allow the link 'logg' for mu .*'log'"),
        (lambda: family("poisson", link_sgma="log"), "'poisson' has no link_sgma"),
        (lambda: family("gaussian", link_sgma="log"), "no link_sgma .*mean 'sigma'"),
        (lambda: family("geometric", link_shape="log"), "no link_shape"),
        (lambda: family("cumulative", treshold="a"), "no option 'treshold' .*mean 'threshold'"),
        (lambda: family("cumulative", threshold="equi"), "cannot be 'equi'.*equidistant"),
        (lambda: family("sratio", link="softit"), "does not allow the link 'softit'"),
        (lambda: as_family(3), "not int"),  # type: ignore[arg-type]
        (lambda: as_family("poisson(log) + 1"), "cannot be read"),
        (lambda: register_family("poisson"), "takes a Family, not str"),  # type: ignore[arg-type]
        (lambda: register_family(replace(as_family("poisson"), params=())), "must be 'mu'"),
    ],
)
def test_errors(make: object, message: str) -> None:
    with pytest.raises(FamilyError, match=message):
        make()  # type: ignore[operator]


def test_register_a_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_FAMILIES", dict(registry._FAMILIES))
    mine = replace(as_family("poisson"), name="my_counts")
    register_family(mine)
    assert as_family("my_counts") is not None and "my_counts" in family_names()
    assert isinstance(family("my_counts", link="sqrt"), Family)


# ---- Stan text


def test_stan_text_keeps_every_digit_and_needed_bracket() -> None:
    mu, s, v = StanExpr("mu", True), StanExpr("s"), StanExpr("v", True)
    assert (mu * 0.1234567890123).text == "mu * 0.1234567890123"
    assert (mu * (s * v)).text == "mu .* (s * v)"
    assert (mu - (s - v)).text == "mu - (s - v)"
    assert ((1 - mu) * v).text == "(1 - mu) .* v"
    assert (s / mu).text == "s ./ mu" and (s / mu).at("n").text == "s / mu[n]"
    assert (1 * mu).text == "mu" and (mu / 1).text == "mu"
    assert stan_call("exp", -(mu + 1)).at("i").text == "exp(-(mu[i] + 1))"


def test_row_text_of_a_grouped_vector() -> None:
    thresholds = StanExpr("thr", rows=True, row_text="thr[start[n]:stop[n]]")
    mu = StanExpr("mu", rows=True)
    assert (thresholds - mu).at("n").text == "thr[start[n]:stop[n]] - mu[n]"


def test_infinite_bounds_are_the_default() -> None:
    assert as_family("gaussian").param("mu").lower == -np.inf
