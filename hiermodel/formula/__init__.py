"""The formula language: text, syntax tree, terms, and model formulas."""

from hiermodel.formula.bf import acformula, as_formula, bf, lf, mvbf, nlf, set_mecor, set_rescor
from hiermodel.formula.constants import with_constants
from hiermodel.formula.deparse import deparse
from hiermodel.formula.expand import expand
from hiermodel.formula.parse import parse_expression, parse_formula
from hiermodel.formula.serialise import from_json, to_json
from hiermodel.formula.sides import check_sides
from hiermodel.formula.update import update_formula
from hiermodel.formula.values import Formula

__all__ = [
    "Formula",
    "acformula",
    "as_formula",
    "bf",
    "check_sides",
    "deparse",
    "expand",
    "from_json",
    "lf",
    "mvbf",
    "nlf",
    "parse_expression",
    "parse_formula",
    "set_mecor",
    "set_rescor",
    "to_json",
    "update_formula",
    "with_constants",
]
