"""Every formula of the reference corpus can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hiermodel.errors import FormulaError
from hiermodel.formula import (
    bf,
    deparse,
    expand,
    from_json,
    lf,
    nlf,
    parse_expression,
    parse_formula,
    to_json,
)
from hiermodel.formula.syntax import Binary, Call, GroupTerm

from .trees import bare

# What else stands in the corpus beside formulas are settings.
KINDS = ("main", "lf", "nlf", "autocor", "unused")


@dataclass(frozen=True)
class Part:
    """One formula of a case: its text without ``lf(...)`` around it."""

    text: str
    kind: str
    nl: bool


def formulas_of(part: dict[str, Any]) -> Iterator[Part]:
    text, kind = part["text"], part["kind"]
    if kind in ("autocor", "unused"):
        yield Part(text.partition("=")[2], kind, False)
        return
    nl = kind == "nlf" or bool((part.get("options") or {}).get("nl"))
    tree = parse_expression(text)
    if not isinstance(tree, Call):
        yield Part(text, kind, nl)
        return
    for argument in tree.arguments:
        if isinstance(argument.value, Binary) and argument.value.op == "~":
            yield Part(text[slice(*argument.value.span)], kind, nl)


@pytest.fixture(scope="module")
def cases(golden: Path) -> dict[str, tuple[dict[str, Any], list[Part]]]:
    out = {}
    for path in sorted((golden / "cases").glob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        parts = [p for p in case["call"]["parts"] if p["kind"] in KINDS]
        out[path.stem] = (case, [formula for part in parts for formula in formulas_of(part)])
    assert sum(len(parts) for _, parts in out.values()) > 500
    return out


def test_all_formulas(cases: dict[str, tuple[dict[str, Any], list[Part]]]) -> None:
    wrong = []
    for name, (_, parts) in cases.items():
        for part in parts:
            try:
                parsed = parse_formula(part.text)
                if not part.nl:
                    # The columns matter for '.' only; any will do.
                    assert expand(parsed, ["x"]).source == part.text
                again = deparse(parsed.rhs, backticks=True)
                assert bare(parse_expression(again)) == bare(parsed.rhs)
                if part.kind in ("lf", "nlf"):
                    assert (nlf if part.nl else lf)(part.text).items
            except FormulaError as error:
                wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)


def group_name(term: GroupTerm) -> str:
    members = term.call is not None and term.call.function == "mm"
    return "mm" + "".join(term.group) if members else ":".join(term.group)


def test_group_terms_have_the_names_of_the_corpus(
    cases: dict[str, tuple[dict[str, Any], list[Part]]],
) -> None:
    compared = 0
    for name, (case, parts) in cases.items():
        expected = {row["group"] for row in case["default_prior"] if row["class"] == "sd"} - {""}
        found = {
            group_name(term)
            for part in parts
            if not part.nl and part.kind != "autocor"
            for term in expand(parse_formula(part.text), ["x"]).groups
        }
        assert found == expected, name
        compared += bool(expected)
    assert compared > 50


def test_main_formulas_survive_json(
    cases: dict[str, tuple[dict[str, Any], list[Part]]],
) -> None:
    for name, (_, parts) in cases.items():
        for part in parts:
            if part.kind == "main":
                formula = bf(part.text, nl=part.nl)
                assert from_json(json.loads(json.dumps(to_json(formula)))) == formula, name
