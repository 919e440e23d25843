"""Real data sets that were published openly, for examples and tests.

>>> import hiermodel as hm
>>> hm.datasets.load("sleepstudy").shape
(180, 3)
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from hiermodel.datasets.catalogue import CATALOGUE, DataSet
from hiermodel.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["list", "load"]


def load(name: str) -> pd.DataFrame:
    """Return a data set as a data frame.

    Columns are named as published, those of ``sleepstudy`` in lower case. Factors are pandas
    categoricals with their levels in the published order; numbers stay numbers.

    Parameters
    ----------
    name : str
        A name of `list`; upper and lower case do not matter.

    Returns
    -------
    pandas.DataFrame
        A fresh frame with a plain index from 0.

    Raises
    ------
    DataError
        If there is no data set of that name.

    Examples
    --------
    >>> import hiermodel as hm
    >>> hm.datasets.load("cbpp").columns.tolist()
    ['herd', 'incidence', 'size', 'period']
    """
    import pandas as pd

    entry = _entry(name)
    text = {column: str for column in entry.factors}
    with (files(__package__) / "data" / f"{entry.name}.csv").open(encoding="utf-8") as stream:
        frame = pd.read_csv(stream, dtype=text)
    for column, factor in entry.factors.items():
        levels = factor.levels or tuple(frame[column].unique())
        kind = pd.CategoricalDtype(levels, ordered=factor.ordered)
        frame[column] = frame[column].astype(kind)
    return frame


def list() -> pd.DataFrame:
    """Return the names, sizes, descriptions and published sources of all data sets.

    Returns
    -------
    pandas.DataFrame
        One row a data set, columns ``name``, ``rows``, ``description``, ``source``. It prints
        without the sources, which are long.

    Examples
    --------
    >>> import hiermodel as hm
    >>> table = hm.datasets.list()
    >>> table.query("name == 'sleepstudy'")["rows"].item()
    180
    """
    from hiermodel.datasets.listing import Listing

    rows = sorted(CATALOGUE.values(), key=lambda entry: entry.name.lower())
    columns = ("name", "rows", "description", "source")
    return Listing({column: [getattr(row, column) for row in rows] for column in columns})


def _entry(name: str) -> DataSet:
    by_folded = {known.lower(): known for known in CATALOGUE}
    if not isinstance(name, str) or name.lower() not in by_folded:
        raise DataError(
            f"no data set {name!r}{did_you_mean(str(name), CATALOGUE)}; "
            "hm.datasets.list() shows all of them"
        )
    return CATALOGUE[by_folded[name.lower()]]
