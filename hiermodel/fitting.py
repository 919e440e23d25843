"""`fit()` and `load()`: from a formula, or a file, to a `Fit`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from hiermodel import inference_data, persistence
from hiermodel.arguments import auto_or_flag, file_path, flag
from hiermodel.building import model as make_model
from hiermodel.centring import Choice, parameterization_named
from hiermodel.engines import Draws, Engine, SamplingSettings, get_engine
from hiermodel.engines.parallel import checked_executor
from hiermodel.engines.tuning import Tuner
from hiermodel.errors import HiermodelError
from hiermodel.fitted import Fit
from hiermodel.formula import Formula
from hiermodel.frames import is_big, row_labels
from hiermodel.modeling import Model
from hiermodel.nugget import with_nugget
from hiermodel.posterior import posterior_dataset
from hiermodel.sampling import (
    Reduced,
    Run,
    algorithm_named,
    checked_draws,
    diagnose,
    to_centre,
    to_reduce,
)

if TYPE_CHECKING:
    from hiermodel.families.base import Family

__all__ = ["Fit", "fit", "fit_model", "load"]


def fit_model(
    model: Model,
    data: Any,
    engine: str | Engine | None = None,
    *,
    algorithm: str = "nuts",
    prior_only: bool | None = None,
    certify: bool = True,
    collapse: bool | str = "auto",
    aggregate: bool | str = "auto",
    parameterization: Choice = "auto",
    executor: Executor | None = None,
    **settings: Any,
) -> Fit:
    """Fit a model to data; see `fit` for the arguments."""
    rows, labels = model.rows(data), row_labels(data, model.columns)
    return plan(
        model, rows, labels, engine, algorithm=algorithm, prior_only=prior_only, certify=certify,
        collapse=collapse, aggregate=aggregate, parameterization=parameterization,
        executor=executor, **settings,
    ).fit()


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A run with everything chosen and checked, ready to start."""

    model: Model
    rows: pd.DataFrame
    labels: Any
    run: Run
    prior_only: bool
    settings: Mapping[str, Any]
    collapse: bool | str = False
    aggregate: bool | str = False
    parameterization: Choice = "noncentered"

    def form(self) -> tuple[Model, Reduced | None, Tuner | None]:
        """What is sampled: the model, maybe with centred effects, and its reduced form.

        And what was learnt of the posterior on the way.
        """
        reduced = to_reduce(
            self.model, self.rows, self.run, self.collapse, self.aggregate, self.prior_only
        )
        return to_centre(
            self.model, self.rows, self.run, self.parameterization, self.prior_only, reduced
        )

    def fit(self) -> Fit:
        """Draw, and make a fit of the draws."""
        model, reduced, tuner = self.form()
        draws, facts = checked_draws(
            model, self.rows, self.run, self.prior_only, reduced, tuner=tuner
        )
        return self.with_prior(self.fit_of(draws, facts, reduced))

    def with_prior(self, made: Fit) -> Fit:
        """A fit with draws of the prior beside those of the posterior, where they are asked for."""
        if self.model.sample_prior == "yes" and not self.prior_only:
            return made.with_group("prior", self.prior())
        return made

    def fit_of(
        self, draws: Draws, facts: Mapping[str, Any], reduced: Reduced | None = None
    ) -> Fit:
        """Make a fit of draws that were taken by this plan."""
        posterior = posterior_dataset(self.model, draws.values, self.rows)
        kept = {k: v for k, v in self.settings.items() if isinstance(v, (int, float, str, bool))}
        told = {
            **facts, "settings": kept, "algorithm": self.run.algorithm,
            "prior_only": self.prior_only, "collapse": self.collapse, "aggregate": self.aggregate,
            "parameterization": self.parameterization,
            "warnings": diagnose(draws, posterior, self.run, reduced),
        }
        return Fit.assemble(self.model, self.rows, posterior, draws, told, self.labels)

    def prior(self) -> xr.Dataset:
        """Draws of the prior, which there always are, whatever is made of the posterior."""
        run = replace(self.run, algorithm="nuts")
        draws, _ = checked_draws(self.model, self.rows, run, prior_only=True)
        return posterior_dataset(self.model, draws.values, self.rows)


