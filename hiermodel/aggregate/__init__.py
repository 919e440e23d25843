"""Exact aggregation: rows that share all predictors become one cell with small statistics."""

from hiermodel.aggregate.aggregated import AggregatedModel
from hiermodel.aggregate.reach import aggregated_model, worth_it

__all__ = ["AggregatedModel", "aggregated_model", "worth_it"]
