"""What notebooks show: boxes of plain HTML with their own style, no scripts.

Colours come from the notebook itself (`currentColor`, transparency), so the boxes are at home
on light and on dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_STYLE = """
.hiermodel {font-family: ui-sans-serif, system-ui, sans-serif; font-size: 13px; color: inherit;
  line-height: 1.45; width: fit-content; max-width: min(100%, 76em); box-sizing: border-box;
  border: 1px solid rgba(128,128,128,.28);
  border-radius: 8px; padding: .7em 1.1em .9em; margin: .3em 0; overflow-x: auto}
.hiermodel h4 {margin: 0 0 .35em; font-size: 15px; font-weight: 600}
.hiermodel h5 {margin: 1.1em 0 .25em; font-size: 12px; font-weight: 600; opacity: .75;
  letter-spacing: .02em}
.hiermodel dl {display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em; margin: 0}
.hiermodel dt {opacity: .6; font-weight: 400} .hiermodel dd {margin: 0; white-space: pre-wrap}
.hiermodel dl + table {margin-top: .9em}
.hiermodel table {border-collapse: collapse; margin: 0; border: 0; font-size: inherit;
  color: inherit}
.hiermodel table th, .hiermodel table td {padding: .16em .8em; border: 0; background: none;
  text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap}
.hiermodel table td {min-width: 4.4em}
.hiermodel table th.l {text-align: left; font-weight: 500; padding-left: 0}
.hiermodel table.words th.l {font-weight: 400}
.hiermodel table thead th, .hiermodel table thead th.l {font-weight: 500; opacity: .6;
  border-bottom: 1px solid rgba(128,128,128,.45) !important}
.hiermodel tbody tr:nth-child(even) td, .hiermodel tbody tr:nth-child(even) th
  {background: rgba(128,128,128,.07)}
.hiermodel td.bad {color: #c0392b; font-weight: 600}
.hiermodel img {max-width: 100%; height: auto}
.hiermodel .note {opacity: .65; max-width: 66em; margin: .4em 0 0; font-size: 12px}
.hiermodel .warn {border-left: 3px solid #e0a100; padding: .15em .7em; margin: .7em 0 0;
  background: rgba(224,161,0,.10)}
.hiermodel .ok::before {content: "\\2713  "; color: #2e8b57; font-weight: 700}
""".strip()


def page(title: str, parts: Sequence[str]) -> str:
    """Return a box with a title that holds the parts, and its style."""
    # A number stays with its percent sign.
    inner = "".join(parts).replace(" %", "\N{NO-BREAK SPACE}%")
    head = f"<h4>{escape(title)}</h4>" if title else ""
    return f'<div class="hiermodel"><style>{_STYLE}</style>{head}{inner}</div>'


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


def note_html(text: str) -> str:
    """Return what stands below a table, each of its lines a paragraph."""
    return "".join(f'<p class="note">{escape(line)}</p>' for line in text.splitlines() if line)


def words_html(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """Return a table of words, which reads from the left."""

    def line(cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f'<th class="l">{escape(c)}</th>' for c in cells) + "</tr>"

    above = f"<thead>{line(heads)}</thead>" if any(heads) else ""
    body = "".join(line(row) for row in rows)
    return f'<table class="words">{above}<tbody>{body}</tbody></table>'
