"""Coding of responses, and the messages for those that a family cannot have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from hiermodel.errors import DataError
from hiermodel.families.registry import as_family
from hiermodel.families.responses import check_response, code_response


@dataclass
class Factor:
    codes: np.ndarray
    levels: tuple[str, ...]
    ordered: bool = False


def codes(name: str, value: object, **more: object) -> tuple[list[int], object]:
    y, levels = code_response(as_family(name), value, **more)  # type: ignore[arg-type]
    return y.tolist(), levels


def test_binary_codings() -> None:
    assert codes("bernoulli", np.array([0, 1, 1])) == ([0, 1, 1], None)
    assert codes("bernoulli", np.array([1.0, 1.0])) == ([1, 1], None)
    assert codes("bernoulli", np.array([True, False])) == ([1, 0], None)
    assert codes("bernoulli", np.array([2, 1, 2])) == ([1, 0, 1], ("1", "2"))
    factor = Factor(np.array([1, 0]), ("sick", "well"))
    assert codes("bernoulli", factor) == ([1, 0], ("sick", "well"))


def test_binary_with_three_values() -> None:
    with pytest.raises(DataError, match="two values, but 'y' has 3: '0', '1', '2'"):
        codes("bernoulli", np.array([0, 1, 2]))
    with pytest.raises(DataError, match="has 1: '5'"):
        codes("bernoulli", np.array([5, 5]))


def test_new_data_get_the_codes_of_the_training_data() -> None:
    assert codes("bernoulli", np.array([2, 2]), levels=("1", "2")) == ([1, 1], ("1", "2"))
    factor = Factor(np.array([0]), ("b",))
    assert codes("categorical", factor, levels=("a", "b")) == ([2], ("a", "b"))
    with pytest.raises(DataError, match="the value 'z', which the training data did not have"):
        codes("categorical", np.array(["z"]), levels=("a", "b"))


def test_ordinal_codings() -> None:
    factor = Factor(np.array([2, 0]), ("low", "mid", "high"), ordered=True)
    assert codes("cumulative", factor) == ([3, 1], ("low", "mid", "high"))
    assert codes("acat", np.array([1.0, 4.0])) == ([1, 4], None)
    with pytest.raises(DataError, match="the factor 'y' has no order"):
        codes("sratio", Factor(np.array([0]), ("a", "b")))
    with pytest.raises(DataError, match="ordered factor or integers"):
        codes("sratio", np.array(["a", "b"]))


def test_nominal_codings() -> None:
    assert codes("categorical", np.array(["b", "a", "c"])) == ([2, 1, 3], ("a", "b", "c"))
    assert codes("categorical", np.array([10, 5])) == ([2, 1], ("5", "10"))
    with pytest.raises(DataError, match="at least two categories"):
        codes("categorical", np.array(["b", "b"]))


def test_missing_values() -> None:
    with pytest.raises(DataError, match="missing in row 2"):
        codes("categorical", Factor(np.array([0, -1]), ("a", "b")))
    with pytest.raises(DataError, match="missing in row 1"):
        codes("categorical", np.array([None, "a", "b"], object))
    with pytest.raises(DataError, match="'y' is nan in row 2"):
        check_response(as_family("gaussian"), np.array([1.0, np.nan]))


@pytest.mark.parametrize("name", ["gaussian", "poisson", "gamma", "beta", "binomial"])
def test_response_that_is_not_numeric(name: str) -> None:
    with pytest.raises(DataError, match="needs a numeric response, but 'y' is not numeric"):
        codes(name, np.array(["a", "b"]))
    with pytest.raises(DataError, match="'y' is a factor with levels 'a', 'b'"):
        codes(name, Factor(np.array([0, 1]), ("a", "b")))
    with pytest.raises(DataError, match="'y' is boolean; use family 'bernoulli'"):
        codes(name, np.array([True]))


@pytest.mark.parametrize(
    ("name", "y", "message"),
    [
        ("poisson", [0, 2, -1], r"'y' is -1 in row 3, but family 'poisson' needs counts"),
        ("negbinomial", [0, 1.5], r"'y' is 1.5 in row 2"),
        ("beta", [0.2, 1.0], "'y' is 1 in row 2, .*strictly between 0 and 1"),
        ("beta", [0.0], "'y' is 0 in row 1"),
        ("gamma", [1.0, 0.0], "'y' is 0 in row 2, .*positive"),
        ("lognormal", [-3.0], "'y' is -3 in row 1"),
        ("gaussian", [1.0, np.inf], "'y' is inf in row 2, which is not a finite number"),
        ("cumulative", [0, 1], "'y' is 0 in row 1, .*categories 1, 2"),
        ("cumulative", [1, 2.5], "'y' is 2.5 in row 2"),
        ("poisson", [3_000_000_000], "too large for an integer"),
        ("gaussian", [], "no rows"),
    ],
)
def test_values_that_a_family_cannot_have(name: str, y: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_response(as_family(name), code_response(as_family(name), np.array(y, float))[0])


def test_trials() -> None:
    fam = as_family("binomial")
    check_response(fam, np.array([0, 3]), trials=np.array([0, 3]))
    check_response(fam, np.array([0, 3]), trials=np.array(5))
    with pytest.raises(DataError, match="'y' is 4 in row 2, more than its 3 trials"):
        check_response(fam, np.array([0, 4]), trials=np.array([1, 3]))
    with pytest.raises(DataError, match=r"trials\(\) must be counts .* but is 2.5 in row 1"):
        check_response(fam, np.array([1]), trials=np.array([2.5]))
    with pytest.raises(DataError, match=r"write y \| trials\(n\) ~"):
        check_response(fam, np.array([1]))


def test_good_responses_pass() -> None:
    for name, y in (("gaussian", [-1.0]), ("gamma", [0.1]), ("beta", [0.5]), ("poisson", [0])):
        check_response(as_family(name), np.array(y))
