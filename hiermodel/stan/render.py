"""Model -> Stan program text. The only module that knows jinja2."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from hiermodel.families.base import FunctionTemplate, FunctionText
from hiermodel.nonlinear import NonlinearPredictor
from hiermodel.predictors import Predictor
from hiermodel.stan.threads import PartialSum, arguments_of, check_threads, partial_sum
from hiermodel.stan.variables import Block, Var
from hiermodel.stanvars import code_at
from hiermodel.terms.group_view import GroupView

if TYPE_CHECKING:
    from hiermodel.collapse import CollapsedModel, CollapsedRegression
    from hiermodel.modeling import Model
    from hiermodel.submodel import Submodel
    from hiermodel.terms.group import GroupEffects


def template_folder() -> Path:
    """The folder of the templates: inside the package in a wheel, beside it in a checkout."""
    here = Path(__file__).resolve().parent.parent
    candidates = (here / "stan_templates", here.parent / "stan_templates")
    return next(folder for folder in candidates if folder.is_dir())


@functools.cache
def _environment() -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_folder()),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    env.filters["indent_lines"] = _indent
    return env


def _indent(text: str, width: int) -> str:
    lines = text.rstrip("\n").split("\n")
    return "\n".join(" " * width + line if line else line for line in lines)


@dataclass(frozen=True, slots=True)
class StanProgram:
    """The parts of a program, in the order in which ``program.stan.jinja`` prints them."""

    title: tuple[str, ...]
    functions: tuple[str, ...]
    data: tuple[Var, ...]
    transformed_data: tuple[str, ...]
    parameters: tuple[Var, ...]
    fixed: tuple[Any, ...]
    prior_statements: tuple[str, ...]
    likelihood: tuple[str, ...]
    model_priors: tuple[str, ...]
    definitions: tuple[str, ...] = ()
    user: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The Stan program."""
        return _environment().get_template("program.stan.jinja").render(program=self)


def render(model: Model) -> StanProgram:
    """Write the program of a model.

    Parameters
    ----------
    model : Model

    Returns
    -------
    StanProgram
        Its `code` is the text.
    """
    transformed = [part for sub in model.parts for part in _transformed_data(model, sub)]
    functions = (
        *code_at(model.stanvars, "functions", "start"),
        *_functions(model),
        *code_at(model.stanvars, "functions", "end"),
    )
    likelihood = _filled(_likelihood_parts(model))
    if model.rescor is not None:
        if not model.rescor.imputed:
            rows = _macro("rescor.stan.jinja", "responses_of_rows", model, model.rescor)
            transformed.append(rows)
    if model.threads > 1:
        sums = tuple(_partial_sums(model))
        functions += tuple(one.function for one in sums)
        transformed += [one.sequence for one in sums]
        effects = _filled(_effects(model))
        likelihood = (*effects, *(one.call for one in sums))
    return StanProgram(
        title=model.title,
        functions=functions,
        data=tuple(v for v in model.variables if v.block is Block.DATA),
        transformed_data=(
            *code_at(model.stanvars, "tdata", "start"),
            *_filled(transformed),
            *code_at(model.stanvars, "tdata", "end"),
        ),
        parameters=model.parameters,
        fixed=model.resolved_priors.fixed,
        prior_statements=model.resolved_priors.statements if model.normalize else (),
        likelihood=(
            *code_at(model.stanvars, "likelihood", "start"),
            *likelihood,
            *code_at(model.stanvars, "likelihood", "end"),
        ),
        model_priors=_filled(
            [
                # Densities without constants may stand in the model block only.
                *(() if model.normalize else model.resolved_priors.statements),
                *model.resolved_priors.unscaled,
                *_term_priors(model),
                *(_macro("terms/group.stan.jinja", "priors", model, g) for g in model.groups),
                *(_macro(f"terms/{b.template}", "priors", model, b) for b in model.noise_free),
                *(_macro(f"terms/{sub.imputed.template}", "priors", model, sub.imputed)
                  for sub in model.parts if sub.imputed is not None),
            ]
        ),
        definitions=_filled(_latent_variables(model)),
        user={
            "tparameters_start": code_at(model.stanvars, "tparameters", "start"),
            "tparameters_end": code_at(model.stanvars, "tparameters", "end"),
            "model_start": code_at(model.stanvars, "model", "start"),
            "model_end": (
                *model.resolved_priors.raw,
                *code_at(model.stanvars, "model", "end"),
            ),
            "genquant": (
                *code_at(model.stanvars, "genquant", "start"),
                *code_at(model.stanvars, "genquant", "end"),
            ),
        },
    )


