"""Formulas of the reference corpus: what brms says about their group-level terms, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hiermodel.formula import bf, deparse, expand, from_json, parse_expression, parse_formula
from hiermodel.formula import to_json as as_json
from hiermodel.formula.syntax import Call, ParsedFormula

from .trees import bare

# What stands in the corpus beside formulas: settings, not formula text.
SETTINGS = ("set_rescor", "set_mecor", "constant")


def parts(golden: Path) -> Iterator[tuple[dict[str, Any], list[tuple[str, ParsedFormula]]]]:
    """Every case with the kinds and formulas of its parts."""
    for file in sorted((golden / "cases").glob("*.json")):
        case = json.loads(file.read_text(encoding="utf-8"))
        read = [p for p in case["call"]["parts"] if p["kind"] not in SETTINGS]
        yield case, [(part["kind"], parsed) for part in read for parsed in formulas_of(part)]


def formulas_of(part: dict[str, Any]) -> list[ParsedFormula]:
    """A part may be a formula, ``name = ~ x``, or a call such as ``lf(a ~ 1, center = FALSE)``."""
    text = part["text"]
    if part["kind"] in ("autocor", "unused"):
        text = text.partition("=")[2]
    if not text.startswith(("lf(", "nlf(")):
        return [parse_formula(text)]
    call = parse_expression(text)
    assert isinstance(call, Call)
    inside = [a.value.span for a in call.arguments if a.name is None]
    return [parse_formula(text[start:stop]) for start, stop in inside]


def is_non_linear(case: dict[str, Any]) -> bool:
    return any((part.get("options") or {}).get("nl") for part in case["call"]["parts"])


def test_all_formulas(golden: Path) -> None:
    count = 0
    for case, formulas in parts(golden):
        for kind, parsed in formulas:
            again = deparse(parsed.rhs, backticks=True)
            assert bare(parse_expression(again)) == bare(parsed.rhs), case["id"]
            if kind != "nlf" and not (kind == "main" and is_non_linear(case)):
                expand(parsed, ["y", "x"])
            count += 1
    assert count > 500


def test_main_formulas_survive_json(golden: Path) -> None:
    for case, formulas in parts(golden):
        for kind, parsed in formulas:
            if kind == "main":
                formula = bf(parsed.source, nl=is_non_linear(case))
                assert from_json(json.loads(json.dumps(as_json(formula)))) == formula, case["id"]


def test_grouping_factors_are_those_of_brms(golden: Path) -> None:
    count = 0
    for case, formulas in parts(golden):
        if is_non_linear(case):
            continue
        reported = {r["group"] for r in case["default_prior"] if r["class"] == "sd"} - {""}
        found = set()
        for kind, parsed in formulas:
            for group in expand(parsed, ["y", "x"]).groups if kind != "nlf" else ():
                multi = group.call is not None and group.call.function == "mm"
                found.add(("mm" if multi else "") + ("" if multi else ":").join(group.group))
        assert found == reported, case["id"]
        count += bool(found)
    assert count > 50
