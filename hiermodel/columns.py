"""Design matrices as R's ``model.matrix`` makes them, and the integer codes of grouping factors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, FormulaError, did_you_mean
from hiermodel.expressions import FactorValue, LearnedExpression, learn_value
from hiermodel.formula import deparse
from hiermodel.formula.syntax import Interaction
from hiermodel.formula.syntax import names as node_names
from hiermodel.frozen import FrozenMap
from hiermodel.schema import Schema, level_table

Array = np.ndarray

# Characters that a coefficient's name loses, and what stands for the others.
_CLEAN = str.maketrans(
    {
        **dict.fromkeys(" ()[],\"'?;"),
        "+": "P",
        "-": "M",
        "*": "MU",
        "/": "D",
        "^": "E",
        "=": "EQ",
        "$": "USD",
    }
)


def clean(name: str) -> str:
    """The name of a coefficient: what Stan tools cannot take is removed or spelled out.

    Examples
    --------
    >>> clean("poly(x, 2)1"), clean("I(x^2)"), clean("a:b")
    ('polyx21', 'IxE2', 'a:b')
    """
    return name.replace("(Intercept)", "Intercept").translate(_CLEAN)


@dataclass(frozen=True, eq=False, slots=True)
class _Part:
    """One factor of an interaction: its columns in the design.

    `coding` is levels x columns for a factor, None for numbers; `labels` name the columns.
    """

    key: str
    coding: Array | None
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class DesignSpec:
    """The columns of a design, learned from the training data.

    Attributes
    ----------
    terms : tuple of Interaction
    intercept : bool
        Whether the first column is the intercept.
    expressions : mapping
        Every factor of the terms by its text.
    names : tuple of str
        Names of the columns, cleaned; ``Intercept`` first where there is one.
    assign : tuple of int
        The position of the term of each column; -1 for the intercept.
    """

    terms: tuple[Interaction, ...]
    intercept: bool
    expressions: Mapping[str, LearnedExpression]
    names: tuple[str, ...]
    assign: tuple[int, ...]
    parts: tuple[tuple[_Part, ...], ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns of the data that the design reads."""
        found = (v for t in self.terms for f in t.factors for v in node_names(f))
        return tuple(dict.fromkeys(found))

    @classmethod
    def learn(
        cls,
        terms: Sequence[Interaction],
        intercept: bool,
        frame: pd.DataFrame,
        schema: Schema,
        *,
        cmc: bool = True,
        source: str = "",
    ) -> DesignSpec:
        """Decide the coding of every factor and name the columns.

        Parameters
        ----------
        terms : sequence of Interaction
            In R's order: by degree, then by appearance.
        intercept : bool
        frame : DataFrame
            The training data.
        schema : Schema
        cmc : bool
            Without an intercept, give the first factor a column per level (cell means). When
            False the factors are coded as beside an intercept, which is then left out.
        source : str
            The formula, for messages.

        Raises
        ------
        FormulaError
            For expressions without meaning, and when two columns get the same name.
        DataError
            For a factor with a single level.

        Examples
        --------
        >>> from hiermodel.formula import expand, parse_formula
        >>> frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "g": ["a", "b", "a"]})
        >>> terms = expand(parse_formula("~ x * g")).terms
        >>> DesignSpec.learn(terms, True, frame, Schema.learn(frame, ["x", "g"])).names
        ('Intercept', 'x', 'gb', 'x:gb')
        """
        expressions: dict[str, LearnedExpression] = {}
        values: dict[str, Any] = {}
        keys = [tuple(deparse(factor) for factor in term.factors) for term in terms]
        nodes = {deparse(factor): factor for term in terms for factor in term.factors}
        for key, factor in nodes.items():
            learned, value = learn_value(factor, frame, schema, source)
            _check_levels(key, value)
            # One row tells the kind: the values themselves are not kept.
            expressions[key], values[key] = learned, _first_row(value)
        factors = {key for key, value in values.items() if isinstance(value, FactorValue)}
        full = _full_codings(keys, factors, intercept or not cmc)
        parts = tuple(
            tuple(
                _part(key, values[key], expressions[key].suffixes, (t, k) in full)
                for k, key in enumerate(row)
            )
            for t, row in enumerate(keys)
        )
        raw = ["(Intercept)"] if intercept else []
        assign = [-1] if intercept else []
        for position, row_parts in enumerate(parts):
            labels = [":".join(labels) for labels in _combinations([p.labels for p in row_parts])]
            raw += labels
            assign += [position] * len(labels)
        names = _unique_names(raw, terms, assign, source)
        frozen = FrozenMap(expressions)
        return cls(tuple(terms), intercept, frozen, names, tuple(assign), parts)

    def matrix(self, frame: pd.DataFrame, missing: str = "raise") -> Array:
        """The design of any rows.

        Parameters
        ----------
        frame : DataFrame
        missing : {"raise", "pass"}
            With "pass" a missing number gives NaN and a missing level zeros.

        Returns
        -------
        array (N, columns)
            In column order in memory.

        Raises
        ------
        DataError
            For unseen levels, text instead of numbers, missing values.
        """
        n = len(frame)
        out = np.empty((n, len(self.names)), order="F")
        position = 0
        if self.intercept:
            out[:, 0] = 1.0
            position = 1
        values: dict[str, Any] = {}
        for row in self.parts:
            for part in row:
                if part.key not in values:
                    values[part.key] = self.expressions[part.key].value(frame, missing)
            position = _fill(out, position, row, values)
        return out


