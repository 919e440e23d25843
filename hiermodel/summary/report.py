"""The printed summary of a fit."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.arguments import flag, probability
from hiermodel.describe import family_words
from hiermodel.flatnames import (
    NOT_MAIN,
    FlatName,
    attribute,
    columns,
    flat_names,
    variable_class,
)
from hiermodel.summary.html import fields_html, frame_html, page, warnings_html
from hiermodel.summary.statistics import describe, statistic_names
from hiermodel.summary.text import fields_text, frame_text, title_text

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

DIAGNOSTICS = ("R-hat", "Bulk_ESS", "Tail_ESS")
_RHAT_LIMIT = 1.01
_WIDEST_LABEL = 32
_ESS_PER_CHAIN = 100


@dataclass(frozen=True, slots=True)
class Summary:
    """Tables of a fit, with what a reader must know about how it came about.

    Attributes
    ----------
    title : str
    fields : tuple of (str, str)
        Formula, data, draws, engine: names and values of the head.
    tables : mapping of str to pandas.DataFrame
        Heading -> table with the columns ``Estimate``, ``Est.Error``, the interval,
        ``R-hat``, ``Bulk_ESS`` and ``Tail_ESS``. The last three only for chains of draws; a
        mode has its ``Estimate`` alone.
    warnings : tuple of str

    Examples
    --------
    >>> import pandas as pd
    >>> from hiermodel.summary import Summary
    >>> table = pd.DataFrame({"Estimate": [1.5]}, index=["days"])
    >>> print(Summary("A fit", (("Formula", "y ~ days"),), {"Population level": table}, ()))
    A fit
    ─────
      Formula: y ~ days
    <BLANKLINE>
    Population level
            Estimate
      days      1.50
    """

    title: str
    fields: tuple[tuple[str, str], ...]
    tables: Mapping[str, pd.DataFrame]
    warnings: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return all tables as one data frame with the index (section, parameter)."""
        if not self.tables:
            return pd.DataFrame()
        return pd.concat(dict(self.tables), names=["section", "parameter"])

    def __str__(self) -> str:
        parts = [f"{title_text(self.title)}\n{fields_text(self.fields)}"]
        parts += [f"{heading}\n{frame_text(t)}" for heading, t in self.tables.items()]
        parts += [
            textwrap.fill(text, 88, initial_indent="! ", subsequent_indent="  ")
            for text in self.warnings
        ]
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        longest = max((len(str(v)) for t in self.tables.values() for v in t.index), default=0)
        tables = [
            frame_html(t, h, bad=_bad_cells(t), label_width=min(longest, _WIDEST_LABEL))
            for h, t in self.tables.items()
        ]
        head = fields_html(self.fields, checked="Certificate")
        return page(self.title, [head, *tables, warnings_html(self.warnings)])


def _bad_cells(table: pd.DataFrame) -> frozenset[tuple[int, str]]:
    if "R-hat" not in table:
        return frozenset()
    high = np.asarray(table["R-hat"], dtype=float) > _RHAT_LIMIT
    return frozenset((int(i), "R-hat") for i in np.flatnonzero(high))


def summarise(fit: Fit, prob: float = 0.95, robust: bool = False) -> Summary:
    """Summarise a fit.

    Parameters
    ----------
    fit : Fit
    prob : float
        Probability of the central interval, in (0, 1).
    robust : bool
        Median and median absolute deviation instead of mean and standard deviation.

    Returns
    -------
    Summary

    Raises
    ------
    HiermodelError
        `prob` is not a probability.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> fit = hm.fit("Reaction ~ Days + (Days | Subject)", data, seed=1)  # doctest: +SKIP
    >>> print(fit.summary(prob=0.9))  # doctest: +SKIP
    """
    prob, robust = probability("prob", prob), flag("robust", robust)
    origin = fit.origin
    tables = summary_tables(fit.posterior, prob, robust)
    if origin.is_point:
        tables = {heading: table[["Estimate"]] for heading, table in tables.items()}
    elif origin.is_approximation:
        # Independent draws have no chains to compare.
        tables = {heading: t.drop(columns=[*DIAGNOSTICS]) for heading, t in tables.items()}
    fields = _fields(fit)
    return Summary(_title(fit), fields, tables, _warnings(fit, tables))


def summary_tables(
    posterior: xr.Dataset, prob: float = 0.95, robust: bool = False
) -> dict[str, pd.DataFrame]:
    """Return the tables of a summary by heading, for a labelled posterior.

    Parameters
    ----------
    posterior : xarray.Dataset
    prob : float
        Probability of the central interval.
    robust : bool
        Median and median absolute deviation instead of mean and standard deviation.

    Returns
    -------
    dict of str to pandas.DataFrame
    """
    shown = [str(v) for v in posterior.data_vars
             if variable_class(posterior[v]) not in NOT_MAIN]  # fmt: skip
    names = flat_names(posterior, shown)
    if not names:
        return {}
    draws = columns(posterior, names)
    probs = ((1 - prob) / 2, (1 + prob) / 2)
    numbers = describe(draws.reshape(-1, len(names)), probs, robust)
    table = pd.DataFrame(
        np.column_stack([numbers, _diagnostics(draws)]),
        columns=[*statistic_names(probs), *DIAGNOSTICS],
    )
    n_levels = {attribute(a, "group"): a.shape[2] for a in posterior.data_vars.values()
                if variable_class(a) == "r"}  # fmt: skip
    sections: dict[str, list[int]] = {}
    for i, entry in enumerate(names):
        sections.setdefault(_section(posterior[entry.variable], n_levels), []).append(i)
    rows = [_row_name(posterior[e.variable], e) for e in names]
    return {
        heading: table.iloc[at].set_axis([rows[i] for i in at], axis=0)
        for heading, at in sorted(sections.items(), key=lambda s: _section_rank(s[0]))
    }


