"""Expressions: values as R computes them, what is learned, messages."""

import numpy as np
import pandas as pd
import pytest

from columns.tools import labels, learned, small
from hiermodel.contrasts import Contrast
from hiermodel.errors import DataError, FormulaError
from hiermodel.expressions import FUNCTIONS, FactorValue

NUMBERS = {
    "I(x^2) - 1": [0, 3, 8, 15, 24, 35],
    "2 * (x + 1) / 4": [1, 1.5, 2, 2.5, 3, 3.5],
    "-x + +z": [1, -1, -2.5, -1, -6, -2],
    "log(x, 2)": [0, 1, 1.5849625, 2, 2.3219281, 2.5849625],
    "np.log(x) / log(x = 2)": [0, 1, 1.5849625, 2, 2.3219281, 2.5849625],
    "log(x, base = 10)": [0, 0.30103, 0.4771213, 0.60206, 0.69897, 0.7781513],
    "log10(x * 10)": [1, 1.30103, 1.4771213, 1.60206, 1.69897, 1.7781513],
    "round(x / 8)": [0, 0, 0, 0, 1, 1],
    "round(x / 3, 1)": [0.3, 0.7, 1, 1.3, 1.7, 2],
    "numpy.where(t, x, 0)": [1, 0, 0, 4, 5, 0],
    "ifelse(x > 2 & !t, x, z)": [2, 1, 3, 3, -1, 6],
    "ifelse(is.na(z), 0, 1)": [1, 1, 1, 1, 1, 1],
    "pmin(x, z, 3)": [1, 1, 0.5, 3, -1, 3],
    "pmax(x, 4)": [4, 4, 4, 4, 5, 6],
    "x - mean(x)": [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5],
    "(x - min(x)) / (max(x) - min(x))": [0, 0.2, 0.4, 0.6, 0.8, 1],
    "x / sum(x)": [1 / 21, 2 / 21, 3 / 21, 4 / 21, 5 / 21, 6 / 21],
    "x - median(z)": [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5],
    "x + length(x)": [7, 8, 9, 10, 11, 12],
    "scale(x)": [-1.3363062, -0.8017837, -0.2672612, 0.2672612, 0.8017837, 1.3363062],
    "scale(x, scale = FALSE)": [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5],
    "scale(x, center = FALSE)": [0.2344036, 0.4688072, 0.7032108, 0.9376145, 1.172018, 1.4064217],
    "scale(x, 2, 4)": [-0.25, 0, 0.25, 0.5, 0.75, 1],
    "standardize(x)": [-1.3363062, -0.8017837, -0.2672612, 0.2672612, 0.8017837, 1.3363062],
    "center(x)": [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5],
    "(x - mean(x)) / sd(x)": [-1.3363062, -0.8017837, -0.2672612, 0.2672612, 0.8017837, 1.3363062],
    "as.numeric(o)": [1, 2, 3, 1, 2, 3],
    "as.numeric(b)": [1, 2, 1, 2, 2, 1],
    "as.integer(x / 2)": [0, 1, 1, 2, 2, 3],
    "t + 1": [2, 1, 1, 2, 2, 1],
    "(a == 'u') * 2": [2, 0, 0, 2, 0, 0],
    "(o >= 'm') * 1": [0, 1, 1, 0, 1, 1],
    "('m' > o) * 1": [1, 0, 0, 1, 0, 0],
    "(k == 8) * 1": [1, 0, 0, 0, 1, 0],
    "(a %in% c('u', 'w')) * 1": [1, 0, 1, 1, 0, 1],
    "(k %in% 4:6) * 1": [0, 1, 1, 1, 0, 1],
    "abs(-x) + exp(0) + sqrt(4) - floor(2.5) - ceiling(0.5)": [1, 2, 3, 4, 5, 6],
    "plogis(qlogis(x / 7)) * 7": [1, 2, 3, 4, 5, 6],
}


@pytest.mark.parametrize("text", list(NUMBERS))
def test_numbers(text):
    value = learned(text, small()).value(small())
    assert value == pytest.approx(np.array(NUMBERS[text], dtype=float), abs=1e-6)