def _check_levels(key: str, value: Any) -> None:
    if isinstance(value, FactorValue) and len(value.levels) < 2:
        only = f"only the level {value.levels[0]!r}" if value.levels else "no level"
        raise DataError(
            f"{key} is a factor with {only}: contrasts need at least two levels; "
            "leave it out of the formula"
        )


def _first_row(value: Any) -> Any:
    if isinstance(value, FactorValue):
        return FactorValue(value.codes[:1], value.levels, value.ordered, value.contrast)
    return value[:1].copy() if np.ndim(value) else value


def _full_codings(
    keys: Sequence[tuple[str, ...]], factors: set[str], intercept: bool
) -> set[tuple[int, int]]:
    """Which factors, as (term, position), have a column per level instead of contrasts.

    The rule of R's ``terms.formula`` (White Book, section 2.3.2, as implemented): contrasts when
    the rest of the term is contained in an earlier term, or is empty. Without an intercept the
    first factor of all has a column per level.
    """
    full: set[tuple[int, int]] = set()
    sets = [frozenset(row) for row in keys]
    for t, row in enumerate(keys):
        for k, key in enumerate(row):
            rest = sets[t] - {key}
            if key in factors and rest and not any(rest <= earlier for earlier in sets[:t]):
                full.add((t, k))
    if not intercept:
        found = ((t, k) for t, row in enumerate(keys) for k, v in enumerate(row) if v in factors)
        full |= set(list(found)[:1])
    return full


def _part(key: str, value: Any, suffixes: tuple[str, ...] | None, full: bool) -> _Part:
    if isinstance(value, FactorValue):
        if full:
            return _Part(key, np.eye(len(value.levels)), tuple(key + v for v in value.levels))
        labels = tuple(key + v for v in value.contrast.names)
        return _Part(key, value.contrast.matrix, labels)
    if np.ndim(value) < 2:
        return _Part(key, None, (key,))
    if suffixes is not None and np.shape(value)[1] > 1:
        return _Part(key, None, tuple(key + v for v in suffixes))
    return _Part(key, None, (key + (suffixes[0] if suffixes else ""),))


