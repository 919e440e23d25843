from hiermodel.formula.bf import (
    Formula,
    as_formula,
    bf,
    from_json,
    lf,
    mvbf,
    nlf,
    set_rescor,
    to_json,
)
from hiermodel.formula.expand import expand
from hiermodel.formula.parse import deparse, parse_expression, parse_formula
