"""What every kind of term is: the contract between formula, Stan program and predictions.

A term is one summand of the linear predictor of one parameter. It declares its Stan variables
once, knows how to compute its data for any frame, has a template for its line in the program,
and a NumPy twin of that line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.formula.syntax import SpecialTerm
from hiermodel.stan.variables import Var

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a predictor stands: which parameter of which response it is for."""

    dpar: str = ""
    resp: str = ""
    nlpar: str = ""

    @property
    def suffix(self) -> str:
        """Suffix of names, as in brms: ``_sigma``, ``_y1``, ``_sigma_y1``."""
        return "".join(f"_{part}" for part in (self.dpar, self.resp, self.nlpar) if part)

    @property
    def rows(self) -> str:
        """Stan name of the number of rows: ``N``, or ``N_y1`` beside other responses."""
        return f"N_{self.resp}" if self.resp else "N"

    @property
    def label(self) -> str:
        """The part of a coefficient's label that stands for the scope: ``sigma``, ``sigma_y1``."""
        return "_".join(part for part in (self.dpar, self.resp, self.nlpar) if part)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Draws of one variable as users see it: dims and labels behind (chain, draw)."""

    name: str
    values: Array
    dims: tuple[str, ...] = ()
    coords: Mapping[str, tuple[str, ...]] | None = None
    attrs: Mapping[str, Any] | None = None


@runtime_checkable
class Term(Protocol):
    """One summand of a linear predictor."""

    template: ClassVar[str]
    """Name of the file in ``stan_templates/terms`` that holds its statements."""

    @property
    def text(self) -> str:
        """The formula text that made it; printed behind its line in the program."""

    @property
    def variables(self) -> tuple[Var, ...]:
        """All Stan variables that it declares."""

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns of a data frame that `data` reads."""

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """Values of its data variables that have one entry per row, for any frame.

        With ``missing="pass"`` a missing number gives NaN and a missing factor gives zeros.
        """

    def constants(self) -> dict[str, Any]:
        """Values of its data variables that were learned from the training data."""

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """Its contribution to the linear predictor, draws x rows: the twin of its Stan line.

        `draws` are arrays of the user-facing posterior with one leading draws axis.
        """

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """User-facing variables from draws of the declared parameters, (chain, draw, ...)."""


TermFactory = Callable[..., Term]
_SPECIAL_TERMS: dict[str, TermFactory] = {}


def register_term(kind: str, factory: TermFactory) -> None:
    """Register the factory of a special term, called when a formula holds ``kind(...)``.

    Parameters
    ----------
    kind : str
        Name of the call in formula text, such as ``"mo"``.
    factory : callable
        ``factory(special, scope, frame, schema) -> Term``.

    Examples
    --------
    >>> from hiermodel.terms import register_term
    >>> register_term("shift", lambda special, scope, frame, schema: ...)
    """
    _SPECIAL_TERMS[kind] = factory


def special_term_factory(special: SpecialTerm, source: str) -> TermFactory:
    """The factory behind a special call, or an error that says that there is none yet."""
    factory = _SPECIAL_TERMS.get(special.kind)
    if special.kind in ("te", "ti"):
        raise FormulaError(
            f"{special.kind}() has penalties that overlap, which no mixed model has; write t2(), "
            "which also is for covariates with different units",
            source,
            special.span,
        )
    if factory is None:
        hint = did_you_mean(special.kind, _SPECIAL_TERMS)
        raise FormulaError(
            f"the term {special.text!r} is understood, but {special.kind}() terms are not built "
            f"yet in this version of hiermodel{hint}",
            source,
            special.span,
        )
    return factory
