"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

_RHAT = "R-hat"
_COUNTS = ("Bulk_ESS", "Tail_ESS", "levels", "n", "df")


def decimals(frame: pd.DataFrame) -> int:
    """Return how many decimals show two digits of the smallest error: between 2 and 5."""
    if "Est.Error" not in frame:
        return 2
    errors = np.asarray(frame["Est.Error"], dtype=float)
    errors = errors[np.isfinite(errors) & (errors > 0)]
    if not len(errors):
        return 2
    return int(np.clip(1 - np.floor(np.log10(errors.min())), 2, 5))


def cell(value: object, column: str, digits: int) -> str:
    """Return one value as text: counts whole, numbers with `digits` decimals, no number ``-``."""
    if not isinstance(value, int | float | np.number) or isinstance(value, bool):
        return str(value)
    number = float(value)
    if np.isnan(number):
        return "-"
    if np.isinf(number):
        return "Inf" if number > 0 else "-Inf"
    if column in _COUNTS:
        return f"{number:.0f}"
    if column == _RHAT:
        return f"{number:.3f}"
    if abs(number) >= 1e7:
        return f"{number:.3e}"
    text = f"{number:.{digits}f}"
    # What rounds to zero has no sign.
    return text.removeprefix("-") if float(text) == 0.0 else text


def index_labels(frame: pd.DataFrame) -> list[list[str]]:
    """Return the labels of the index, one list per level; repeated outer labels are empty."""
    if not isinstance(frame.index, pd.MultiIndex):
        return [[str(v) for v in frame.index]]
    levels = [[str(v) for v in frame.index.get_level_values(i)] for i in range(frame.index.nlevels)]
    for texts in levels[:-1]:
        previous = None
        for i, text in enumerate(texts):
            texts[i] = "" if text == previous else text
            previous = text
    return levels


def body(frame: pd.DataFrame, digits: int | None = None) -> list[list[str]]:
    """Return the cells of a table as text, column by column."""
    digits = decimals(frame) if digits is None else digits
    return [[cell(v, str(c), digits) for v in frame[c]] for c in frame.columns]


def frame_text(frame: pd.DataFrame, digits: int | None = None, indent: str = "  ") -> str:
    """Return a table as aligned text: labels left, numbers right.

    Parameters
    ----------
    frame : pandas.DataFrame
    digits : int, optional
        Decimals; by default as many as show two digits of the smallest error.
    indent : str
        What stands in front of each line.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> from hiermodel.summary.text import frame_text
    >>> print(frame_text(pd.DataFrame({"Estimate": [1.0]}, index=["x"]), indent=""))
       Estimate
    x      1.00
    """
    lefts = index_labels(frame)
    rights = body(frame, digits)
    heads = [""] * len(lefts) + [str(c) for c in frame.columns]
    all_columns = [*lefts, *rights]
    widths = [
        max((len(t) for t in [head, *texts]), default=0)
        for head, texts in zip(heads, all_columns, strict=True)
    ]
    rows = [heads, *(list(row) for row in zip(*all_columns, strict=True))]
    return "\n".join(indent + _line(row, widths, len(lefts)).rstrip() for row in rows)


def _line(row: Sequence[str], widths: Sequence[int], n_left: int) -> str:
    cells = [
        text.ljust(width) if i < n_left else text.rjust(width)
        for i, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells)


def title_text(title: str) -> str:
    """Return a heading with a rule below it."""
    return f"{title}\n{'─' * len(title)}"


def fields_text(fields: Sequence[tuple[str, str]]) -> str:
    """Return ``name: value`` lines with aligned values; long values keep their line breaks."""
    width = max((len(name) for name, _ in fields), default=0) + 1
    lines = []
    for name, value in fields:
        first, *rest = value.splitlines() or [""]
        lines.append(f"  {name + ':':<{width}} {first}")
        lines += [f"  {'':<{width}} {line}" for line in rest]
    return "\n".join(lines)
