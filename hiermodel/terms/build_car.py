"""From ``car(M, gr = g)`` in a formula to the effects of the locations of a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.columns import group_codes
from hiermodel.errors import DataError, FormulaError, did_you_mean, warn
from hiermodel.formula.arguments import literal, match_arguments
from hiermodel.formula.syntax import Binary, Constant, Name, Node, SpecialTerm
from hiermodel.schema import level_table
from hiermodel.terms.base import Array, Scope
from hiermodel.terms.car import TYPES, CarTerm, Neighbours
from hiermodel.terms.known_matrices import square_matrix

_ARGUMENTS = ("M", "gr", "type")


def car_columns(special: SpecialTerm) -> list[Node]:
    """Names of the columns that say where a row is."""
    found = _arguments(special)
    return list(_members(special, found.get("gr")))


def build_car(
    specials: Sequence[SpecialTerm], scope: Scope, frame: pd.DataFrame, data2: Mapping[str, Any],
    drop_unused_levels: bool = True,
) -> CarTerm:
    """The term of the spatial effects of a linear predictor.

    Parameters
    ----------
    specials : sequence of SpecialTerm
        There can be one only.
    scope : Scope
    frame : DataFrame
        The training rows of the response.
    data2 : mapping
        Adjacency matrices by name.
    drop_unused_levels : bool
        Whether levels of a categorical column without rows are no locations of the map. Those that
        stay have effects, of which their neighbours tell.

    Raises
    ------
    FormulaError, DataError
        For wrong arguments, and maps that are none.
    """
    special = specials[0]
    if len(specials) > 1:
        raise FormulaError(
            f"a linear predictor has one term in space, and {specials[1].text} stands beside "
            f"{special.text}", special.text,
        )
    found = _arguments(special)
    kind = literal(found.get("type"), "escar", special.text, "type of car()")
    if kind not in TYPES:
        raise FormulaError(
            f"type of car() is one of {', '.join(TYPES)}, not {kind!r}"
            f"{did_you_mean(str(kind), TYPES)}", special.text,
        )
    members = tuple(node.value for node in _members(special, found.get("gr")))
    name, matrix, labels = _matrix(special, found.get("M"), data2)
    if members:
        locations = _locations(frame, members, drop_unused_levels)
        matrix = _of_locations(name, matrix, labels, locations, ":".join(members))
    else:
        locations = tuple(str(k + 1) for k in range(len(frame)))
        if len(matrix) != len(frame):
            raise DataError(
                f"data2[{name!r}] is {len(matrix)} x {len(matrix)}, and there are {len(frame)} "
                f"rows: without gr = each row is a location of {special.text}, in the order of the "
                "matrix. Name the locations with gr ="
            )
    neighbours = _neighbours(name, matrix, locations)
    _check_map(special, str(kind), neighbours, locations)
    return CarTerm(scope, special.text, str(kind), members, locations, neighbours)


def _locations(
    frame: pd.DataFrame, members: tuple[str, ...], drop_unused_levels: bool
) -> tuple[str, ...]:
    used = group_codes(frame, members)[1]
    column = frame[members[0]]
    if drop_unused_levels or len(members) > 1 or not isinstance(column.dtype, pd.CategoricalDtype):
        return used
    every = level_table(column)[1]
    return used if len(every) == len(used) else tuple(every)


def _arguments(special: SpecialTerm) -> dict[str, Node]:
    if len(special.calls) > 1 or special.factors:
        raise FormulaError(
            f"{special.text}: car() has one effect for each location and cannot be multiplied; "
            "add it with '+'", special.text,
        )
    found = match_arguments(special.calls[0], _ARGUMENTS, special.text)
    if "M" not in found:
        raise FormulaError(
            "car() takes the name of an adjacency matrix in data2: car(M, gr = location)",
            special.text,
        )
    return found


def _members(special: SpecialTerm, node: Node | None) -> tuple[Name, ...]:
    """The columns of ``gr = g`` or ``gr = g1:g2``."""
    match node:
        case None | Constant(value=None):
            return ()
        case Name():
            return (node,)
        case Binary(op=":", left=left, right=right):
            return (*_members(special, left), *_members(special, right))
    raise FormulaError(
        "gr of car() names the column with the locations: gr = g, or gr = g1:g2", special.text
    )


def _matrix(
    special: SpecialTerm, node: Node | None, data2: Mapping[str, Any]
) -> tuple[str, Array, tuple[str, ...] | None]:
    """The adjacency matrix, and the labels of its rows where it has some."""
    if not isinstance(node, Name):
        raise FormulaError(
            "car() takes the name of an adjacency matrix in data2: car(M, gr = location)",
            special.text,
        )
    name = node.value
    if name not in data2:
        raise FormulaError(
            f"{special.text}: there is no {name!r} in data2{did_you_mean(name, data2)}; pass it as "
            f"data2={{{name!r}: DataFrame with the locations as index and columns}}", special.text,
        )
    given, labels = data2[name], None
    if isinstance(given, pd.DataFrame):
        labels = tuple(map(str, given.index))
        columns = tuple(map(str, given.columns))
        twice = given.index[given.index.duplicated()]
        if len(twice):
            raise DataError(f"the index of data2[{name!r}] has the label {twice[0]!r} twice")
        if set(columns) == set(labels):
            order = [columns.index(label) for label in labels]
            given = given.to_numpy()[:, order]
        elif columns != tuple(map(str, range(len(columns)))):
            other = next((c for c in columns if c not in labels), None)
            raise DataError(
                f"data2[{name!r}] has different locations as index and columns"
                + (f": {other!r} is in the columns only" if other is not None else "")
            )
    return name, square_matrix("car", name, given), labels


def _of_locations(
    name: str, matrix: Array, labels: tuple[str, ...] | None, locations: tuple[str, ...], gr: str
) -> Array:
    """The part of the matrix that the data have, in their order of locations."""
    if labels is None:
        raise DataError(
            f"data2[{name!r}] has no names, so that its rows cannot be matched with the locations "
            f"of {gr!r}; pass a DataFrame with them as index and columns"
        )
    at = {label: k for k, label in enumerate(labels)}
    lacking = [label for label in locations if label not in at]
    if lacking:
        raise DataError(
            f"data2[{name!r}] lacks the location {lacking[0]!r} of {gr!r}"
            f"{did_you_mean(lacking[0], labels)}"
            + (f", and {len(lacking) - 1} more" if len(lacking) > 1 else "")
        )
    unused = [label for label in labels if label not in set(locations)]
    if unused:
        listed = ", ".join(repr(label) for label in unused[:3])
        more = f" and {len(unused) - 3} more" if len(unused) > 3 else ""
        warn(
            f"locations of data2[{name!r}] without rows in the data are left out of the map: "
            f"{listed}{more}. To keep them, and predict there, make {gr!r} a categorical column "
            "with all locations and say drop_unused_levels=False"
        )
    order = [at[label] for label in locations]
    return matrix[np.ix_(order, order)]


def _neighbours(name: str, matrix: Array, locations: tuple[str, ...]) -> Neighbours:
    if not np.isfinite(matrix).all():
        row, column = (locations[k] for k in np.argwhere(~np.isfinite(matrix))[0])
        raise DataError(
            f"data2[{name!r}] has a missing or infinite value between {row!r} and {column!r}"
        )
    if not np.array_equal(matrix, matrix.T):
        row, column = (locations[k] for k in np.argwhere(matrix != matrix.T)[0])
        raise DataError(
            f"data2[{name!r}] is not symmetric between {row!r} and {column!r}: neighbours "
            "neighbour each other"
        )
    if np.diag(matrix).any():
        own = locations[int(np.flatnonzero(np.diag(matrix))[0])]
        raise DataError(
            f"data2[{name!r}] has {own!r} as its own neighbour: the diagonal must be 0"
        )
    if not np.isin(matrix, (0.0, 1.0)).all():
        row, column = (locations[k] for k in np.argwhere(~np.isin(matrix, (0.0, 1.0)))[0])
        if (matrix < 0).any():
            raise DataError(f"data2[{name!r}] has negative values; car() takes 0 and 1")
        warn(
            f"data2[{name!r}] has values besides 0 and 1 (between {row!r} and {column!r}); car() "
            "knows neighbours and others only: all values above 0 are taken as 1"
        )
    # By column of the lower triangle, as edges are usually listed.
    second, first = np.nonzero(np.triu(matrix))
    return Neighbours(first, second, len(matrix))


def _check_map(
    special: SpecialTerm, kind: str, near: Neighbours, locations: tuple[str, ...]
) -> None:
    """Refuse islands where they have no density; tell of parts that do not touch."""
    islands = [locations[k] for k in np.flatnonzero(near.counts == 0)]
    if islands and kind in ("escar", "esicar"):
        listed = ", ".join(map(repr, islands[:3])) + (" ..." if len(islands) > 3 else "")
        raise DataError(
            f"{special.text}: {listed} has no neighbour among the locations of the data, which "
            f"type = {kind!r} cannot have; connect it, or use type = 'icar'"
        )
    from scipy.sparse.csgraph import connected_components  # slow to import, seldom needed

    count = connected_components(near.matrix)[0]
    if count > 1 and kind != "escar":
        alone = f" ({len(islands)} of them single locations)" if islands else ""
        warn(
            f"{special.text}: the map has {count} parts that do not touch{alone}; the prior of "
            f"type = {kind!r} says nothing of the level of one against another, so that it is "
            "improper. type = 'escar' is proper, where each location has a neighbour"
        )
