"""Where the rows are: Parquet files, DuckDB relations, polars LazyFrames, dask DataFrames.

DuckDB answers every question about them. LazyFrames and dask DataFrames are first written to a
temporary Parquet file by their own engines, the columns that the model reads alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, HiermodelError
from hiermodel.frames import as_frame, lazy_kind

# Rows that are in memory at a time.
CHUNK_ROWS = 1_000_000
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
            "FLOAT", "DOUBLE")  # fmt: skip


def quoted(name: str) -> str:
    """A name of a column in SQL.

    Examples
    --------
    >>> quoted("a b")
    '"a b"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


class Source:
    """A table of which one can ask questions in SQL, where it is called ``rows``.

    Made by `opened`. `levels` are the categories of columns that have some, in their order.
    """

    def __init__(self, relation: Any, name: str, levels: dict[str, tuple[str, ...]]) -> None:
        self.relation = relation
        self.name = name
        self.types = dict(zip(relation.columns, map(str, relation.types), strict=True))
        self.levels = levels
        for column, kind in zip(relation.columns, relation.types, strict=True):
            if str(kind).startswith("ENUM"):
                self.levels.setdefault(column, tuple(dict(kind.children)["values"]))

    def is_text(self, column: str) -> bool:
        """True for columns of text and categories."""
        return self.types[column] == "VARCHAR" or self.types[column].startswith("ENUM")

    def is_number(self, column: str) -> bool:
        """True for columns of numbers."""
        kind = self.types[column]
        return kind in _NUMBERS or kind.startswith(("DECIMAL", "HUGEINT", "UBIGINT", "UHUGEINT"))

    def read(self, column: str) -> str:
        """SQL of a column, as a type that NumPy has."""
        name, kind = quoted(column), self.types[column]
        if kind.startswith(("DECIMAL", "HUGEINT", "UBIGINT", "UHUGEINT", "FLOAT")):
            return f"CAST({name} AS DOUBLE)"
        return f"CAST({name} AS VARCHAR)" if kind.startswith("ENUM") else name

    def ask(self, sql: str) -> Any:
        """Rows of an answer, as tuples."""
        with self._told():
            return self.relation.query("rows", sql).fetchall()

    def frame(self, sql: str) -> pd.DataFrame:
        """An answer as a data frame with text as text."""
        with self._told():
            found = self.relation.query("rows", sql).df()
        return self.typed(found)

    def chunks(self, sql: str) -> Iterator[pd.DataFrame]:
        """An answer in pieces, in the order of the rows."""
        with self._told():
            relation = self.relation.query("rows", sql)
            make = getattr(relation, "to_arrow_reader", None) or relation.fetch_record_batch
            reader = make(CHUNK_ROWS)
        while True:
            with self._told():
                batch = next(iter(reader), None)
            if batch is None:
                return
            yield batch.to_pandas()

    def typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns of categories with their categories, text as objects."""
        out: dict[str, Any] = {}
        for name in frame.columns:
            column = frame[name]
            if name in self.levels:
                out[name] = pd.Categorical(column, categories=list(self.levels[name]))
            elif isinstance(column.dtype, pd.CategoricalDtype) or self.types.get(name) == "VARCHAR":
                values = column.to_numpy(dtype=object)
                out[name] = np.where(pd.isna(values), None, values)
            else:
                out[name] = column.to_numpy()
        return pd.DataFrame(out)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what could not be read."""
        import duckdb

        try:
            yield
        except (duckdb.Error, OSError) as error:
            raise DataError(
                f"{self.name} could not be read, and nothing was fitted: "
                f"{str(error).splitlines()[0]}"
            ) from error
        except Exception as error:
            # Errors of a batch come through Arrow.
            if type(error).__module__.split(".")[0] != "pyarrow":
                raise
            raise DataError(
                f"{self.name} could not be read, and nothing was fitted: {error}"
            ) from error