FACTORS = {
    "factor(k)": (("4", "6", "8"), ["8", "4", "6", "4", "8", "6"]),
    "factor(k, levels = c(8, 6, 4))": (("8", "6", "4"), ["8", "4", "6", "4", "8", "6"]),
    "factor(k, c(4, 6, 8), c('s', 'm', 'm'))": (("s", "m"), ["m", "s", "m", "s", "m", "m"]),
    "factor(k, levels = c(4, 5, 6, 8))": (("4", "6", "8"), ["8", "4", "6", "4", "8", "6"]),
    "ordered(a, levels = ['w', 'v', 'u'])": (("w", "v", "u"), ["u", "v", "w", "u", "v", "w"]),
    "as.character(k)": (("4", "6", "8"), ["8", "4", "6", "4", "8", "6"]),
    "as.character(b)": (("p", "q"), ["q", "p", "q", "p", "p", "q"]),
    "relevel(a, ref = 'w')": (("w", "u", "v"), ["u", "v", "w", "u", "v", "w"]),
    "cut(x, 3)": (
        ("(0.995,2.67]", "(2.67,4.33]", "(4.33,6]"),
        ["(0.995,2.67]"] * 2 + ["(2.67,4.33]"] * 2 + ["(4.33,6]"] * 2,
    ),
    "cut(x, c(0, 3, 6))": (("(0,3]", "(3,6]"), ["(0,3]"] * 3 + ["(3,6]"] * 3),
    "cut(x, c(1, 3, 6), include.lowest = TRUE)": (
        ("[1,3]", "(3,6]"),
        ["[1,3]"] * 3 + ["(3,6]"] * 3,
    ),
    "cut(x, c(1, 3, Inf), right = FALSE)": (
        ("[1,3)", "[3,Inf)"),
        ["[1,3)"] * 2 + ["[3,Inf)"] * 4,
    ),
    "cut(x, c(0, 3, 6), labels = c('lo', 'hi'))": (("lo", "hi"), ["lo"] * 3 + ["hi"] * 3),
    "cut(x, c(0, 3, 6), labels = FALSE)": (("1", "2"), ["1"] * 3 + ["2"] * 3),
    "interaction(b, t)": (
        ("q.FALSE", "p.FALSE", "q.TRUE", "p.TRUE"),
        ["q.TRUE", "p.FALSE", "q.FALSE", "p.TRUE", "p.TRUE", "q.FALSE"],
    ),
    "ifelse(x > 3, 'hi', 'lo')": (("hi", "lo"), ["lo"] * 3 + ["hi"] * 3),
    "x > 3": (("FALSE", "TRUE"), ["FALSE"] * 3 + ["TRUE"] * 3),
    "x > 5 | z < 1": (("FALSE", "TRUE"), ["FALSE", "FALSE", "TRUE", "FALSE", "TRUE", "TRUE"]),
    "t": (("FALSE", "TRUE"), ["TRUE", "FALSE", "FALSE", "TRUE", "TRUE", "FALSE"]),
}


@pytest.mark.parametrize("text", list(FACTORS))
def test_factors(text):
    value = learned(text, small()).value(small())
    assert isinstance(value, FactorValue)
    assert (value.levels, labels(value)) == FACTORS[text]
    assert value.ordered == text.startswith("ordered")


def test_contrasts_of_C():
    def contrast(text) -> Contrast:
        return learned(text, small()).value(small()).contrast

    for text in ("C(a, contr.sum)", "C(a, 'sum')", "C(a, contr.sum())"):
        assert contrast(text).matrix.tolist() == [[1, 0], [0, 1], [-1, -1]]
    for text in ("C(a, contr.treatment(base = 2))", "C(a, Treatment('v'))"):
        assert contrast(text).names == ("u", "w")
    assert contrast("C(k)").names == ("6", "8")


def test_polynomials_as_in_r():
    frame = pd.DataFrame({"x": np.arange(1.0, 6.0)})
    expected = [
        [-0.6324555, 0.5345225],
        [-0.3162278, -0.2672612],
        [0, -0.5345225],
        [0.3162278, -0.2672612],
        [0.6324555, 0.5345225],
    ]
    poly = learned("poly(x, 2)", frame)
    assert poly.value(frame) == pytest.approx(np.array(expected), abs=5e-8)
    assert poly.suffixes == ("1", "2")
    # predict(poly(1:5, 2), 6)
    assert poly.value(pd.DataFrame({"x": [6.0]})) == pytest.approx(
        np.array([[0.9486833, 1.8708287]]), abs=5e-8
    )
    assert learned("poly(x, 2, raw = TRUE)", frame).value(frame)[2].tolist() == [3, 9]


def test_high_degree_is_orthonormal():
    frame = pd.DataFrame({"x": np.linspace(1900, 2000, 40) ** 1.01})
    values = learned("poly(x, 8)", frame).value(frame)
    assert values.T @ values == pytest.approx(np.eye(8), abs=1e-9)


