"""Plain facts about a model in words: its repr, its columns, its effects."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from hiermodel.formula.syntax import names
from hiermodel.nonlinear import CovariateTerm, NonlinearPredictor
from hiermodel.notebook import fields_html, page, words_html
from hiermodel.terms.gaussian_process import GaussianProcessTerm
from hiermodel.terms.population import PopulationTerm
from hiermodel.terms.smooths import SmoothTerm
from hiermodel.terms.special_effects import SpecialEffectsTerm

if TYPE_CHECKING:
    from hiermodel.modeling import Model
    from hiermodel.submodel import AnyPredictor, Submodel


def describe_model(model: Model) -> str:
    """A few lines: formula, family, rows, levels, priors in force."""
    facts = [f"{name}: {value}" if name else value for name, value in _facts(model)]
    levels = [f"  {name}: {value}" for name, value in _levels(model)]
    priors = [f"  {label:<24} {text:<28} {source}" for label, text, source in _priors(model)]
    return "\n".join([*facts, *levels, "Priors:", *priors])


def model_html(model: Model) -> str:
    """The same for a notebook: the facts, and the priors in force as a table."""
    facts = [(name or "Also", value) for name, value in _facts(model)]
    facts += [("Levels", f"{name}: {value}") for name, value in _levels(model)]
    table = words_html(_priors(model), ("parameters", "prior", "source"))
    responses = ", ".join(part.response.name for part in model.parts)
    return page(f"Model of {responses}", [fields_html(facts), table])


def _facts(model: Model) -> list[tuple[str, str]]:
    """Names and what is said of them; what needs no name has none."""
    facts = [("Model", str(model.formula))]
    facts += [("Family", family_words(part)) for part in model.parts]
    facts.append(("Data", f"{model.nobs} rows"))
    if model.rescor is not None:
        facts.append(("", "Residual correlations between the responses"))
    return facts


def _levels(model: Model) -> list[tuple[str, str]]:
    """Grouping factors with the number of their levels and what varies over them."""
    out = []
    for group in model.groups:
        coefs = ", ".join(coef.label for coef in group.coefs)
        out.append((group.name, f"{len(group.grouping.levels)} levels ({coefs})"))
    return out


def family_words(part: Submodel) -> str:
    """The family of a response with its links: ``poisson (mu = log)``."""
    links = ", ".join(f"{p.name} = {p.link}" for p in part.predictors if p.param)
    family = part.family
    name = family.name
    if family.components:
        name += f"({', '.join(component.name for component in family.components)})"
    return f"{name} ({links})" + (f" of {part.response.name}" if part.name else "")


def _priors(model: Model) -> list[tuple[str, str, str]]:
    """The rows of the prior table that do not only inherit: parameters, prior, source."""
    out = []
    for row in model.priors.itertuples(index=False):
        record = row._asdict()
        inherits = not record["prior"] and (record["coef"] or record["group"])
        if inherits:
            continue
        where = " ".join(
            str(record[k]) for k in ("coef", "group", "dpar", "resp", "nlpar") if record[k]
        )
        label = f"{row[1]} {where}".strip()
        out.append((label, record["prior"] or "(flat)", record["source"]))
    return out


def predictor_columns(model: Model) -> list[tuple[str, str, tuple[str, ...]]]:
    """Columns of the population-level terms of all parameters: name, kind, levels."""
    used: dict[str, None] = {}
    for predictor in model.predictors:
        for term in predictor.terms:
            if isinstance(term, (PopulationTerm, CovariateTerm, SmoothTerm, GaussianProcessTerm)):
                used |= dict.fromkeys(term.columns_needed)
            elif isinstance(term, SpecialEffectsTerm):
                used |= dict.fromkeys(v for columns in term.effect_columns for v in columns)
    out = []
    for name in used:
        column = model.schema.columns[name]
        out.append((name, column.kind, tuple(map(str, column.levels))))
    return out


def effects_terms(model: Model) -> list[tuple[str, ...]]:
    """Main effects and two-way interactions of columns, in the order of the formula."""
    mains: dict[tuple[str, ...], None] = {}
    pairs: dict[tuple[str, ...], None] = {}
    for predictor in model.predictors:
        for columns in _columns_of_terms(predictor):
            mains |= dict.fromkeys((column,) for column in columns)
            if len(columns) > 1:
                pairs |= dict.fromkeys(combinations(columns, 2))
    return [*mains, *pairs]


def _columns_of_terms(predictor: AnyPredictor) -> list[tuple[str, ...]]:
    """Columns of each population-level term; a non-linear expression is one term."""
    if isinstance(predictor, NonlinearPredictor):
        return [tuple(term.text for term in predictor.terms)]
    terms = predictor.population.design.terms
    columns = [tuple(dict.fromkeys(v for f in t.factors for v in names(f))) for t in terms]
    if predictor.smooths is not None:
        columns += [one.variables for one in predictor.smooths.smooths]
    if predictor.processes is not None:
        columns += [one.variables for one in predictor.processes.processes]
    if predictor.special_effects is not None:
        columns += predictor.special_effects.effect_columns
    return list(dict.fromkeys(columns))