@contextmanager
def opened(data: Any, columns: Any = None) -> Iterator[Source]:
    """Open a table.

    Parameters
    ----------
    data : str, Path, LazyFrame, DuckDBPyRelation or dask DataFrame
    columns : callable, optional
        Takes the first rows and gives the names of the columns that are needed; the others of a
        LazyFrame or a dask DataFrame are never computed.

    Raises
    ------
    HiermodelError
        Without DuckDB.
    DataError
        For a file or folder that is not there, or is no Parquet.
    """
    kind = lazy_kind(data)
    # What is missing is said first: DuckDB would not find it either.
    paths = "" if kind else _parquet(Path(data))
    try:
        import duckdb
        import pyarrow as _  # noqa: F401
    except ImportError:
        raise HiermodelError(
            "data that do not fit in memory are read by DuckDB: pip install 'hiermodel[big]'"
        ) from None
    if kind == "duckdb":
        yield Source(data, "the DuckDB relation", {})
        return
    with tempfile.TemporaryDirectory(prefix="hiermodel-") as folder:
        levels: dict[str, tuple[str, ...]] = {}
        name, files = f"the {kind} data", ""
        if kind == "polars":
            files, levels = _written_by_polars(data, columns, Path(folder))
        elif kind == "dask":
            files, levels = _written_by_dask(data, columns, Path(folder))
        else:
            name, files = str(data), paths
        connection = duckdb.connect()
        try:
            connection.execute(f"SET temp_directory = {literal(folder)}")
            relation = _relation(connection, files, name)
            yield Source(relation, name, levels)
        finally:
            connection.close()


def _relation(connection: Any, files: str, name: str) -> Any:
    import duckdb

    try:
        return connection.read_parquet(files)
    except duckdb.Error as error:
        raise DataError(f"{name} is no Parquet: {str(error).splitlines()[0]}") from error


def _parquet(path: Path) -> str:
    """What DuckDB reads of a path: a file, or the files of a folder."""
    if path.is_dir():
        if not any(path.rglob("*.parquet")):
            raise DataError(f"the folder {path} has no file that ends in .parquet")
        return str(path / "**" / "*.parquet")
    if not path.exists():
        raise DataError(f"there is no file or folder {path}")
    if path.suffix.lower() not in (".parquet", ".pq"):
        raise DataError(
            f"{path} does not end in .parquet; read other files into a data frame, or name a folder"
        )
    return str(path)


def _written_by_polars(
    data: Any, columns: Any, folder: Path
) -> tuple[str, dict[str, tuple[str, ...]]]:
    with _computed("polars"):
        head = as_frame(data.head(1000).collect()) if columns is not None else None
        schema = data.collect_schema()
    wanted = list(schema) if columns is None else columns(head)
    kinds = {name: type(schema[name]).__name__ for name in wanted}
    levels = {
        name: tuple(schema[name].categories) for name, kind in kinds.items() if kind == "Enum"
    }
    texts = {name: str for name, kind in kinds.items() if kind in ("Enum", "Categorical")}
    with _computed("polars"):
        data.select(list(wanted)).cast(texts).sink_parquet(folder / "rows.parquet")
    return str(folder / "rows.parquet"), levels


def _written_by_dask(
    data: Any, columns: Any, folder: Path
) -> tuple[str, dict[str, tuple[str, ...]]]:
    with _computed("dask"):
        head = as_frame(data.head(1000, npartitions=-1)) if columns is not None else None
    wanted = list(data.columns) if columns is None else columns(head)
    plain, levels = data[list(wanted)], {}
    for name in wanted:
        dtype = plain.dtypes[name]
        if isinstance(dtype, pd.CategoricalDtype):
            if getattr(plain[name].cat, "known", True):
                levels[name] = tuple(map(str, dtype.categories))
            plain = plain.assign(**{name: plain[name].astype(str)})
    with _computed("dask"):
        plain.to_parquet(folder / "rows", write_index=False)
    return str(folder / "rows" / "*.parquet"), levels


@contextmanager
def _computed(kind: str) -> Iterator[None]:
    """Say what the engine of a lazy table could not compute."""
    try:
        yield
    except HiermodelError:
        raise
    except Exception as error:  # whatever the engine, a file or a function of the user raises
        raise DataError(
            f"the {kind} data could not be read, and nothing was fitted: {error}"
        ) from error