def plan(
    model: Model,
    rows: pd.DataFrame,
    labels: Any,
    engine: str | Engine | None,
    /,
    *,
    algorithm: str,
    prior_only: bool | None,
    certify: bool,
    collapse: bool | str = False,
    aggregate: bool | str = False,
    parameterization: Choice = "noncentered",
    executor: Executor | None = None,
    **settings: Any,
) -> Plan:
    """Choose and check how to fit a model to complete rows."""
    algorithm = algorithm_named(algorithm)
    collapse, aggregate = auto_or_flag("collapse", collapse), auto_or_flag("aggregate", aggregate)
    parameterization = parameterization_named(parameterization)
    chosen = get_engine(engine)
    sampling = SamplingSettings.of(**{"threads": model.threads, **settings})
    flag("certify", certify)
    if prior_only is not None:
        flag("prior_only", prior_only)
    else:
        prior_only = model.sample_prior == "only"
    if sampling.threads != model.threads:
        # The program is written for threads, or without.
        model = replace(model, threads=sampling.threads)
    if chosen.name != "recorded":
        model = with_nugget(model)
    run = Run(
        chosen, sampling, algorithm, certify, checked_executor(executor),
        short_warmup="warmup" not in settings,
    )
    return Plan(
        model, rows, labels, run, prior_only, settings, collapse, aggregate, parameterization
    )


