"""`model()` and `Model`: a formula, resolved against the schema of the data."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.errors import DataError
from hiermodel.families.base import Family, FunctionTemplate, Param
from hiermodel.formula import Formula
from hiermodel.frames import NeededColumns, as_frame, drop_missing
from hiermodel.predictors import Predictor
from hiermodel.priors import ResolvedPriors
from hiermodel.response import Response, factor_labels
from hiermodel.schema import Schema
from hiermodel.stan.likelihood import Likelihood
from hiermodel.stan.variables import Block, Var
from hiermodel.terms.base import Array, Labelled
from hiermodel.terms.group import GroupEffects
from hiermodel.terms.grouping import row_data
from hiermodel.terms.labels import group_labels
from hiermodel.terms.thresholds import Thresholds

if TYPE_CHECKING:
    from hiermodel.engines import Engine
    from hiermodel.fitted import Fit

PRIOR_ONLY = Var("prior_only", "int", lower="0", upper="1", comment="1: leave out the likelihood")


@dataclass(frozen=True, eq=False)
class Model:
    """A Bayesian multilevel model: everything but the data frame and the draws.

    Made by `hiermodel.model`. A model can be printed, and each stage looked at:
    `stan_code`, `priors`, `bind`.

    Attributes
    ----------
    formula : Formula
    family : Family
    predictors : tuple of Predictor
        One per parameter with a formula.
    groups : tuple of GroupEffects
        One per grouping factor and ID.
    nobs : int
        Rows of the training data that were used.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> model = hm.model("reaction ~ days + (days | subject)", data)
    >>> print(model.stan_code[:9])
    // reacti
    """

    formula: Formula
    family: Family
    response: Response
    predictors: tuple[Predictor, ...]
    groups: tuple[GroupEffects, ...]
    thresholds: Thresholds | None
    scalars: tuple[Var, ...]
    fixed: Mapping[str, float]
    likelihood: Likelihood
    resolved_priors: ResolvedPriors
    schema: Schema
    columns: NeededColumns
    nobs: int
    normalize: bool
    sample_prior: str
    call: Mapping[str, Any] = field(default_factory=dict)

    # ------------------------------------------------------------------ the program

    @property
    def title(self) -> tuple[str, ...]:
        """Comment lines at the top of the program."""
        links = ", ".join(f"{p.name}: {p.link}" for p in self.predictors)
        return (*str(self.formula).splitlines(), f"family {self.family.name} (links {links})")

    @property
    def declared(self) -> tuple[Var, ...]:
        """All variables, before priors move constants out of the parameters block."""
        out = [Var("N", "int", lower="0", comment="rows"), *self.response.variables]
        if self.thresholds is not None:
            out += self.thresholds.variables
        out += self.response.additions.variables
        for predictor in self.predictors:
            for term in predictor.terms:
                out += term.variables
        out += self.scalars
        for group in self.groups:
            out += group.variables
        return tuple(out)

    @property
    def variables(self) -> tuple[Var, ...]:
        """Every variable of the data and parameters blocks."""
        data = tuple(v for v in self.declared if v.block is Block.DATA)
        extra = tuple(var for var, _ in self.resolved_priors.data)
        return (*data, *extra, PRIOR_ONLY, *self.parameters)

    @property
    def parameters(self) -> tuple[Var, ...]:
        """The declared Stan parameters, with the bounds that the priors give them."""
        return self.resolved_priors.parameters

    @property
    def derived(self) -> tuple[Param, ...]:
        """Parameters of the family that are computed from a declared one and from all rows."""
        names = {var.name for var in self.scalars}
        return tuple(p for p in self.family.params if p.derived and p.derived.raw in names)

    @property
    def functions(self) -> tuple[str | FunctionTemplate, ...]:
        """Files and templates of Stan functions that the program includes."""
        needed: list[str | FunctionTemplate] = []
        for predictor in self.predictors:
            if not self.likelihood.on_link_scale(predictor.param):
                needed += predictor.functions
        needed += self.likelihood.functions
        for param in self.derived:
            needed += param.derived.functions if param.derived else ()
        return tuple(dict.fromkeys(needed))

    @property
    def needs_alpha_vector(self) -> bool:
        """With a GLM density: True when ``mu`` has more than an intercept and ``X * b``."""
        return len(self.predictors[0].terms) > 1

    @functools.cached_property
    def stan_code(self) -> str:
        """The Stan program: it depends on formula and priors, never on numbers in the data."""
        from hiermodel.stan.render import render

        return render(self).code

    @property
    def priors(self) -> pd.DataFrame:
        """The prior table: one row per class, group and coefficient, with its source."""
        return self.resolved_priors.frame()

    # ------------------------------------------------------------------ data

    def rows(self, data: Any, tell: bool = True) -> pd.DataFrame:
        """The rows of a data frame that the model can use, all variables complete.

        Rows that are left out are told by a warning, unless `tell` is False.
        """
        whole, needed = self._with_columns(as_frame(data)), self.columns
        frame, _ = drop_missing(
            whole, needed.complete, needed.optional, needed.unbounded, tell=tell
        )
        return frame

    def _with_columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        missing = [v for v in self.columns.complete if v not in frame.columns]
        if missing:
            raise DataError(
                f"the data lack the column {missing[0]!r}, which the model uses; "
                f"they have {', '.join(map(str, frame.columns))}"
            )
        return frame

    def bind(self, data: Any, prior_only: bool | None = None) -> dict[str, Any]:
        """The Stan data of a data frame.

        Parameters
        ----------
        data : data frame
            pandas, polars, pyarrow or anything narwhals reads. Rows with missing values are
            dropped, with one warning.
        prior_only : bool, optional
            Leave out the likelihood; by default as the model was made (``sample_prior``).

        Returns
        -------
        dict of str to int, float or ndarray
            Exactly the variables of the program's data block.

        Raises
        ------
        DataError
            For a missing column, an unseen level, a response outside the family's support.
        """
        frame = self.rows(data)
        out: dict[str, Any] = {"N": len(frame), self.response.var.name: self.response.coded(frame)}
        out |= self.response.additions.data(frame)
        out |= self.design(frame, self.level_codes(frame))
        out |= self.constants()
        if prior_only is None:
            prior_only = self.sample_prior == "only"
        out["prior_only"] = int(prior_only)
        declared = [v.name for v in self.variables if v.block is Block.DATA]
        return {name: out[name] for name in declared}

    def constants(self) -> dict[str, Any]:
        """Stan data that do not depend on the rows: sizes, means, prior scales."""
        out: dict[str, Any] = dict(self.response.constants())
        for predictor in self.predictors:
            for term in predictor.terms:
                out |= term.constants()
        for group in self.groups:
            out |= group.constants()
        if self.thresholds is not None:
            out |= self.thresholds.constants()
        return out | {var.name: value for var, value in self.resolved_priors.data}

    def level_codes(self, frame: pd.DataFrame) -> dict[int, tuple[Array, ...]]:
        """Level of each row (from 0) per owner of group-level effects; unseen is an error."""
        out = {}
        for group in self.groups:
            codes = group.grouping.codes(frame)
            for member, column in enumerate(codes):
                if (column < 0).any():
                    row = int(np.flatnonzero(column < 0)[0])
                    level = str(group.grouping.labels(frame, member)[row])
                    raise DataError(
                        f"level {level!r} of grouping factor {group.name!r} (row {row + 1}) is "
                        "not in the model; predictions for new levels need allow_new_levels=True"
                    )
            out[group.index] = codes
        return out

    def design(
        self, frame: pd.DataFrame, codes: Mapping[int, tuple[Array, ...]], missing: str = "raise"
    ) -> dict[str, Any]:
        """Everything of the Stan data that has one entry per row, but the response.

        Parameters
        ----------
        frame : DataFrame
        codes : mapping of int to tuple of ndarray
            Per owner of group-level effects the level of each row, from 0.
        missing : {"raise", "pass"}
            With ``"pass"`` a missing number gives NaN, a missing factor zeros.
        """
        out: dict[str, Any] = {}
        for predictor in self.predictors:
            out |= predictor.data(frame, missing)
        for group in self.groups:
            out |= row_data(group.grouping, group.index, codes[group.index], frame, missing)
        if self.thresholds is not None and self.thresholds.grouped:
            group_of_row = self.threshold_codes(frame)
            out[f"Jthres{self.thresholds.suffix}"] = self.thresholds.row_bounds(group_of_row)
        return out

    def threshold_codes(self, frame: pd.DataFrame) -> Array:
        """Threshold group of each row, from 0."""
        assert self.thresholds is not None
        labels = factor_labels(self.response.additions.values["thres_gr"].value(frame))
        table = {label: k for k, label in enumerate(self.thresholds.groups)}
        unknown = sorted({str(label) for label in labels} - set(table))
        if unknown:
            raise DataError(
                f"thres(gr = ): {unknown[0]!r} is not one of the threshold groups of the model "
                f"({', '.join(table)})"
            )
        return np.array([table[label] for label in labels], dtype=np.int64)

    # ------------------------------------------------------------------ draws

    def complete(self, draws: Mapping[str, Array]) -> dict[str, Array]:
        """Draws of the declared parameters plus the variables that priors hold constant."""
        sizes = {k: int(v) for k, v in self.constants().items() if np.ndim(v) == 0}
        return dict(self.resolved_priors.complete(draws, sizes))

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """User-facing variables from draws of the declared parameters, (chain, draw, ...)."""
        full = self.complete(draws)
        out: list[Labelled] = []
        if self.thresholds is not None:
            population = self.predictors[0].population
            shift: Array | float = 0.0
            if population.centred and not population.is_empty:
                shift = population.label(full)[0].values @ population.means
            out += self.thresholds.label(full, shift)
        for predictor in self.predictors:
            for term in predictor.terms:
                out += term.label(full)
        for var in self.scalars:
            attrs = {"cls": "dpar", "group": "", "dpar": var.name, "resp": ""}
            out.append(Labelled(var.name, full[var.name], attrs=attrs))
        out += group_labels(self.groups, full, out)
        # The log prior, then its parts with a tag.
        for name in ("lprior", *(f"lprior_{tag}" for tag in self.resolved_priors.tags)):
            if name in draws:
                attrs = {"cls": "lprior", "group": "", "dpar": "", "resp": ""}
                out.append(Labelled(name, draws[name], attrs=attrs))
        return tuple(out)

    # ------------------------------------------------------------------ use

    def fit(self, data: Any, engine: str | Engine | None = None, **settings: Any) -> Fit:
        """Sample the posterior; see `hiermodel.fit` for the settings."""
        from hiermodel.fitting import fit_model

        return fit_model(self, data, engine, **settings)

    def prior_predictive(self, data: Any, **settings: Any) -> Fit:
        """Draw from the prior and from the prior predictive distribution.

        Parameters
        ----------
        data : data frame
            Its rows are predicted; its responses are not looked at.
        **settings
            Settings of the sampler, as for `hiermodel.fit`.

        Returns
        -------
        Fit
            Its draws are draws from the prior, so that `Fit.pp_check` and all the rest work on
            them; ``idata`` also has the groups ``prior`` and ``prior_predictive``.

        Raises
        ------
        PriorError
            When a prior is flat; ``priors="weak"`` is proper everywhere.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("sleepstudy")
        >>> model = hm.model("reaction ~ days", data, priors="weak")
        >>> prior = model.prior_predictive(data, chains=2, draws=100, seed=1, progress=False)
        >>> "prior_predictive" in prior.groups
        True
        """
        from hiermodel.fitting import fit_model

        made = fit_model(self, data, prior_only=True, **settings)
        predicted = made.posterior_predict(seed=settings.get("seed")).rename("Y")
        made = made.with_group("prior", made.posterior)
        return made.with_group("prior_predictive", predicted.to_dataset())

    def __repr__(self) -> str:
        from hiermodel.describe import describe_model

        return describe_model(self)

    def _repr_html_(self) -> str:
        from hiermodel.describe import model_html

        return model_html(self)
