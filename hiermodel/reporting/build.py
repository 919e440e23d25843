"""`report`: a fit as one self-contained HTML page."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hiermodel.arguments import file_path, probability
from hiermodel.errors import ArgumentError, HiermodelWarning
from hiermodel.reporting import sections
from hiermodel.reporting.document import document, paragraph
from hiermodel.writing import checked_target, whole_file

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


def report(
    fit: Fit,
    path: str | Path,
    *,
    title: str | None = None,
    name: str = "this model",
    compare: Mapping[str, Fit] | None = None,
    prob: float = 0.95,
    seed: int = 1,
) -> Path:
    """Write a fit as one HTML page that opens without a network.

    Estimates, model with priors and program, convergence, checks, effects, groups, and with
    `compare` a comparison. What cannot be shown for a model says why in its place.

    Parameters
    ----------
    fit : Fit
    path : str or Path
        The file to write; one that exists is replaced.
    title : str, optional
        Heading of the page; by default what the model is of.
    name : str
        What this model is called in the comparison.
    compare : mapping of str to Fit, optional
        Other models of the same data, by name.
    prob : float
        Probability of intervals.
    seed : int
        Of the replications in checks.

    Returns
    -------
    Path

    Raises
    ------
    ArgumentError
        `compare` that is no mapping of fits, or has the `name` of this model.

    Examples
    --------
    >>> fit.report("report.html", compare={"no slopes": other})  # doctest: +SKIP
    """
    probability("prob", prob)
    target = checked_target(file_path(path))
    if compare is not None:
        _check_others(name, compare)
    summary = fit.summary(prob=prob)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", HiermodelWarning)
        parts = [
            sections.estimates(summary),
            sections.model(fit),
            sections.convergence(fit, summary),
            sections.checks(fit, seed),
            sections.effects(fit, prob, seed),
        ]
        if fit.ngroups():
            parts.append(sections.levels(fit))
        if compare:
            parts.append(sections.comparison(name, fit, compare))
    heading = title or summary.title
    lead = f"{fit.formula}".replace("\n", "; ")
    # The page is where they belong: whoever reads it has not seen the session.
    notes = list(dict.fromkeys(
        str(w.message) for w in caught if issubclass(w.category, HiermodelWarning)
    ))
    if notes:
        found = tuple(paragraph(text) for text in notes)
        parts.append(sections.Section("Warnings while this page was made", found))
    page = document(heading, lead, parts)
    with whole_file(target) as partial:
        partial.write_text(page, encoding="utf-8")
    return target


def _check_others(name: str, others: Mapping[str, Fit]) -> None:
    if not isinstance(others, Mapping):
        raise ArgumentError(
            f"compare holds other fits by name, {{'no slopes': fit}}, not {type(others).__name__}"
        )
    for key, other in others.items():
        if not hasattr(other, "log_lik"):
            raise ArgumentError(f"compare: {key!r} is no fit, but {other!r}")
    if name in others:
        raise ArgumentError(
            f"compare: {name!r} is what this model itself is called; give it another name="
        )