def fit(
    formula: str | Formula,
    data: Any,
    family: str | Family = "gaussian",
    priors: Any = None,
    *,
    data2: Mapping[str, Any] | None = None,
    sample_prior: str = "no",
    normalize: bool = True,
    drop_unused_levels: bool = True,
    contrasts: Mapping[str, Any] | None = None,
    knots: Mapping[str, Sequence[float]] | None = None,
    stanvars: Any = None,
    engine: str | Engine | None = None,
    algorithm: str = "nuts",
    certify: bool = True,
    collapse: bool | str = "auto",
    aggregate: bool | str = "auto",
    parameterization: Choice = "auto",
    executor: Executor | None = None,
    **settings: Any,
) -> Fit:
    """Fit a Bayesian multilevel model.

    Parameters
    ----------
    formula : str or Formula
        In the grammar of lme4 and brms, such as ``"reaction ~ days + (days | subject)"``;
        `hiermodel.bf` adds formulas for further parameters.
    data : data frame, or data that do not fit in memory
        pandas, polars, pyarrow, or anything narwhals reads. A path of a Parquet file or a folder
        of them, a polars LazyFrame, a DuckDB relation or a dask DataFrame are not read into memory
        (``pip install hiermodel[big]``), see the notes.
    family : str or Family
        Response distribution; `hiermodel.family` chooses links.
    priors : optional
        `hiermodel.prior` objects, a shorthand dict ``{"b": "normal(0, 5)"}``, the table of
        `hiermodel.default_priors` with changes, or the name of a default set: ``"brms"`` (the
        default) or ``"weak"``.
    data2 : mapping of str to DataFrame, optional
        Matrices that the formula names, ``gr(species, cov = A)``.
    sample_prior : {"no", "yes", "only"}
        ``"yes"`` also draws from the prior, into the group ``prior`` of ``idata``; ``"only"``
        ignores the likelihood. Both need proper priors.
    normalize : bool
        Keep constants of densities; bridge sampling needs them.
    drop_unused_levels : bool
        Forget levels of factors that have no row.
    contrasts : mapping, optional
        Contrasts per factor: ``"treatment"``, ``"sum"``, ``"helmert"``, ``"poly"``, or a matrix.
    knots : mapping of str to sequence of float, optional
        Knots of smooths, by covariate: one for each function of ``bs = "cr"``; two are the ends of
        the period of cyclic bases, and of the range of B-splines; to ``"tp"``, ``"ds"`` and
        ``"gp"`` they are places, one number of each covariate.
    stanvars : list of StanVar, optional
        Stan variables and code of your own; see `hiermodel.stanvar`.
    engine : {"auto", "stanli", "nutpie", "cmdstan"} or Engine, optional
        ``"nutpie"`` is another sampler of the embedded Stan: ``pip install hiermodel[nutpie]``.
    algorithm : {"sampling", "laplace", "pathfinder", "optimize"}
        ``"sampling"`` (or ``"nuts"``) draws from the posterior. The others are quick looks, see
        the notes.
    certify : bool
        Check the embedded engine's density against NumPy before sampling.
    collapse : {"auto", True, False}
        Integrate the effects of the largest grouping factor out of a gaussian model, and draw
        them afterwards from their conditional posterior, see the notes.
    aggregate : {"auto", True, False}
        Add up rows that share all predictors, see the notes.
    parameterization : {"auto", "noncentered", "centered"} or dict
        How group-level effects are sampled: standardised, or themselves, or for each level as far
        as the data tell of it, see the notes. A dict says it by grouping factor. The posterior is
        the same.
    executor : concurrent.futures.Executor, optional
        Runs the chains, each as a task of its own: a ``ProcessPoolExecutor``, or
        ``client.get_executor()`` of a Dask cluster. When a worker dies, its chains are done again.
        The draws depend on `seed`, not on the executor or the number of its workers; they are
        other ones than without an executor.
    **settings
        Settings of the sampler: ``chains`` (4), ``draws`` kept per chain (1000), ``warmup``
        (1000), ``seed``, ``adapt_delta`` (0.8), ``max_treedepth`` (10), ``thin`` (1), ``init``,
        ``cores``, ``threads``, ``progress``; see `hiermodel.engines.SamplingSettings`.

    Returns
    -------
    Fit

    Raises
    ------
    FormulaError, DataError, FamilyError, PriorError
        For bad input; the message names the culprit.
    EngineError
        When the engine refuses program, data or settings.

    Notes
    -----
    ``algorithm="optimize"`` finds the posterior mode of the unconstrained parameters, from `init`
    or from the origin and random points: one point, without uncertainty. ``"laplace"`` gives
    ``draws`` draws of the normal approximation at that mode. ``"pathfinder"`` gives ``draws`` draws
    of the normal approximations along ``chains`` paths of an optimiser. On the embedded engine both
    are resampled by importance, and a warning tells when Pareto k is above 0.7: then the
    approximation is poor and should not be reported. That is the rule for models with group-level
    terms, whose mode is far from where the posterior has its mass; use ``"sampling"`` for them.

    A model of the gaussian family with identity link, one sigma (or ``se()``) and plain
    group-level terms can be collapsed: given the parameters its effects are normal, so they are
    integrated out in closed form (Lindley & Smith 1972). The sampler then sees the few other
    parameters and statistics of each level in the place of rows, and the effects are drawn
    exactly, once for each draw. The posterior is the same. ``collapse="auto"`` does so for NUTS
    where a draw costs less than one of the model as it stands; the summary says so.
    ``True`` insists, and works for the other algorithms as well: with ``"optimize"`` the mode is
    then that of the marginal posterior, and the effects are their conditional means; the normal
    approximation of ``"laplace"`` is then one of a few parameters, and often a good one. ``lp``
    among the sampler's statistics is then the log density without the effects. Such a model
    without group-level effects has nothing to integrate out: its rows are rotated (QR
    decomposition) to as many as it has coefficients and one, with the same log density; ``"auto"``
    does so from 1000 rows on.

    Rows that share every predictor (levels, offsets and addition terms with them) can be added
    up to cells, whose statistics say all that their rows say: successes and trials of bernoulli
    and binomial responses, sums and rates of poisson, number, mean and sum of squares of gaussian,
    a count of each category of categorical ones, and for every other family how many rows there
    are of each response. The log density is the same number, and everything after the fit is per
    row of the data. ``aggregate="auto"`` does so from 1000 rows on where cells are so much fewer
    than rows that a gradient costs less than half; the summary says so.

    Data that do not fit in memory are reduced where they are, by DuckDB: to counts of the rows that
    share all columns of the model, or, for gaussian models that can be collapsed, to the statistics
    of the levels, or to the few rotated rows of a regression, chunk by chunk. Means, levels and
    default priors come from all rows. A model that needs every row is refused, and the message
    names the term. The fit then holds a sample of rows, `whole_frame`, from which grids of effects
    are made; what needs the fitted rows themselves, such as ``loo()``, is refused. Files of at most
    a million rows are simply read.

    Standardised effects are easy to sample where the data tell little of a level, the effects
    themselves where they tell much (Betancourt & Girolami 2015). ``parameterization="auto"`` finds
    out by a quick fit of the standard deviations and the curvature around it, and goes as far
    between the two as the data of each level ask for; the effects are moreover taken relative to
    what coefficients and intercepts explain of them, so that neither has to follow the other
    (hierarchical centring; Papaspiliopoulos, Roberts & Skold 2007; Gorinova, Moore & Hoffman
    2020). Effects of a larger factor are taken relative to those of smaller ones too. The summary
    says how far. ``Model.stan_code`` is the program with standardised effects.

    On the embedded engine some models need 149 iterations of warmup only, in which the step size
    is adapted, because starts and metric are known: from the normal approximation at the mode for
    collapsed models, and for regressions of at least 500 rows without group-level effects and
    other latent terms (at most 100 parameters, a single mode); from the short chain that
    ``parameterization="auto"`` runs where it finds effects to centre. Chains then start twice as
    far from there as draws are. Give `warmup` or `init` to have it otherwise.

    Exact Gaussian processes, ``gp(x)`` without ``k``, are fitted with a billionth of their
    variance on the diagonal of their covariance matrix, because rounding errors would spoil the
    gradient of a nearly singular one. ``Fit.model`` has it; what `hiermodel.model` gives has
    brms's 1e-12.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> fit = hm.fit("reaction ~ days + (days | subject)", data, chains=2, draws=200,
    ...              warmup=200, seed=1, progress=False)
    >>> fit.ngroups()
    {'subject': 18}
    """
    if is_big(data):
        from hiermodel.big import fit_big

        return fit_big(
            formula, data, family, priors, data2=data2, sample_prior=sample_prior,
            normalize=normalize, drop_unused_levels=drop_unused_levels, contrasts=contrasts,
            knots=knots, stanvars=stanvars, engine=engine, algorithm=algorithm, certify=certify,
            collapse=collapse, aggregate=aggregate, parameterization=parameterization,
            executor=executor, **settings,
        )
    made = make_model(
        formula, data, family, priors, data2=data2, sample_prior=sample_prior,
        normalize=normalize, drop_unused_levels=drop_unused_levels, contrasts=contrasts,
        knots=knots, stanvars=stanvars,
    )
    # The model has told already which rows are left out.
    rows, labels = made.rows(data, tell=False), row_labels(data, made.columns)
    prior_only = settings.pop("prior_only", None)
    return plan(
        made, rows, labels, engine, algorithm=algorithm, prior_only=prior_only, certify=certify,
        collapse=collapse, aggregate=aggregate, parameterization=parameterization,
        executor=executor, **settings,
    ).fit()


def load(path: str | Path) -> Fit:
    """Read a fit that `Fit.save` wrote. No code in the file is run.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Fit
        Equal to the one that was saved.

    Raises
    ------
    HiermodelError
        When the file is not a saved fit.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.load("fit.nc")  # doctest: +SKIP
    """
    groups, attrs = inference_data.read(file_path(path))
    if "hiermodel_model" not in attrs:
        raise HiermodelError(f"{path} is not a fit saved by hiermodel")
    frame, data2 = persistence.dataset_to_frame(groups["constant_data"])
    words = json.loads(attrs["hiermodel_model"])
    arguments = persistence.model_arguments(words)
    provenance = json.loads(attrs["hiermodel_provenance"])
    if "big" in provenance:
        from hiermodel.big import loaded

        return loaded(provenance, arguments | {"data2": data2 or None}, frame, groups)
    rebuilt = with_nugget(
        make_model(data=frame, data2=data2 or None, **arguments), words.get("nugget", 0.0)
    )
    rows = rebuilt.rows(frame, tell=False)
    if not rebuilt.is_multivariate:
        rows = rebuilt.part.rows(rows)
    return Fit(rebuilt, rows, groups, provenance)