def _section(array: xr.DataArray, n_levels: Mapping[str, int]) -> str:
    cls = variable_class(array)
    if cls in ("b", "threshold", "bs", "bsp", "bcs"):
        return "Population level"
    if cls == "sds":
        return "Smooth terms"
    if cls in ("sd", "cor", "df"):
        group = attribute(array, "group")
        n = f" ({n_levels[group]} levels)" if group in n_levels else ""
        return f"Group level: {group}{n}"
    if cls == "simo":
        return "Monotonic effects: shares of the steps"
    if cls in ("meanme", "sdme", "corme"):
        return "Covariates with measurement error"
    if cls in ("ar", "ma", "cosy", "cortime", "lagsar", "errorsar", "sderr", "car", "sdcar",
               "rhocar"):
        return "Autocorrelation"
    if cls in ("hs", "R2D2"):
        return "Shrinkage"
    return "Family" if cls in ("dpar", "delta") else "Further parameters"


def _section_rank(heading: str) -> int:
    order = ("Population", "Monotonic", "Covariates", "Smooth", "Group",
             "Autocorrelation", "Family", "Shrinkage", "Further")
    return order.index(heading.split()[0])


def _row_name(array: xr.DataArray, entry: FlatName) -> str:
    """Return the name inside its section: ``sd(Intercept)`` for ``sd_subject__Intercept``."""
    cls, group = variable_class(array), attribute(array, "group")
    if cls in ("b", "threshold", "bs", "bsp"):
        return entry.name.removeprefix("b_" if cls == "threshold" else f"{cls}_")
    if cls == "sds":
        return f"sds({entry.name.removeprefix('sds_')})"
    if cls in ("sd", "cor"):
        inner = entry.name.removeprefix(f"{cls}_{group}__")
        return f"{cls}({inner.replace('__', ', ')})"
    return "df" if cls == "df" else entry.name


def _diagnostics(draws: np.ndarray) -> np.ndarray:
    from hiermodel.engines.diagnose import diagnostics

    found = diagnostics(draws)
    return np.column_stack([found["rhat"], found["ess_bulk"], found["ess_tail"]])


def _title(fit: Fit) -> str:
    parts = fit.model.parts
    families = " and ".join(dict.fromkeys(part.family.name for part in parts))
    names = ", ".join(part.response.name for part in parts)
    prior = " (prior only, not fitted to the data)" if fit.origin.prior_only else ""
    return f"{families} model of {names}{prior}"


def _fields(fit: Fit) -> tuple[tuple[str, str], ...]:
    facts = fit.provenance
    groups = ", ".join(f"{n} {group}" for group, n in fit.ngroups().items())
    data = f"{fit.model.nobs} rows" + (f"; levels: {groups}" if groups else "")
    fields = [
        ("Family", "\n".join(family_words(part) for part in fit.model.parts)),
        ("Formula", str(fit.model.formula)),
        ("Data", data),
        _draws_field(fit),
        ("Engine", _engine_text(facts)),
        ("Collapsed", str(facts.get("collapsed") or "")),
        ("Aggregated", str(facts.get("aggregated") or "")),
        ("Centred", str(facts.get("centred") or "")),
        ("Certificate", str(facts.get("certificate") or "")),
    ]
    return tuple((name, value) for name, value in fields if value)


def _draws_field(fit: Fit) -> tuple[str, str]:
    settings = fit.provenance.get("settings")
    warmup = settings.get("warmup") if isinstance(settings, Mapping) else None
    warmup = fit.provenance.get("warmup", warmup)
    return fit.origin.size(fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], warmup)


def _engine_text(facts: Mapping[str, Any]) -> str:
    name = " ".join(str(facts[k]) for k in ("engine", "engine_version") if facts.get(k))
    parts = [name] if name else []
    if facts.get("seed") is not None:
        parts.append(f"seed {facts['seed']}")
    if facts.get("seconds") is not None:
        parts.append(f"{float(facts['seconds']):.1f} s")
    return ", ".join(parts)


def _warnings(fit: Fit, tables: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    stored = fit.provenance.get("warnings") or ()
    texts = [stored] if isinstance(stored, str) else [str(text) for text in stored]
    if fit.origin.is_point or fit.origin.is_approximation:
        return tuple(texts)
    told = " ".join(texts).lower()
    told_ess = "effective sample" in told or any("ESS" in text for text in texts)
    # More draws are no help for a model that is not determined.
    told_ess = told_ess or "a longer run will not help" in told
    stats = fit.sample_stats
    if "diverg" not in told and stats is not None and "diverging" in stats:
        count = int(stats["diverging"].sum())
        if count:
            texts.append(f"{count} divergent transitions: try a higher adapt_delta")
    n_chains = fit.posterior.sizes["chain"]
    high = _rows_where(tables, "R-hat", lambda v: v > _RHAT_LIMIT)
    if high and "r-hat" not in told and "rhat" not in told:
        texts.append(f"R-hat above {_RHAT_LIMIT} for {_listed(high)}: run more warmup and draws")
    if not told_ess:
        limit = _ESS_PER_CHAIN * n_chains
        found = (_rows_where(tables, c, lambda v: v < limit) for c in DIAGNOSTICS[1:])
        low = list(dict.fromkeys(name for names in found for name in names))
        if low:
            texts.append(f"effective sample size below {limit} for {_listed(low)}: run more draws")
    return tuple(texts)


def _rows_where(tables: Mapping[str, pd.DataFrame], column: str, test: Any) -> list[str]:
    return [
        str(name)
        for table in tables.values()
        for name, value in zip(table.index, table[column], strict=True)
        if test(value)
    ]


def _listed(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
