"""What the columns of the training data are: numbers, factors, their levels and contrasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.contrasts import Contrast, make_contrast
from hiermodel.errors import DataError, FormulaError, did_you_mean
from hiermodel.formula.syntax import Name, Node, names, walk
from hiermodel.frozen import FrozenMap

Array = np.ndarray

BOOLEAN_LEVELS = ("FALSE", "TRUE")


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """One column of the training data.

    Attributes
    ----------
    name : str
    kind : {"numeric", "factor", "ordered"}
    levels : tuple of str
        Of factors, in their order.
    contrast : Contrast, optional
    boolean : bool
        A factor FALSE/TRUE that may be used as the numbers 0 and 1.
    text : bool
        A factor that is text in the data.
    """

    name: str
    kind: str
    levels: tuple[str, ...] = ()
    contrast: Contrast | None = None
    boolean: bool = False
    text: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Schema:
    """The columns that a model uses, learned from its training data."""

    columns: Mapping[str, Column]
    drop_unused_levels: bool = True

    @classmethod
    def learn(
        cls,
        frame: pd.DataFrame,
        variables: Sequence[str],
        contrasts: Mapping[str, Any] | None = None,
        drop_unused_levels: bool = True,
    ) -> Schema:
        """Look at the columns once.

        Text becomes a factor with sorted levels; a categorical keeps the order of its
        categories; an ordered one gets polynomial contrasts; booleans are factors FALSE/TRUE.

        Parameters
        ----------
        frame : DataFrame
            The training data, without missing values in what must be complete.
        variables : sequence of str
            Columns to look at.
        contrasts : mapping, optional
            Column -> ``"treatment"``, ``"sum"``, ``"helmert"``, ``"poly"``, ``"sas"`` or a
            matrix (levels x columns).
        drop_unused_levels : bool
            Forget the levels that no row has.

        Raises
        ------
        DataError
            For columns that are neither numbers nor factors, and for wrong contrasts.

        Examples
        --------
        >>> frame = pd.DataFrame({"dose": ["low", "high", "low"], "x": [1, 2, 3]})
        >>> Schema.learn(frame, ["dose", "x"]).columns["dose"].levels
        ('high', 'low')
        """
        if contrasts is not None and not isinstance(contrasts, Mapping):
            raise DataError(
                "contrasts are given by column, such as contrasts={'f': 'sum'}, not "
                f"{contrasts!r}"
            )
        given = dict(contrasts or {})
        for name in given:
            if name not in frame.columns:
                raise DataError(
                    f"contrasts are given for {name!r}, which is no column of the data"
                    f"{did_you_mean(str(name), map(str, frame.columns))}"
                )
        columns = {
            name: _learn_column(name, frame[name], given.get(name), drop_unused_levels)
            for name in dict.fromkeys(variables)
            if name in frame.columns
        }
        return cls(FrozenMap(columns), drop_unused_levels)


def _learn_column(name: str, column: pd.Series, spec: Any, drop_unused: bool) -> Column:
    kind = column_kind(name, column)
    if kind == "numeric":
        if spec is not None:
            raise DataError(
                f"contrasts are given for {name!r}, which is numeric; make it a factor first, "
                f"for example with data[{name!r}].astype('category')"
            )
        return Column(name, "numeric")
    full = level_table(column)[1] if kind == "categorical" else ()
    ordered = kind == "categorical" and bool(column.cat.ordered)
    if kind == "boolean":
        levels: tuple[str, ...] = BOOLEAN_LEVELS
    elif kind == "categorical":
        levels = used_levels(column) if drop_unused else tuple(full)
    else:
        levels = tuple(sorted(level_table(column)[1]))
    if len(set(levels)) < len(levels):
        twice = next(v for k, v in enumerate(levels) if v in levels[:k])
        raise DataError(f"column {name!r} has two categories that are both written {twice!r}")
    default = "poly" if ordered else "treatment"
    contrast = make_contrast(name, default if spec is None else spec, levels, full)
    return Column(
        name, "ordered" if ordered else "factor", levels, contrast, kind == "boolean",
        kind == "text",
    )


def used_levels(column: pd.Series) -> tuple[str, ...]:
    """Labels of the categories that some row has, in their order."""
    codes, labels = level_table(column)
    present = np.bincount(codes[codes >= 0], minlength=len(labels)) > 0
    return tuple(label for label, used in zip(labels, present, strict=True) if used)


def column_kind(name: str, column: pd.Series) -> str:
    """What a column holds: ``numeric``, ``boolean``, ``categorical`` or ``text``.

    Raises
    ------
    DataError
        For dates, complex numbers, lists and whatever else is no variable of a model.
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "categorical"
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_complex_dtype(dtype):
        raise DataError(f"column {name!r} holds complex numbers")
    if pd.api.types.is_numeric_dtype(dtype):
        return "numeric"
    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        raise DataError(
            f"column {name!r} holds dates or times; turn it into numbers (such as days since "
            "the start) or into a factor first"
        )
    return _object_kind(name, column)


