"""`bf()` and its relatives, and formulas as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from hiermodel.errors import FormulaError
from hiermodel.formula import (
    Formula,
    as_formula,
    bf,
    deparse,
    from_json,
    lf,
    mvbf,
    nlf,
    set_rescor,
    to_json,
)
from hiermodel.formula.values import FormulaOptions

from .trees import assert_inside


def parameters(formula: Formula, response: int = 0) -> dict[str, str]:
    return {s.name: deparse(s.parsed.rhs) for s in formula.responses[response].subformulas}


def test_text_becomes_a_formula() -> None:
    formula = as_formula("y ~ x")
    assert formula == bf("y ~ x")
    assert as_formula(formula) is formula
    assert formula.responses[0].options == FormulaOptions()
    with pytest.raises(FrozenInstanceError):
        formula.rescor = True  # type: ignore[misc]


def test_parameters() -> None:
    formula = bf("y ~ x", "sigma ~ z + (1 | g)", "a + b ~ 1", nu="~ x", zi="zi ~ w")
    assert parameters(formula) == {
        "sigma": "z + (1 | g)", "a": "1", "b": "1", "nu": "x", "zi": "w",
    }


def test_fixed_parameters() -> None:
    fixed = dict(bf("y ~ x", nu=4, quantile=0.25, sigma2="sigma1").responses[0].fixed)
    assert fixed == {"nu": 4, "quantile": 0.25, "sigma2": "sigma1"}
    assert bf("y ~ x", nu=np.int64(4), hu=np.float32(0.5)) == bf("y ~ x", nu=4, hu=0.5)


def test_options_of_the_main_formula() -> None:
    formula = bf("y ~ x", "sigma ~ x", center=False, cmc=False, sparse=True, decomp="QR")
    (response,) = formula.responses
    assert response.options == FormulaOptions(False, False, True, "QR")
    assert response.subformulas[0].options == FormulaOptions()


def test_centring_is_left_open_unless_asked_for() -> None:
    assert bf("y ~ a * exp(x)", "a ~ 1", nl=True, loop=False).responses[0].options == (
        FormulaOptions(center=None, nl=True, loop=False)
    )
    assert bf("y ~ a", "a ~ 1", nl=True, center=True).responses[0].options.center


def test_options_of_one_parameter() -> None:
    formula = bf("y ~ x", lf("sigma ~ z", center=False, decomp="QR"), nlf("nu ~ a", loop=False))
    sigma, nu = formula.responses[0].subformulas
    assert sigma.options == FormulaOptions(center=False, decomp="QR")
    assert nu.options.nl and not nu.options.loop
    assert formula == bf("y ~ x") + lf("sigma ~ z", center=False, decomp="QR") + nlf(
        "nu ~ a", loop=False
    )


def test_a_parameter_named_apart() -> None:
    assert parameters(bf("y ~ 1") + lf("~ x", dpar="sigma")) == {"sigma": "x"}
    assert parameters(bf("y ~ 1") + nlf("~ exp(a)", dpar="sigma")) == {"sigma": "exp(a)"}
    assert parameters(bf("y ~ 1") + lf("sigma ~ x", dpar="sigma")) == {"sigma": "x"}


def test_the_rest_of_a_response() -> None:
    (response,) = bf(
        "y ~ x", family="poisson", unused="~ v", autocor="~ ar(time = t)"
    ).responses
    assert response.family == "poisson"
    assert response.unused is not None and deparse(response.unused.rhs) == "v"
    assert response.autocor is not None and deparse(response.autocor.rhs) == "ar(time = t)"


def test_responses_are_added() -> None:
    formula = bf("y1 ~ x", "sigma ~ z") + bf("y2 | trials(n) ~ z") + set_rescor(False)
    assert [r.name for r in formula.responses] == ["y1", "y2"]
    assert formula.rescor is False
    assert formula == mvbf(bf("y1 ~ x", "sigma ~ z"), "y2 | trials(n) ~ z", rescor=False)
    assert (formula + bf("y3 ~ 1")).rescor is False


def test_mvbind() -> None:
    formula = bf("mvbind(y1, log(y2)) | weights(w) ~ x", "sigma ~ z")
    assert [r.name for r in formula.responses] == ["y1", "log(y2)"]
    assert [len(r.main.additions) for r in formula.responses] == [1, 1]
    assert [parameters(formula, k) for k in (0, 1)] == [{"sigma": "z"}] * 2
    for response in formula.responses:
        assert response.main.response is not None
        assert response.main.source[slice(*response.main.response.span)] == response.name


def test_formulas_find_their_response() -> None:
    formula = bf("y_1 ~ x") + bf("y2 ~ x") + lf("sigma ~ z", resp="y_1") + lf("nu ~ w", resp="y2")
    assert [parameters(formula, k) for k in (0, 1)] == [{"sigma": "z"}, {"nu": "w"}]
    # The name without dots and underscores is what brms calls it.
    assert parameters(bf("y_1 ~ x") + bf("y2 ~ x") + lf("sigma ~ z", resp="y1")) == {"sigma": "z"}
    both = bf("mvbind(y1, y2) ~ x") + lf("sigma ~ z")
    assert [parameters(both, k) for k in (0, 1)] == [{"sigma": "z"}] * 2
    one = bf("mvbind(y1, y2) ~ x", lf("sigma ~ z", resp="y2"))
    assert [parameters(one, k) for k in (0, 1)] == [{}, {"sigma": "z"}]


def test_the_text_of_a_formula() -> None:
    formula = bf(
        "y ~\n   x", "a +  b ~ 1", nu=4, sigma2="sigma1", unused="~ v"
    ) + bf("mvbind(u, w) ~ 1") + set_rescor(True)
    assert str(formula).splitlines() == [
        "y ~ x", "a + b ~ 1", "nu = 4", "sigma2 = sigma1", "unused = ~ v",
        "mvbind(u, w) ~ 1", "rescor = True",
    ]


FORMULAS = [
    bf("y ~ x + (1 | g)"),
    bf("`the response` | trials(n) ~ `a b`", "sigma ~ z", nu=4, sigma2="sigma1"),
    bf("y ~ a * exp(-b * x)", "a + b ~ 1 + (1 |i| g)", nl=True, loop=False),
    bf("y ~ x", lf("sigma ~ z", center=False, cmc=False, sparse=True, decomp="QR")),
    bf("y ~ x", nlf("sigma ~ exp(a)", loop=False), "a ~ 1"),
    bf("mvbind(`a b`, log(c), d) | weights(w) ~ x", "sigma ~ z") + set_rescor(True),
    bf("y ~ x", unused="~ v + w", autocor="~ ar(p = 2)"),
    bf("y1 ~ x") + bf("y2 ~ z", "shape ~ x") + lf("sigma ~ 1", resp="y1") + set_rescor(False),
    bf("y ~ " + " + ".join(f"x{k}" for k in range(2000))),
]


@pytest.mark.parametrize("formula", FORMULAS, ids=range(len(FORMULAS)))
def test_json(formula: Formula) -> None:
    again = from_json(json.loads(json.dumps(to_json(formula))))
    assert again == formula
    assert str(again) == str(formula)
    assert hash(again) == hash(formula)


def test_json_leaves_the_family_out() -> None:
    formula = bf("y ~ x", family="poisson")
    assert "poisson" not in json.dumps(to_json(formula))
    assert from_json(to_json(formula)) == bf("y ~ x")


@pytest.mark.parametrize(
    "run, text, words",
    [
        (lambda: bf("y ~ x +"), "y ~ x +", "something must follow"),
        (lambda: bf("y ~ x", "sigma ~ z z"), "sigma ~ z z", "operator is missing"),
        (lambda: bf("y ~ x", "~ z"), "~ z", "names it on the left"),
        (lambda: lf("~ z"), "~ z", "names it on the left"),
        (lambda: bf("y ~ x", "log(sigma) ~ z"), "log(sigma) ~ z", "names parameters"),
        (lambda: bf("y ~ x", "si_gma ~ z"), "si_gma ~ z", "no '.' or '_'"),
        (lambda: bf("y ~ x", "sigma | weights(w) ~ z"), "sigma | weights(w) ~ z", "addition"),
        (lambda: bf("y ~ x", sigma="shape ~ z"), "shape ~ z", "given for 'sigma'"),
        (lambda: bf("y ~ x", sigma="sigma + nu ~ z"), "sigma + nu ~ z", "given for 'sigma'"),
        (lambda: bf("y ~ x", "sigma ~ z", "sigma ~ w"), "sigma ~ w", "two formulas"),
        (lambda: bf("y ~ x", "sigma ~ z") + lf("sigma ~ w"), "sigma ~ w", "two formulas"),
        (lambda: bf("y ~ x", "a + a ~ 1"), "a + a ~ 1", "two formulas"),
        (lambda: bf("y ~ x", "nu ~ z", nu=3), "nu ~ z", "a formula and a fixed value, 3"),
        (lambda: bf("mvbind() ~ x"), "mvbind() ~ x", "takes the responses"),
        (lambda: bf("y ~ x", decomp="qr"), "y ~ x", "did you mean 'QR'"),
        (lambda: bf("y ~ x", center="no"), "y ~ x", "center must be True or False"),
        (lambda: bf("y ~ x", unused="v ~ x"), "v ~ x", "without a left side"),
        (lambda: bf("y ~ x") + "sigma ~ z", "sigma ~ z", "wrap it in lf"),
        (lambda: bf("y ~ x") + bf("z ~ x") + lf("sigma ~ w"), "sigma ~ w", "which response"),
        (lambda: bf("y ~ x") + bf("z ~ x") + lf("sigma ~ w", resp="yy"), "sigma ~ w",
         "did you mean 'y'"),
        (lambda: bf(bf("y ~ x")), "y ~ x", "combine formulas"),
    ],
)
def test_wrong_formulas(run: Callable[[], Any], text: str, words: str) -> None:
    with pytest.raises(FormulaError, match=words) as caught:
        run()
    assert_inside(caught.value, text)


@pytest.mark.parametrize(
    "run, words",
    [
        (lambda: bf(3), "must be text, not int"),
        (lambda: as_formula(3), "text or the result of bf"),
        (lambda: bf("y ~ x", 3), "text or the result of lf"),
        (lambda: lf(3), "text or the result of lf"),
        (lambda: mvbf(), "a formula per response"),
        (lambda: bf("y ~ x", nu=[4]), "takes a formula"),
        (lambda: bf("y ~ x", nu=True), "takes a formula"),
        (lambda: bf("y ~ x", nu=float("nan")), "takes a formula"),
        (lambda: bf("y ~ x", nu="2 * x"), "takes a formula"),
        (lambda: bf("y ~ x", centre=True), "did you mean 'center'"),
        (lambda: bf("y ~ x", my_par=3), "no '.' or '_'"),
        (lambda: bf("y ~ x", unused=3), "takes formula text"),
        (lambda: set_rescor("no"), "True or False"),
    ],
)
def test_what_is_no_formula(run: Callable[[], Any], words: str) -> None:
    with pytest.raises(FormulaError, match=words):
        run()


def test_other_things_cannot_be_added() -> None:
    with pytest.raises(TypeError):
        bf("y ~ x") + 3  # type: ignore[operator]
