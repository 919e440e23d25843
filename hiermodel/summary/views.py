"""What the table functions give back: frames with a repr for terminal and notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hiermodel.summary.html import frame_html, page
from hiermodel.summary.text import frame_text, title_text

# Tables longer than this are cut when printed; `to_frame()` has all rows.
_MAX_ROWS = 24


def _cut(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    if len(frame) <= _MAX_ROWS:
        return frame, ""
    left = len(frame) - _MAX_ROWS
    return frame.iloc[:_MAX_ROWS], f"... {left} more rows; .to_frame() has all of them"


@dataclass(frozen=True, slots=True)
class GroupTables(Mapping[str, pd.DataFrame]):
    """Tables by grouping factor, each a data frame with the index (level, coef).

    Behaves as a mapping from the name of the grouping factor to its table.

    Examples
    --------
    >>> import pandas as pd
    >>> from hiermodel.summary import GroupTables
    >>> index = pd.MultiIndex.from_tuples([("a", "x")], names=["level", "coef"])
    >>> tables = GroupTables({"g": pd.DataFrame({"Estimate": [1.0]}, index=index)}, "Effects")
    >>> list(tables), tables.to_frame().index.names == ["group", "level", "coef"]
    (['g'], True)
    """

    tables: Mapping[str, pd.DataFrame]
    title: str

    def __getitem__(self, group: str) -> pd.DataFrame:
        try:
            return self.tables[group]
        except KeyError:
            known = ", ".join(repr(g) for g in self.tables) or "none"
            message = f"there is no grouping factor {group!r}; the model has {known}"
            raise KeyError(message) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def to_frame(self) -> pd.DataFrame:
        """Return one data frame with the index (group, level, coef)."""
        if not self.tables:
            index = pd.MultiIndex.from_arrays([[], [], []], names=["group", "level", "coef"])
            return pd.DataFrame(index=index)
        return pd.concat(dict(self.tables), names=["group"])

    def _parts(self) -> Iterator[tuple[str, pd.DataFrame, str]]:
        for group, table in self.tables.items():
            n_levels = table.index.get_level_values("level").nunique()
            yield f"{group} ({n_levels} levels)", *_cut(table)

    def __repr__(self) -> str:
        if not self.tables:
            return f"{self.title}: the model has no grouping factor"
        parts = [title_text(self.title)]
        for heading, table, note in self._parts():
            parts.append("\n".join(p for p in (heading, frame_text(table), note) if p))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [frame_html(table, heading, note) for heading, table, note in self._parts()]
        return page(self.title, parts)


@dataclass(frozen=True, slots=True)
class VarCorr:
    """Standard deviations, correlations and covariances of group-level effects.

    Attributes
    ----------
    sd : pandas.DataFrame
        Index (group, coef). The residual standard deviation stands under ``residual__``.
    cor, cov : pandas.DataFrame
        Index (group, coef, coef_other); full matrices. Only groups with correlations.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.summary import varcorr
    >>> sd = xr.DataArray(np.ones((2, 3, 1)), dims=("chain", "draw", "g_coef"),
    ...                   coords={"g_coef": ["Intercept"]}, attrs={"cls": "sd", "group": "g"})
    >>> list(varcorr(xr.Dataset({"sd_g": sd})).sd.index)
    [('g', 'Intercept')]
    """

    sd: pd.DataFrame
    cor: pd.DataFrame
    cov: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return one data frame with the index (group, kind, coef, coef_other).

        Correlations and covariances appear once for each pair of coefficients.
        """
        sd = self.sd.reset_index().assign(kind="sd", coef_other="")
        parts = [sd]
        for kind, table in (("cor", self.cor), ("cov", self.cov)):
            parts.append(self._pairs(table).reset_index().assign(kind=kind))
        keys = ["group", "kind", "coef", "coef_other"]
        return pd.concat([p for p in parts if len(p)] or [sd]).set_index(keys)

    @staticmethod
    def _pairs(table: pd.DataFrame) -> pd.DataFrame:
        """Keep each pair of different coefficients once, in the order of the coefficients."""
        seen: dict[tuple[str, str], int] = {}
        keep = []
        for group, coef, other in table.index:
            seen.setdefault((group, coef), len(seen))
            keep.append(coef != other and (group, other) in seen)
        flipped = table[keep]
        swapped = flipped.index.swaplevel("coef", "coef_other")
        return flipped.set_axis(swapped.set_names(["group", "coef", "coef_other"]), axis=0)

    def _brief(self) -> pd.DataFrame:
        frame = self.to_frame()
        frame = frame[frame.index.get_level_values("kind") != "cov"]
        names = []
        for _, kind, coef, other in frame.index:
            inner = ", ".join(t for t in (coef, other) if t)
            names.append(f"{kind}({inner})" if inner else "sd")
        groups = frame.index.get_level_values("group")
        index = pd.MultiIndex.from_arrays([groups, names], names=["group", ""])
        place = [list(dict.fromkeys(groups)).index(group) for group in groups]
        return frame.set_axis(index, axis=0).iloc[np.argsort(place, kind="stable")]

    def __repr__(self) -> str:
        title = "Standard deviations and correlations"
        if self.sd.empty:
            return f"{title}: the model has none"
        return f"{title_text(title)}\n\n{frame_text(self._brief())}"

    def _repr_html_(self) -> str:
        parts = [frame_html(self._brief())] if len(self.sd) else []
        return page("Standard deviations and correlations", parts)
