"""What predictions, comparisons and slopes have in common: from a request to its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.arguments import flag
from hiermodel.effects.grid import is_number
from hiermodel.errors import ArgumentError, did_you_mean
from hiermodel.marginal.aggregate import Job, Result, Subgroups, estimate
from hiermodel.marginal.grids import (
    ROWID,
    base_rows,
    datagrid,
    grouping_columns,
    model_columns,
    model_variables,
)
from hiermodel.marginal.groups import group_modes, modes_text
from hiermodel.marginal.hypotheses import compare_rows, is_difference
from hiermodel.marginal.summariser import Summariser, summariser
from hiermodel.marginal.table import About, EffectTable, make_table
from hiermodel.marginal.values import Quantity, Values
from hiermodel.terms.base import Array

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

_GRIDS = {"mean": "mean_or_mode", "balanced": "balanced"}
# As many columns of the data are printed with single rows.
_SHOWN_COLUMNS = 5
# What other packages call these arguments.
_ELSEWHERE = {
    "conf_level": "prob=", "ci": "prob=", "level": "prob=", "hdi_prob": "prob=",
    "re_formula": "groups='none' (or another mode)", "re_form": "groups='none'",
    "weights": "wts=", "transform_pre": "comparison=", "transform_post": "transform=",
    "average_by": "by=", "conditional": "newdata=fit.datagrid(...)", "rope": "equivalence=",
    "kind": "type=", "scale": "type=", "target": "dpar=", "eps": "nothing: slopes are exact enough",
    "center": "robust=", "nsamples": "ndraws=", "num_draws": "ndraws=",
}
_WORDS = {
    "observed": "the observed levels of {}, with their own effects",
    "none": "the effects of {} are zero (a typical level, on the scale of the link)",
    "new": "one new level of {} in each draw",
    "integrated": "averaged over the population of {}",
}


@dataclass(frozen=True)
class Options:
    """Arguments that predictions, comparisons and slopes share; see `predictions`."""

    dpar: str | None = None
    nlpar: str | None = None
    type: str = "response"
    groups: Any = None
    hypothesis: Any = None
    equivalence: Any = None
    transform: Any = None
    prob: float = 0.95
    robust: bool = False
    draws: bool = False
    ndraws: int | None = None
    seed: int | None = None
    allow_new_levels: bool = False
    sample_new_levels: str = "uncertainty"
    one_trial: bool = False

    @classmethod
    def of(cls, verb: str, given: Mapping[str, Any], **more: Any) -> Options:
        """Return the options that a user gave to a verb.

        Raises
        ------
        ArgumentError
            For an argument that there is not.
        """
        known = [field.name for field in fields(cls) if field.name != "one_trial"]
        for name in given:
            if name not in known:
                advice = _ELSEWHERE.get(name)
                hint = f"; write {advice}" if advice else did_you_mean(name, known)
                raise ArgumentError(f"{verb}() has no argument {name!r}{hint}")
        return cls(**given, **more)


@dataclass(eq=False)
class Request:
    """A fit of one response with the rows and the options of one call.

    `remark` is added to the note, and `null` is what the estimates are without any effect.
    """

    fit: Fit
    frame: pd.DataFrame
    labels: Array
    options: Options
    modes: dict[str, str]
    values: Values
    summariser: Summariser
    remark: str = ""
    null: float | None = None

    @classmethod
    def make(cls, fit: Fit, newdata: Any, options: Options) -> Request:
        """Check the arguments and find the rows.

        Raises
        ------
        ArgumentError, DataError
        """
        # The only response, or an error that says how to choose one.
        assert fit.model.part is not None
        flag("draws", options.draws)
        fit.origin.warn_if_poor("this table")
        if isinstance(newdata, str):
            if newdata not in _GRIDS:
                raise ArgumentError(
                    f"newdata must be rows, 'mean' or 'balanced', not {newdata!r}; "
                    "fit.datagrid() makes other grids"
                )
            frame = datagrid(fit, grid=_GRIDS[newdata])
            labels = np.arange(len(frame))
        else:
            frame, labels = base_rows(fit, newdata)
        modes = group_modes(fit, options.groups, "none" if isinstance(newdata, str) else "observed")
        if isinstance(newdata, str) and "observed" in modes.values():
            name = next(name for name, mode in modes.items() if mode == "observed")
            raise ArgumentError(
                f"newdata={newdata!r} is about no observed level of {name!r}: use groups='none', "
                "'new' or 'integrated', or name levels with newdata=fit.datagrid(...)"
            )
        quantity = Quantity(options.type, options.dpar, options.nlpar)
        values = Values(
            fit, quantity, modes, options.seed, options.ndraws, options.allow_new_levels,
            options.sample_new_levels, options.one_trial,
            # As with levels: rows have the effect of their place on the map, typical ones none.
            spatial=not isinstance(newdata, str) and options.groups != "none",
        )
        summary = summariser(
            options.prob, options.robust, options.equivalence, options.transform,
            values.inverse_link,
        )
        return cls(fit, frame, labels, options, modes, values, summary)

    def run(self, jobs: Sequence[Job], groups: Subgroups | None, title: str) -> EffectTable:
        """Compute the jobs and return their table."""
        keep = self.options.draws or self.options.hypothesis is not None
        results = estimate(self.values, self.frame, jobs, groups, self.summariser, keep)
        labels = pd.concat([self._labels(r, groups) for r in results], ignore_index=True)
        kept = [r.draws for r in results if r.draws is not None]
        if len(kept) < len(results):
            table = pd.concat([r.summary for r in results], ignore_index=True)
            return self._table(labels, table, None, title, results, groups)
        return self.finish(np.concatenate(kept, axis=1), labels, title, results, groups)

    def finish(
        self, draws: Array, labels: pd.DataFrame, title: str,
        results: Sequence[Result] = (), groups: Subgroups | None = None,
    ) -> EffectTable:
        """Return the table of some draws (draws, rows), after the hypotheses."""
        extra: dict[str, Any] = {}
        hypothesis = self.options.hypothesis
        if hypothesis is not None:
            draws, labels, signs = compare_rows(draws, labels, hypothesis)
            results = ()
            self.null = 0.0 if is_difference(hypothesis) else None
            if any(sign != "=" for sign in signs):
                extra["Post.Prob"] = [
                    float((d > 0).mean()) if s == ">" else float((d < 0).mean()) if s == "<"
                    else np.nan
                    for d, s in zip(draws.T, signs, strict=True)
                ]
        draws = self.summariser.transformed(draws)
        table = self.summariser.table(draws).assign(**extra)
        return self._table(labels, table, draws, title, results, groups)

    # ------------------------------------------------------------------ the table

    def _labels(self, result: Result, groups: Subgroups | None) -> pd.DataFrame:
        """What tells the estimates of one job apart."""
        count, categories = result.count, result.categories
        out = pd.DataFrame(index=pd.RangeIndex(count))
        if groups is None:
            if ROWID in self.frame.columns:
                out[ROWID] = self.frame[ROWID].to_numpy()
            else:
                out[ROWID] = self.labels
        for name, text in result.job.labels:
            out[name] = text
        if groups is not None:
            for name in groups.table.columns:
                out[free(str(name), RESERVED)] = groups.table[name].array
        if categories:
            out = out.loc[np.repeat(np.arange(count), len(categories))].reset_index(drop=True)
            out["category"] = pd.Categorical(
                list(categories) * count, categories=list(categories), ordered=False
            )
        return out

    def _table(
        self, labels: pd.DataFrame, table: pd.DataFrame, draws: Array | None, title: str,
        results: Sequence[Result], groups: Subgroups | None,
    ) -> EffectTable:
        if self.modes:
            labels = labels.assign(groups=modes_text(self.modes))
        keys = list(labels.columns)
        out = pd.concat([labels, table], axis=1)
        if groups is None and results:
            out = pd.concat([out, self._data_columns(results, list(out.columns))], axis=1)
        # The note says which groups; the column is for tables that are put together.
        shown = [k for k in keys if k != "groups"]
        by = [k for k in shown if k not in RESERVED]
        if groups is None and results:
            known = model_columns(self.fit)
            by = [c for c in known if c in out and c not in keys and _varies(out[c])]
            shown += by[:_SHOWN_COLUMNS]
        about = About(
            title, self.note(), self._axis(), tuple(by), self._numbers_among(out),
            self._null(), self.summariser.equivalence,
            sorted_by_user=groups is not None or not results,
        )
        return make_table(
            out, about, shown, list(table.columns), draws, self.values.shape, keys
        )

    def _axis(self) -> str:
        """What a picture shows, with what was done to it."""
        transform = self.options.transform
        if transform is None:
            return self.subject()
        named = getattr(transform, "__name__", "")
        name = transform if isinstance(transform, str) else named
        return f"{name if name.isidentifier() else 'transformed'}({self.subject()})"

    def _null(self) -> float | None:
        """What the estimates are where nothing differs, after the transformation."""
        if self.null is None:
            return None
        found = np.nan
        # A function of the user may need more than one number.
        with suppress(Exception):
            found = float(self.summariser.transformed(np.full((1, 1), self.null))[0, 0])
        return found if np.isfinite(found) else None

    def _numbers_among(self, out: pd.DataFrame) -> frozenset[str]:
        """Columns of numbers, but for those that stand for levels in the model."""
        levels = {name for name, v in model_variables(self.fit).items() if v.is_factor}
        levels |= set(grouping_columns(self.fit))
        return frozenset(
            str(c) for c in out.columns if is_number(out[c]) and str(c) not in levels
        )

    def _data_columns(self, results: Sequence[Result], taken: list[str]) -> pd.DataFrame:
        """The columns of the rows, for each job and category."""
        repeats = max(1, len(results[0].categories))
        places = np.tile(np.repeat(np.arange(len(self.frame)), repeats), len(results))
        rows = self.frame.drop(columns=[ROWID], errors="ignore")
        rows = rows.iloc[places].reset_index(drop=True)
        return rows.rename(columns={c: free(str(c), taken) for c in rows.columns})

    def note(self) -> str:
        """How the table was made, in words."""
        options, parts = self.options, []
        by_mode: dict[str, list[str]] = {}
        for name, mode in self.modes.items():
            by_mode.setdefault(mode, []).append(name)
        words = [_WORDS[mode].format(", ".join(names)) for mode, names in by_mode.items()]
        if words:
            parts.append(f"Groups: {'; '.join(words)}.")
        centre = "Medians and MADs" if options.robust else "Means and standard deviations"
        origin = self.fit.origin
        of = "" if origin.is_plain else f" of {origin.phrase}"
        if self.values.size == 1:
            parts.append(f"One draw{of}, so there are no intervals.")
        else:
            parts.append(f"{centre} of {self.values.size} draws{of}; intervals hold "
                         f"{100 * options.prob:g} %.")
        if self.summariser.equivalence is not None:
            low, high = self.summariser.equivalence
            parts.append(f"ROPE: {low:g} to {high:g}; decided where the interval lies inside "
                         "(equivalent) or outside (different).")
        return " ".join([*parts, self.remark]).strip()

    def subject(self) -> str:
        """What the numbers are of, in words."""
        name, options = self.fit.response_name, self.options
        if options.nlpar is not None:
            return f"{options.nlpar} of {name}"
        if options.type == "link":
            return f"linear predictor of {options.dpar or 'mu'} ({name})"
        if options.dpar is not None:
            return f"{options.dpar} of {name}"
        if options.type == "predict":
            return f"new responses {name}"
        family = self.fit.model.family
        if family.has_categories and not family.several_columns:
            return f"P({name})"
        return str(name)


RESERVED = (
    ROWID, "term", "contrast", "category", "groups", "hypothesis", "Estimate", "Est.Error",
    "Post.Prob", "ROPE.Prob", "Decision",
)


def _varies(column: pd.Series) -> bool:
    return len(column) > 1 and bool((column.astype(object) != column.iloc[0]).any())


def free(name: str, taken: Sequence[str] | Mapping[str, Any]) -> str:
    """Return the name of a column of the data, with a tail where the table needs its name."""
    while name in taken:
        name += ".data"
    return name