def _combinations(choices: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """All combinations, the first choice varying fastest."""
    if not choices:
        yield ()
        return
    for tail in _combinations(choices[1:]):
        for head in choices[0]:
            yield (head, *tail)


def _unique_names(
    raw: Sequence[str], terms: Sequence[Interaction], assign: Sequence[int], source: str
) -> tuple[str, ...]:
    seen: dict[str, str] = {}
    for label, term in zip(raw, assign, strict=True):
        name = clean(label)
        if name in seen:
            span = terms[term].span if term >= 0 else None
            raise FormulaError(
                f"the columns {seen[name]!r} and {label!r} of the design would both be called "
                f"{name!r}; rename a variable or a level",
                source or None,
                span,
            )
        seen[name] = label
    return tuple(seen)


def _fill(
    out: Array, position: int, row: tuple[_Part, ...], values: Mapping[str, Any]
) -> int:
    """Write the columns of one term, each straight into its place."""
    for picks in _combinations([range(len(part.labels)) for part in row]):
        column = out[:, position]
        for k, (part, pick) in enumerate(zip(row, picks, strict=True)):
            value = values[part.key]
            if part.coding is None:
                numbers = value if np.ndim(value) < 2 else value[:, pick]
                if k == 0:
                    column[:] = numbers
                else:
                    column *= numbers
                continue
            # Code -1 (missing) reads the zero at the end.
            table = np.append(part.coding[:, pick], 0.0)
            if k == 0:
                np.take(table, value.codes, out=column, mode="wrap")
            else:
                column *= table[value.codes]
        position += 1
    return position


def group_codes(
    frame: pd.DataFrame, names: Sequence[str], levels: Sequence[str] | None = None
) -> tuple[Array, tuple[str, ...]]:
    """Level of a grouping factor in each row.

    Parameters
    ----------
    frame : DataFrame
    names : sequence of str
        Several for ``g1:g2``, whose levels are ``a_1``.
    levels : sequence of str, optional
        Known levels; by default those in use: in the order of a categorical, sorted otherwise,
        by label for ``g1:g2``.

    Returns
    -------
    codes : array of int (N,)
        From 0; -1 where a level is missing or not among `levels`.
    levels : tuple of str

    Examples
    --------
    >>> frame = pd.DataFrame({"a": ["x", "y", "x"], "b": [2.0, 1.0, 1.0]})
    >>> codes, levels = group_codes(frame, ["a", "b"])
    >>> codes.tolist(), levels
    ([1, 2, 0], ('x_1', 'x_2', 'y_1'))
    """
    for name in names:
        if name not in frame.columns:
            raise DataError(
                f"the data lack the grouping column {name!r}"
                f"{did_you_mean(name, map(str, frame.columns))}"
            )
    codes, labels = _combined(frame, names)
    if levels is not None:
        known = tuple(levels)
        position = {label: k for k, label in enumerate(known)}
        table = np.array([*(position.get(v, -1) for v in labels), -1], dtype=np.int64)
        return table[codes], known
    order = range(len(labels))
    if len(names) > 1:
        order = sorted(order, key=lambda k: labels[k])  # type: ignore[assignment]
    return _renumbered(codes, labels, order)


def _renumbered(
    codes: Array, labels: tuple[str, ...], order: Sequence[int]
) -> tuple[Array, tuple[str, ...]]:
    """Levels in use, in an order; equal labels are one level."""
    used = np.bincount(codes[codes >= 0], minlength=len(labels)) > 0
    kept = dict.fromkeys(labels[k] for k in order if used[k])
    position = {label: k for k, label in enumerate(kept)}
    table = np.array([*(position.get(v, -1) for v in labels), -1], dtype=np.int64)
    return table[codes], tuple(kept)


def _combined(frame: pd.DataFrame, names: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """Codes and labels of one factor, or of the combinations that occur."""
    codes, labels = level_table(frame[names[0]])
    for name in names[1:]:
        more, extra = level_table(frame[name])
        missing = (codes < 0) | (more < 0)
        joint = np.where(missing, -1, codes * len(extra) + more)
        found, seen = pd.factorize(joint)
        labels = tuple(
            f"{labels[v // len(extra)]}_{extra[v % len(extra)]}" if v >= 0 else ""
            for v in seen.tolist()
        )
        codes = np.where(missing, -1, found)
        _check_distinct(labels, names)
    return codes, labels


def _check_distinct(labels: tuple[str, ...], names: Sequence[str]) -> None:
    """Refuse combinations that read the same: ``a_b`` with ``c``, and ``a`` with ``b_c``."""
    if len(set(labels)) == len(labels):
        return
    twice = next(label for k, label in enumerate(labels) if label in labels[:k])
    raise DataError(
        f"two different combinations of {' and '.join(map(repr, names))} would both be the level "
        f"{twice!r}; rename levels so that they differ"
    )
