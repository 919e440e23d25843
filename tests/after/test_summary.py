from __future__ import annotations

import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from hiermodel.engines.diagnose import diagnostics
from hiermodel.errors import HiermodelError
from hiermodel.summary import Summary, summarise
from hiermodel.summary.text import cell, frame_text

from .posteriors import CHAINS, DRAWS, draws, fit_of


@pytest.fixture(scope="module")
def fit():
    given = {"L_1": np.broadcast_to([[1, 0], [0.6, 0.8]], (CHAINS, DRAWS, 2, 2))}
    fit = fit_of("y ~ x + (x | g)", **given)
    facts = {"engine": "stanli", "engine_version": "9.9", "seed": 7, "seconds": 1.234,
             "certificate": "log density equals <the model's>", "warnings": [],
             "settings": {"warmup": 500}}  # fmt: skip
    return replace(fit, provenance=facts)


def test_sections_and_rows(fit) -> None:
    summary = summarise(fit)
    assert {k: list(t.index) for k, t in summary.tables.items()} == {
        "Population level": ["Intercept", "x"],
        "Group level: g (4 levels)": ["sd(Intercept)", "sd(x)", "cor(Intercept, x)"],
        "Family": ["sigma"],
    }


def test_numbers_are_those_of_the_draws(fit) -> None:
    table = summarise(fit, prob=0.8).to_frame()
    sigma = fit.posterior["sigma"].values
    row = table.loc[("Family", "sigma")]
    assert row["Estimate"] == pytest.approx(sigma.mean())
    assert row["Q10"] == pytest.approx(np.quantile(sigma, 0.1))
    expected = diagnostics(sigma[:, :, None])
    assert row["R-hat"] == pytest.approx(expected["rhat"][0])
    assert row["Tail_ESS"] == pytest.approx(expected["ess_tail"][0])


def test_robust_numbers(fit) -> None:
    table = summarise(fit, robust=True).tables["Family"]
    sigma = fit.posterior["sigma"].values
    assert table.loc["sigma", "Estimate"] == pytest.approx(np.median(sigma))


def test_head_says_where_the_draws_come_from(fit) -> None:
    text = str(summarise(fit))
    for part in ("y ~ x + (x | g)", "gaussian (mu = identity)", "40 rows; levels: 4 g",
                 "2 chains x 20 draws after 500 of warmup = 40", "stanli 9.9, seed 7, 1.2 s",
                 "log density equals <the model's>"):  # fmt: skip
        assert part in text
    assert text == repr(summarise(fit))


def test_links_of_predicted_parameters_are_shown() -> None:
    fit = fit_of("y ~ x", "gaussian")
    assert "sigma =" not in str(summarise(fit))
    import hiermodel as hm

    fit = fit_of(hm.bf("y ~ x", "sigma ~ z"), "gaussian")
    assert "sigma = log" in str(summarise(fit))
    assert "sigma_z" in str(summarise(fit))


def test_html_is_self_contained_and_escaped(fit) -> None:
    html = summarise(fit)._repr_html_()
    assert "<script" not in html and "http" not in html
    assert "log density equals &lt;the model&#x27;s&gt;" in html
    assert html.count("<table") == html.count("</table>") == 3
    assert not re.search(r"color:\s*(black|white|#000|#fff)", html)


def test_doubtful_draws_are_marked() -> None:
    stuck = draws(seed=1, positive=True)
    stuck[1] += 50.0
    fit = fit_of("y ~ x", sigma=stuck)
    summary = summarise(fit)
    assert any("R-hat above 1.01 for" in w and "sigma" in w for w in summary.warnings)
    assert any("effective sample size below 200" in w for w in summary.warnings)
    assert "<td class=bad>" in summary._repr_html_()


def test_stored_warnings_are_not_said_twice(fit) -> None:
    told = replace(fit, provenance={"warnings": ["R-hat is above 1.01", "The ESS is low"]})
    assert summarise(told).warnings == ("R-hat is above 1.01", "The ESS is low")


def test_wrong_prob(fit) -> None:
    with pytest.raises(HiermodelError, match="prob"):
        summarise(fit, prob=95)


def test_ordinal_thresholds_are_population_level() -> None:
    summary = summarise(fit_of("rating ~ x + (1 | g)", "cumulative"))
    rows = list(summary.tables["Population level"].index)
    assert rows == ["Intercept[1]", "Intercept[2]", "x"]


def test_cells() -> None:
    assert cell(np.nan, "Estimate", 2) == "-" and cell(np.inf, "Estimate", 2) == "Inf"
    assert cell(1234.5, "Bulk_ESS", 2) in ("1234", "1235") and cell(1.0049, "R-hat", 2) == "1.005"


def test_small_errors_get_more_decimals(fit) -> None:
    table = summarise(fit).tables["Family"] * 1e-3
    assert re.search(r"sigma +0\.\d{5} ", frame_text(table))


def test_empty_summary_prints() -> None:
    assert str(Summary("none", (), {}, ())).startswith("none")


def test_a_summary_needs_neither_arviz_nor_matplotlib() -> None:
    import subprocess

    code = (
        "import sys, hiermodel.summary, hiermodel.criticism, hiermodel.effects, hiermodel.plots\n"
        "print([m for m in ('arviz', 'arviz_plots', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
