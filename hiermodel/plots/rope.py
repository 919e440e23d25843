"""How much of a posterior lies in a region of practical equivalence (ROPE).

Kruschke, J. K. (2018). Rejecting or accepting parameter values in Bayesian estimation. Advances in
Methods and Practices in Psychological Science 1, 270-280.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.arguments import probability, texts
from hiermodel.criticism import _arviz
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.flatnames import FlatName, attribute, columns, flat_names, matching
from hiermodel.origin import POSTERIOR, Origin
from hiermodel.summary.html import frame_html, page
from hiermodel.summary.text import frame_text, title_text

if TYPE_CHECKING:
    from hiermodel.fitted import Fit
    from hiermodel.submodel import Submodel

Range = tuple[float, float]

#: Half of a standardised mean difference of 0.1 on the logit scale: 0.1 pi / sqrt(3).
LOGIT = 0.1 * np.pi / np.sqrt(3)


@dataclass(frozen=True, slots=True, eq=False)
class Rope:
    """Posteriors against regions of practical equivalence.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per parameter: ``ROPE.low``, ``ROPE.high``, ``Estimate`` (median), ``HDI.low``,
        ``HDI.high``, ``in_ROPE`` (share of the draws), ``HDI_in_ROPE`` (share of the draws inside
        the interval) and ``decision``: ``reject`` the null value when the interval lies outside
        the ROPE, ``accept`` it for practical purposes when it lies inside, else ``undecided``.
    prob : float
        Mass of the highest density intervals.
    origin : Origin
        What the draws are of.

    Examples
    --------
    >>> fit.rope().table.loc["b_days", "decision"]  # doctest: +SKIP
    """

    table: pd.DataFrame
    prob: float
    origin: Origin = POSTERIOR

    def _note(self) -> str:
        about = "" if self.origin.is_plain else f" From draws of {self.origin.phrase}."
        return (
            f"HDI: highest density interval of {100 * self.prob:g} %. Coefficients are per unit "
            f"of their predictor: choose the ROPE for the units that you mean.{about}"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.table.copy()

    def __repr__(self) -> str:
        title = title_text("Region of practical equivalence")
        return f"{title}\n{frame_text(self.table, 3)}\n{self._note()}"

    def _repr_html_(self) -> str:
        table = frame_html(self.table, note=self._note(), digits=3)
        return page("Region of practical equivalence", [table])


def rope(
    fit: Fit,
    variables: str | Sequence[str] | None = None,
    range: Range | Mapping[str, Range] | None = None,
    *,
    prob: float = 0.95,
) -> Rope:
    """Compare posteriors with a region of practical equivalence to a null value.

    Parameters
    ----------
    fit : Fit
    variables : str or sequence of str, optional
        Variables, flat names or patterns with ``*``; by default the population-level coefficients
        without intercepts.
    range : (float, float) or mapping of flat name to such, optional
        Lower and upper end, in the units of the parameter. By default `default_range`.
    prob : float
        Mass of the highest density interval that decides.

    Returns
    -------
    Rope

    Raises
    ------
    ArgumentError
        A range whose ends are no numbers, or in the wrong order.
    DataError
        A name that nothing matches.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.fit("reaction ~ days", hm.datasets.load("sleepstudy"), chains=2, draws=200,
    ...              warmup=200, seed=1, progress=False)
    >>> fit.rope(range=(-5, 5)).table.loc["b_days", "decision"]
    'reject'
    """
    fit.origin.refuse_point("rope()")
    fit.origin.warn_if_poor("rope()")
    prob = probability("prob", prob)
    entries = chosen(fit, variables)
    draws = columns(fit.posterior, entries).reshape(-1, len(entries))
    rows = {}
    ranges = ranges_of(fit, entries, range)
    for k, entry in enumerate(entries):
        low, high = ranges[entry.name]
        values = draws[:, k]
        start, stop = _arviz.hdi(values, prob)
        held = values[(values >= start) & (values <= stop)]
        inside = (values >= low) & (values <= high)
        if stop < low or start > high:
            decision = "reject"
        else:
            decision = "accept" if low <= start and stop <= high else "undecided"
        rows[entry.name] = {
            "ROPE.low": low, "ROPE.high": high, "Estimate": float(np.median(values)),
            "HDI.low": start, "HDI.high": stop, "in_ROPE": float(inside.mean()),
            "HDI_in_ROPE": float(np.mean((held >= low) & (held <= high))), "decision": decision,
        }  # fmt: skip
    return Rope(pd.DataFrame.from_dict(rows, orient="index"), prob, fit.origin)


def chosen(fit: Fit, variables: str | Sequence[str] | None) -> list[FlatName]:
    """Entries of the posterior; by default population-level coefficients without intercepts."""
    entries = flat_names(fit.posterior)
    if variables is not None:
        wanted = texts("a variable", variables, "b_days")
        return list(dict.fromkeys(e for name in wanted for e in matching(name, entries)))
    found = [
        e for e in entries
        if fit.posterior[e.variable].attrs.get("cls") in ("b", "bcs")
        and not e.name.split("[")[0].endswith("Intercept")
    ]  # fmt: skip
    if not found:
        raise DataError(
            "the model has no population-level coefficient but intercepts: name the parameters, "
            "such as variables='sd_*'"
        )
    return found


def ranges_of(
    fit: Fit, entries: Sequence[FlatName], given: Any
) -> dict[str, Range]:
    """The range of each entry."""
    if given is None:
        return {e.name: default_range(fit, e) for e in entries}
    if isinstance(given, Mapping):
        names = [e.name for e in entries]
        for name in given:
            if name not in names:
                raise ArgumentError(
                    f"the range is of {name!r}, which is not among the parameters"
                    f"{did_you_mean(str(name), names)}"
                )
        return {
            e.name: _checked(given[e.name]) if e.name in given else default_range(fit, e)
            for e in entries
        }
    return dict.fromkeys((e.name for e in entries), _checked(given))


def _checked(given: Any) -> Range:
    try:
        low, high = (float(v) for v in given)
    except (TypeError, ValueError):
        low = high = np.nan
    if not low < high:
        raise ArgumentError(
            "the region of practical equivalence is (low, high), such as (-0.1, 0.1), "
            f"not {given!r}"
        )
    return low, high


def default_range(fit: Fit, entry: FlatName) -> Range:
    """The range that bayestestR takes by default (Makowski, Ben-Shachar and Luedecke 2019).

    On the scale of the response a tenth of its standard deviation on both sides; for the mean of
    its log 0.01; on the logit scale 0.18 (0.1 pi / sqrt(3)); else 0.1.
    """
    array = fit.posterior[entry.variable]
    part = _part(fit, attribute(array, "resp"))
    half = 0.1
    if part is not None and not attribute(array, "dpar") and not attribute(array, "nlpar"):
        family, link = part.family, part.main.link
        if link == "logit":
            half = LOGIT
        elif family.name in ("lognormal", "shifted_lognormal", "hurdle_lognormal"):
            half = 0.01
        elif link == "identity" and family.response in ("real", "positive"):
            rows = part.rows(fit.whole_frame)
            half = 0.1 * float(np.std(part.response.coded(rows), ddof=1))
    return -half, half


def _part(fit: Fit, resp: str) -> Submodel | None:
    parts = fit.model.parts
    if not resp and len(parts) == 1:
        return parts[0]
    return next((part for part in parts if part.name == resp), None)