def _object_kind(name: str, column: pd.Series) -> str:
    found = pd.api.types.infer_dtype(column, skipna=True)
    if found in ("string", "empty"):
        return "text"
    if found == "boolean":
        return "boolean"
    if found in ("integer", "floating", "mixed-integer-float", "decimal"):
        return "numeric"
    if found in ("date", "datetime", "datetime64", "time", "timedelta", "timedelta64", "period"):
        raise DataError(
            f"column {name!r} holds dates or times; turn it into numbers (such as days since "
            "the start) or into a factor first"
        )
    raise DataError(
        f"column {name!r} holds {found} values; a variable of a model must be numbers, text, "
        "booleans or a categorical"
    )


def level_label(value: Any) -> str:
    """The label of a level as R writes it: numbers by up to 15 digits, TRUE and FALSE.

    Examples
    --------
    >>> level_label(4.0), level_label(np.True_), level_label("a")
    ('4', 'TRUE', 'a')
    """
    if isinstance(value, (bool, np.bool_)):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (float, np.floating)):
        return f"{float(value) + 0.0:.15g}"
    return str(value)


def level_table(column: pd.Series | Array) -> tuple[Array, tuple[str, ...]]:
    """Integer codes of a column and what they stand for.

    Returns
    -------
    codes : array of int (N,)
        From 0; -1 where missing.
    labels : tuple of str
        Categories in their order (with unused ones), other values sorted.
    """
    if isinstance(column, pd.Series) and isinstance(column.dtype, pd.CategoricalDtype):
        categories = column.cat.categories
        return column.cat.codes.to_numpy(dtype=np.int64), tuple(map(level_label, categories))
    codes, values = pd.factorize(column, use_na_sentinel=True)
    plain = values.tolist()
    order = _sorted_positions(plain)
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    return rank[codes], tuple(level_label(plain[k]) for k in order)


def _sorted_positions(values: list[Any]) -> list[int]:
    """Numbers by size, everything else as text by code points."""
    if not all(isinstance(v, (int, float)) for v in values):
        values = [str(v) for v in values]
    return sorted(range(len(values)), key=values.__getitem__)


def check_columns(
    nodes: Iterable[Node], frame: pd.DataFrame, source: str, otherwise: str = ""
) -> None:
    """Check that every variable of some expressions is a column of the data.

    `otherwise` says in the message what else it might have been.

    Raises
    ------
    FormulaError
        With a caret under the first that is not, and the nearest column.
    """
    known = {str(c) for c in frame.columns}
    for node in nodes:
        variables = set(names(node)) - known
        if not variables:
            continue
        for part in walk(node):
            if isinstance(part, Name) and part.value in variables and part.value != "Intercept":
                raise FormulaError(
                    f"column {part.value!r} is not in the data"
                    f"{did_you_mean(part.value, known)}{otherwise.format(part.value)}",
                    source,
                    part.span,
                )
