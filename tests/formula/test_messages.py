"""Messages about formulas that cannot be read, kept in ``messages.txt``.

The file is the list of formulas, too: ``## formula``, then the message. A new one is added as a
heading (``\\n`` stands for a line break), and the message written by HIERMODEL_REGEN=1 pytest.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hiermodel.errors import FormulaError
from hiermodel.formula import expand, parse_formula

from .trees import assert_inside

FILE = Path(__file__).with_name("messages.txt")


def kept() -> dict[str, str]:
    blocks = FILE.read_text(encoding="utf-8").split("## ")[1:]
    pairs = (block.split("\n", 1) for block in blocks)
    return {formula: message.strip("\n") for formula, message in pairs}


def message(formula: str) -> str:
    text = formula.replace("\\n", "\n")
    with pytest.raises(FormulaError) as caught:
        expand(parse_formula(text))
    assert_inside(caught.value, text)
    return str(caught.value)


@pytest.mark.parametrize("formula", kept(), ids=lambda formula: formula or "empty")
def test_message(formula: str) -> None:
    if os.environ.get("HIERMODEL_REGEN") == "1":
        new = {**kept(), formula: message(formula)}
        FILE.write_text("\n".join(f"## {f}\n{m}\n" for f, m in new.items()), encoding="utf-8")
    assert message(formula) == kept()[formula]


def test_there_are_messages() -> None:
    assert len(kept()) > 50 and all(kept().values())
