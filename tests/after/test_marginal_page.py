"""The page about effects runs, and its numbers are those that it shows."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "effects.md"


@pytest.fixture(scope="module")
def space() -> dict[str, Any]:
    found: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = PAGE.read_text(encoding="utf-8")
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(block, found)
    return found


def test_the_four_answers_are_those_of_the_page(space) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, mode in (("observed", "observed"), ("typical", "none"), ("new", "new"),
                       ("population", "integrated")):
        row = space[name].iloc[0]
        assert row["groups"] == mode
        line = next(part for part in text.splitlines() if part.startswith(f'| `"{mode}"`'))
        shown = [float(v) for v in re.findall(r"\d\.\d\d", line.split("|")[3])]
        # Versions of the sampler differ in the third digit.
        np.testing.assert_allclose(
            [row["Estimate"], row["Q2.5"], row["Q97.5"]], shown, atol=0.035
        )


def test_what_the_page_says_about_them(space) -> None:
    estimate = {k: space[k]["Estimate"].iloc[0] for k in
                ("observed", "typical", "new", "population")}
    assert estimate["typical"] > estimate["population"] + 0.01
    assert estimate["new"] == pytest.approx(estimate["population"], abs=0.02)
    assert space["new"]["Est.Error"].iloc[0] > 1.3 * space["population"]["Est.Error"].iloc[0]
    fit = space["fit"]
    link = {"type": "link"}
    one, other = (fit.avg_comparisons("mined", groups=g, **link) for g in ("none", "integrated"))
    np.testing.assert_allclose(one["Estimate"], other["Estimate"], rtol=1e-6)
    rows = fit.emmeans("mined", type="link", contrasts="pairwise", transform="exp").draws
    b = fit.posterior["b"].sel(coef="minedno")
    np.testing.assert_allclose(rows.values[..., 0], np.exp(b.values))


def test_the_population_of_the_page(space) -> None:
    shares, totals = space["shares"], space["totals"]
    assert shares["spp"].tolist()[-1] == "(all)" and shares["n"].tolist() == [1000] * 7 + [7000]
    whole = shares["Estimate"].iloc[-1]
    assert totals["Estimate"].iloc[0] == pytest.approx(7000 * whole)
    assert shares["Estimate"].iloc[:-1].mean() == pytest.approx(whole)
