"""The operators of formula text: one table; and the words that are constants."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operator:
    """A binary operator; a higher `precedence` binds tighter."""

    symbol: str
    precedence: int
    right_associative: bool = False


# R's order (help("Syntax")), with the bars of group-level terms just above the tilde.
_TABLE = (
    Operator("~", 10),
    Operator("||", 20),
    Operator("|", 20),
    Operator("&", 30),
    Operator("==", 40),
    Operator("!=", 40),
    Operator("<", 40),
    Operator(">", 40),
    Operator("<=", 40),
    Operator(">=", 40),
    Operator("+", 50),
    Operator("-", 50),
    Operator("*", 60),
    Operator("/", 60),
    Operator("%in%", 70),
    Operator(":", 80),
    Operator("^", 100, right_associative=True),
)

BINARY = {operator.symbol: operator for operator in _TABLE}

# Prefix operators and the precedence of what they take: -2^2 is -(2^2), -a:b is -(a:b) in a
# formula as the sign is weaker than ``:``.
PREFIX = {"~": 11, "!": 35, "-": 75, "+": 75}

# Other spellings of the same operator.
SYNONYMS = {"**": "^", "&&": "&"}

# Words that are values, not columns, in the spellings of R and Python.
CONSTANTS = {
    "TRUE": True, "True": True, "FALSE": False, "False": False,
    "NULL": None, "None": None, "NA": None,
}  # fmt: skip
