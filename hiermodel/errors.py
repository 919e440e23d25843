"""Every error and warning that hiermodel raises, and the helpers that make their messages useful.

HiermodelError
|- ArgumentError  an argument of a function
|- FormulaError   the formula text: carries the text and a caret under the culprit
|- DataError      the data frame: names the column, level or row
|- FamilyError    the family, its links, the response values
|- PriorError     a prior row
`- EngineError    the sampler, its settings, the Stan program
   `- CertificateError   the engine computes another density than the model states
HiermodelWarning  (UserWarning)
`- SamplingWarning
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

_PACKAGE = str(Path(__file__).resolve().parent)


class HiermodelError(Exception):
    """Base class of all errors of hiermodel."""


class FormulaError(HiermodelError, ValueError):
    """A formula that cannot be read or resolved.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    source : str, optional
        The whole formula text.
    span : tuple of (int, int), optional
        Start and end offset of the culprit in `source`.
    """

    def __init__(
        self, message: str, source: str | None = None, span: tuple[int, int] | None = None
    ) -> None:
        self.message = message
        self.source = source
        self.span = span
        super().__init__(message + _caret(source, span))


class ArgumentError(HiermodelError, ValueError):
    """An argument of a function or method that cannot be."""


class DataError(HiermodelError, ValueError):
    """Data that do not fit the model."""


class FamilyError(HiermodelError, ValueError):
    """An unknown family or link, or a response that the family cannot have."""


class PriorError(HiermodelError, ValueError):
    """A prior that cannot be read or matches no parameter."""


class EngineError(HiermodelError, RuntimeError):
    """The engine refused the program, the data or the settings."""


class CertificateError(EngineError):
    """The engine's log density is not the one that the model states."""


class HiermodelWarning(UserWarning):
    """Base class of all warnings of hiermodel."""


class SamplingWarning(HiermodelWarning):
    """A problem of the sampler that makes the draws doubtful."""


def _caret(source: str | None, span: tuple[int, int] | None) -> str:
    if source is None:
        return ""
    if span is None:
        return f"\n  {source}"
    start = max(0, min(span[0], len(source)))
    stop = max(start + 1, min(span[1], max(len(source), start + 1)))
    # A formula may be written over several lines: mark the line that holds the culprit.
    line_start = source.rfind("\n", 0, start) + 1
    line_end = source.find("\n", start)
    line = source[line_start : len(source) if line_end < 0 else line_end]
    width = max(1, min(stop - start, max(1, len(line) - (start - line_start))))
    return f"\n  {line}\n  {' ' * (start - line_start)}{'^' * width}"


def nearest(name: str, options: Iterable[str]) -> str | None:
    """Return the option most like `name`, or None when nothing is close."""
    by_folded = {str(option).lower(): str(option) for option in options}
    hits = difflib.get_close_matches(str(name).lower(), by_folded, n=1, cutoff=0.6)
    return by_folded[hits[0]] if hits else None


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest option, or an empty string."""
    hit = nearest(name, options)
    return f" (did you mean {hit!r}?)" if hit is not None else ""


def warn(message: str, category: type[Warning] = HiermodelWarning) -> None:
    """Warn at the line of the user's code that called into the package.

    Python shows one text once per line; what is said twice on the way of one call is shown once.
    """
    level, frame = 2, sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    warnings.warn(message, category, stacklevel=level)
