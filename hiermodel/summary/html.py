"""Tables for notebooks."""

from __future__ import annotations

from html import escape

import pandas as pd

from hiermodel.notebook import fields_html, note_html, page, warnings_html
from hiermodel.summary.text import body, index_labels

__all__ = ["fields_html", "frame_html", "page", "warnings_html"]

def frame_html(
    frame: pd.DataFrame,
    heading: str = "",
    note: str = "",
    digits: int | None = None,
    bad: frozenset[tuple[int, str]] = frozenset(),
    label_width: int = 0,
) -> str:
    """Return a table as HTML.

    Parameters
    ----------
    frame : pandas.DataFrame
    heading, note : str
        Text above and below; each line of the note is a paragraph.
    digits : int, optional
        Decimals; by default as many as show two digits of the smallest error.
    bad : frozenset of (int, str)
        Row and column of cells to mark.
    label_width : int
        Letters that the labels have room for at least, so that the columns of several tables
        stand below each other.

    Returns
    -------
    str
        A fragment; `page` adds the style.
    """
    lefts, rights = index_labels(frame), body(frame, digits)
    columns = [str(c) for c in frame.columns]
    room = f' style="min-width:{label_width}ch"' if label_width else ""
    named = "".join(f"<th>{escape(c)}</th>" for c in columns)
    head = f'<th class="l"{room}></th>' * len(lefts) + named
    rows = []
    for i in range(len(frame)):
        left = "".join(f'<th class="l">{escape(texts[i])}</th>' for texts in lefts)
        right = "".join(
            f'<td{" class=bad" if (i, column) in bad else ""}>{escape(texts[i])}</td>'
            for column, texts in zip(columns, rights, strict=True)
        )
        rows.append(f"<tr>{left}{right}</tr>")
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    above = f"<h5>{escape(heading)}</h5>" if heading else ""
    return above + table + note_html(note)
