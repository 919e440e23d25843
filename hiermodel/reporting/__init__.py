"""A fit as one HTML page."""

from hiermodel.reporting.build import report

__all__ = ["report"]
