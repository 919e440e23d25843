"""A small, safe reader of the R text in corpus cases: calls and literals, nothing is evaluated.

Formulas are never read here: they go to the package as they stand. What is read is the R code
around them, such as ``list(A = A_phylo)``, ``threading(2, grainsize = 10)`` or
``c(prior(normal(0, 1), b), prior(gamma(1, 1), sd, ub = 10))``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

RValue = bool | int | float | str | None | list["RValue"] | dict[str, "RValue"]

_OPEN = {"(": ")", "[": "]", "{": "}"}
_CALL = re.compile(r"\s*([A-Za-z.][\w.]*(?:::[A-Za-z.][\w.]*)?)\s*\(")
_NAMED = re.compile(r"\s*(?:`([^`]+)`|\"([^\"]+)\"|([A-Za-z.][\w.]*))\s*=(?!=)(.*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\s*(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)(L?)$")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_ESCAPE = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'", "`": "`", "r": "\r"}
_WORDS: dict[str, bool | float | None] = {
    "TRUE": True,
    "T": True,
    "FALSE": False,
    "F": False,
    "NULL": None,
    "NA": None,
    "NA_real_": None,
    "NA_integer_": None,
    "NA_character_": None,
    "Inf": math.inf,
    "-Inf": -math.inf,
    "NaN": math.nan,
}


class RTextError(ValueError):
    """R text that is not a plain call or literal."""


@dataclass(frozen=True, slots=True)
class RCall:
    """``function(a, name = b)``; the arguments are kept as text."""

    function: str
    arguments: tuple[tuple[str | None, str], ...]

    def match(self, names: Sequence[str]) -> dict[str, str]:
        """Assign the arguments to parameter names, as R does (without partial matching).

        Raises
        ------
        RTextError
            For more positional arguments than names are left.
        """
        given = {name: text for name, text in self.arguments if name is not None}
        free = [name for name in names if name not in given]
        positional = [text for name, text in self.arguments if name is None]
        if len(positional) > len(free):
            raise RTextError(f"{self.function}() has more arguments than {', '.join(names)}")
        return given | dict(zip(free, positional, strict=False))


def _characters(text: str) -> Iterator[tuple[int, str, int]]:
    """Yield (offset, character, depth) of all that is not inside quotes.

    A bracket has the depth of what surrounds it, opening and closing alike.
    """
    stack: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char in "\"'`":
            end = at + 1
            while end < len(text) and text[end] != char:
                end += 2 if text[end] == "\\" and char != "`" else 1
            if end >= len(text):
                raise RTextError(f"unclosed {char} in R text: {text!r}")
            at = end + 1
            continue
        if char in _OPEN:
            yield at, char, len(stack)
            stack.append(_OPEN[char])
        elif char in _OPEN.values():
            if not stack or stack.pop() != char:
                raise RTextError(f"unbalanced {char!r} in R text: {text!r}")
            yield at, char, len(stack)
        else:
            yield at, char, len(stack)
        at += 1
    if stack:
        raise RTextError(f"{stack[-1]!r} is missing in R text: {text!r}")


def split_top(text: str, separators: str) -> list[str]:
    """Split at separators that are outside all brackets and quotes; parts are stripped."""
    cuts = [at for at, char, depth in _characters(text) if depth == 0 and char in separators]
    starts = [0, *(cut + 1 for cut in cuts)]
    stops = [*cuts, len(text)]
    return [text[a:b].strip() for a, b in zip(starts, stops, strict=True)]


def is_call(text: str) -> bool:
    """Return True when the whole text is one call ``f(...)``."""
    head = _CALL.match(text)
    if head is None:
        return False
    closing = [at for at, char, depth in _characters(text) if char == ")" and depth == 0]
    return bool(closing) and closing[0] == len(text.rstrip()) - 1


def read_call(text: str) -> RCall:
    """Read ``f(a, name = b)``.

    Raises
    ------
    RTextError
        When the text is anything else.
    """
    head = _CALL.match(text)
    if head is None or not is_call(text):
        raise RTextError(f"not a call in R: {text!r}")
    inner = text.rstrip()[head.end() : -1]
    arguments: list[tuple[str | None, str]] = []
    for part in split_top(inner, ","):
        if not part:
            continue
        named = _NAMED.match(part)
        if named:
            name = named[1] or named[2] or named[3]
            arguments.append((name, named[4].strip()))
        else:
            arguments.append((None, part))
    return RCall(head[1].split("::")[-1], tuple(arguments))


def read_value(text: str) -> RValue:
    """Read a literal: number, string, TRUE, NULL, NA, Inf, or ``c()``/``list()`` of them.

    ``NULL`` and ``NA`` are both None; a named ``c()`` or ``list()`` is a dict.

    Raises
    ------
    RTextError
        When the text is an expression of any other kind.
    """
    text = text.strip()
    if text in _WORDS:
        return _WORDS[text]
    number = _NUMBER.match(text)
    if number:
        sign = -1 if text.startswith("-") else 1
        if number[2] or number[1].isdigit():
            return sign * int(float(number[1]))
        return sign * float(number[1])
    if _STRING.fullmatch(text):
        return _unescape(text[1:-1])
    if is_call(text) and (call := read_call(text)).function in ("c", "list"):
        names = [name for name, _ in call.arguments]
        values = [read_value(value) for _, value in call.arguments]
        if any(name is not None for name in names):
            return {n or str(i): v for i, (n, v) in enumerate(zip(names, values, strict=True), 1)}
        return values
    raise RTextError(f"not a literal in R: {text!r}")


def _unescape(body: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPE.get(m[1], m[1]), body, flags=re.DOTALL)


def read_assignments(text: str) -> dict[str, str]:
    """Read ``a <- 1; b <- f(a)`` as name -> text of the right-hand side."""
    out: dict[str, str] = {}
    for statement in split_top(text, ";\n"):
        if not statement:
            continue
        match = re.match(r"([A-Za-z.][\w.]*)\s*(?:<-|=)\s*(.*)", statement, re.DOTALL)
        if match is None:
            raise RTextError(f"not an assignment in R: {statement!r}")
        out[match[1]] = match[2]
    return out
