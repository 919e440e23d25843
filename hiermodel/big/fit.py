"""Fits to data that do not fit in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from hiermodel.aggregate import AggregatedModel
from hiermodel.aggregate.forms import Moments
from hiermodel.big.reading import Reading, check_arguments, reading
from hiermodel.big.reduce import (
    Survey,
    counted_cells,
    gaussian_cells,
    representatives,
    response_scale,
    survey,
)
from hiermodel.big.source import Source, literal, opened, quoted
from hiermodel.big.stream import recentred, stream
from hiermodel.building import build, columns_needed
from hiermodel.certifying import Reduced
from hiermodel.collapse import CollapsedModel
from hiermodel.errors import DataError, HiermodelError
from hiermodel.fitted import Fit
from hiermodel.fitting import Plan, fit, plan
from hiermodel.frames import NeededColumns
from hiermodel.modeling import Model
from hiermodel.sampling import checked_draws, to_centre, to_reduce
from hiermodel.totals import Totals

# Data of at most so many rows are read; of larger data at most so many cells, and so many rows
# to look at afterwards.
MOST_ROWS = 1_000_000
MOST_CELLS = 2_000_000
HELD_ROWS = 10_000


class NoRows:
    """Stands for the rows of data that did not fit in memory: every use says so."""

    def __init__(self, nobs: int, name: str) -> None:
        self.nobs, self.name = nobs, name

    def _refuse(self) -> NoReturn:
        raise HiermodelError(
            f"this needs the {self.nobs} rows of {self.name}, which are not in memory: pass "
            "newdata=, for example rows of fit.whole_frame, where it is taken"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._refuse()

    @property
    def __narwhals_dataframe__(self) -> Any:
        """What narwhals asks for first."""
        return self._refuse()

    def __getitem__(self, key: Any) -> Any:
        return self._refuse()

    def __len__(self) -> int:
        return self._refuse()

    def __iter__(self) -> Iterator[Any]:
        return self._refuse()

    def __reduce__(self) -> Any:
        return NoRows, (self.nobs, self.name)


@dataclass(frozen=True, eq=False, repr=False)
class BigFit(Fit):
    """A fit to data that did not fit in memory; made by `hiermodel.fit`.

    It has everything of a `Fit` that needs no rows: summaries, tables, and with ``newdata=``
    predictions. `whole_frame` holds some rows of the data and every level of each factor: means
    and ranges of the grids of effects come from these rows. What needs the rows that were fitted
    (``loo``, ``pp_check`` without newdata) is refused.

    Attributes
    ----------
    held : DataFrame
        The rows that it has: `whole_frame`.
    """

    held: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def whole_frame(self) -> pd.DataFrame:
        """Some rows of the data, and every level of each factor."""
        return self.held

    @property
    def shown_rows(self) -> pd.DataFrame:
        """The rows that it has."""
        return self.held

    @property
    def nobs(self) -> int:
        """Number of rows that were fitted."""
        return self.model.nobs

    def only(self, resp: str) -> BigFit:
        """The fit itself, which has one response."""
        self.model.only(resp)
        return self

    def update(self, data: Any = None, formula: Any = None, **changes: Any) -> Fit:
        """Fit again with changes, see `Fit.update`; the data must be given.

        Raises
        ------
        HiermodelError
            Without data.
        """
        if data is None:
            raise HiermodelError(
                "the fit holds no rows to fit again: pass data=, the file or table it was made from"
            )
        return super().update(data, formula, **changes)


def fit_big(formula: Any, data: Any, family: Any, priors: Any, **given: Any) -> Fit:
    """Fit a model to data that need not fit in memory; see `hiermodel.fit` for the arguments.

    Data of at most a million rows are read, and the fit is one as any other.
    """
    building = {
        name: given.pop(name)
        for name in ("data2", "sample_prior", "normalize", "drop_unused_levels", "contrasts",
                     "knots", "stanvars")
    }

    def wanted(head: pd.DataFrame) -> tuple[str, ...]:
        return columns_needed(formula, head).names

    with opened(data, wanted) as source:
        first = source.frame("SELECT * FROM rows LIMIT 1000")
        if not len(first):
            raise DataError(f"{source.name} has no rows")
        needed = columns_needed(formula, first)
        count = int(source.ask("SELECT count(*) FROM rows")[0][0])
        if count <= MOST_ROWS:
            shown = ", ".join(f"{source.read(c)} AS {quoted(c)}" for c in needed.names)
            frame = source.frame(f"SELECT {shown} FROM rows")
            return fit(formula, frame, family, priors, **building, **given)
        read = reading(formula, family, tuple(first.columns))
        check_arguments({**building, **given, "priors": priors})
        read.check()
        made = _prepared(source, read, needed, (formula, family, priors), building, given)
        name = source.name
    # All that is needed of the data is known; nothing is read from here on.
    return made.fit(name)


@dataclass(frozen=True)
class _Made:
    """A model, its statistics and how to sample it."""

    plan: Plan
    reduced: Reduced
    data: Mapping[str, Any]
    totals: Totals
    checked: pd.DataFrame
    how: str

    def fit(self, name: str) -> BigFit:
        run, model, reduced, data = self.plan.run, self.plan.model, self.reduced, self.data
        tuner = None
        if isinstance(reduced, AggregatedModel):
            model, form, tuner = to_centre(
                model, self.checked, run, self.plan.parameterization, False, reduced
            )
            assert isinstance(form, AggregatedModel)
            reduced, data = form, form.bind(self.checked)
        # Another frame: a certificate compares cells with the rows that stand for them.
        rows = self.checked.copy(deep=False)
        draws, facts = checked_draws(model, rows, run, False, reduced, data, tuner)
        for key in ("collapsed", "aggregated"):
            if key in facts:
                facts[key] = f"{facts[key]}; {self.how}"
        made = self.plan.fit_of(draws, facts, reduced)
        if self.plan.model.sample_prior == "yes":
            made = made.with_group("prior", self.plan.prior())
        words = {"name": name, "totals": self.totals.to_json()}
        return as_big(made, self.plan.rows, {**made.provenance, "big": words})


def as_big(made: Fit, held: pd.DataFrame, provenance: Mapping[str, Any]) -> BigFit:
    """A fit without the rows that it was not fitted to."""
    groups = {k: v for k, v in made.datasets.items() if k != "observed_data"}
    rows: Any = NoRows(made.model.nobs, provenance["big"]["name"])
    return BigFit(made.model, rows, groups, provenance, held=held)


def loaded(
    provenance: Mapping[str, Any], arguments: Mapping[str, Any], frame: pd.DataFrame,
    groups: Mapping[str, Any],
) -> BigFit:
    """The fit of a file that `BigFit.save` wrote."""
    given = dict(arguments)
    formula, family, priors = (given.pop(k) for k in ("formula", "family", "priors"))
    totals = Totals.from_json(provenance["big"]["totals"])
    model = build(formula, frame, family, priors, totals=totals, **given)
    rows: Any = NoRows(model.nobs, provenance["big"]["name"])
    return BigFit(model, rows, groups, provenance, held=model.rows(frame))


def _prepared(
    source: Source, read: Reading, needed: NeededColumns, words: tuple[Any, Any, Any],
    building: Mapping[str, Any], given: Mapping[str, Any],
) -> _Made:
    y = read.plain_response
    moments = read.has_moments
    key = tuple(c for c in needed.names if not (moments and c == y))
    seen = survey(source, needed, key)
    if seen.combined <= 1.1 * MOST_CELLS:
        made = _of_cells(source, read, needed, key, seen, words, building, given)
        if made is not None:
            return made
    if read.family.name != "gaussian" or given.get("collapse") is False:
        raise DataError(_too_many(source, read, seen, key))
    return _of_stream(source, read, needed, key, seen, words, building, given)


def _too_many(source: Source, read: Reading, seen: Survey, key: tuple[str, ...]) -> str:
    worst = max(key, key=lambda c: seen.distinct.get(c, 0))
    return (
        f"{read.term_of(worst)} needs every row: {worst!r} has about {seen.distinct[worst]} "
        f"different values, and the {seen.rows} rows of {source.name} about {seen.combined} "
        f"different combinations of {', '.join(key)}, more than are brought into memory "
        f"({MOST_CELLS}). Round or bin {worst!r}, leave it out, or fit a sample of the rows, read "
        "into a data frame"
    )


def _measured(source: Source, read: Reading, seen: Survey) -> Any:
    """Medians of the response, computed where the data are."""
    y = read.plain_response

    def measure(link: str) -> tuple[float, float]:
        if not y or not source.is_number(y):
            raise DataError(
                f"the default priors follow the median of the response {read.part.name}, which "
                "must be a column of numbers: compute it where the data are, and name the column"
            )
        return response_scale(source, y, link, seen.complete)

    return measure


def _of_cells(
    source: Source, read: Reading, needed: NeededColumns, key: tuple[str, ...], seen: Survey,
    words: tuple[Any, Any, Any], building: Mapping[str, Any], given: Mapping[str, Any],
) -> _Made | None:
    """A model whose rows are added up where they are; None when there are too many cells."""
    y, within = read.plain_response, None
    if read.has_moments:
        frame, times, within = gaussian_cells(source, key, y, seen.complete)
    else:
        frame, times = counted_cells(source, needed.names, seen.complete)
    if len(frame) > MOST_CELLS:
        return None
    measured = _measured(source, read, seen) if read.has_moments else None
    totals = Totals(seen.rows, times, measured=measured)
    formula, family, priors = words
    model = build(formula, frame, family, priors, **building, totals=totals)
    _check_qr(model)
    groups = (*((c,) for c in key if seen.distinct[c] <= HELD_ROWS), *read.groups)
    if read.has_moments:
        held = _held(source, read, needed, seen)
    else:
        held = _drawn(frame, times, (*groups, (y,) if y else ()))
    run = _plan(model, held, given)
    # A model that can be collapsed is: levels are fewer than cells.
    reduced = to_reduce(model, frame, run.run, run.collapse, run.aggregate, False)
    if reduced is None:
        reduced = model.aggregated()
    cells = f"{len(frame)} cells were counted in {source.name}"
    data: Mapping[str, Any]
    if isinstance(reduced, CollapsedModel):
        if within is not None:
            data = reduced.bound(
                reduced.statistics(frame, frame[y].to_numpy(), times.astype(float), within)
            )
        else:
            additions = model.part.response.additions.data(frame)
            weights = times * np.asarray(additions.get("weights", 1.0))
            data = reduced.bound(reduced.statistics(frame, weights=weights))
    else:
        def bind(form: AggregatedModel) -> dict[str, Any]:
            if within is None or not isinstance(form.form, Moments):
                return form.bind(frame, times=times)
            n, means = times.astype(float), frame[y].to_numpy()
            return form.bound(frame, form.form.given(n, means, within, form.facts))

        reduced = replace(reduced, known=(frame, bind))
        data = {}
    return _Made(run, reduced, data, totals, frame, cells)


def _of_stream(
    source: Source, read: Reading, needed: NeededColumns, key: tuple[str, ...], seen: Survey,
    words: tuple[Any, Any, Any], building: Mapping[str, Any], given: Mapping[str, Any],
) -> _Made:
    """A collapsed model, from chunks of rows."""
    held = _held(source, read, needed, seen)
    scales: dict[str, tuple[float, float]] = {}
    totals = Totals(seen.rows, scales=scales, measured=_measured(source, read, seen))
    formula, family, priors = words
    first = build(formula, held, family, priors, **building, totals=totals)
    _check_qr(first)
    try:
        collapsed = first.collapsed()
    except HiermodelError as error:
        raise DataError(f"{_too_many(source, read, seen, key)} ({error})") from None
    if collapsed.others:
        raise DataError(
            f"the effects of {collapsed.others[0].name!r} stay among the parameters beside those "
            f"of {collapsed.name!r}, and need cells. {_too_many(source, read, seen, key)}"
        )
    chunks = source.chunks(_columns_sql(source, needed, held, seen))
    statistics, rows, shift, offset = stream(collapsed, chunks)
    main = collapsed.predictor
    if main.population.centred and not main.population.is_empty:
        moved = shift[1:]
        totals.means[main.name] = (main.population.means + moved).tolist()
        statistics = recentred(collapsed, statistics, moved)
    totals.offsets[main.name] = offset
    model = build(formula, held, family, priors, **building, totals=replace(totals, nobs=rows))
    collapsed = model.collapsed()
    return _Made(
        _plan(model, held, given), collapsed, collapsed.bound(statistics), totals, held,
        f"{rows} rows of {source.name} in chunks",
    )


def _plan(model: Model, held: pd.DataFrame, given: Mapping[str, Any]) -> Plan:
    settings = dict(given)
    settings.pop("prior_only", None)
    engine, algorithm = settings.pop("engine", None), settings.pop("algorithm", "nuts")
    return plan(model, held, None, engine, algorithm=algorithm, prior_only=None, **settings)


def _check_qr(model: Model) -> None:
    for predictor in model.predictors:
        population = getattr(predictor, "population", None)
        if population is not None and population.qr:
            raise DataError(
                "decomp = 'QR' is learned from all rows, which are not in memory: leave it out"
            )


def _held(
    source: Source, read: Reading, needed: NeededColumns, seen: Survey
) -> pd.DataFrame:
    """Some rows, with every level of each factor."""
    texts = [(c,) for c in needed.names if not source.is_number(c)]
    groups = (*texts, *read.groups)
    return representatives(
        source, needed.names, groups, seen.complete, HELD_ROWS, seen.rows
    )


def _drawn(
    frame: pd.DataFrame, times: np.ndarray, groups: tuple[tuple[str, ...], ...]
) -> pd.DataFrame:
    """Rows drawn from counted ones, with each value of some columns."""
    rng = np.random.default_rng(1)
    at = list(rng.choice(len(frame), HELD_ROWS, p=times / times.sum()))
    for names in groups:
        if names:
            at += list(frame.drop_duplicates(subset=list(names)).index)
    return frame.iloc[np.sort(at)].reset_index(drop=True)


def _columns_sql(source: Source, needed: NeededColumns, held: pd.DataFrame, seen: Survey) -> str:
    """The rows with text as numbers of its levels, which is many times faster to read."""
    shown = []
    for name in needed.names:
        text = source.read(name)
        if source.is_text(name):
            levels = sorted({str(v) for v in held[name].dropna()})
            listed = ", ".join(map(literal, levels))
            text = f"CAST({quoted(name)} AS ENUM({listed}))"
        shown.append(f"{text} AS {quoted(name)}")
    return f"SELECT {', '.join(shown)} FROM rows WHERE {seen.complete}"



