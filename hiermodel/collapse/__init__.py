"""Exact collapse: gaussian multilevel models with group-level effects integrated out."""

from hiermodel.collapse.collapsed import CollapsedModel
from hiermodel.collapse.reach import collapsed_model, worth_it
from hiermodel.collapse.regression import CollapsedRegression

__all__ = ["CollapsedModel", "CollapsedRegression", "collapsed_model", "worth_it"]