def render_collapsed(collapsed: CollapsedModel) -> str:
    """Write the program of a model whose largest grouping factor is integrated out.

    Priors are those of the model; the data and the likelihood are of the collapsed one.
    """
    model = collapsed.model
    closed = collapsed.coefs if collapsed.coefs in (1, 2) else "q"
    whole = render(model)
    inside = {block.index for block in collapsed.blocks}
    program = replace(
        whole,
        title=(*whole.title, f"effects of {collapsed.name} integrated out"),
        functions=(function_text(f"collapsed_{closed}.stan"),),
        data=collapsed.data_variables,
        transformed_data=(),
        parameters=collapsed.parameters,
        likelihood=_filled(
            [
                *_group_effects(collapsed.others, model),
                _macro("collapsed.stan.jinja", "likelihood", model, collapsed),
            ]
        ),
        model_priors=_filled(
            [
                *(() if model.normalize else model.resolved_priors.statements),
                *model.resolved_priors.unscaled,
                *(
                    _macro("terms/group.stan.jinja", "priors", model, g)
                    for g in model.groups
                    if g.index not in inside
                ),
            ]
        ),
    )
    return program.code


def render_regression(collapsed: CollapsedRegression) -> str:
    """Write the program of a gaussian model without group-level effects, its rows rotated away."""
    model = collapsed.model
    whole = render(model)
    return replace(
        whole,
        title=(*whole.title, "rows rotated until few are left"),
        functions=(),
        data=collapsed.data_variables,
        transformed_data=(),
        likelihood=_filled([_macro("collapsed.stan.jinja", "regression", model, collapsed)]),
        model_priors=_filled(
            [
                *(() if model.normalize else model.resolved_priors.statements),
                *model.resolved_priors.unscaled,
            ]
        ),
    ).code


def _filled(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part.rstrip("\n") for part in parts if part.strip())


def _macro(template: str, name: str, model: Model, *args: Any) -> str:
    """Call a macro of a template, or give nothing when the template does not define it."""
    module = _environment().get_template(template).make_module({"normalize": model.normalize})
    macro = getattr(module, name, None)
    return str(macro(*args)) if macro is not None else ""


def _transformed_data(model: Model, sub: Submodel) -> Iterable[str]:
    for name, text, note in sub.response.statistics:
        yield f"real {name} = {text};  // {note}"
    for predictor in sub.predictors:
        for term in predictor.terms:
            if term.template:
                yield _macro(f"terms/{term.template}", "transformed_data", model, term)
    for one in sub.autocor.parts if sub.autocor is not None else ():
        yield _macro(f"terms/{one.template}", "transformed_data", model, one)


def _term_priors(model: Model) -> Iterable[str]:
    """Priors of parameters that only a term knows: standardised coefficients."""
    for sub in model.parts:
        for predictor in sub.predictors:
            for term in predictor.terms:
                if term.template:
                    yield _macro(f"terms/{term.template}", "own_priors", model, term)


def _latent_variables(model: Model) -> Iterable[str]:
    """True values of covariates, responses without gaps: what several predictors may read."""
    for block in model.noise_free:
        yield _macro(f"terms/{block.template}", "define", model, block)
    for sub in model.parts:
        if sub.imputed is not None:
            yield _macro(f"terms/{sub.imputed.template}", "define", model, sub.imputed)
    if model.rescor is not None and model.rescor.imputed:
        yield _macro("rescor.stan.jinja", "responses_of_rows", model, model.rescor)
    for group in model.groups:
        if group.centring is not None:  # their prior needs them
            yield _macro("terms/group.stan.jinja", "centred_effects", model, group)


