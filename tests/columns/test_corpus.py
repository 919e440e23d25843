"""Design matrices and level codes of the core cases of the reference corpus."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from harness import cases, compare
from translate import case_to_call

from hiermodel.errors import HiermodelWarning

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "golden"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="no reference corpus")

IDS = (
    [path.stem for path in cases.select(CORPUS, cases.Selection(group="core"))]
    if CORPUS.is_dir()
    else []
)


@pytest.mark.parametrize("case_id", IDS)
def test_designs(case_id):
    case = cases.read_case(CORPUS / "cases" / f"{case_id}.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HiermodelWarning)
        call = case_to_call(case, CORPUS / "data")
        model = call.model()
        frame = model.rows(call.data)
    recorded = case["standata"]
    compared = 0
    for predictor in model.predictors:
        design, key = predictor.population.design, f"X{predictor.population.suffix}"
        if not predictor.population.is_empty and key in recorded:
            entry = recorded[key]
            if entry.get("colnames"):
                assert list(design.names) == entry["colnames"]
            assert compare.entry_problems(key, design.matrix(frame), entry) == []
            compared += 1
    for group in model.groups:
        for number, codes in enumerate(group.grouping.codes(frame), start=1):
            key = f"J_{group.index}" + (f"_{number}" if group.grouping.multi else "")
            assert compare.entry_problems(key, codes + 1, recorded[key]) == []
            compared += 1
    # An intercept alone needs no matrix.
    population = [
        k
        for k, entry in recorded.items()
        if k.split("_")[0] == "X" and entry.get("colnames") not in (None, [], ["Intercept"])
    ]
    assert compared >= len(population)


@pytest.mark.parametrize("case_id", IDS)
def test_level_labels(case_id):
    """The labels of levels, in order, as brms writes them in the names of the effects."""
    case = cases.read_case(CORPUS / "cases" / f"{case_id}.json")
    names = case["brms_variables"]["names"]
    effects = [n for n in names if n.startswith("r_")]
    if not effects:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HiermodelWarning)
        model = case_to_call(case, CORPUS / "data").model()
    for group in model.groups:
        ours = [label.replace(" ", ".") for label in group.grouping.levels]
        found: dict[str, list[str]] = {}
        for name in effects:
            head, _, rest = name.partition("[")
            level, _, coef = rest.removesuffix("]").rpartition(",")
            if head.removeprefix("r_").split("__")[0] == group.name:
                found.setdefault(f"{head},{coef}", []).append(level)
        for levels in found.values():
            # A list of names may have been cut off.
            assert levels == ours[: len(levels)]
            assert len(levels) == len(ours) or len(names) == 300


def test_there_are_cases():
    assert len(IDS) >= 164 and np.unique(IDS).size == len(IDS)
