"""Designs as R's ``model.matrix`` makes them."""

import numpy as np
import pandas as pd
import pytest

from columns.tools import design, small
from hiermodel.errors import DataError, FormulaError

ONE = "Intercept"
CELLS = ("au:bq", "av:bq", "aw:bq", "au:bp", "av:bp", "aw:bp")

# colnames(model.matrix(...)), cleaned.
NAMES = {
    "~ 1": (ONE,),
    "~ 0": (),
    "~ x": (ONE, "x"),
    "~ a": (ONE, "av", "aw"),
    "~ b": (ONE, "bp"),
    "~ t": (ONE, "tTRUE"),
    "~ 0 + t": ("tFALSE", "tTRUE"),
    "~ o": (ONE, "o.L", "o.Q"),
    "~ 0 + o": ("ol", "om", "oh"),
    "~ x + o + a": (ONE, "x", "o.L", "o.Q", "av", "aw"),
    "~ 0 + a + b": ("au", "av", "aw", "bp"),
    "~ 0 + x + a + b": ("x", "au", "av", "aw", "bp"),
    "~ 0 + b + a": ("bq", "bp", "av", "aw"),
    "~ a * b": (ONE, "av", "aw", "bp", "av:bp", "aw:bp"),
    "~ 0 + a * b": ("au", "av", "aw", "bp", "av:bp", "aw:bp"),
    "~ a:b": (ONE, *CELLS),
    "~ 0 + a:b": CELLS,
    "~ a + a:b": (ONE, "av", "aw", "au:bp", "av:bp", "aw:bp"),
    "~ a / b": (ONE, "av", "aw", "au:bp", "av:bp", "aw:bp"),
    "~ b + a:b": (ONE, "bp", "bq:av", "bp:av", "bq:aw", "bp:aw"),
    "~ x * a": (ONE, "x", "av", "aw", "x:av", "x:aw"),
    "~ x:a": (ONE, "x:au", "x:av", "x:aw"),
    "~ 0 + x:a": ("x:au", "x:av", "x:aw"),
    "~ x + x:a": (ONE, "x", "x:av", "x:aw"),
    "~ a + x:a": (ONE, "av", "aw", "au:x", "av:x", "aw:x"),
    "~ x:a + x:b": (ONE, "x:au", "x:av", "x:aw", "x:bp"),
    "~ x * z": (ONE, "x", "z", "x:z"),
    "~ a * t": (ONE, "av", "aw", "tTRUE", "av:tTRUE", "aw:tTRUE"),
    "~ o:x": (ONE, "ol:x", "om:x", "oh:x"),
    "~ x * o": (ONE, "x", "o.L", "o.Q", "x:o.L", "x:o.Q"),
    "~ poly(x, 2)": (ONE, "polyx21", "polyx22"),
    "~ poly(x, 2) * b": (ONE, "polyx21", "polyx22", "bp", "polyx21:bp", "polyx22:bp"),
    "~ poly(x, 2):z": (ONE, "polyx21:z", "polyx22:z"),
    "~ I(x^2) + I(x - 1) + I(x / 2)": (ONE, "IxE2", "IxM1", "IxD2"),
    "~ scale(x) + log(k)": (ONE, "scalex", "logk"),
    "~ I(x > 3)": (ONE, "Ix>3TRUE"),
    "~ factor(k)": (ONE, "factork6", "factork8"),
    "~ C(a, contr.sum)": (ONE, "Cacontr.sum1", "Cacontr.sum2"),
    "~ cbind(x, z)": (ONE, "cbindxzx", "cbindxzz"),
    "~ ns(x, df = 2)": (ONE, "nsxdfEQ21", "nsxdfEQ22"),
    "~ a * b * t": (
        ONE, "av", "aw", "bp", "tTRUE", "av:bp", "aw:bp", "av:tTRUE", "aw:tTRUE", "bp:tTRUE",
        "av:bp:tTRUE", "aw:bp:tTRUE",
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", list(NAMES))
def test_names(text):
    spec = design(text, small())
    assert spec.names == NAMES[text]
    matrix = spec.matrix(small())
    assert matrix.shape == (6, len(spec.names))
    assert len(spec.assign) == len(spec.names)
    assert spec.assign[:1] == ((-1,) if spec.names[:1] == (ONE,) else spec.assign[:1])


def test_values_of_an_interaction_of_factors():
    frame = small()
    spec = design("~ a * b", frame)
    a, b = frame["a"].to_numpy(), frame["b"].to_numpy()
    expected = np.column_stack(
        [np.ones(6), a == "v", a == "w", b == "p", (a == "v") & (b == "p"), (a == "w") & (b == "p")]
    )
    assert spec.matrix(frame).tolist() == expected.astype(float).tolist()
    assert spec.assign == (-1, 0, 0, 1, 2, 2)


def test_values_of_number_times_factor_and_of_three():
    frame = small()
    x, z = frame["x"].to_numpy(), frame["z"].to_numpy()
    w = (frame["a"] == "w").to_numpy()
    matrix = design("~ x * z * a", frame).matrix(frame)
    names = design("~ x * z * a", frame).names
    assert matrix[:, names.index("x:aw")].tolist() == (x * w).tolist()
    assert matrix[:, names.index("x:z:aw")] == pytest.approx(x * z * w)


def test_values_of_ordered_factors_are_polynomials():
    matrix = design("~ o", small()).matrix(small())
    assert matrix[:3, 1] == pytest.approx([-0.7071068, 0, 0.7071068], abs=5e-8)
    assert matrix[:3, 2] == pytest.approx([0.4082483, -0.8164966, 0.4082483], abs=5e-8)


def test_matrix_times_matrix_runs_through_the_first_fastest():
    frame = small()
    spec = design("~ poly(x, 2):cbind(z, k)", frame)
    assert spec.names[1:] == (
        "polyx21:cbindzkz", "polyx22:cbindzkz", "polyx21:cbindzkk", "polyx22:cbindzkk",
    )  # fmt: skip
    p = design("~ poly(x, 2)", frame).matrix(frame)
    assert spec.matrix(frame)[:, 2] == pytest.approx(p[:, 2] * frame["z"].to_numpy())


def test_without_cell_means():
    spec = design("~ 0 + a + x", small(), cmc=False)
    assert spec.names == ("av", "aw", "x")
    beside = design("~ a + x", small()).matrix(small())
    assert spec.matrix(small()).tolist() == beside[:, 1:].tolist()


def test_numeric_looking_levels_keep_the_order_of_the_categories():
    frame = pd.DataFrame({"g": pd.Categorical(["10", "4", "6"], categories=["4", "6", "10"])})
    assert design("~ g", frame).names == (ONE, "g6", "g10")


def test_unused_levels():
    frame = pd.DataFrame({"g": pd.Categorical(list("abab"), categories=list("axb"))})
    assert design("~ g", frame).names == (ONE, "gb")
    spec = design("~ g", frame, drop_unused_levels=False)
    assert spec.names == (ONE, "gx", "gb")
    assert spec.matrix(frame)[:, 1].tolist() == [0] * 4


def test_odd_names_are_cleaned():
    frame = pd.DataFrame({"dose": ["a b", "(c)", "d-e"], "my var": [1.0, 2.0, 3.0]})
    assert design("~ dose + `my var`", frame).names == (ONE, "doseab", "dosedMe", "myvar")


def test_missing_values_may_pass():
    frame = small()
    spec = design("~ x * a", frame)
    holes = frame.assign(
        a=["u", None, "w", "v", None, "w"], x=[1, 2, np.nan, 4, 5, 6]
    )
    matrix = spec.matrix(holes, missing="pass")
    assert matrix[1].tolist() == [1, 2, 0, 0, 0, 0]
    assert np.isnan(matrix[2]).tolist() == [False, True, False, False, True, True]
    with pytest.raises(DataError, match="missing in row"):
        spec.matrix(holes)


@pytest.mark.parametrize(
    ("frame", "text", "error", "message"),
    [
        (
            pd.DataFrame({"g": ["a", "a"]}),
            "~ g",
            DataError,
            "g is a factor with only the level 'a': contrasts need at least two levels; "
            "leave it out of the formula",
        ),
        (
            pd.DataFrame({"g": ["a b", "ab", "c"]}),
            "~ 0 + g",
            FormulaError,
            "the columns 'ga b' and 'gab' of the design would both be called 'gab'; rename a "
            "variable or a level\n  ~ 0 + g\n        ^",
        ),
        (
            pd.DataFrame({"a": ["u", "bc"], "ab": ["x", "c"]}),
            "~ 0 + a + ab",
            None,
            "",
        ),
    ],
)
def test_designs_that_cannot_be(frame, text, error, message):
    if error is None:
        assert design(text, frame).names == ("abc", "au", "abx")
        return
    with pytest.raises(error) as found:
        design(text, frame)
    assert str(found.value) == message


def test_unseen_level():
    spec = design("~ a", small())
    with pytest.raises(DataError, match="column 'a' has the level 'q' in row 1"):
        spec.matrix(pd.DataFrame({"a": ["q"]}))


METAMORPHIC = ["~ x * a + o", "~ 0 + poly(x, 2) * b", "~ scale(z):t + factor(k)", "~ a / ns(x, 2)"]


@pytest.mark.parametrize("text", METAMORPHIC)
def test_rows_of_the_design_are_the_design_of_rows(text):
    frame = small()
    spec = design(text, frame)
    whole = spec.matrix(frame)
    for rows in ([0], [5, 1], [3, 3, 3], [4, 2, 0, 1, 3, 5]):
        part = frame.iloc[rows].reset_index(drop=True)
        assert spec.matrix(part) == pytest.approx(whole[rows], abs=1e-12)


@pytest.mark.parametrize("text", METAMORPHIC)
def test_learning_from_permuted_rows_changes_nothing(text):
    frame = small()
    order = [4, 2, 0, 1, 3, 5]
    shuffled = frame.iloc[order].reset_index(drop=True)
    first, second = design(text, frame), design(text, shuffled)
    assert first.names == second.names
    assert second.matrix(shuffled) == pytest.approx(first.matrix(frame)[order], abs=1e-12)


@pytest.mark.parametrize("text", METAMORPHIC)
def test_columns_that_are_not_used_do_not_matter(text):
    frame = small()
    spec = design(text, frame)
    only = frame[list(spec.variables)]
    assert spec.matrix(only).tolist() == spec.matrix(frame).tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("~ a * b", "~ 0 + a:b"),
        ("~ x * a", "~ 0 + a / x"),
        ("~ a", "~ C(a, contr.helmert)"),
        ("~ o", "~ C(o, contr.sum)"),
        ("~ poly(x, 3)", "~ x + I(x^2) + I(x^3)"),
    ],
)
def test_codings_span_the_same_space(one, other):
    rng = np.random.default_rng(1)
    frame = pd.concat([small()] * 5, ignore_index=True)
    frame = frame.assign(
        x=rng.normal(size=30),
        b=pd.Categorical(rng.permutation(frame["b"].to_numpy()), categories=["q", "p"]),
    )
    p, q = (design(text, frame).matrix(frame) for text in (one, other))
    rank = np.linalg.matrix_rank
    assert rank(p) == p.shape[1] == q.shape[1] == rank(q) == rank(np.hstack([p, q]))


def test_memory_and_layout():
    spec = design("~ x * a", small())
    matrix = spec.matrix(small())
    assert matrix.flags.f_contiguous
    assert matrix.dtype == np.float64