def test_natural_spline_as_in_r():
    # ns(women$height, df = 5), the example of R's help page.
    frame = pd.DataFrame({"h": np.arange(58.0, 73.0)})
    expected = [
        [0, 0, 0, 0, 0],
        [7.592323e-03, 0, -8.670223e-02, 2.601067e-01, -1.734045e-01],
        [6.073858e-02, 0, -1.503044e-01, 4.509132e-01, -3.006088e-01],
        [2.047498e-01, 6.073858e-05, -1.677834e-01, 5.033503e-01, -3.355669e-01],
        [4.334305e-01, 1.311953e-02, -1.324404e-01, 3.973211e-01, -2.648807e-01],
    ]
    ns = learned("ns(h, df = 5)", frame)
    assert ns.value(frame)[:5] == pytest.approx(np.array(expected), abs=5e-8)
    outside = ns.value(pd.DataFrame({"h": [40.0, 45, 50, 80, 90, 100]}))
    for rows in (outside[:3], outside[3:]):
        assert rows[0] - 2 * rows[1] + rows[2] == pytest.approx(np.zeros(5), abs=1e-9)


def test_b_spline():
    frame = pd.DataFrame({"x": [0.0, 0.5, 1.0, 0.25]})
    # Without inner knots these are Bernstein polynomials.
    u = frame["x"].to_numpy()
    bernstein = np.column_stack([3 * u * (1 - u) ** 2, 3 * u**2 * (1 - u), u**3])
    assert learned("bs(x)", frame).value(frame) == pytest.approx(bernstein)
    whole = learned("bs(x, knots = c(0.3, 0.6), intercept = TRUE)", frame).value(frame)
    assert whole.shape == (4, 6)
    assert whole.sum(axis=1) == pytest.approx(np.ones(4))


def test_cbind_takes_codes_of_factors():
    expression = learned("cbind(x, o)", small())
    assert expression.value(small())[:3].tolist() == [[1, 1], [2, 2], [3, 3]]
    assert expression.suffixes == ("x", "o")
    assert learned("[x, z]", small()).value(small()).shape == (6, 2)


STATEFUL = [
    "x - mean(x)",
    "scale(x)",
    "poly(x, 2)",
    "ns(x, df = 3)",
    "bs(x, df = 4)",
    "cut(x, 3)",
    "factor(k)",
    "scale(log(x + max(x)))",
    "relevel(a, ref = 'v')",
    "interaction(a, t)",
    "ifelse(k > mean(k), 'hi', 'lo')",
    "quantile(x, 0.3) * x",
]


@pytest.mark.parametrize("text", STATEFUL)
def test_new_rows_mean_what_they_meant(text):
    frame = small()
    expression = learned(text, frame)
    whole = expression.value(frame)
    for row in range(len(frame)):
        one = expression.value(frame.iloc[[row]].reset_index(drop=True))
        if isinstance(whole, FactorValue):
            assert one.levels == whole.levels
            assert one.codes[0] == whole.codes[row]
        else:
            assert one[0] == pytest.approx(whole[row], abs=1e-12)


@pytest.mark.parametrize("text", STATEFUL)
def test_what_was_learned_is_frozen(text):
    expression = learned(text, small())
    before = repr(expression.state)
    expression.value(small().iloc[:2])
    assert repr(expression.state) == before
    with pytest.raises(TypeError):
        expression.state["x"] = 1


def test_missing_values():
    frame = small()
    holes = frame.assign(x=np.nan, a=None, k=pd.array([None] * 6, dtype="Int64"))
    assert np.isnan(learned("log(x)", frame).value(holes, missing="pass")).all()
    assert np.isnan(learned("k", frame).value(holes, missing="pass")).all()
    assert learned("a", frame).value(holes, missing="pass").codes.tolist() == [-1] * 6
    assert learned("factor(k)", frame).value(holes, missing="pass").codes.tolist() == [-1] * 6
    with pytest.raises(DataError, match=r"^x is missing in row 1$"):
        learned("x", frame).value(holes)
    with pytest.raises(DataError, match=r"^a is missing in row 1$"):
        learned("a", frame).value(holes)


def test_columns_of_new_data_may_have_other_types():
    frame = small().assign(a=pd.Categorical(list("uvwuvw")))
    new = pd.DataFrame({"a": ["w", "u"], "t": [0, 1], "k": ["4", "8"], "b": ["p", "q"]})
    assert labels(learned("a", frame).value(new)) == ["w", "u"]
    assert labels(learned("t", frame).value(new)) == ["FALSE", "TRUE"]
    assert labels(learned("b", frame).value(new)) == ["p", "q"]
    numbered = frame.assign(k=frame["k"].astype("category"))
    assert labels(learned("k", numbered).value(pd.DataFrame({"k": [4.0, 8.0]}))) == ["4", "8"]


