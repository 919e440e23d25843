"""Expressions of formulas: evaluated on data frames without running text, replayed on new data."""

from hiermodel.expressions.functions import FUNCTIONS
from hiermodel.expressions.learned import LearnedExpression, learn, learn_value
from hiermodel.expressions.values import FactorValue

__all__ = ["FUNCTIONS", "FactorValue", "LearnedExpression", "learn", "learn_value"]
