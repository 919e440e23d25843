"""`Model`: a formula, resolved against the schema of the data."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, FormulaError, HiermodelError, did_you_mean
from hiermodel.families.base import Family, FunctionTemplate, FunctionText
from hiermodel.formula import Formula
from hiermodel.frames import NeededColumns, as_frame, drop_missing
from hiermodel.priors import ResolvedPriors
from hiermodel.rescor import ResidualCorrelation
from hiermodel.response import Response
from hiermodel.schema import Schema
from hiermodel.stan.threads import GRAINSIZE
from hiermodel.stan.variables import Block, Var
from hiermodel.stanvars import StanVar, declared_at
from hiermodel.submodel import AnyPredictor, Submodel
from hiermodel.terms.base import Array, Labelled
from hiermodel.terms.group import GroupEffects
from hiermodel.terms.group_view import GroupView
from hiermodel.terms.grouping import row_data
from hiermodel.terms.labels import group_labels
from hiermodel.terms.measurement_error import NoiseFree, noise_free_labels

if TYPE_CHECKING:
    from hiermodel.aggregate import AggregatedModel
    from hiermodel.collapse import CollapsedModel
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
    parts : tuple of Submodel
        One per response.
    groups : tuple of GroupEffects
        One per grouping factor and ID.
    rescor : ResidualCorrelation, optional
        The joint density of correlated responses.
    nobs : int
        Rows of the training data that were used.
    noise_free : tuple of NoiseFree
        True values of covariates with measurement error, one block per grouping factor.
    threads : int
        Threads within a chain: above 1 the program adds the likelihood up in slices.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> model = hm.model("reaction ~ days + (days | subject)", data)
    >>> print(model.stan_code[:9])
    // reacti
    """

    formula: Formula
    parts: tuple[Submodel, ...]
    groups: tuple[GroupEffects, ...]
    rescor: ResidualCorrelation | None
    resolved_priors: ResolvedPriors
    schema: Schema
    columns: NeededColumns
    nobs: int
    normalize: bool
    sample_prior: str
    noise_free: tuple[NoiseFree, ...] = ()
    threads: int = 1
    stanvars: tuple[StanVar, ...] = ()
    call: Mapping[str, Any] = field(default_factory=dict)

    # ------------------------------------------------------------------ responses

    @property
    def responses(self) -> tuple[str, ...]:
        """The responses as they stand in names; one empty text when there is only one."""
        return tuple(part.name for part in self.parts)

    @property
    def is_multivariate(self) -> bool:
        """True with several responses."""
        return len(self.parts) > 1

    def only(self, resp: str) -> Model:
        """The model of one response, without the correlations of its residuals with others.

        Its predictions need the draws of the whole model.

        Raises
        ------
        FormulaError
            For a response that the model does not have.
        """
        for part in self.parts:
            if resp in (part.name, part.response.name):
                held = {
                    term.owner.index
                    for predictor in part.predictors
                    for term in predictor.terms
                    if isinstance(term, GroupView)
                }
                groups = tuple(g for g in self.groups if g.index in held)
                return replace(self, parts=(part,), groups=groups, rescor=None)
        if not self.is_multivariate:
            raise FormulaError(
                f"the model has no response {resp!r}; its only one is {self.part.response.name!r}, "
                "so that resp= can be left out"
            )
        known = [part.name for part in self.parts]
        raise FormulaError(
            f"the model has no response {resp!r}{did_you_mean(str(resp), known)}; its responses "
            f"are {', '.join(known)}"
        )

    @property
    def part(self) -> Submodel:
        """The only response.

        Raises
        ------
        HiermodelError
            When there are several.
        """
        if self.is_multivariate:
            raise HiermodelError(
                "this needs one response: pass resp=, one of " + ", ".join(self.responses)
            )
        return self.parts[0]

    @property
    def family(self) -> Family:
        """The family of the only response."""
        return self.part.family

    @property
    def response(self) -> Response:
        """The only response."""
        return self.part.response

    @property
    def predictors(self) -> tuple[AnyPredictor, ...]:
        """The predictors of all responses."""
        return tuple(predictor for part in self.parts for predictor in part.predictors)

    # ------------------------------------------------------------------ the program

    @property
    def title(self) -> tuple[str, ...]:
        """Comment lines at the top of the program."""
        lines = list(str(self.formula).splitlines())
        for part in self.parts:
            of = f" of {part.response.name}" if part.name else ""
            links = ", ".join(f"{p.name}: {p.link}" for p in part.predictors if p.param)
            lines.append(f"family {part.family.name}{of} (links {links})")
        return tuple(lines)

    @property
    def declared(self) -> tuple[Var, ...]:
        """All variables, before priors move constants out of the parameters block."""
        out = [v for part in self.parts for v in part.variables]
        if self.is_multivariate:
            out.insert(0, Var("N", "int", lower="0", comment="rows of the data"))
        if self.rescor is not None:
            out += self.rescor.variables
        for group in self.groups:
            out += group.variables
        for block in self.noise_free:
            out += block.variables
        if self.threads > 1:
            out.append(GRAINSIZE)
        return (*declared_at(self.stanvars, "start"), *out, *declared_at(self.stanvars, "end"))

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
    def user_parameters(self) -> tuple[Var, ...]:
        """Parameters that the user declared with `hiermodel.stanvar`."""
        return tuple(v for one in self.stanvars if one.block == "parameters" for v in one.declared)

    @property
    def functions(self) -> tuple[str | FunctionTemplate | FunctionText, ...]:
        """Files and templates of Stan functions that the program includes."""
        needed: list[str | FunctionTemplate | FunctionText] = []
        for part in self.parts:
            for predictor in part.predictors:
                for term in predictor.terms:
                    needed += getattr(term, "functions", ())
                if not part.likelihood.on_link_scale(predictor.param):
                    needed += predictor.functions
            needed += part.likelihood.functions
            for param in part.derived:
                needed += param.derived.functions if param.derived else ()
        return tuple(dict.fromkeys(needed))

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
        out: dict[str, Any] = {"N": len(frame)}
        for part in self.parts:
            rows = part.rows(frame)
            out |= part.outcome(rows) | part.design(rows)
            out |= self.group_data(part, rows)
        for block in self.noise_free:
            out |= block.data(frame)
        out |= self.constants()
        # Two slices for each thread, but none so small that it is not worth its thread.
        out["grainsize"] = max(100, len(frame) // (2 * self.threads))
        if prior_only is None:
            prior_only = self.sample_prior == "only"
        out["prior_only"] = int(prior_only)
        declared = [v.name for v in self.variables if v.block is Block.DATA]
        return {name: out[name] for name in declared}

    def constants(self) -> dict[str, Any]:
        """Stan data that do not depend on the rows: sizes, means, prior scales."""
        out: dict[str, Any] = {}
        for part in self.parts:
            out |= part.constants()
        for group in self.groups:
            out |= group.constants()
        for block in self.noise_free:
            out |= block.constants()
        if self.rescor is not None:
            out |= self.rescor.constants()
        out |= {one.name: one.value for one in self.stanvars if one.block == "data"}
        return out | {var.name: value for var, value in self.resolved_priors.data}

    def group_data(self, part: Submodel, frame: pd.DataFrame) -> dict[str, Any]:
        """Levels (and weights) of the rows of one response; an unseen level is an error."""
        out: dict[str, Any] = {}
        for group in self.groups:
            if part.name not in group.responses:
                continue
            codes = group.grouping.codes(frame)
            for member, column in enumerate(codes):
                if (column < 0).any():
                    row = int(np.flatnonzero(column < 0)[0])
                    level = str(group.grouping.labels(frame, member)[row])
                    raise DataError(
                        f"level {level!r} of grouping factor {group.name!r} (row {row + 1}) is "
                        "not in the model; predictions for new levels need allow_new_levels=True"
                    )
            out |= row_data(group.grouping, group.index, part.name, codes, frame)
        return out

    # ------------------------------------------------------------------ draws

    def complete(self, draws: Mapping[str, Array]) -> dict[str, Array]:
        """Draws of the declared parameters plus the variables that priors hold constant."""
        sizes = {k: int(v) for k, v in self.constants().items() if np.ndim(v) == 0}
        return dict(self.resolved_priors.complete(draws, sizes))

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """User-facing variables from draws of the declared parameters, (chain, draw, ...)."""
        full = self.complete(draws)
        out: list[Labelled] = []
        for part in self.parts:
            out += part.label(full)
        if self.rescor is not None:
            out += self.rescor.label(full)
        out += noise_free_labels(self.noise_free, full)
        out += group_labels(self.groups, full, out)
        for var in self.user_parameters:
            values = full[var.name]
            dims = tuple(f"{var.name}_dim_{k}" for k in range(values.ndim - 2))
            coords = {
                dim: tuple(str(i + 1) for i in range(n))
                for dim, n in zip(dims, values.shape[2:], strict=True)
            }
            attrs = {"cls": "stanvar", "group": "", "dpar": "", "resp": ""}
            out.append(Labelled(var.name, values, dims, coords, attrs))
        for one in self.resolved_priors.shown:
            attrs = {"cls": one.cls, "group": "", "dpar": one.key.dpar, "resp": one.key.resp,
                     "nlpar": one.key.nlpar}  # fmt: skip
            dim = f"{one.name}_{'coef' if one.cls.startswith('sd') else 'scale'}"
            named = {} if one.labels is None else {dim: one.labels}
            out.append(Labelled(one.name, full[one.name], tuple(named), named, attrs))
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

    def collapsed(self) -> CollapsedModel:
        """The model with the effects of its largest grouping factor integrated out.

        Returns
        -------
        CollapsedModel
            With ``stan_code``, ``parameters`` and ``bind`` of its own. Its posterior is that of
            this model; `hiermodel.fit` uses it with ``collapse=True``, or ``"auto"``. Without
            group-level effects it is a `CollapsedRegression`, with the rows rotated away.

        Raises
        ------
        HiermodelError
            When the effects cannot be integrated out; the message says why.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("sleepstudy")
        >>> model = hm.model("reaction ~ days + (days | subject)", data)
        >>> [v.name for v in model.collapsed().parameters]
        ['b', 'Intercept', 'sigma', 'sd_1', 'L_1']
        """
        from hiermodel.collapse import collapsed_model

        return collapsed_model(self)

    def aggregated(self) -> AggregatedModel:
        """The model with rows that share all predictors added up to cells.

        Returns
        -------
        AggregatedModel
            With ``stan_code`` and ``bind`` of its own; its log density is that of this model.
            `hiermodel.fit` uses it with ``aggregate=True``, or ``"auto"``.

        Raises
        ------
        HiermodelError
            When rows cannot be added up; the message says why.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("epilepsy")
        >>> model = hm.model("count ~ Trt + (1 | patient)", data, family="poisson")
        >>> model.aggregated().bind(data)["N"]
        59
        """
        from hiermodel.aggregate import aggregated_model

        return aggregated_model(self)

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
        predicted = made.with_groups("posterior_predictive", seed=settings.get("seed"))
        made = made.with_group("prior", made.posterior)
        return made.with_group("prior_predictive", predicted.datasets["posterior_predictive"])

    def __repr__(self) -> str:
        from hiermodel.describe import describe_model

        return describe_model(self)

    def _repr_html_(self) -> str:
        from hiermodel.describe import model_html

        return model_html(self)
