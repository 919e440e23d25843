"""What a post-processing case needs: the fit made of its draws, its rows, its new data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from translate import case_to_model

import hiermodel as hm
from harness import compare, frames, post_smooths

# Stored numbers have 12 significant digits; what is computed from them cannot be closer.
EXACT = 1e-8


class Pending(Exception):
    """A reference that the package has no counterpart for yet."""


class Declined(Exception):
    """A reference that the package refuses to compute, and why."""


@dataclass(frozen=True)
class PostCase:
    """A case with its model and data; everything derived is made once, on demand."""

    case: Mapping[str, Any]
    data_dir: Path

    @cached_property
    def _built(self) -> tuple[Any, pd.DataFrame]:
        return case_to_model(self.case, self.data_dir)

    @property
    def model(self) -> Any:
        """The model of the case."""
        return self._built[0]

    @property
    def frame(self) -> pd.DataFrame:
        """Its data."""
        return self._built[1]

    @cached_property
    def recorded_draws(self) -> dict[str, np.ndarray]:
        """Draws of the declared parameters, (chain, draw, ...), as they are in the case."""
        return {
            name: compare.array(entry["values"], entry["shape"])
            for name, entry in self.case["draws"].items()
        }

    @cached_property
    def draws(self) -> dict[str, np.ndarray]:
        """The same as coefficients of our columns, where those of smooths differ."""
        draws = self.recorded_draws
        if not any(name.startswith(("bs", "zs_")) for name in draws):
            return draws
        recorded = post_smooths.standata(self.case, self.data_dir)
        return post_smooths.turned(draws, self.model.bind(self.frame), recorded)

    @cached_property
    def fit(self) -> Any:
        """The fit made of all draws."""
        return hm.Fit.from_draws(self.model, self.frame, self.draws)

    @cached_property
    def fit_as_recorded(self) -> Any:
        """The fit for tables of coefficients, which say nothing of the columns."""
        if self.draws is self.recorded_draws:
            return self.fit
        return hm.Fit.from_draws(self.model, self.frame, self.recorded_draws)

    def repeated(self, times: int) -> Any:
        """A fit whose every draw is the first draw of the first chain."""
        first = {
            name: np.broadcast_to(values[0, 0], (1, times, *values.shape[2:])).copy()
            for name, values in self.draws.items()
        }
        return hm.Fit.from_draws(self.model, self.frame, first)

    @cached_property
    def rows(self) -> np.ndarray:
        """Positions (from 0) of the rows that large references keep."""
        return self.placed(self.case["rows"])

    def placed(self, rows: Any) -> np.ndarray:
        """Positions (from 0) of the rows whose results are recorded as those of `rows`.

        Where time series are sorted, the recorded numbers of rows are those of the sorted data,
        while the results have the order of the data.
        """
        at = np.asarray(rows, dtype=int) - 1
        data = self.model.bind(self.frame)
        order = next((v for name, v in data.items() if name.startswith("order_tg")), None)
        return at if order is None else np.argsort(order)[at]

    def newdata(self, key: str, with_response: bool = False) -> pd.DataFrame:
        """New data of the case: ``newdata``, ``newdata_new_level``, ..."""
        if not self.case[key]["columns"]:
            # Nothing but the rows counts.
            return self.frame.iloc[np.asarray(self.case[key]["base_rows"]) - 1]
        out = frames.newdata(self.case[key]["columns"])
        if with_response:
            response = frames.newdata(self.case.get("log_lik_new_response") or {})
            out = out.drop(columns=[c for c in response if c in out]).join(response)
        return out


def method(fit: Any, name: str) -> Callable[..., Any]:
    """A method of the fit.

    Raises
    ------
    Pending
        When the fit does not have it.
    """
    found = getattr(fit, name, None)
    if found is None:
        raise Pending(name)
    return found


def by_response(reference: Mapping[str, Any]) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """References of a multivariate model come by response, others stand alone."""
    leaves = ("shape", "same_as", "not_available", "random", "mean", "rows", "estimates")
    if any(key in reference for key in leaves):
        yield None, reference
        return
    for name, inner in reference.items():
        if isinstance(inner, Mapping):
            yield name, inner


def stored(reference: Mapping[str, Any]) -> np.ndarray | None:
    """The values of a reference, None when it has none."""
    if "shape" not in reference or "values" not in reference:
        return None
    return compare.array(reference["values"], reference["shape"])


def per_draw(result: xr.DataArray) -> np.ndarray:
    """Values (sample, obs, ...): chain 1 first, as the references have them."""
    values = result.transpose("chain", "draw", ...).to_numpy().astype(float)
    return values.reshape(-1, *values.shape[2:])


def exact(name: str, result: xr.DataArray, expected: np.ndarray, rows: np.ndarray | None) -> str:
    """One line when the result differs from the reference; `rows` picks training rows."""
    ours = per_draw(result)
    if rows is not None:
        ours = ours[:, rows[: expected.shape[1]]]
    spread = np.abs(expected[np.isfinite(expected)])
    scale = float(np.clip(np.median(spread), 1e-6, 1.0)) if spread.size else 1.0
    return compare.difference(name, ours, expected, EXACT, scale)
