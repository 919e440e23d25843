"""Which rows are predicted together, and which folds are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.criticism.elpd import log_mean_exp, log_sum_exp
from hiermodel.errors import ArgumentError, did_you_mean

JOINT = ("obs", "fold", "group")


@dataclass(frozen=True, eq=False)
class Units:
    """Sets of rows whose joint density is predicted, each inside of one fold.

    Attributes
    ----------
    dim : str
        ``obs``, ``fold`` or the name of the group.
    labels : ndarray (units,)
    folds : ndarray of int (units,)
    rows : tuple of ndarray
        Positions of the rows of each.
    """

    dim: str
    labels: np.ndarray
    folds: np.ndarray
    rows: tuple[np.ndarray, ...]

    def log_density(
        self, log_lik: np.ndarray, at: np.ndarray, fold: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Log predictive densities of the units of a fold, from its log-likelihoods.

        Also how many draws these means rest on, in effect: the square of the sum of the densities
        over the sum of their squares.

        Parameters
        ----------
        log_lik : ndarray (draws, rows of the fold)
        at : ndarray
            Positions of these rows.
        fold : int
        """
        own = np.flatnonzero(self.folds == fold)
        joint = log_lik.T if self.dim == "obs" else np.stack([
            log_lik[:, np.searchsorted(at, self.rows[k])].sum(axis=1) for k in own
        ])
        possible = np.isfinite(joint.max(axis=1))
        effective = np.zeros(len(joint))
        effective[possible] = np.exp(
            2 * log_sum_exp(joint[possible]) - log_sum_exp(2 * joint[possible])
        )
        return log_mean_exp(joint), effective

    def summed(self, log_lik: xr.DataArray) -> xr.DataArray:
        """Log-likelihoods (chain, draw, obs) of rows as those of the units, in their order."""
        if self.dim == "obs":
            return log_lik.isel(obs=np.concatenate(self.rows))
        values = np.stack([log_lik.values[..., rows].sum(axis=-1) for rows in self.rows], axis=-1)
        return xr.DataArray(
            values, dims=("chain", "draw", "obs"), coords={"obs": self.labels}, name="log_lik"
        )


def check_joint(joint: Any, group: Any) -> str:
    """Refuse a word for `joint` that there is not, and groups that nobody named."""
    if joint not in JOINT:
        raise ArgumentError(
            f"joint must be one of {', '.join(map(repr, JOINT))}, not {joint!r}"
            f"{did_you_mean(str(joint), JOINT)}"
        )
    if joint == "group" and group is None:
        raise ArgumentError(
            "joint='group' needs group=, the column that says which rows belong together"
        )
    return str(joint)


def make_units(
    joint: str, folds: np.ndarray, labels: np.ndarray, group: pd.Series | None
) -> Units:
    """The units of the rows that are left out.

    Parameters
    ----------
    joint : {"obs", "fold", "group"}
    folds : ndarray of int (rows,)
        The fold of each row, 0 of those that are never left out.
    labels : ndarray (rows,)
        What the rows are called.
    group : Series, optional
        The group of each row, with ``joint="group"``. Rows of one group in several folds are
        a unit in each of them.
    """
    used = np.flatnonzero(folds > 0)
    if joint == "obs":
        return Units("obs", labels[used], folds[used], tuple(used[:, None]))
    if joint == "fold":
        numbers = np.unique(folds[used])
        rows = tuple(np.flatnonzero(folds == n) for n in numbers)
        return Units("fold", numbers, numbers, rows)
    assert group is not None
    codes, names = pd.factorize(group, sort=True)
    pairs = np.unique(np.column_stack([folds[used], codes[used]]), axis=0)
    rows = tuple(np.flatnonzero((folds == fold) & (codes == code)) for fold, code in pairs)
    dim = str(group.name) if group.name not in (None, "obs", "fold") else "group"
    return Units(dim, np.asarray(names)[pairs[:, 1]], pairs[:, 0], rows)


def chosen_folds(ksub: Any, k: int, rng: np.random.Generator) -> tuple[int, ...]:
    """The folds that are looked at: all, some at random, or those that are named.

    Parameters
    ----------
    ksub : None, int or sequence of int
    k : int
        Number of folds.
    rng : numpy.random.Generator

    Raises
    ------
    ArgumentError
    """
    if ksub is None:
        return tuple(range(1, k + 1))
    if _is_whole(ksub):
        if not 1 <= ksub <= k:
            raise ArgumentError(
                f"Ksub={ksub}: a number of folds lies between 1 and {k}; one fold by its number "
                f"is Ksub=[{ksub}]"
            )
        return tuple(sorted(int(n) + 1 for n in rng.choice(k, int(ksub), replace=False)))
    if isinstance(ksub, (str, bytes)) or not isinstance(ksub, Iterable):
        raise ArgumentError(f"Ksub is a number of folds or their numbers, not {ksub!r}")
    numbers = list(ksub)
    for n in numbers:
        if not _is_whole(n) or not 1 <= n <= k:
            raise ArgumentError(f"Ksub names folds by whole numbers from 1 to {k}, not {n!r}")
    if not numbers or len(set(numbers)) < len(numbers):
        raise ArgumentError(f"Ksub must name at least one fold, and none twice, not {ksub!r}")
    return tuple(sorted(map(int, numbers)))


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
