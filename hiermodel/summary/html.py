"""Tables for notebooks: plain HTML with its own style, no scripts.

Colours come from the notebook itself (`currentColor`, transparency), so the tables are at home
on light and on dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd

from hiermodel.summary.text import body, index_labels

_STYLE = """
.hiermodel {font-family: ui-sans-serif, system-ui, sans-serif; font-size: 13px; color: inherit;
  line-height: 1.45; max-width: 60em; border: 1px solid rgba(128,128,128,.28);
  border-radius: 8px; padding: .7em 1.1em .9em; margin: .3em 0; overflow-x: auto}
.hiermodel h4 {margin: 0 0 .35em; font-size: 15px; font-weight: 600}
.hiermodel h5 {margin: 1.1em 0 .25em; font-size: 12px; font-weight: 600; opacity: .75;
  letter-spacing: .02em}
.hiermodel dl {display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em; margin: 0}
.hiermodel dt {opacity: .6; font-weight: 400} .hiermodel dd {margin: 0; white-space: pre-wrap}
.hiermodel table {border-collapse: collapse; margin: 0; border: 0}
.hiermodel table th, .hiermodel table td {padding: .16em .8em; border: 0; background: none;
  text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap}
.hiermodel table th.l {text-align: left; font-weight: 500; padding-left: 0}
.hiermodel thead th {font-weight: 500; opacity: .6;
  border-bottom: 1px solid rgba(128,128,128,.45) !important}
.hiermodel tbody tr:nth-child(even) td, .hiermodel tbody tr:nth-child(even) th
  {background: rgba(128,128,128,.07)}
.hiermodel td.bad {color: #c0392b; font-weight: 600}
.hiermodel .note {opacity: .65; margin: .4em 0 0; font-size: 12px}
.hiermodel .warn {border-left: 3px solid #e0a100; padding: .15em .7em; margin: .7em 0 0;
  background: rgba(224,161,0,.10)}
.hiermodel .ok::before {content: "\\2713  "; color: #2e8b57; font-weight: 700}
""".strip()


def frame_html(
    frame: pd.DataFrame,
    heading: str = "",
    note: str = "",
    digits: int | None = None,
    bad: frozenset[tuple[int, str]] = frozenset(),
) -> str:
    """Return a table as HTML.

    Parameters
    ----------
    frame : pandas.DataFrame
    heading, note : str
        Text above and below.
    digits : int, optional
        Decimals; by default as many as show two digits of the smallest error.
    bad : frozenset of (int, str)
        Row and column of cells to mark.

    Returns
    -------
    str
        A fragment; `page` adds the style.
    """
    lefts, rights = index_labels(frame), body(frame, digits)
    columns = [str(c) for c in frame.columns]
    head = '<th class="l"></th>' * len(lefts) + "".join(f"<th>{escape(c)}</th>" for c in columns)
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
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    return above + table + below


def fields_html(fields: Sequence[tuple[str, str]], checked: str = "") -> str:
    """Return names and values as HTML; the value named `checked` gets a check mark."""
    parts = []
    for name, value in fields:
        mark = ' class="ok"' if name == checked else ""
        parts.append(f"<dt>{escape(name)}</dt><dd{mark}>{escape(value)}</dd>")
    return f"<dl>{''.join(parts)}</dl>"


def warnings_html(texts: Sequence[str]) -> str:
    """Return warnings as HTML, one box each."""
    return "".join(f'<div class="warn">{escape(text)}</div>' for text in texts)


def page(title: str, parts: Sequence[str]) -> str:
    """Return a box with a title that holds the parts, and its style."""
    inner = "".join(parts)
    head = f"<h4>{escape(title)}</h4>" if title else ""
    return f'<div class="hiermodel"><style>{_STYLE}</style>{head}{inner}</div>'
