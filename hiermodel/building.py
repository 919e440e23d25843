"""From formula, data, family and priors to a `Model`: each stage once, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.arguments import flag
from hiermodel.collinear import warn_of_collinear_columns
from hiermodel.errors import ArgumentError, FamilyError, HiermodelError, did_you_mean, warn
from hiermodel.families import as_family
from hiermodel.families.base import Family
from hiermodel.formula import Formula, as_formula, with_constants
from hiermodel.formula.syntax import names
from hiermodel.formula.values import ResponseFormula
from hiermodel.frames import NeededColumns, as_frame, drop_missing, row_labels
from hiermodel.latents import find_latents
from hiermodel.modeling import Model
from hiermodel.predictors import Predictor
from hiermodel.priors import ModelFacts, as_priors, default_prior, priors_of_table, resolve_priors
from hiermodel.requests import autocor_terms, model_variables
from hiermodel.rescor import ResidualCorrelation, wants_rescor
from hiermodel.schema import Schema
from hiermodel.stan.variables import Block
from hiermodel.stanvars import as_stanvars, check_names, densities
from hiermodel.submodel import Submodel
from hiermodel.submodel_building import additions_used, finish_submodel
from hiermodel.submodel_draft import Draft, draft_submodel, response_suffix
from hiermodel.terms.build_autocor import matrix_name
from hiermodel.terms.build_groups import build_groups
from hiermodel.terms.group_arguments import GroupContext
from hiermodel.terms.group_view import GroupView
from hiermodel.terms.known_matrices import in_order_of_rows
from hiermodel.totals import Totals


def model(
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
    threads: int = 1,
    stanvars: Any = None,
) -> Model:
    """Resolve a model without fitting it; see `fit` for the arguments.

    Returns
    -------
    Model
        Holds no data; `Model.stan_code`, `Model.priors` and `Model.bind` show its stages.

    Raises
    ------
    FormulaError, DataError, FamilyError, PriorError
        For bad input; the message names the culprit.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("epilepsy")
    >>> hm.model("count ~ Trt + (1 | patient)", data, family="poisson").nobs
    236
    """
    return build(
        formula, data, family, priors, data2=data2, sample_prior=sample_prior,
        normalize=normalize, drop_unused_levels=drop_unused_levels, contrasts=contrasts,
        knots=knots, threads=threads, stanvars=stanvars,
    )


def build(
    formula: str | Formula,
    data: Any,
    family: str | Family,
    priors: Any,
    *,
    data2: Mapping[str, Any] | None = None,
    sample_prior: str = "no",
    normalize: bool = True,
    drop_unused_levels: bool = True,
    contrasts: Mapping[str, Any] | None = None,
    knots: Mapping[str, Sequence[float]] | None = None,
    threads: int = 1,
    stanvars: Any = None,
    totals: Totals | None = None,
) -> Model:
    """Resolve a model; with `totals` from some of its rows and what is known of all of them."""
    whole = as_formula(formula)
    if sample_prior not in ("no", "only", "yes"):
        raise HiermodelError(f"sample_prior must be 'no', 'yes' or 'only', not {sample_prior!r}")
    normalize = flag("normalize", normalize)
    drop_unused_levels = flag("drop_unused_levels", drop_unused_levels)
    if data2 is not None and not (isinstance(data2, Mapping) and not hasattr(data2, "columns")):
        raise ArgumentError(
            "data2 names its matrices, data2={'A': matrix} for gr(g, cov = A); it is not the "
            f"matrix itself, but got {type(data2).__name__}"
        )
    own_code = as_stanvars(stanvars)
    outside = _family_of(None, family)
    frame = as_frame(data)
    parts = tuple(with_constants(part, frame.columns) for part in whole.responses)
    families = [as_family(_family_of(part.family, outside)) for part in parts]
    needed = [model_variables(part, frame) for part in parts]
    columns = _columns_of_model(parts, needed)
    frame, _ = drop_missing(frame, columns.complete, columns.optional, columns.unbounded)
    if not any(call.function == "subset" for part in parts for call in part.main.additions):
        matrices = {matrix_name(t) for part in parts for t in autocor_terms(part, frame)} - {""}
        data2 = in_order_of_rows(data2, matrices, row_labels(data, columns))
    schema = Schema.learn(
        frame, columns.names, contrasts=contrasts, drop_unused_levels=drop_unused_levels
    )
    user, default_set = _prior_argument(priors)
    several = len(parts) > 1
    own_knots = _checked_knots(knots)
    names_of = [response_suffix(part) if several else "" for part in parts]
    latents = find_latents(
        parts, names_of, families, needed, frame, schema, whole.mecor, default_set
    )
    drafts = [
        draft_submodel(
            part, name, chosen, frame, schema, own, default_set, latents, own_knots, data2, totals
        )
        for part, name, chosen, own in zip(parts, names_of, families, needed, strict=True)
    ]
    _check_knots_used(own_knots, drafts)
    requests = [request for draft in drafts for request in draft.group_requests()]
    shared = {cls: drafts[0].defaults.of(cls, "") for cls in ("cor", "df")}
    groups, views = build_groups(requests, GroupContext(frame, schema, data2 or {}, shared))
    correlated = _is_correlated(whole, drafts)
    joint = frozenset({"nu"} if drafts[0].family.name == "student" else {"rescor"})
    done, submodels = 0, []
    for draft in drafts:
        count = len(draft.group_requests())
        submodels.append(
            finish_submodel(
                draft, views[done : done + count], normalize,
                joint if correlated else frozenset(),
            )
        )
        done += count
    values = {one.name: one.value for one in own_code if one.block == "data"}
    submodels = [replace(part, own_data=values) for part in submodels]
    rescor = _rescor(submodels, drafts) if correlated else None
    draft_model = Model(
        formula=whole, parts=tuple(submodels), groups=groups, rescor=rescor,
        resolved_priors=resolve_priors((), ()), schema=schema, columns=columns,
        nobs=_count(drafts, frame, totals), normalize=normalize,
        sample_prior=sample_prior, noise_free=latents.noise_free,
        threads=_checked_threads(threads), stanvars=own_code,
        call={"family": outside, "priors": priors, "data2": data2, "contrasts": contrasts,
              "drop_unused_levels": drop_unused_levels, "knots": own_knots},
    )
    own_names = {var.name for one in own_code for var in one.declared}
    taken = [v.name for v in replace(draft_model, stanvars=()).declared]
    taken += [p.name for p in draft_model.predictors]
    check_names(own_code, taken)
    _check_family_variables(submodels, own_names)
    _warn_numeric_groups(draft_model)
    declared = tuple(v for v in draft_model.declared if v.block is Block.PARAMETERS)
    if isinstance(priors, pd.DataFrame):
        user = priors_of_table(priors, declared)
        draft_model = replace(draft_model, call={**draft_model.call, "priors": user})
    resolved = resolve_priors(
        declared, user, normalize=normalize,
        functions=densities(one.code for one in own_code if one.block == "functions"),
        facts=_facts(draft_model, drafts, totals),
    )
    for made, draft in zip(submodels, drafts, strict=True):
        linear = [p for p in made.predictors if isinstance(p, Predictor)]
        warn_of_collinear_columns(linear, draft.frame, resolved.improper)
    check_names(own_code, [var.name for var, _ in resolved.data] + ["prior_only", "lprior"])
    return replace(draft_model, resolved_priors=resolved)


def _count(drafts: Sequence[Draft], frame: pd.DataFrame, totals: Totals | None) -> int:
    """Rows that are fitted."""
    if totals is not None:
        return totals.nobs
    return len(drafts[0].frame) if len(drafts) == 1 else len(frame)


def columns_needed(formula: str | Formula, frame: pd.DataFrame) -> NeededColumns:
    """The columns of a frame that a model of its rows reads; the rows do not matter."""
    parts = tuple(with_constants(p, frame.columns) for p in as_formula(formula).responses)
    return _columns_of_model(parts, [model_variables(part, frame) for part in parts])


def _facts(
    model: Model, drafts: Sequence[Draft], totals: Totals | None = None
) -> ModelFacts:
    """What priors of many parameters need to know."""
    sizes = {k: int(v) for k, v in model.constants().items() if np.ndim(v) == 0}
    sigma = {part.name: part.constant_sigma for part in model.parts}
    return ModelFacts(
        sizes,
        {
            part.name: len(draft.frame) if totals is None else totals.nobs
            for part, draft in zip(model.parts, drafts, strict=True)
        },
        {name: str(value) for name, value in sigma.items() if value is not None},
    )


def _check_knots_used(knots: Mapping[str, Any], drafts: Sequence[Draft]) -> None:
    """Knots for a covariate that no smooth has would do nothing."""
    predictors = (p for draft in drafts for p in draft.predictors if isinstance(p, Predictor))
    smooths = (one for p in predictors if p.smooths is not None for one in p.smooths.smooths)
    known = {expression.text for one in smooths for expression in one.covariates.expressions}
    for name in knots:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise ArgumentError(
                f"knots: {name!r} is not a covariate of a smooth{did_you_mean(name, known)}; "
                f"covariates of smooths are: {listed}"
            )


def _checked_knots(knots: Any) -> dict[str, tuple[float, ...]]:
    """Knots of smooths, by covariate."""
    if knots is None:
        return {}
    if not isinstance(knots, Mapping):
        raise ArgumentError(
            f"knots holds numbers by covariate, {{'x': [0, 5, 10]}}, not {type(knots).__name__}"
        )
    out = {}
    for name, values in knots.items():
        try:
            numbers = np.asarray(values, dtype=float).ravel()
        except (TypeError, ValueError):
            raise ArgumentError(f"knots of {name!r} are not numbers: {values!r}") from None
        # In the order given: those of several covariates are places together.
        if not np.isfinite(numbers).all() or len(np.unique(numbers)) < 2:
            raise ArgumentError(f"knots of {name!r} are at least two different numbers")
        out[str(name)] = tuple(map(float, numbers))
    return out


def _checked_threads(threads: int) -> int:
    if isinstance(threads, bool) or not isinstance(threads, Integral) or threads < 1:
        raise ArgumentError(f"threads must be a whole number of at least 1, not {threads!r}")
    return int(threads)


def _check_family_variables(submodels: Sequence[Submodel], own: set[str]) -> None:
    """Every further argument of a density must be a column of a term or a stanvar."""
    for part in submodels:
        for text in part.family.variables:
            name = text.removesuffix("[n]")
            if name not in own and name not in part.response.additions:
                term = name.rstrip("0123456789")
                hint = f"write {term}(...) left of '~'" if term in ("vint", "vreal") else (
                    f"pass stanvars=[stanvar(x, name={name!r})]"
                )
                raise FamilyError(
                    f"family {part.family.name!r} takes {text!r}, which the model lacks: {hint}"
                )


def _columns_of_model(
    parts: Sequence[ResponseFormula], needed: Sequence[NeededColumns]
) -> NeededColumns:
    """Columns of all responses; those of a subset() may miss values in the rows it leaves out."""
    total = NeededColumns()
    for part, own in zip(parts, needed, strict=True):
        subset = [call for call in part.main.additions if call.function == "subset"]
        if not subset:
            total += own
            continue
        keys = tuple(v for call in subset for a in call.arguments for v in names(a.value))
        total += NeededColumns(keys, own.names, own.unbounded)
    return total


def _is_correlated(formula: Formula, drafts: Sequence[Draft]) -> bool:
    """Whether residual correlations are part of the model."""
    source = drafts[0].part.main.source
    nu = any(
        p.param == "nu" or "nu" in dict(draft.part.fixed)
        for draft in drafts for p in draft.predictors
    )
    matrices = [d.autocor.covariance for d in drafts if d.autocor is not None]
    return wants_rescor(
        formula.rescor, [d.family for d in drafts], [additions_used(d) for d in drafts], nu,
        next((one.text for one in matrices if one is not None), ""), source,
    )


def _rescor(submodels: Sequence[Submodel], drafts: Sequence[Draft]) -> ResidualCorrelation:
    """The joint density of the responses."""
    first = submodels[0]
    parameters = [part.likelihood.parameters for part in submodels]
    return ResidualCorrelation(
        names=tuple(part.name for part in submodels),
        student=first.family.name == "student",
        mu=tuple(p["mu"] for p in parameters),
        sigma=tuple(p["sigma"] for p in parameters),
        weighted="weights" in first.response.additions,
        default=default_prior(drafts[0].defaults.name, "rescor", first.family),
        default_nu="" if first.family.name != "student" else drafts[0].defaults.of(
            "nu", "nu", predicted=False
        ),
        imputed=tuple(part.name for part in submodels if part.imputed is not None),
    )


def _warn_numeric_groups(model: Model) -> None:
    """Warn of a number that is both a covariate and a grouping factor: seldom what is meant."""
    covariates = {
        v
        for predictor in model.predictors
        for term in predictor.terms
        if not isinstance(term, GroupView)
        for v in term.columns_needed
    }
    for group in model.groups:
        for member in group.grouping.members:
            for name in covariates.intersection(member):
                if model.schema.columns[name].kind == "numeric":
                    warn(
                        f"{name!r} is a numeric covariate and a grouping factor in {group.text}: "
                        "each of its values is a level. If that is not meant, remove one",
                    )


def _family_of(inside: object, outside: Family | str) -> Family | str:
    """The family given inside ``bf()``, else the argument."""
    return inside if isinstance(inside, (Family, str)) else outside


def default_priors(
    formula: str | Formula,
    data: Any,
    family: str | Family = "gaussian",
    priors: str = "brms",
    **arguments: Any,
) -> pd.DataFrame:
    """Show the prior table of a model before anything is chosen.

    Parameters
    ----------
    formula, data, family
        As in `fit`.
    priors : {"brms", "weak"}
        The default set.
    **arguments
        Further arguments of `model`, such as ``data2``.

    Returns
    -------
    DataFrame
        One row per class, group and coefficient; an empty prior is flat, or for a specific
        row the same as the row above it. It can be changed and passed back as ``priors``.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> hm.default_priors("reaction ~ days", data)["class"].tolist()
    ['b', 'b', 'Intercept', 'sigma']
    """
    return model(formula, data, family, priors, **arguments).priors


def _prior_argument(priors: Any) -> tuple[Any, str]:
    """User priors and the name of the default set."""
    # A table is read when it is known which rows the model has.
    if priors is None or isinstance(priors, pd.DataFrame):
        return (), "brms"
    if isinstance(priors, str):
        return (), priors
    if isinstance(priors, (list, tuple)) and priors and isinstance(priors[0], str):
        return as_priors(priors[1:]), priors[0]
    return as_priors(priors), "brms"
