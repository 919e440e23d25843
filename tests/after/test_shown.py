"""Tables that show themselves: few digits to read, all of them to compute with."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.criticism import pp_check_data
from hiermodel.notebook import page, words_html
from hiermodel.summary.shown import Table, as_table

from .posteriors import fit_of


@pytest.fixture(scope="module")
def fit() -> hm.Fit:
    return fit_of("y ~ x + (1 | g)")


def cells(html: str) -> list[str]:
    return re.findall(r"<td[^>]*>([^<]*)</td>", html)


def test_a_table_is_shown_with_two_digits_of_the_smallest_error() -> None:
    frame = pd.DataFrame({"Estimate": [1.23456, 2.0], "Est.Error": [0.0123, 1.0]}, index=["a", "b"])
    table = as_table(frame, "Title", "Note.")
    assert repr(table).splitlines() == [
        "Title", "   Estimate  Est.Error", "a     1.235      0.012", "b     2.000      1.000",
        "Note.",
    ]  # fmt: skip
    html = table._repr_html_()
    assert cells(html) == ["1.235", "0.012", "2.000", "1.000"]
    assert "<h4>Title</h4>" in html and '<p class="note">Note.</p>' in html


def test_all_digits_are_there_and_what_is_computed_is_a_plain_frame() -> None:
    table = as_table(pd.DataFrame({"Estimate": [1.23456]}, index=["a"]), "Title")
    assert table.loc["a", "Estimate"] == 1.23456
    for plain in (table.round(1), table[["Estimate"]], table.T, table.assign(x=1), table.head()):
        assert type(plain) is pd.DataFrame
    pd.testing.assert_frame_equal(table, pd.DataFrame({"Estimate": [1.23456]}, index=["a"]))
    for same in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert same.loc["a", "Estimate"] == 1.23456 and "1.23" in repr(same)


def test_long_tables_are_cut_when_shown() -> None:
    table = as_table(pd.DataFrame({"Estimate": np.arange(100.0)}))
    assert repr(table).splitlines()[-1] == "... 60 more rows" and len(table) == 100
    assert "... 60 more rows" in table._repr_html_()


def test_columns_have_digits_of_their_own() -> None:
    table = as_table(pd.DataFrame({"elpd": [-10.123], "weight": [0.98765]}, index=["m"]), "",
                     digits={"elpd": 1, "weight": 3})  # fmt: skip
    assert cells(table._repr_html_()) == ["-10.1", "0.988"]


def test_tables_of_a_fit(fit) -> None:
    found = {
        "Population level": fit.fixef(),
        "Posterior intervals": fit.interval_table(),
        "Coefficients of the levels of g": fit.level_intervals("g"),
    }
    for title, table in found.items():
        assert isinstance(table, Table) and repr(table).splitlines()[0] == title
        assert f"<h4>{title}</h4>" in table._repr_html_()
    assert isinstance(fit.bayes_r2(), Table)


@pytest.mark.filterwarnings("ignore:.*Pareto k")
def test_a_comparison_says_what_it_compares(fit) -> None:
    table = hm.compare({"one": fit, "other": fit_of("y ~ 1")})
    lines = repr(table).splitlines()
    assert lines[0] == "Comparison by loo, best first"
    best = table.index[0]
    shown = next(line for line in lines if line.startswith(best))
    assert shown.split()[1] == f"{table.loc[best, 'elpd']:.1f}"


def test_a_check_shows_its_first_rows(fit) -> None:
    check = pp_check_data(fit, "stat", group="g", seed=1)
    lines = repr(check).splitlines()
    assert lines[0] == "Posterior predictive check: stat of y, 40 draws, by g"
    assert lines[1].split() == list(check.table.columns) and lines[-1] == "... 150 more rows"
    html = check._repr_html_()
    assert html.count("<tr>") == 11 and f"{check.table['value'].iloc[3]:.5g}" in html


def test_a_box_escapes_and_keeps_percent_signs_with_their_numbers() -> None:
    html = page("a < b", [words_html([["x & y"]], ["50 %"])])
    assert "a &lt; b" in html and "x &amp; y" in html and "50\N{NO-BREAK SPACE}%" in html


def test_columns_of_a_summary_stand_below_each_other(fit) -> None:
    html = fit.summary()._repr_html_()
    assert set(re.findall(r"min-width:(\d+)ch", html)) == {str(len("sd(Intercept)"))}


def test_a_model_shows_what_it_prints(fit) -> None:
    html = fit.model._repr_html_()
    assert "<dt>Model</dt><dd>y ~ x + (1 | g)</dd>" in html
    assert "<dt>Levels</dt><dd>g: 4 levels (Intercept)</dd>" in html
    assert "  g: 4 levels (Intercept)" in repr(fit.model).splitlines()


def test_what_one_builds_models_of_reads_as_it_was_written() -> None:
    assert repr(hm.bf("y ~ x", "sigma ~ z")) == "y ~ x\nsigma ~ z"
    one = hm.prior("normal(0, 1)", coef="x")
    assert repr(one) == "prior('normal(0, 1)', cls='b', coef='x')"
    assert repr(one + one) == f"({one!r}, {one!r})"
    family = hm.family("cumulative", link="probit", threshold="equidistant")
    assert repr(family) == (
        "<family cumulative: mu = probit; with a formula disc = log; threshold equidistant>"
    )
    assert repr(hm.mixture("gaussian", "student")).startswith(
        "<family mixture(gaussian, student): mu1 = identity, mu2 = identity; "
    )


def test_what_rounds_to_zero_has_no_sign() -> None:
    table = as_table(pd.DataFrame({"Estimate": [-0.0004, -0.02, 0.0]}))
    assert cells(table._repr_html_()) == ["0.00", "-0.02", "0.00"]


def test_pictures_fit_into_their_box(fit) -> None:
    html = fit_of("y ~ x + z + dose").conditional_effects()._repr_html_()
    assert "<img" in html and ".hiermodel img {max-width: 100%" in html
