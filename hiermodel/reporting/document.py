"""The page of a report: sections with a table of contents, everything inside of the file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 110

# Parts come with the style of tables in notebooks; a report needs no boxes around them.
_STYLE = """
:root {color-scheme: light}
body {margin: 0; background: #fff; color: #1c2733; line-height: 1.55;
  font: 15px/1.55 ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif}
main {max-width: 60rem; margin: 0 auto; padding: 2rem 1.5rem 4rem}
h1 {font-size: 1.75rem; line-height: 1.25; margin: 0 0 .3rem}
h2 {font-size: 1.25rem; margin: 2.8rem 0 .6rem; padding-top: .8rem; border-top: 1px solid #d8dee5}
h3 {font-size: 1rem; margin: 1.6rem 0 .4rem}
p.lead {color: #55636f; margin: 0 0 1.2rem}
nav {display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .9rem}
nav a {color: #1b5e9b; text-decoration: none} nav a:hover {text-decoration: underline}
figure {margin: 1rem 0} figure img {max-width: 100%; height: auto}
figcaption {color: #55636f; font-size: .87rem; max-width: 46rem}
details {margin: .8rem 0} summary {cursor: pointer; color: #1b5e9b}
pre {background: #f5f7f9; padding: .9rem 1.1rem; border-radius: 6px; overflow-x: auto;
  font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace}
.hiermodel {border: 0 !important; padding: 0 !important; max-width: none !important;
  font-size: 13.5px !important}
.hiermodel img {max-width: 100%; height: auto}
footer {margin-top: 3rem; color: #55636f; font-size: .85rem}
@media print {nav, details > summary {display: none} h2 {break-after: avoid}
  figure {break-inside: avoid}}
""".strip()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and fragments of HTML."""

    title: str
    parts: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """Where links to it lead."""
        return "".join(c if c.isalnum() else "-" for c in self.title.lower())


def paragraph(text: str, kind: str = "") -> str:
    """Return text as a paragraph; `kind` is a class of the style."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def heading(text: str) -> str:
    """Return a heading inside of a section."""
    return f"<h3>{escape(text)}</h3>"


def folded(title: str, code: str) -> str:
    """Return a program that unfolds under its title."""
    return f"<details><summary>{escape(title)}</summary><pre>{escape(code)}</pre></details>"


def picture(figure: Figure, alt: str, caption: str = "") -> str:
    """Return a figure as an image that is part of the page.

    Parameters
    ----------
    figure : matplotlib Figure
    alt : str
        What it shows, for those who cannot see it.
    caption : str
        What to look for.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor="white", bbox_inches="tight")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    width = round(figure.get_size_inches()[0] * 96)
    image = f'<img alt="{escape(alt)}" width="{width}" src="data:image/png;base64,{data}">'
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{image}{below}</figure>"


def document(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Return the whole page."""
    links = "".join(f'<a href="#{s.anchor}">{escape(s.title)}</a>' for s in sections)
    body = "".join(
        f'<section><h2 id="{s.anchor}">{escape(s.title)}</h2>{"".join(s.parts)}</section>'
        for s in sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{paragraph(lead, 'lead')}<nav>{links}</nav>{body}"
        f"<footer>Written by hiermodel.</footer></main></body></html>\n"
    )
