"""Data that do not fit in memory: only small statistics come in."""

from hiermodel.big.fit import BigFit, fit_big, loaded

__all__ = ["BigFit", "fit_big", "loaded"]
