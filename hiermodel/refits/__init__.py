"""Fitting a model again without some of its rows: `kfold` and `reloo`."""

from hiermodel.refits.kfold import kfold, kfold_predict
from hiermodel.refits.reloo import reloo

__all__ = ["kfold", "kfold_predict", "reloo"]
