"""Values at which parameters are held: inside their range."""

from __future__ import annotations

import pytest

from hiermodel.errors import FamilyError
from hiermodel.families import family
from hiermodel.families.fixed import check_fixed_value


@pytest.mark.parametrize(("name", "param", "value"), [
    ("gaussian", "sigma", 1e-6), ("student", "nu", 1.0), ("skew_normal", "alpha", -4.0),
    ("cumulative", "disc", 2.0),
])
def test_possible(name: str, param: str, value: float) -> None:
    check_fixed_value(family(name), param, value)


@pytest.mark.parametrize(("name", "param", "value", "text"), [
    ("gaussian", "sigma", -1.0, "greater than 0"), ("gaussian", "sigma", 0.0, "greater than 0"),
    ("student", "nu", 0.9, "at least 1"), ("beta", "phi", -2.0, "greater than 0"),
    ("cumulative", "disc", 0.0, "greater than 0"),
])
def test_impossible(name: str, param: str, value: float, text: str) -> None:
    with pytest.raises(FamilyError, match=f"{param} of family '{name}' must be {text}"):
        check_fixed_value(family(name), param, value)
