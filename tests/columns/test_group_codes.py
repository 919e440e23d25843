"""Integer codes of grouping factors."""

import numpy as np
import pandas as pd
import pytest

from hiermodel.columns import group_codes


@pytest.mark.parametrize(
    ("values", "codes", "levels"),
    [
        (["b", "a", "b"], [1, 0, 1], ("a", "b")),
        ([10, 9, 10], [1, 0, 1], ("9", "10")),
        ([1.0, 0.5, 2.0], [1, 0, 2], ("0.5", "1", "2")),
        (["10", "9", "1"], [1, 2, 0], ("1", "10", "9")),
        ([True, False, True], [1, 0, 1], ("FALSE", "TRUE")),
        (pd.Categorical(["b", "a", "b"], categories=["b", "x", "a"]), [0, 1, 0], ("b", "a")),
        (pd.Categorical([308, 309, 308]), [0, 1, 0], ("308", "309")),
        (["b", None, "a"], [1, -1, 0], ("a", "b")),
        ([2.0, np.nan, 1.0], [1, -1, 0], ("1", "2")),
        (pd.array([2, None, 1], dtype="Int64"), [1, -1, 0], ("1", "2")),
        (pd.array(["b", None, "a"], dtype="string"), [1, -1, 0], ("a", "b")),
        (np.array([1, "1", 2], dtype=object), [0, 0, 1], ("1", "2")),
    ],
)
def test_one_factor(values, codes, levels):
    found = group_codes(pd.DataFrame({"g": values}), ["g"])
    assert (found[0].tolist(), found[1]) == (codes, levels)


def test_known_levels():
    frame = pd.DataFrame({"g": ["c", "a", None, "b"]})
    codes, levels = group_codes(frame, ["g"], levels=("b", "a"))
    assert codes.tolist() == [-1, 1, -1, 0]
    assert levels == ("b", "a")
    numbers = pd.DataFrame({"g": [2.0, 1.0]})
    assert group_codes(numbers, ["g"], levels=("1", "2"))[0].tolist() == [1, 0]


def test_combined_levels_are_sorted_as_text():
    frame = pd.DataFrame({"recipe": list("BABA"), "replicate": [10, 2, 2, 10]})
    codes, levels = group_codes(frame, ["recipe", "replicate"])
    assert levels == ("A_10", "A_2", "B_10", "B_2")
    assert codes.tolist() == [2, 1, 3, 0]
    again, _ = group_codes(frame.iloc[[3]], ["recipe", "replicate"], levels=levels)
    assert again.tolist() == [0]


def test_combined_levels_with_missing_parts_and_three_factors():
    frame = pd.DataFrame({"a": ["x", None, "x"], "b": [1, 1, 2], "c": [True, True, False]})
    codes, levels = group_codes(frame, ["a", "b", "c"])
    assert codes.tolist() == [0, -1, 1]
    assert levels == ("x_1_TRUE", "x_2_FALSE")


def test_labels_that_meet_are_one_level():
    frame = pd.DataFrame({"a": ["x", "x_1"], "b": ["1_2", "2"]})
    codes, levels = group_codes(frame, ["a", "b"])
    assert levels == ("x_1_2",)
    assert codes.tolist() == [0, 0]


def test_agrees_with_a_loop_on_random_factors():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"a": rng.integers(0, 30, 2000), "b": rng.choice(list("abcdefg"), 2000)}
    )
    codes, levels = group_codes(frame, ["a", "b"])
    expected = [f"{a}_{b}" for a, b in zip(frame["a"], frame["b"], strict=True)]
    assert [levels[k] for k in codes] == expected
    assert list(levels) == sorted(set(expected))
    part = frame.sample(100, random_state=1)
    again, _ = group_codes(part, ["a", "b"], levels=levels)
    assert again.tolist() == codes[part.index].tolist()


def test_renaming_levels_keeps_the_groups():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"g": rng.integers(0, 9, 200)})
    renamed = frame.assign(g="level " + frame["g"].astype(str))
    assert group_codes(frame, ["g"])[0].tolist() == group_codes(renamed, ["g"])[0].tolist()
