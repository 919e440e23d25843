"""Tensor product smooths whose penalties do not overlap.

Wood, Scheipl & Faraway (2013), Straightforward intermediate rank tensor product smoothing in mixed
models, Statistics and Computing 23, 341-360. Each margin is split into what its penalty measures
and what it does not; products of such parts are blocks with a standard deviation each.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np

from hiermodel.smooths.basis import Array, Basis, Penalty
from hiermodel.smooths.natural import by_penalty


@dataclass(frozen=True, eq=False)
class Margin:
    """A basis of some of the covariates, turned into penalised and other functions."""

    basis: Basis
    covariates: tuple[int, ...]
    turn: Array
    rank: int

    def parts(self, x: Array) -> tuple[Array, Array]:
        """Penalised and other functions."""
        turned = self.basis.design(x[:, list(self.covariates)]) @ self.turn
        return turned[:, : self.rank], turned[:, self.rank :]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor product of margins.

    Attributes
    ----------
    margins : tuple of Margin
    products : tuple of tuple
        For each block and each margin which of its functions take part: None for those that are
        penalised, else places among the others.
    penalised : int
        Blocks with a penalty, which come first: by default all but the last.
    """

    margins: tuple[Margin, ...]
    products: tuple[tuple[tuple[int, ...] | None, ...], ...]
    widths: tuple[int, ...]
    constrained: bool = True
    penalised: int = -1

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """The identity on each block that has one."""
        out, ends = [], np.cumsum((0, *self.widths))
        for j in range(len(self.widths) - 1 if self.penalised < 0 else self.penalised):
            diagonal = np.zeros(ends[-1])
            diagonal[ends[j] : ends[j + 1]] = 1
            out.append(Penalty(np.diag(diagonal), self.widths[j]))
        return tuple(out)

    def design(self, x: Array) -> Array:
        """Values of the functions, (n, k), at covariates (n, d)."""
        x = np.asarray(x, float)
        parts = [margin.parts(x) for margin in self.margins]
        blocks = []
        for chosen in self.products:
            columns = [
                rough if which is None else smooth[:, list(which)]
                for (rough, smooth), which in zip(parts, chosen, strict=True)
            ]
            blocks.append(reduce(_row_products, columns))
        return np.column_stack(blocks)


def tensor(
    x: Array, bases: Sequence[tuple[Basis, tuple[int, ...]]], full: bool = False,
    orders: Collection[int] | None = None,
) -> Tensor:
    """Put margins together.

    Parameters
    ----------
    x : ndarray (n, d)
    bases : sequence of (Basis, tuple of int)
        Margins and the covariates that they are of.
    full : bool
        A block of its own for each function of a margin that is not penalised.
    orders : collection of int, optional
        Keep the blocks with so many penalised margins only; 0 is the block without penalty.
    """
    margins = []
    for basis, covariates in bases:
        design = basis.design(x[:, list(covariates)])
        (penalty,) = basis.penalties
        margins.append(Margin(basis, covariates, by_penalty(design, penalty), penalty.rank))
    choices: list[list[tuple[int, ...] | None]] = []
    for margin in margins:
        smooth = tuple(range(len(margin.turn) - margin.rank))
        groups: list[tuple[int, ...]] = [(i,) for i in smooth] if full else [smooth]
        choices.append([None, *groups] if smooth else [None])
    products = [
        c for c in _ordered(choices)
        if None in c and (orders is None or c.count(None) in orders)
    ]
    # Without functions that no margin penalises there is no constant to take out either.
    plain = all(m.rank < len(m.turn) for m in margins)
    penalised, null = len(products), plain and (orders is None or 0 in orders)
    if null:
        products.append(tuple(tuple(range(len(m.turn) - m.rank)) for m in margins))
    widths = tuple(
        int(np.prod([
            m.rank if which is None else len(which)
            for m, which in zip(margins, chosen, strict=True)
        ]))
        for chosen in products
    )
    return Tensor(tuple(margins), tuple(products), widths, null, penalised)


def _ordered(
    choices: list[list[tuple[int, ...] | None]],
) -> list[tuple[tuple[int, ...] | None, ...]]:
    """All products; the choice of the first margin changes fastest."""
    return [chosen[::-1] for chosen in product(*choices[::-1])]


def _row_products(a: Array, b: Array) -> Array:
    """All products of columns, row by row; the second changes fastest."""
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)
