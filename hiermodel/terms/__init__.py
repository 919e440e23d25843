"""Kinds of terms of a linear predictor."""

from hiermodel.terms.base import Labelled, Scope, Term, register_term

__all__ = ["Labelled", "Scope", "Term", "register_term"]
