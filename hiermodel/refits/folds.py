"""Which rows are left out together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.columns import clean
from hiermodel.errors import ArgumentError, DataError, HiermodelError, did_you_mean
from hiermodel.refits.categories import ends_of_steps
from hiermodel.terms.car import CarTerm
from hiermodel.terms.group_view import GroupView
from hiermodel.terms.latent_residuals import LatentResiduals
from hiermodel.terms.special_effects import SpecialEffectsTerm

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

KINDS = ("stratified", "grouped", "loo")


def choose_folds(
    fit: Fit, k: int, folds: Any, group: Any, rng: np.random.Generator
) -> np.ndarray:
    """The fold of each row, numbered from 1.

    Parameters
    ----------
    fit : Fit
    k : int
        Number of folds, where it is free.
    folds : None, {"stratified", "grouped", "loo"} or sequence of int
        None is random, or with `group` one fold per group; a sequence gives the folds themselves.
    group : str or sequence, optional
        A column of the model, or a label per row.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int (N,)

    Raises
    ------
    ArgumentError
        For folds that cannot be, a missing group, or more folds than there is to divide.

    Examples
    --------
    >>> choose_folds(fit, 10, None, "subject", rng)  # doctest: +SKIP
    """
    n = len(fit.frame)
    if folds is not None and not isinstance(folds, str):
        if group is not None:
            raise ArgumentError("group has no meaning when folds gives the fold of each row")
        return _given(folds, n)
    if folds is not None and folds not in KINDS:
        raise ArgumentError(
            f"folds must be None, {', '.join(map(repr, KINDS))} or a fold number per row, not "
            f"{folds!r}{did_you_mean(folds, KINDS)}"
        )
    if folds == "loo":
        if group is not None:
            raise ArgumentError("group has no meaning with folds='loo'")
        return np.arange(1, n + 1)
    labels = None if group is None else group_of_rows(fit, group)
    if folds is None and labels is not None:
        # Each group is a fold.
        if labels.max() < 1:
            raise ArgumentError("group has one level only: nothing would be left to fit")
        return labels + 1
    if folds is not None and labels is None:
        raise ArgumentError(f"folds={folds!r} needs group=, the column that says which rows belong "
                            "together, such as group='subject'")
    units = n if folds != "grouped" or labels is None else int(labels.max()) + 1
    k = _number_of_folds(k, units, "groups" if folds == "grouped" else "rows")
    dealt = np.arange(units) % k + 1
    if folds == "grouped" and labels is not None:
        return rng.permutation(dealt)[labels]
    order = rng.permutation(n)
    if labels is not None:
        # Rows of a group stand together, shuffled; dealt in turn they go to all folds alike.
        order = order[np.argsort(labels[order], kind="stable")]
    out = np.empty(n, dtype=np.int64)
    out[order] = dealt
    return out


def group_of_rows(fit: Fit, group: Any) -> np.ndarray:
    """Number of the group of each row, from 0."""
    n = len(fit.frame)
    if isinstance(group, str):
        known = [str(c) for c in fit.frame.columns]
        if group not in known:
            raise ArgumentError(
                f"the model has no column {group!r}{did_you_mean(group, known)}; its columns are "
                f"{', '.join(known)}. Give other groups as a label for each of its {n} rows"
            )
        values = fit.frame[group]
    else:
        values = pd.Series(np.asarray(group).ravel())
        if len(values) != n:
            raise ArgumentError(f"group has {len(values)} labels, the model {n} rows")
    codes = pd.factorize(values, sort=True)[0]
    if (codes < 0).any():
        raise ArgumentError(f"group is missing in row {int(np.flatnonzero(codes < 0)[0]) + 1}")
    return np.asarray(codes)


def check_series(fit: Fit, folds: np.ndarray, what: str) -> None:
    """Refuse folds that part rows which depend on each other.

    Raises
    ------
    HiermodelError
        For terms that need all rows, and for a series with rows in several folds.
    """
    for part in fit.model.parts:
        if part.by_number and part.autocor is None:
            raise HiermodelError(
                f"{what} leaves out rows, and {part.by_number} has a place for each row, by their "
                "number; name the places with gr ="
            )
        terms = [] if part.autocor is None else list(part.autocor.parts)
        terms += part.latent_residuals
        for term in terms:
            if getattr(term, "needs_all_rows", False):
                raise HiermodelError(
                    f"{what} leaves out rows, and {term.text} has one matrix for all of them; "
                    "loo() gives each row from the others without leaving any out"
                )
            structure = getattr(term, "structure", term)
            rows = structure.series.rows(fit.frame)
            numbers = np.split(folds[rows.order], rows.starts[1:])
            if any(len(set(one.tolist())) > 1 for one in numbers):
                group = structure.series.group_name
                advice = (
                    f"kfold(group={group!r}) leaves out whole series" if group and ":" not in group
                    else "give folds= that keep series whole" if group
                    else "there is only one series"
                )
                raise HiermodelError(
                    f"{what} would part rows of a series that {term.text} makes depend on each "
                    f"other; {advice}, and loo() leaves out single rows"
                )


def check_levels(fit: Fit, folds: np.ndarray) -> None:
    """Refuse folds without which the model cannot be fitted.

    A level of a factor without rows has coefficients that only a prior can tell; without one the
    posterior would be improper. Categories of the response must be seen at all.

    Raises
    ------
    DataError
        Naming the fold, the column and the level.
    """
    improper = [name for name in fit.model.resolved_priors.improper if name.startswith("b")]
    read = {
        name
        for part in fit.model.parts for predictor in part.predictors for term in predictor.terms
        for name in _with_coefficients(term)
    }
    for name, column in fit.model.schema.columns.items():
        factor = column.kind != "numeric" and name in read
        if not factor or not any(clean(name) in one for one in improper):
            continue
        for fold, level in _only_in_one(fit.frame[name], folds):
            raise DataError(
                f"all rows with {name} = {_shown(level)} are in fold {fold}: without them its "
                "coefficients have neither data nor a proper prior. Spread its rows with "
                f"folds='stratified', group={name!r}, or give the coefficients a prior"
            )
    for text, steps in ends_of_steps(fit.model, fit.frame).items():
        for fold, code in _only_in_one(pd.Series(steps), folds):
            if code in (0, steps.max()):
                row = int(np.flatnonzero(steps == code)[0]) + 1
                raise DataError(
                    f"all rows with the {'lowest' if code == 0 else 'highest'} category of {text} "
                    f"are in fold {fold} (row {row} is one): without them the model does not know "
                    "it. Make its column an ordered factor, or spread these rows with folds="
                )
    for part in fit.model.parts:
        if part.family.response not in ("ordinal", "nominal"):
            continue
        codes = pd.Series(part.response.coded(fit.frame))
        for fold, code in _only_in_one(codes, folds):
            first = part.family.first_category if part.family.response == "ordinal" else 1
            labels = part.response.categories
            at = int(code) - first
            label = labels[at] if 0 <= at < len(labels) else str(code)
            raise DataError(
                f"all rows with {part.response.name} = {label!r} are in fold {fold}: without them "
                "the model does not know this category. Spread its rows with "
                f"folds='stratified', group={part.response.name!r}"
            )


def _with_coefficients(term: Any) -> tuple[str, ...]:
    """Columns of a term whose levels have coefficients of their own.

    Levels of a grouping factor, places and steps of ``mo()`` have a distribution.
    """
    if isinstance(term, (GroupView, CarTerm, LatentResiduals)):
        return ()
    if isinstance(term, SpecialEffectsTerm):
        return tuple(name for name in term.design.variables if name not in term.calls)
    return tuple(term.columns_needed)


def _shown(level: Any) -> str:
    return repr(level.item() if isinstance(level, np.generic) else level)


def _only_in_one(column: pd.Series, folds: np.ndarray) -> Iterator[tuple[int, Any]]:
    codes, levels = pd.factorize(column)
    table = pd.DataFrame({"code": codes, "fold": folds})
    found = table[table["code"] >= 0].groupby("code")["fold"].agg(["min", "max"])
    # Fold 0 is of rows that are never left out.
    alone = found[(found["min"] == found["max"]) & (found["min"] > 0)]
    for code, row in alone.iterrows():
        yield int(row["min"]), levels[code]


def _given(folds: Any, n: int) -> np.ndarray:
    values = np.asarray(folds).ravel()
    if len(values) != n:
        raise ArgumentError(f"folds has {len(values)} numbers, the model has {n} rows")
    try:
        codes = values.astype(np.int64)
        whole = bool((codes == values.astype(float)).all())
    except (TypeError, ValueError):
        whole = False
    if not whole or values.dtype == bool:
        raise ArgumentError("folds must be 'stratified', 'grouped', 'loo' or a whole number per "
                            "row; groups by name are group=")
    numbers = np.unique(codes)
    if len(numbers) < 2:
        raise ArgumentError("folds must name at least two folds")
    if not np.array_equal(numbers, np.arange(1, len(numbers) + 1)):
        raise ArgumentError(
            f"folds must be numbered 1, 2, ... without gaps, not {', '.join(map(str, numbers[:8]))}"
        )
    return codes


def _number_of_folds(k: Any, units: int, what: str) -> int:
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 2 <= k <= units:
        raise ArgumentError(
            f"K must be a whole number from 2 to {units}, the number of {what}, not {k!r}"
        )
    return int(k)
