"""Exact aggregation: rows that share all predictors become one cell with small statistics."""

from hiermodel.aggregate.aggregated import AggregatedModel
from hiermodel.aggregate.reach import aggregate_named, aggregated_model, worth_it

__all__ = ["AggregatedModel", "aggregate_named", "aggregated_model", "worth_it"]
