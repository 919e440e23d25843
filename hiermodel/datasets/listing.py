"""The table of all data sets: a data frame that prints its descriptions whole."""

from __future__ import annotations

from typing import Any

import pandas as pd


class Listing(pd.DataFrame):
    """Name, rows, description and source; the long sources are there, but not printed."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def _shown(self) -> pd.DataFrame:
        return pd.DataFrame(self).drop(columns="source", errors="ignore")

    def __repr__(self) -> str:
        shown = self._shown()
        width = max(map(len, shown["description"]), default=0)
        left = shown.assign(description=[text.ljust(width) for text in shown["description"]])
        head = left.rename(columns={"description": "description".ljust(width)})
        return f"{head.to_string(index=False)}\nThe column 'source' says where they were published."

    def _repr_html_(self) -> Any:
        return self._shown().to_html(index=False)
