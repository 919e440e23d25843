"""Tests of the tools that read cases and compare values: a checker must be able to fail."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.append(str(HERE))

from harness import cases, compare, frames, oracle, rtext, stan_text  # noqa: E402

# ---------------------------------------------------------------------------------------------
# R text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1L", 1),
        ("-2", -2),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        (".25", 0.25),
        ("TRUE", True),
        ("F", False),
        ("NULL", None),
        ("NA", None),
        ("-Inf", -math.inf),
        ('"a, b"', "a, b"),
        (r'"a\"b"', 'a"b'),
        ("c(1, 2.5, 3)", [1, 2.5, 3]),
        ('c("log", "logit")', ["log", "logit"]),
        ("c(NA, 0)", [None, 0]),
        ("list(times = c(3, 15), k = 2)", {"times": [3, 15], "k": 2}),
        ("list()", []),
    ],
)
def test_read_value(text: str, value: Any) -> None:
    got = rtext.read_value(text)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "text",
    ["x", "'it''s'", "1 + 2", "system('ls')", "c(x)", '"open', "f(1", "", "__import__('os')"],
)
def test_read_value_refuses_everything_that_is_no_literal(text: str) -> None:
    with pytest.raises(rtext.RTextError):
        rtext.read_value(text)


def test_read_call_keeps_arguments_as_text() -> None:
    call = rtext.read_call('brms::prior(normal(0, 1), class = b, coef = "x, y", lb = "")')
    assert call.function == "prior"
    assert call.arguments == (
        (None, "normal(0, 1)"),
        ("class", "b"),
        ("coef", '"x, y"'),
        ("lb", '""'),
    )


def test_read_call_does_not_take_comparison_for_a_name() -> None:
    assert rtext.read_call("f(a == b, c = d <= e)").arguments == (
        (None, "a == b"),
        ("c", "d <= e"),
    )


def test_match_assigns_positional_arguments_to_what_is_left() -> None:
    call = rtext.read_call("prior(cauchy(0, 1), sd, group = g, ub = 5)")
    assert call.match(("prior", "class", "coef", "group")) == {
        "prior": "cauchy(0, 1)",
        "class": "sd",
        "group": "g",
        "ub": "5",
    }
    with pytest.raises(rtext.RTextError):
        rtext.read_call("f(1, 2)").match(("a",))


def test_two_calls_are_not_one() -> None:
    assert rtext.is_call("f(1)")
    assert not rtext.is_call("f(1) + g(2)")
    assert not rtext.is_call("f")
    with pytest.raises(rtext.RTextError):
        rtext.read_call("f(1) + g(2)")


def test_split_top_respects_brackets_and_quotes() -> None:
    assert rtext.split_top("a(b, c), 'd, e', `f,g`, [h, i]", ",") == [
        "a(b, c)",
        "'d, e'",
        "`f,g`",
        "[h, i]",
    ]


def test_read_assignments() -> None:
    text = 'm <- 1.5; s <- stanvar(scode = "real a; real b;", block = "data")'
    assert rtext.read_assignments(text) == {
        "m": "1.5",
        "s": 'stanvar(scode = "real a; real b;", block = "data")',
    }
    assert rtext.read_assignments("") == {}


# ---------------------------------------------------------------------------------------------
# frames


def test_typed_columns() -> None:
    text = pd.Series(["2", None, "1"], dtype=object)
    factor = frames.typed(text, {"type": "ordered", "levels": [1, 2]})
    assert factor.cat.categories.tolist() == ["1", "2"]
    assert factor.cat.ordered
    assert factor.isna().tolist() == [False, True, False]
    assert frames.typed(text, {"type": "integer"}).dtype == float
    assert frames.typed(text.dropna(), {"type": "integer"}).dtype == np.int64
    flags = frames.typed(pd.Series(["TRUE", "FALSE"]), {"type": "logical"})
    assert flags.tolist() == [True, False]


def test_load_from_disk(tmp_path: Path) -> None:
    meta = {
        "name": "d", "kind": "data.frame", "file": "d.csv",
        "columns": [
            {"name": "a.b", "type": "numeric"},
            {"name": "f", "type": "factor", "levels": ["1.0", "2"],
             "contrasts": {"colnames": ["lin"], "matrix": [[-1], [1]]}},
        ],
    }  # fmt: skip
    (tmp_path / "d.json").write_text(json.dumps(meta))
    (tmp_path / "d.csv").write_text("a.b,f\n1.5,1.0\n,2\n")
    frame = frames.load("d", tmp_path)
    assert frame["f"].tolist() == ["1.0", "2"]
    assert np.isnan(frame["a.b"][1])
    contrast = frames.contrasts("d", tmp_path)["f"]
    assert contrast.index.tolist() == ["1.0", "2"]
    assert contrast["lin"].tolist() == [-1.0, 1.0]


def test_matrix_keeps_its_names(tmp_path: Path) -> None:
    meta = {"name": "A", "kind": "matrix", "file": "A.csv", "rownames": ["p", "q"],
            "colnames": ["p", "q"]}  # fmt: skip
    (tmp_path / "A.json").write_text(json.dumps(meta))
    (tmp_path / "A.csv").write_text("1,0.5\n0.5,1\n")
    matrix = frames.load("A", tmp_path)
    assert matrix.loc["p", "q"] == 0.5


def test_newdata_reads_missing_cells() -> None:
    columns: dict[str, dict[str, Any]] = {
        "x": {"type": "real", "values": ["NA", 2]},
        "g": {"type": "factor", "levels": ["a", "b"], "values": ["b", "NA"]},
        "h": {"type": "character", "values": ["new", "new"]},
    }
    out = frames.newdata(columns)
    assert np.isnan(out["x"][0])
    assert out["g"].cat.codes.tolist() == [1, -1]
    assert out["h"].tolist() == ["new", "new"]


# ---------------------------------------------------------------------------------------------
# Stan text

PROGRAM = """
// parameters { real no; }
functions { real f(real x) { return x; } }
data {
  int<lower=1> N;  // rows
  array[N] int Y;
}
transformed data { int M = 2; }
parameters {
  vector<lower=0, upper=max(Y)>[K - 1] b;
  array[J[1], 2] matrix[M, N] z;  /* odd } brace */
  cholesky_factor_corr[M] L;
  real<lower=-1> rho;
}
transformed parameters { real a = rho; }
model { if (N > 0) { rho ~ normal(0, 1); } }
"""


def test_declarations_of_a_program() -> None:
    b, z, corr, rho = stan_text.declarations(PROGRAM, "parameters")
    values = {"K": 4, "J": np.array([5, 6]), "M": 2, "N": 3, "Y": np.array([7, 9])}
    assert (b.name, b.type, b.lower, b.upper) == ("b", "vector", "0", "max(Y)")
    assert b.dims(values) == (3,)
    assert z.dims(values) == (5, 2, 2, 3)
    assert corr.dims(values) == (2, 2)
    assert rho.dims(values) == ()
    assert stan_text.evaluate(b.upper, values) == 9
    assert [one.name for one in stan_text.declarations(PROGRAM, "data")] == ["N", "Y"]
    assert stan_text.declarations(PROGRAM, "generated quantities") == ()


@pytest.mark.parametrize("text", ["open('x')", "N.__class__", "unknown", "[N]"])
def test_evaluate_refuses_other_expressions(text: str) -> None:
    with pytest.raises(ValueError, match="cannot evaluate"):
        stan_text.evaluate(text, {"N": 1})


# ---------------------------------------------------------------------------------------------
# comparing


def test_close_treats_special_numbers() -> None:
    a = [1.0, np.nan, np.inf, np.inf, 1e9]
    b = [1.0 + 1e-12, np.nan, np.inf, -np.inf, 1e9 + 1]
    assert compare.close(a, b, 1e-10).tolist() == [True, True, True, False, False]


def test_difference_names_the_worst_element() -> None:
    line = compare.difference("x", [[1.0, 2.0], [3.0, 9.0]], [[1.0, 2.1], [3.0, 4.0]], 1e-8)
    assert line == "x[1, 1]: 9, recorded 4 (2 of 4 differ)"
    assert compare.difference("x", [1.0], [1.0, 2.0], 1e-8) == "x: shape (1,), recorded (2,)"
    assert compare.difference("x", 1.0, 1.0, 0.0) == ""


def _entry(values: Any, shape: list[int], kind: str = "real", **more: Any) -> dict[str, Any]:
    return {"values": values, "shape": shape, "type": kind, "declared": "d", **more}


def test_data_problems() -> None:
    recorded = {
        "N": _entry(2, [], "int"),
        "Kc": _entry(1, [], "int"),
        "J_1": _entry([1, 2], [2], "int"),
        "X": _entry([[1, 2.0], [1, 3.0]], [2, 2]),
        "disc": _entry(1, [], undeclared=True),
        "Z_1_1": _entry([], [0]),
    }
    good = {"N": 2, "J_1": [1, 2], "X": [[1, 2], [1, 3]]}
    assert compare.data_problems(good, recorded) == []
    assert compare.data_problems({**good, "J_1": [1, 1]}, recorded) == [
        "data J_1[1]: 1, recorded 2 (1 of 2 differ)"
    ]
    assert compare.data_problems({"N": 2, "J_1": [1, 2]}, recorded) == ["data X: missing"]


def test_summarised_data_are_compared() -> None:
    values = np.arange(3000.0)
    entry = {
        "shape": [3000], "type": "real", "declared": "vector[N]", "sum": float(values.sum()),
        "sumsq": float((values**2).sum()), "first20": values[:20].tolist(),
        "last20": values[-20:].tolist(),
    }  # fmt: skip
    assert compare.entry_problems("Y", values, entry) == []
    moved = values.copy()
    moved[[1000, 1500]] += [1.0, -1.0]
    assert compare.entry_problems("Y", moved, entry)
    assert compare.entry_problems("Y", values[::-1], entry)


def test_smooth_bases_are_known_up_to_sign() -> None:
    basis = [[1.0, -2.0], [3.0, 4.0]]
    recorded = {"Zs_1_1": _entry(basis, [2, 2]), "X": _entry(basis, [2, 2])}
    turned = np.array(basis) * [1.0, -1.0]
    assert compare.data_problems({"Zs_1_1": turned, "X": basis}, recorded) == []
    assert compare.data_problems({"Zs_1_1": basis, "X": turned}, recorded)
    aligned = compare.aligned_data({"Zs_1_1": turned}, recorded)
    np.testing.assert_array_equal(aligned["Zs_1_1"], basis)


def test_right_ends_count_for_interval_censored_rows_only() -> None:
    recorded = {"cens": _entry([0, 2], [2], "int"), "rcens": _entry([0.0, 5.0], [2])}
    assert compare.data_problems({"cens": [0, 2], "rcens": [3.0, 5.0]}, recorded) == []
    assert compare.data_problems({"cens": [0, 2], "rcens": [0.0, 4.0]}, recorded)


def test_parameter_problems() -> None:
    program = "parameters { vector<lower=0>[K] sd_1; real b; }"
    declared = stan_text.declarations(program, "parameters")
    recorded: list[dict[str, Any]] = [
        {"name": "sd_1", "dims": [2], "lower": 0, "upper": None},
        {"name": "b", "dims": [], "lower": None, "upper": None},
    ]
    assert compare.parameter_problems(declared, {"K": 2}, recorded) == []
    assert compare.parameter_problems(declared, {"K": 3}, recorded) == [
        "parameter sd_1: dims (3,), recorded (2,)"
    ]
    recorded[0]["upper"] = 5
    recorded[1]["name"] = "c"
    assert compare.parameter_problems(declared, {"K": 2}, recorded) == [
        "parameters: missing c; surplus b",
        "parameter sd_1: upper bound none, recorded 5",
    ]


def test_prior_problems() -> None:
    row = dict.fromkeys(compare.PRIOR_KEYS, "")
    recorded = [{**row, "class": "sd", "prior": "student_t(3, 0, 2.5)", "lb": "0"}]
    same = pd.DataFrame([{**row, "class": "sd", "prior": "student_t(3,0,2.5)", "lb": 0.0}])
    assert compare.prior_problems(same, recorded) == []
    other = same.assign(prior="normal(0, 1)")
    lines = compare.prior_problems(other, recorded)
    assert len(lines) == 2
    assert "missing 'student_t(3,0,2.5)' class=sd lb=0" in lines[0]


# ---------------------------------------------------------------------------------------------
# cases and corrections


def _folder(tmp_path: Path) -> Path:
    (tmp_path / "cases").mkdir()
    for name in ("a", "b", "c"):
        case = {"id": name, "features": ["re", f"tag:{name}"]}
        (tmp_path / "cases" / f"{name}.json").write_text(json.dumps(case))
    return tmp_path


def test_select_without_index(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    names = lambda **kw: [p.stem for p in cases.select(folder, cases.Selection(**kw))]  # noqa: E731
    assert names() == ["a", "b", "c"]
    assert names(ids=("c", "a")) == ["c", "a"]
    assert names(features=("re", "tag:b")) == ["b"]
    with pytest.raises(FileNotFoundError, match="no such case"):
        names(ids=("zzz",))


def test_select_by_index(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "index.csv").write_text("id,group,features\na,core,re;x\nb,other,re\nc,core,re\n")
    picked = cases.select(folder, cases.Selection(group="core", features=("x",)))
    assert [p.stem for p in picked] == ["a"]


def test_report_counts_and_exits(capsys: pytest.CaptureFixture[str]) -> None:
    results = [
        cases.CaseResult("a", True, (), ("hypothesis",)),
        cases.CaseResult("b", False, ("N: 1, recorded 2", "more")),
    ]
    assert cases.report(iter(results), verbose=False) == 1
    assert capsys.readouterr().out.splitlines() == [
        "PASS a (pending: hypothesis)",
        "FAIL b: N: 1, recorded 2 (+1 more)",
        "1 passed, 1 failed",
    ]
    assert cases.report(iter(results[:1]), verbose=False) == 0


def test_a_crash_is_a_failed_case() -> None:
    def crash() -> cases.CaseResult:
        raise KeyError("boom")

    result = cases.guarded(crash, "a", verbose=False)
    assert not result.ok
    assert "KeyError" in result.problems[0]


def test_correction_of_spatial_densities() -> None:
    """A constant of the normal or of the Student density for each row."""
    case = {
        "call": {"family": {"a": {"name": "gaussian"}, "b": {"name": "student"}}},
        "standata": {"Msar_a": {"shape": [3, 3]}, "Msar_b": {"shape": [2, 2]}},
    }
    correction = oracle.correction(case)
    assert correction is not None
    expected = -1.5 * math.log(2 * math.pi) - math.log(math.pi)
    assert correction.at({"params": {}}) == pytest.approx(expected)


def test_correction_of_the_double_inverse_logit() -> None:
    case = {
        "call": {"family": {"name": "zero_inflated_asym_laplace"}},
        "parameters": [{"name": "Intercept_zi"}],
        "standata": {"N": _entry(2, []), "Y": _entry([0.0, 1.0], [2])},
    }
    correction = oracle.correction(case)
    assert correction is not None
    got = correction.at({"params": {"Intercept_zi": 0.0}})
    # Right: log(1/2) twice. Recorded: zi = inv_logit(1/2).
    wrong = 1 / (1 + math.exp(-0.5))
    assert got == pytest.approx(2 * math.log(0.5) - math.log(wrong) - math.log(1 - wrong))
    assert oracle.correction({"call": {"family": {"name": "gaussian"}}}) is None
