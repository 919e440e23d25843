"""Responses that share a name, and arguments of `bf()` and its relatives of the wrong kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hiermodel.errors import FormulaError
from hiermodel.formula import bf, lf, mvbf, nlf, set_rescor

from .trees import assert_inside


@pytest.mark.parametrize(
    "run, text, culprit",
    [
        (lambda: bf("y ~ x") + bf("y ~ z"), "y ~ z", "y"),
        (lambda: mvbf("u ~ x", "y ~ x", "log(u) ~ w", "y ~ z"), "y ~ z", "y"),
        (lambda: bf("mvbind(y, w, y) ~ x"), "mvbind(y, w, y) ~ x", "y"),
        (lambda: bf("mvbind(y, w) ~ x") + bf("log(y) ~ x") + bf("w ~ 1"), "w ~ 1", "w"),
    ],
)
def test_a_response_stands_once(run: Callable[[], Any], text: str, culprit: str) -> None:
    with pytest.raises(FormulaError, match=f"the response '{culprit}' stands .* twice") as caught:
        run()
    assert_inside(caught.value, text)
    assert text[slice(*caught.value.span or ())] == culprit


def test_the_second_of_two_equal_responses_is_marked() -> None:
    with pytest.raises(FormulaError) as caught:
        bf("mvbind(y, w, y) ~ x")
    assert caught.value.span == (13, 14)


def test_names_that_are_one_in_the_program() -> None:
    with pytest.raises(FormulaError, match=r"'y_1' and 'y\.1' .* one name .* 'y1'") as caught:
        bf("y_1 ~ x") + bf("y.1 ~ x")
    assert_inside(caught.value, "y.1 ~ x")


def test_other_responses_are_left_alone() -> None:
    formula = mvbf("y1 ~ x", "y2 ~ x", "log(y1) ~ x", rescor=True)
    assert [r.name for r in formula.responses] == ["y1", "y2", "log(y1)"]
    assert formula.rescor is True
    assert mvbf("y1 ~ x", "y2 ~ x").rescor is None
    assert formula == mvbf("y1 ~ x", "y2 ~ x", "log(y1) ~ x") + set_rescor()


def test_mvbind_takes_responses_only() -> None:
    with pytest.raises(FormulaError, match="no argument 'k'") as caught:
        bf("mvbind(y1, k = y2) ~ x")
    assert_inside(caught.value, "mvbind(y1, k = y2) ~ x")


@pytest.mark.parametrize(
    "run, words",
    [
        (lambda: mvbf("y1 ~ x", "y2 ~ x", rescor="yes"), "rescor must be True or False"),
        (lambda: bf("y ~ x", nu=float("inf")), "a finite number"),
        (lambda: bf("y ~ x", sigma="sigma"), "equal to itself"),
        (lambda: lf(), "need a formula"),
        (lambda: nlf(dpar="sigma"), "need a formula"),
        (lambda: lf("sigma ~ x", resp=3), "resp must be a name, not 3"),
        (lambda: nlf("sigma ~ a", dpar=3), "dpar must be a name, not 3"),
        (lambda: lf("~ x", dpar=""), "dpar must be a name, not ''"),
    ],
)
def test_arguments_of_the_wrong_kind(run: Callable[[], Any], words: str) -> None:
    with pytest.raises(FormulaError, match=words):
        run()
