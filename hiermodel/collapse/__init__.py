"""Exact collapse: gaussian multilevel models with group-level effects integrated out."""

from hiermodel.collapse.collapsed import CollapsedModel
from hiermodel.collapse.reach import collapse_named, collapsed_model, worth_it

__all__ = ["CollapsedModel", "collapse_named", "collapsed_model", "worth_it"]
