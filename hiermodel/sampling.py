"""Sampling with checks around it: the certificate before, the sampler's problems after."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel import aggregate as aggregation
from hiermodel.aggregate import AggregatedModel
from hiermodel.centring import Choice, centred_groups, centred_words, recentred
from hiermodel.certifying import Reduced, certify, not_certifiable
from hiermodel.collapse import CollapsedModel, worth_it
from hiermodel.engines import Draws, Engine, SamplingSettings
from hiermodel.engines.base import CAPABILITIES
from hiermodel.engines.diagnose import check_approximation, check_sampling
from hiermodel.engines.parallel import sample_with
from hiermodel.engines.tuning import Tuner, normal_tuning
from hiermodel.errors import EngineError, PriorError, did_you_mean
from hiermodel.flatnames import NOT_MAIN, attribute, columns, flat_names, variable_class
from hiermodel.modeling import Model
from hiermodel.predictors import Predictor

ALGORITHMS = ("sampling", "nuts", "laplace", "pathfinder", "optimize")


def algorithm_named(name: str) -> str:
    """Check the name of an algorithm; ``"sampling"``, as in brms, means ``"nuts"``."""
    if name not in ALGORITHMS:
        raise EngineError(
            f"unknown algorithm {name!r}{did_you_mean(str(name), ALGORITHMS)}; "
            f"known are {', '.join(ALGORITHMS)}"
        )
    return "nuts" if name == "sampling" else name


@dataclass(frozen=True, slots=True)
class Run:
    """How to get draws: which engine, which algorithm, with which settings, where.

    `short_warmup` says that the length of the warmup is not the user's word.
    """

    engine: Engine
    settings: SamplingSettings
    algorithm: str = "nuts"
    certified: bool = True
    executor: Executor | None = None
    short_warmup: bool = False

    def __post_init__(self) -> None:
        """Refuse an executor where there are no chains for it."""
        if self.executor is not None and self.algorithm != "nuts":
            raise EngineError(
                f"executor= runs chains, and algorithm={self.algorithm!r} has none: leave it out"
            )


def to_reduce(
    model: Model,
    rows: pd.DataFrame,
    run: Run,
    collapse: bool | str,
    aggregate: bool | str,
    prior_only: bool,
) -> Reduced | None:
    """Decide which form of the model is sampled: collapsed, aggregated, or as it stands (None).

    The levels of a collapsed model are what its rows add up to; with ``aggregate=True`` they are
    made from cells.

    Raises
    ------
    HiermodelError
        When the model must be collapsed or aggregated and cannot be.
    """
    collapsed = to_collapse(model, rows, run, collapse, prior_only)
    if collapsed is None:
        return to_aggregate(model, rows, run, aggregate, prior_only)
    if aggregate is True:
        return replace(collapsed, cells=model.aggregated())
    return collapsed


def to_aggregate(
    model: Model, rows: pd.DataFrame, run: Run, aggregate: bool | str, prior_only: bool
) -> AggregatedModel | None:
    """Decide whether rows are added up to cells.

    ``"auto"`` does so where it is exact and a gradient costs less (`aggregate.worth_it`).

    Raises
    ------
    HiermodelError
        When they must be added up and cannot be.
    """
    if aggregate is False or prior_only:
        return None
    if aggregate is True:
        _refuse_recorded(run, "aggregate")
        return model.aggregated()
    if run.engine.name not in ("stanli", "nutpie", "cmdstan"):
        return None
    return model.aggregated() if aggregation.worth_it(model, rows) else None


def to_collapse(
    model: Model, rows: pd.DataFrame, run: Run, collapse: bool | str, prior_only: bool
) -> CollapsedModel | None:
    """Decide which form of the model is sampled: collapsed, or as it stands (None).

    ``"auto"`` collapses for NUTS where it is exact and a gradient costs less (`worth_it`), and
    leaves a model as it stands where the user said something about the effects themselves.

    Raises
    ------
    HiermodelError
        When the model must be collapsed and cannot be.
    """
    if collapse is False or prior_only:
        return None
    if collapse is True:
        _refuse_recorded(run, "collapse")
        return model.collapsed()
    if run.algorithm != "nuts" or run.engine.name not in ("stanli", "cmdstan"):
        return None
    if not worth_it(model, rows):
        return None
    collapsed = model.collapsed()
    known = {var.name for var in collapsed.parameters}
    given = run.settings.init_dicts() or ()
    return collapsed if all(name in known for init in given for name in init) else None


def _refuse_recorded(run: Run, argument: str) -> None:
    if run.engine.name == "recorded":
        raise EngineError(
            f"engine 'recorded' has draws of the model as it stands; say {argument}=False"
        )


def to_centre(
    model: Model, rows: pd.DataFrame, run: Run, choice: Choice, prior_only: bool,
    reduced: Reduced | None,
) -> tuple[Model, Reduced | None, Tuner | None]:
    """The model and its reduced form with effects centred as far as the data ask for it.

    And what was learnt of the posterior on the way, for the sampler.

    Raises
    ------
    HiermodelError
        When effects must be centred and cannot be.
    """
    if prior_only or run.algorithm != "nuts" or run.engine.name == "recorded":
        return model, reduced, None
    # Effects that are integrated out are not sampled.
    collapsed = reduced if isinstance(reduced, CollapsedModel) else None
    sampled = model.groups if collapsed is None else collapsed.others
    found, tuner = centred_groups(model, sampled, rows, run.settings, choice, reduced)
    if not found:
        return model, reduced, tuner
    other = recentred(model, found)
    return other, None if reduced is None else replace(reduced, model=other), tuner


def checked_draws(
    model: Model,
    rows: pd.DataFrame,
    run: Run,
    prior_only: bool,
    reduced: Reduced | None = None,
    data: Mapping[str, Any] | None = None,
    tuner: Tuner | None = None,
) -> tuple[Draws, dict[str, Any]]:
    """Certify, then draw; the effects that are not sampled themselves afterwards.

    `data` are those of the program, where they do not come from `rows`; `tuner` knows starts and
    scales for the sampler.

    Returns
    -------
    draws : Draws
    facts : dict
        For the provenance of the fit: the certificate.

    Raises
    ------
    EngineError
        When the engine refuses.
    CertificateError
        When the engine computes another density than the model states.
    PriorError
        When the prior alone is asked for and is improper.
    """
    facts = checked_model(model, rows, run, prior_only, reduced)
    form = reduced or model
    if data is None:
        data = form.bind(rows, prior_only=prior_only)
    draws, more = completed(model, _draw(form, data, run, tuner), data, run, reduced)
    return draws, facts | more


def completed(
    model: Model, draws: Draws, data: Mapping[str, Any], run: Run, reduced: Reduced | None = None
) -> tuple[Draws, dict[str, Any]]:
    """Draws with the effects that were not sampled themselves, and what was done, in words."""
    facts: dict[str, Any] = {} if draws.warmup is None else {"warmup": draws.warmup}
    if isinstance(reduced, CollapsedModel):
        facts["collapsed"] = reduced.words
        draws = _with_effects(reduced, draws, data, run)
    elif reduced is not None:
        facts["aggregated"] = reduced.words(data)
    if any(group.centring is not None for group in model.groups):
        facts["centred"] = centred_words(model)
        draws = _from_centred(model, draws)
    return draws, facts


def checked_model(
    model: Model,
    rows: pd.DataFrame,
    run: Run,
    prior_only: bool,
    reduced: Reduced | None = None,
) -> dict[str, Any]:
    """All that `checked_draws` does before it draws: what it raises, the facts that it finds."""
    if not model.parameters:
        raise EngineError(
            f"the model {model.formula} has no parameter to estimate: everything in it is known"
        )
    if prior_only:
        _check_proper(model)
    facts: dict[str, Any] = {}
    unchecked = not_certifiable(model)
    certifiable = run.certified and run.engine.name in CAPABILITIES["log_density"]
    if certifiable and not prior_only and unchecked:
        facts["certificate"] = f"skipped: {unchecked}"
    elif certifiable and not prior_only:
        facts["certificate"] = str(certify(model, rows, run.engine, run.settings, reduced))
    return facts


def _with_effects(
    collapsed: CollapsedModel, draws: Draws, data: Mapping[str, Any], run: Run
) -> Draws:
    """The draws with the effects that were integrated out; those of a mode are means."""
    effects = collapsed.effects(
        draws.values, data, run.settings.used_seed, run.settings.used_cores,
        random=run.algorithm != "optimize",
    )
    return replace(draws, values={**draws.values, **effects})


def _from_centred(model: Model, draws: Draws) -> Draws:
    """The draws with effects in the place of what was sampled for them."""
    full = model.complete(draws.values)
    values = dict(draws.values)
    for group in model.groups:
        if group.centring is not None:
            values[f"r_{group.index}"] = group.effects(full)
            del values[f"v_{group.index}"]
    return replace(draws, values=values)


_MODE_OF_GROUPS = (
    "The mode of a model with group-level terms says little: it is the highest point of the joint "
    "density of parameters and group-level effects, whose group-level sds can be far from where "
    'the posterior has its mass. Use algorithm="sampling" for estimates.'
)


def diagnose(
    draws: Draws, posterior: xr.Dataset, run: Run, reduced: Reduced | None = None
) -> list[str]:
    """Warn of the sampler's problems, of parameters whose chains disagree, of approximations.

    Looks at the parameters that a summary shows. Single group-level effects are not among them:
    they are many, and some of thousands exceed any limit by chance.
    """
    # Effects that are integrated out have no part in the mode.
    out = reduced.name if isinstance(reduced, CollapsedModel) else ""
    inside = [
        attribute(array, "group") for array in posterior.data_vars.values()
        if variable_class(array) == "sd"
    ]
    if run.algorithm == "optimize" and any(group != out for group in inside):
        draws = replace(draws, remarks=(*draws.remarks, _MODE_OF_GROUPS))
    if run.algorithm != "nuts":
        return list(check_approximation(draws))
    main = [str(v) for v in posterior.data_vars if variable_class(posterior[v]) not in NOT_MAIN]
    names = flat_names(posterior, main)
    values = columns(posterior, names)
    by_name = {entry.name: values[..., k] for k, entry in enumerate(names)}
    return list(check_sampling(replace(draws, values=by_name), run.settings))


def _check_proper(model: Model) -> None:
    improper = model.resolved_priors.improper
    if improper:
        raise PriorError(
            f"the prior of {', '.join(improper[:5])} is flat, so that the prior alone cannot be "
            "sampled; give a proper prior, such as priors={'b': 'normal(0, 5)'}, or take "
            "priors='weak', which is proper everywhere"
        )


# With fewer rows a gradient costs so little that the search for a mode costs more than a warmup.
_MANY_ROWS = 500


def tuner_of(form: Model | Reduced, run: Run, tuner: Tuner | None) -> Tuner | None:
    """What tells the sampler starts and scales: `tuner`, or the mode of a density of one peak.

    Nothing where the user had a word on starts or warmup.
    """
    mine = run.short_warmup and run.settings.init is None and run.algorithm == "nuts"
    if not mine or run.engine.name != "stanli":
        return None
    if isinstance(form, CollapsedModel):
        return tuner if form.others else normal_tuning
    model = form if isinstance(form, Model) else form.model
    if tuner is None and model.nobs >= _MANY_ROWS and _is_regression(model):
        return normal_tuning
    return tuner


def _is_regression(model: Model) -> bool:
    """Whether there are coefficients and scalars of the family alone, of a family with one peak."""
    known = {"b", "Intercept", "rescor", "threshold"}
    for part in model.parts:
        if part.family.components or not all(isinstance(p, Predictor) for p in part.predictors):
            return False
        known |= {param.name for param in part.family.params}
    return all(v.prior is not None and v.prior.cls in known for v in model.parameters)


def _draw(
    form: Model | Reduced, data: Mapping[str, Any], run: Run, tuner: Tuner | None = None
) -> Draws:
    arguments = (form.stan_code, data, form.parameters, run.settings)
    tuner = tuner_of(form, run, tuner)
    if run.executor is not None:
        return sample_with(run.executor, run.engine, *arguments, tuner=tuner)
    if run.algorithm == "optimize":
        mode = run.engine.optimize(*arguments)
        values = {name: np.asarray(v)[None, None] for name, v in mode.values.items()}
        return Draws(
            values, {"lp": np.full((1, 1), mode.log_density)}, mode.engine, mode.engine_version,
            mode.seconds, run.settings.used_seed, "optimize", remarks=mode.remarks,
        )
    method = {"nuts": "sample"}.get(run.algorithm, run.algorithm)
    tuned = {} if tuner is None else {"tuner": tuner}
    draws: Draws = getattr(run.engine, method)(*arguments, **tuned)
    return draws
