"""Designs of splines of many distances, kept as long as their basis.

A fit asks for the same one many times: when it learns the basis, for the program, for each check of
its density, for each kind of prediction. What is kept is what would be computed again, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import numpy as np

from hiermodel.smooths.basis import Array

# A design that takes less work than so many functions of a distance is not worth the memory.
_LEAST_WORK = 200_000
# Bytes of all designs of a basis.
_MOST_BYTES = 128 * 2**20


class Memory:
    """The designs of one basis by covariates; copies and pickles of it are empty.

    Parameters
    ----------
    most_bytes : int
        Size of all designs together. The ones that were not used for the longest time go.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        # Replaced as a whole, so that threads need no lock: at worst one computes again.
        self.kept: dict[bytes, Array] = {}

    def __reduce__(self) -> tuple[type[Memory], tuple[int]]:
        return Memory, (self.most_bytes,)

    def values(self, x: Array, work: int, compute: Callable[[Array], Array]) -> Array:
        """The design at covariates (n, d), computed if it is not known.

        Parameters
        ----------
        x : ndarray (n, d)
        work : int
            How many functions of a distance it takes.
        compute : callable
            Of `x`.

        Returns
        -------
        ndarray (n, k)
            Not to be written into.
        """
        if work < _LEAST_WORK:
            return compute(x)
        design = self.kept.get(_digest(x))
        if design is None:
            design = compute(x)
        self.keep(x, work, design)
        return design

    def keep(self, x: Array, work: int, design: Array) -> None:
        """Keep a design, as the one that was used last."""
        if work < _LEAST_WORK or design.nbytes > self.most_bytes:
            return
        design.flags.writeable = False
        key = _digest(x)
        kept = {**{k: v for k, v in self.kept.items() if k != key}, key: design}
        while sum(one.nbytes for one in kept.values()) > self.most_bytes:
            del kept[next(iter(kept))]
        self.kept = kept


def _digest(x: Array) -> bytes:
    return blake2b(np.ascontiguousarray(x).tobytes(), digest_size=16).digest()
