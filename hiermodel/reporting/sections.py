"""What a report says: one function for each section, each from what people call themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.criticism import compare
from hiermodel.criticism._arviz import figure_of
from hiermodel.engines.diagnose import ebfmi
from hiermodel.errors import HiermodelError
from hiermodel.notebook import words_html
from hiermodel.reporting.document import Section, folded, heading, paragraph, picture
from hiermodel.summary import Summary, main_names
from hiermodel.summary.html import frame_html, page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.fitted import Fit

# Traces of more parameters than this make a page that nobody scrolls through.
_MOST_TRACES = 12
_MOST_LEVELS = 60


def estimates(summary: Summary) -> Section:
    """The summary: what was fitted, estimates and intervals."""
    return Section("Estimates", (summary._repr_html_(),))


def model(fit: Fit) -> Section:
    """Formula, priors, program."""
    priors = fit.priors.reset_index(drop=True)
    shown = priors[[c for c in priors if priors[c].astype(str).str.len().any()]].copy()
    shown["prior"] = [_prior_words(row) for row in priors.to_dict("records")]
    return Section(
        "Model",
        (
            f"<pre>{escape(str(fit.formula))}</pre>",
            heading("Priors"),
            page("", [_words_html(shown)]),
            folded("Stan program", fit.stan_code),
        ),
    )


def convergence(fit: Fit, summary: Summary) -> Section:
    """Diagnostics of the sampler, and traces."""
    if fit.origin.is_point or fit.origin.is_approximation:
        return Section(
            "Convergence", (paragraph(f"These are draws of {fit.origin.phrase}: no chains."),)
        )
    stats = fit.sample_stats
    table = summary.to_frame()
    facts: dict[str, str] = {}
    if len(table):
        worst = table["R-hat"].idxmax()
        facts["highest R-hat"] = f"{table['R-hat'].max():.3f} ({worst[1]})"
        for name, words in (("Bulk_ESS", "lowest bulk ESS"), ("Tail_ESS", "lowest tail ESS")):
            facts[words] = f"{table[name].min():.0f} ({table[name].idxmin()[1]})"
    if "diverging" in stats:
        diverging = np.asarray(stats["diverging"].values)
        facts["divergent transitions"] = f"{int(diverging.sum())} of {diverging.size}"
    if "energy" in stats:
        facts["lowest E-BFMI"] = f"{np.min(ebfmi(np.asarray(stats['energy'].values))):.2f}"
    parts = [page("", [_words_html(pd.DataFrame({"": facts}), index=True)])] if facts else []
    names = list(main_names(fit.posterior))[:_MOST_TRACES]
    parts.append(
        _drawn(
            lambda: fit.plot_trace(names),
            "densities and traces of the main parameters",
            "The chains should lie on each other and look like noise around one level.",
        )
    )
    return Section("Convergence", tuple(parts))


def checks(fit: Fit, seed: int) -> Section:
    """Posterior predictive checks and leave-one-out cross-validation, response by response."""
    parts: list[str] = []
    for name, one in _each(fit):
        parts += [heading(name)] if name else []
        parts.append(
            _drawn(
                lambda one=one: one.pp_check(seed=seed),  # type: ignore[misc]
                "posterior predictive check",
                "Data and replications drawn from the model: do they look alike?",
            )
        )
        # Rows of which only a bound is known have no part in a mean.
        bounds = "cens" in one.model.response.additions
        if not (one.model.family.has_categories or bounds):
            parts.append(
                _drawn(
                    lambda one=one: one.pp_check(  # type: ignore[misc]
                        "stat_2d", stat=("mean", "sd"), seed=seed
                    ),
                    "mean and standard deviation of data and replications",
                    "The data should lie inside of the cloud of replications.",
                )
            )
        parts.append(_shown(lambda one=one: one.loo()))  # type: ignore[misc]
    return Section("Checks", tuple(parts))


def effects(fit: Fit, prob: float, seed: int) -> Section:
    """Conditional effects of all predictors."""
    parts: list[str] = []
    for name, one in _each(fit):
        parts += [heading(name)] if name else []
        parts.append(_shown(lambda one=one: one.conditional_effects(prob=prob, seed=seed)))  # type: ignore[misc]
    return Section("Effects", tuple(parts))


def levels(fit: Fit) -> Section:
    """Group-level effects as intervals, a picture per grouping factor and coefficient."""
    parts = [
        paragraph(f"{name} has {n} levels, more than a picture can show: see fit.ranef().")
        if n > _MOST_LEVELS
        else _drawn(
            lambda name=name: fit.plot_ranef(name),  # type: ignore[misc]
            f"group-level effects of {name}",
            f"The {n} levels of {name} as deviations from the population, sorted; 50 % and 95 %.",
        )
        for name, n in fit.ngroups().items()
    ]
    return Section("Groups", tuple(parts))


def comparison(name: str, fit: Fit, others: Mapping[str, Fit]) -> Section:
    """Expected log predictive densities of this and other models."""

    def table() -> str:
        frame = compare({name: fit, **others})
        note = (
            "Expected log predictive density by leave-one-out cross-validation, best first; "
            "elpd_diff is the difference to the best, weight the stacking weight."
        )
        return page("", [frame_html(frame, note=note)])

    return Section("Comparison", (_tried(table),))


def _each(fit: Fit) -> Iterator[tuple[str, Fit]]:
    """The fit, or its responses with their names."""
    if not fit.model.is_multivariate:
        yield "", fit
        return
    for name in fit.model.responses:
        yield name, fit.only(name)


def _tried(make: Callable[[], str]) -> str:
    """A part, or the reason why there is none."""
    try:
        return make()
    except HiermodelError as error:
        return paragraph(f"Not shown: {error}")


def _shown(make: Callable[[], Any]) -> str:
    """What a notebook would show."""
    return _tried(lambda: str(make()._repr_html_()))


def _drawn(make: Callable[[], Axes | Any], alt: str, caption: str) -> str:
    """A picture that a plot makes; its figure is closed again."""

    def draw() -> str:
        import matplotlib.pyplot as plt

        figure = figure_of(make())
        out = picture(figure, alt, caption)
        plt.close(figure)
        return out

    return _tried(draw)


def _prior_words(row: Mapping[str, Any]) -> str:
    """The prior of a row of the table; rows of single coefficients take that of their class."""
    if row["prior"]:
        return str(row["prior"])
    inherits = row["source"] == "default" and (row["coef"] or row["group"])
    return "(as the class)" if inherits else "(flat)"


def _words_html(table: pd.DataFrame, index: bool = False) -> str:
    """A table of words, perhaps with the labels of its rows."""
    columns = [str(c) for c in table]
    rows = [[str(v) for v in row] for row in table.itertuples(index=False)]
    if not index:
        return words_html(rows, columns)
    labelled = [[str(label), *row] for label, row in zip(table.index, rows, strict=True)]
    return words_html(labelled, ["", *columns])