def _group_effects(groups: Iterable[GroupEffects], model: Model) -> Iterable[str]:
    for block in groups:
        if block.centring is None:
            yield _macro("terms/group.stan.jinja", "effects", model, block)


def _effects(model: Model) -> Iterable[str]:
    """What predictors read by level, or by point: computed once."""
    yield from _group_effects(model.groups, model)
    for predictor in model.predictors:
        for term in predictor.terms:
            if isinstance(predictor, Predictor) and not isinstance(term, GroupView):
                yield _macro(f"terms/{term.template}", "effects", model, term)


def _partial_sums(model: Model) -> Iterable[PartialSum]:
    """One partial sum per response; one in all when responses have a joint density."""
    check_threads(model.parts)
    if model.rescor is not None:
        rows = ["N", *(part.scope.rows for part in model.parts)]
        lines = [line for part in model.parts for line in _submodel_parts(model, part)]
        lines.append(_macro("rescor.stan.jinja", "likelihood", model, model.rescor))
        yield partial_sum("partial_log_lik", rows, lines, arguments_of(model, rows))
        return
    for part in model.parts:
        rows = [part.scope.rows]
        known = arguments_of(model, rows)
        lines = list(_submodel_parts(model, part))
        yield partial_sum(f"partial_log_lik{part.suffix}", rows, lines, known)


def _likelihood_parts(model: Model) -> Iterable[str]:
    yield from _effects(model)
    for sub in model.parts:
        yield from _submodel_parts(model, sub)
    if model.rescor is not None:
        yield _macro("rescor.stan.jinja", "likelihood", model, model.rescor)


def _submodel_parts(model: Model, sub: Submodel) -> Iterable[str]:
    """Predictors and likelihood of one response."""
    for thresholds in sub.thresholds:
        yield _macro("terms/thresholds.stan.jinja", "define", model, thresholds)
    likelihood = sub.likelihood
    for predictor in sub.predictors:
        on_link_scale = likelihood.on_link_scale(predictor.param)
        inverse = "" if on_link_scale else predictor.inverse_link_statement
        if isinstance(predictor, NonlinearPredictor):
            yield _macro("terms/nonlinear.stan.jinja", "define", model, predictor) + inverse
            continue
        in_glm = predictor.param == "mu" and likelihood.glm
        if in_glm and len(predictor.terms) == 1:
            continue
        terms = predictor.terms[1:] if in_glm else predictor.terms
        population = predictor.population
        start = _macro(f"terms/{population.template}", "start", model, population,
                       predictor.name, in_glm)
        lines = (_macro(f"terms/{t.template}", "eta", model, t, predictor.name) for t in terms)
        yield start + "".join(lines) + inverse
        if predictor.category_specific:
            data_suffix = sub.suffix
            yield _macro("terms/category_specific.stan.jinja", "thresholds", model,
                         predictor.category_specific, f"mucs{predictor.scope.suffix}",
                         f"nthres{data_suffix}", predictor.scope.rows)
    if sub.autocor is not None and sub.autocor.arma is not None:
        outcome = f"{'Yl' if sub.imputed is not None else 'Y'}{sub.suffix}"
        yield _macro(f"terms/{sub.autocor.arma.template}", "shift", model, sub.autocor.arma,
                     sub.main.name, outcome)
    yield "\n".join(likelihood.definitions)
    if not likelihood.joint:
        yield _environment().get_template("likelihood.stan.jinja").render(lik=likelihood)


def _functions(model: Model) -> tuple[str, ...]:
    return tuple(function_text(one) for one in model.functions)


def function_text(source: str | FunctionTemplate | FunctionText) -> str:
    """Return the Stan functions of a file of ``stan_templates/functions``, filled if a template.

    Examples
    --------
    >>> function_text("sratio.stan").splitlines()[-1]
    '}'
    """
    if isinstance(source, str):
        return (template_folder() / "functions" / source).read_text(encoding="utf-8").rstrip()
    if isinstance(source, FunctionText):
        return source.text
    template = _environment().get_template(f"functions/{source.file}")
    return template.render(f=dict(source.values)).strip()
