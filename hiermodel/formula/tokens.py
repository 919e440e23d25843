"""Formula text -> tokens, each with its place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from hiermodel.errors import FormulaError


class Kind(Enum):
    """What a token is."""

    NUMBER = "number"
    NAME = "name"
    QUOTED_NAME = "name in backticks"
    STRING = "string"
    OPERATOR = "operator"
    END = "end of the formula"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text that cannot be split; `start` and `end` are offsets in the source."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def span(self) -> tuple[int, int]:
        """Place in the source."""
        return (self.start, self.end)


# Names may hold dots (``ph.ecog``, ``np.log``); they start with a letter, or a dot and a letter.
PLAIN_NAME = r"(?:[^\W\d]|\.(?=[^\W\d]))[\w.]*"
# The longest operators stand first.
_PATTERN = re.compile(
    rf"""
      (?P<SPACE>\s+)
    | (?P<NUMBER>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?L?)
    | (?P<NAME>{PLAIN_NAME})
    | (?P<QUOTED_NAME>`[^`]*`)
    | (?P<STRING>"[^"]*"|'[^']*')
    | (?P<OPERATOR>%in%|\|\||&&|\*\*|==|!=|<=|>=|[-+*/^:|&~(),=<>!\[\].])
    """,
    re.VERBOSE,
)
_UNTERMINATED = {"`": "the backtick", '"': "the double quote", "'": "the quote"}


def tokenize(source: str) -> tuple[Token, ...]:
    """Split formula text into tokens; the last one is the end.

    Raises
    ------
    FormulaError
        For a character that has no meaning in a formula, or an unterminated quote.
    """
    out: list[Token] = []
    at = 0
    while at < len(source):
        match = _PATTERN.match(source, at)
        if match is None:
            raise _unreadable(source, at)
        kind = match.lastgroup
        if kind != "SPACE":
            assert kind is not None
            out.append(Token(Kind[kind], match.group(), match.start(), match.end()))
        at = match.end()
    # The end points at the last character, so that an error there has something to mark.
    last = len(source.rstrip())
    out.append(Token(Kind.END, "", max(0, last - 1), max(1, last)))
    return tuple(out)


def _unreadable(source: str, at: int) -> FormulaError:
    character = source[at]
    if character in _UNTERMINATED:
        message = f"{_UNTERMINATED[character]} that opens here is never closed"
        return FormulaError(message, source, (at, len(source)))
    return FormulaError(
        f"the character {character!r} has no meaning in a formula; a column with an unusual name "
        "is written in backticks",
        source,
        (at, at + 1),
    )
