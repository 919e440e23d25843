"""Plain facts about a model in words: its repr, its columns, its effects."""

from __future__ import annotations

from html import escape
from itertools import combinations
from typing import TYPE_CHECKING

from hiermodel.formula.syntax import names

if TYPE_CHECKING:
    from hiermodel.modeling import Model


def describe_model(model: Model) -> str:
    """A few lines: formula, family, rows, levels, priors in force."""
    priors = [f"  {label:<24} {text:<28} {source}" for label, text, source in _priors(model)]
    return "\n".join([*_facts(model), "Priors:", *priors])


def model_html(model: Model) -> str:
    """The same for a notebook: the facts as text, the priors in force as a table."""
    left = ' style="text-align:left"'
    head = "".join(f"<th{left}>{name}</th>" for name in ("parameters", "prior", "source"))
    rows = [
        "<tr>" + "".join(f"<td{left}>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in _priors(model)
    ]
    return (
        f"<div><pre>{escape(chr(10).join(_facts(model)))}</pre><table><thead><tr>{head}</tr>"
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _facts(model: Model) -> list[str]:
    links = ", ".join(f"{p.name} = {p.link}" for p in model.predictors)
    lines = [
        f"Model: {model.formula}",
        f"Family: {model.family.name} ({links})",
        f"Data: {model.nobs} rows",
    ]
    for group in model.groups:
        coefs = ", ".join(coef.label for coef in group.coefs)
        lines.append(f"  {group.name}: {len(group.grouping.levels)} levels ({coefs})")
    return lines


def _priors(model: Model) -> list[tuple[str, str, str]]:
    """The rows of the prior table that do not only inherit: parameters, prior, source."""
    out = []
    for row in model.priors.itertuples(index=False):
        record = row._asdict()
        inherits = not record["prior"] and (record["coef"] or record["group"])
        if inherits:
            continue
        where = " ".join(
            str(record[k]) for k in ("coef", "group", "dpar", "resp") if record[k]
        )
        label = f"{row[1]} {where}".strip()
        out.append((label, record["prior"] or "(flat)", record["source"]))
    return out


def predictor_columns(model: Model) -> list[tuple[str, str, tuple[str, ...]]]:
    """Columns of the population-level terms of all parameters: name, kind, levels."""
    used: dict[str, None] = {}
    for predictor in model.predictors:
        used |= dict.fromkeys(predictor.population.design.variables)
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
        for term in predictor.population.design.terms:
            columns = tuple(dict.fromkeys(v for f in term.factors for v in names(f)))
            mains |= dict.fromkeys((column,) for column in columns)
            if len(columns) > 1:
                pairs |= dict.fromkeys(combinations(columns, 2))
    return [*mains, *pairs]
