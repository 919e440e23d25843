"""Posteriors along a sequence of powers of prior and likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hiermodel.arguments import figure_size, whole_number
from hiermodel.errors import ArgumentError, did_you_mean
from hiermodel.plots.axes import DARK, GREY
from hiermodel.prior_work.components import check_draws, log_likelihood, log_prior, tags_of
from hiermodel.prior_work.scaling import cumulative_distance, power_weights
from hiermodel.prior_work.sensitivity import checked_alphas, chosen_draws, warn_of_k

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.fitted import Fit

QUANTITIES = ("mean", "sd", "median", "Q5", "Q95", "distance")


@dataclass(frozen=True, slots=True, eq=False)
class PriorSensitivitySequence:
    """Summaries of the posterior when prior or likelihood are raised to powers.

    Attributes
    ----------
    table : pandas.DataFrame
        Columns ``component`` (``"prior"``, ``"likelihood"``), ``alpha``, ``parameter`` (flat
        name), ``mean``, ``sd``, ``median``, ``Q5``, ``Q95``, the ``distance`` (cumulative
        Jensen-Shannon) from the posterior at power 1, and ``pareto_k`` of the weights.
    tags : tuple of str
        Which parts of the prior were scaled; empty for the whole prior.

    Examples
    --------
    >>> fit.prior_sensitivity_sequence(variables="b_*").plot("mean")  # doctest: +SKIP
    """

    table: pd.DataFrame
    tags: tuple[str, ...]

    def __repr__(self) -> str:
        return self.table.to_string(index=False, float_format="{:.3f}".format)

    def plot(
        self, quantity: str = "mean", figsize: tuple[float, float] | None = None
    ) -> list[Axes]:
        """Draw a summary over the powers, a panel per parameter; a flat line is not sensitive.

        Parameters
        ----------
        quantity : {"mean", "sd", "median", "Q5", "Q95", "distance"}
        figsize : (float, float), optional
            Inches.

        Returns
        -------
        list of Axes
            The prior is a solid line with filled points, the likelihood dashed with open ones.

        Raises
        ------
        ArgumentError
            For another quantity.
        """
        import matplotlib.pyplot as plt

        if quantity not in QUANTITIES:
            raise ArgumentError(
                f"no quantity {quantity!r}{did_you_mean(str(quantity), QUANTITIES)}; there are "
                f"{', '.join(QUANTITIES)}"
            )
        names = list(dict.fromkeys(self.table["parameter"]))
        ncols = min(3, len(names))
        nrows = -(-len(names) // ncols)
        size = figure_size(figsize, (2.9 * ncols, 2.3 * nrows + 0.5))
        figure, made = plt.subplots(
            nrows, ncols, figsize=size, layout="constrained", squeeze=False, sharex=True
        )
        panels = list(made.ravel())
        for empty in panels[len(names):]:
            empty.remove()
        panels = panels[: len(names)]
        styles = {"prior": ("-", DARK), "likelihood": ("--", "white")}
        alphas = self.table["alpha"]
        ticks = [float(alphas.min()), 1.0, float(alphas.max())]
        for ax, name in zip(panels, names, strict=True):
            for component, (line, face) in styles.items():
                rows = self.table[
                    (self.table["parameter"] == name) & (self.table["component"] == component)
                ]
                ax.plot(rows["alpha"], rows[quantity], ls=line, color=DARK, marker="o", ms=4,
                        mfc=face, mec=DARK, lw=1.2, label=component)
            ax.axvline(1.0, color=GREY, lw=0.7, ls=":", zorder=0)
            ax.set_xscale("log", base=2)
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.tick_params(labelbottom=True)
            ax.minorticks_off()
            ax.set_title(name, fontsize=9.5)
            for side in ("top", "right"):
                ax.spines[side].set_visible(False)
        figure.supxlabel("power of the component", fontsize=9)
        figure.supylabel(quantity, fontsize=9)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False,
                      fontsize=9)
        return panels


def prior_sensitivity_sequence(
    fit: Fit,
    prior_tags: str | Sequence[str] | None = None,
    *,
    lower_alpha: float = 0.8,
    upper_alpha: float = 1.25,
    length: int = 9,
    variables: str | Sequence[str] | None = None,
) -> PriorSensitivitySequence:
    """Summarise posteriors along a sequence of powers of prior and likelihood.

    Parameters
    ----------
    fit : Fit
    prior_tags : str or sequence of str, optional
        Scale only the priors with these tags; by default the whole prior.
    lower_alpha, upper_alpha : float
        Ends of the powers.
    length : int
        How many powers, at least 3, evenly spread on the log scale below and above 1; 1 is
        always among them.
    variables : str or sequence of str, optional
        Variables, flat names or patterns with ``*``; by default what the summary shows, without
        constants.

    Returns
    -------
    PriorSensitivitySequence

    Raises
    ------
    DataError, ArgumentError, HiermodelError
        As `prior_sensitivity`.

    Warns
    -----
    HiermodelWarning
        When Pareto k is too high at one of the powers.

    Notes
    -----
    As in Kallioinen, Paananen, Bürkner and Vehtari (2024), Statistics and Computing 34:57: one
    looks at what changes, where `prior_sensitivity` says how much.
    """
    what = "prior_sensitivity_sequence()"
    lower, upper = checked_alphas(lower_alpha, upper_alpha)
    length = whole_number("length", length, 3)
    check_draws(fit, what)
    tags = tags_of(fit, prior_tags)
    names, draws = chosen_draws(fit, variables, what)
    below = length // 2
    alphas = np.concatenate([
        np.geomspace(lower, 1.0, below + 1)[:-1], [1.0],
        np.geomspace(1.0, upper, length - below)[1:],
    ])
    rows: list[dict[str, object]] = []
    shapes: dict[str, dict[float, float]] = {}
    parts = {"prior": log_prior(fit, tags, what), "likelihood": log_likelihood(fit)}
    for component, log_part in parts.items():
        shapes[component] = {}
        for alpha in alphas:
            weights, k = power_weights(log_part, float(alpha))
            shapes[component][float(alpha)] = k
            for name, values in zip(names, draws.T, strict=True):
                rows.append({
                    "component": component, "alpha": float(alpha), "parameter": name,
                    **_summary(values, weights), "pareto_k": k,
                })  # fmt: skip
    warn_of_k(pd.DataFrame(shapes).T, len(draws), what)
    return PriorSensitivitySequence(pd.DataFrame(rows), tags)


def _summary(values: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Weighted summaries of one parameter."""
    mean = float(weights @ values)
    order = np.argsort(values)
    # A draw stands in the middle of its weight.
    mass = np.cumsum(weights[order]) - weights[order] / 2.0
    q5, median, q95 = (float(np.interp(p, mass, values[order])) for p in (0.05, 0.5, 0.95))
    return {
        "mean": mean, "sd": float(np.sqrt(weights @ (values - mean) ** 2)), "median": median,
        "Q5": q5, "Q95": q95, "distance": cumulative_distance(values, weights),
    }  # fmt: skip