@pytest.mark.parametrize(
    ("text", "new", "message"),
    [
        (
            "a",
            {"a": ["u", "q"]},
            "column 'a' has the level 'q' in row 2, which the model does not know; "
            "it knows u, v, w",
        ),
        (
            "factor(k)",
            {"k": [4, 5]},
            "k has the level '5' in row 2, which the model does not know; it knows 4, 6, 8",
        ),
        (
            "x",
            {"x": ["low"]},
            "column 'x' was numeric in the training data, but holds text values now, such as "
            "'low'",
        ),
        ("t", {"t": [0, 2]}, "column 't' was boolean in the training data"),
        (
            "log(x)",
            {"x": [1.0, -1.0]},
            "log(x) has no value in row 2 (x = -1.0); change the expression or leave such rows "
            "out",
        ),
        ("1 / x", {"x": [0.0]}, "1 / x is infinite in row 1 (x = 0.0)"),
        (
            "cut(x, 2)",
            {"x": [99.0]},
            "cut(x, 2) has no value in row 1 (x = 99.0); change the expression or leave such "
            "rows out",
        ),
        ("x", {"z": [1.0]}, "the data lack the column 'x'"),
    ],
)
def test_bad_new_data(text, new, message):
    expression = learned(text, small())
    with pytest.raises(DataError) as error:
        expression.value(pd.DataFrame(new), missing="pass")
    assert str(error.value) == message


def test_a_value_that_does_not_exist_is_found_while_learning():
    with pytest.raises(DataError, match=r"^log\(z\) has no value in row 5 \(z = -1.0\)"):
        learned("log(z)", small())
    with pytest.raises(DataError, match=r"is infinite in row 1 \(x = 1.0\)"):
        learned("log(x - 1)", small())


def test_infinity_that_was_written_is_meant():
    assert learned("ifelse(x > 3, Inf, x)", small()).value(small())[-1] == np.inf


ERRORS = {
    "lgo(x)": (
        "unknown function 'lgo' in a formula (did you mean 'log'?); compute the variable in "
        "the data frame instead\n  lgo(x)\n  ^^^^^^"
    ),
    "2 + a": "a is a factor and cannot be used as a number here\n  2 + a\n      ^",
    "mean(a)": "a is a factor and cannot be used as a number here\n  mean(a)\n       ^",
    "log(x, bas = 2)": (
        "log() has no argument 'bas' (did you mean 'base'?); it takes x, base\n"
        "  log(x, bas = 2)\n               ^"
    ),
    "log()": "log() needs the argument 'x'\n  log()\n  ^^^^^",
    "relevel(a, ref = 'uu')": (
        "'uu' is not a level (did you mean 'u'?); the levels are u, v, w\n"
        "  relevel(a, ref = 'uu')\n                   ^^^^"
    ),
    "factor(k, levels = c(4, 6))": (
        "row 1 has the value '8', which is not among the levels\n"
        "  factor(k, levels = c(4, 6))\n                     ^^^^^^^"
    ),
    "poly(x, 6)": (
        "degree of poly() must be less than the number of different values, 6\n"
        "  poly(x, 6)\n  ^^^^^^^^^^"
    ),
    "ns(x, df = 0)": "df of ns() must be at least 1\n  ns(x, df = 0)\n             ^",
    "scale(x - x)": (
        "scale(x - x): the variable does not vary, so that it cannot be scaled\n"
        "  scale(x - x)\n        ^^^^^"
    ),
    "C(a, contr.some)": (
        "contrasts of 'C(a, contr.some)': there is no scheme 'contr.some'; use one of "
        "treatment, sum, helmert, poly, sas, or a matrix with a row per level\n"
        "  C(a, contr.some)\n       ^^^^^^^^^^"
    ),
    "cut(x, 1)": (
        "breaks of cut() must be 2 or more intervals, or the ends themselves\n"
        "  cut(x, 1)\n         ^"
    ),
    "'text'": (
        "\"text\" is a constant, not a variable with one value per row\n  'text'\n  ^^^^^^"
    ),
}


@pytest.mark.parametrize("text", list(ERRORS))
def test_messages(text):
    with pytest.raises(FormulaError) as error:
        learned(text, small())
    assert str(error.value) == ERRORS[text]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_refuses_nonsense_politely(name):
    for text in (f"{name}()", f"{name}(a, a, a, a, a, a, a, a)", f"{name}(nope = x)"):
        try:
            learned(text, small())
        except (FormulaError, DataError):
            continue


def test_nothing_reaches_python():
    for text in ("__import__('os')", "np.linalg.inv(x)", "x.__class__(x)", "eval('1')"):
        with pytest.raises(FormulaError, match=r"unknown function|column"):
            learned(text, small())
