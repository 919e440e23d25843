"""Formulas as plain JSON values and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from hiermodel.formula.deparse import deparse
from hiermodel.formula.parse import parse_formula
from hiermodel.formula.syntax import Call, Node, ParsedFormula
from hiermodel.formula.values import Formula, FormulaOptions, ResponseFormula, SubFormula


def to_json(formula: Formula) -> dict[str, Any]:
    """Turn a formula into values that JSON can hold; families are left out.

    Examples
    --------
    >>> from hiermodel.formula import bf
    >>> to_json(bf("y ~ x"))["responses"][0]["main"]["source"]
    'y ~ x'
    """
    return {
        "rescor": formula.rescor,
        "mecor": formula.mecor,
        "responses": [_response_to_json(response) for response in formula.responses],
    }


def from_json(values: Mapping[str, Any]) -> Formula:
    """Read what `to_json` wrote.

    Examples
    --------
    >>> from hiermodel.formula import bf
    >>> from_json(to_json(bf("y ~ x", nu=4))) == bf("y ~ x", nu=4)
    True
    """
    responses = tuple(_response_from_json(v) for v in values["responses"])
    return Formula(responses, values["rescor"], values.get("mecor"))


def _response_to_json(response: ResponseFormula) -> dict[str, Any]:
    return {
        "main": _parsed_to_json(response.main),
        "options": asdict(response.options),
        "fixed": [list(pair) for pair in response.fixed],
        "unused": response.unused.source if response.unused else None,
        "autocor": response.autocor.source if response.autocor else None,
        "subformulas": [
            {"name": s.name, "resp": s.resp, "source": s.parsed.source,
             "options": asdict(s.options)}
            for s in response.subformulas
        ],
    }


def _parsed_to_json(parsed: ParsedFormula) -> dict[str, Any]:
    """Text, and the response apart: one of several in ``mvbind(y1, y2) ~ x``."""
    return {"source": parsed.source, "response": _written(parsed.response)}


def _written(response: Node | None) -> str | None:
    return None if response is None else deparse(response)


def _parsed_from_json(values: Mapping[str, Any]) -> ParsedFormula:
    parsed = parse_formula(values["source"])
    if _written(parsed.response) == values["response"]:
        return parsed
    # The same node that bf() took, so that it knows its place in the text.
    assert isinstance(parsed.response, Call)
    parts = {_written(argument.value): argument.value for argument in parsed.response.arguments}
    return replace(parsed, response=parts[values["response"]])


def _response_from_json(values: Mapping[str, Any]) -> ResponseFormula:
    sides = {
        side: parse_formula(values[side]) if values[side] else None
        for side in ("unused", "autocor")
    }
    subformulas = tuple(
        SubFormula(s["name"], parse_formula(s["source"]), FormulaOptions(**s["options"]), s["resp"])
        for s in values["subformulas"]
    )
    return ResponseFormula(
        _parsed_from_json(values["main"]),
        subformulas,
        tuple((name, value) for name, value in values["fixed"]),
        FormulaOptions(**values["options"]),
        None,
        sides["unused"],
        sides["autocor"],
    )
