"""Reads the block structure of a Stan program, to name lines and to drop the model block."""

from __future__ import annotations

import re
from collections.abc import Iterator

_HEADER = re.compile(
    r"(functions|transformed\s+data|data|transformed\s+parameters|parameters|model"
    r"|generated\s+quantities)\s*$"
)
_SKIPPED = re.compile(r'//[^\n]*|/\*.*?\*/|"[^"\n]*"', re.DOTALL)


def blocks(code: str) -> dict[str, str]:
    """Split a program into its blocks.

    Parameters
    ----------
    code : str
        Stan program.

    Returns
    -------
    dict of str to str
        Text between the braces of each block, under names with single spaces.

    Examples
    --------
    >>> blocks("data { int N; } model { }")
    {'data': ' int N; ', 'model': ' '}
    """
    return dict(_blocks(code))


def _blocks(code: str) -> Iterator[tuple[str, str]]:
    # Comments and strings are blanked at equal length, so that their braces do not count
    # and offsets stay those of the program.
    plain = _SKIPPED.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), code)
    depth, start, name = 0, 0, ""
    last = 0
    for match in re.finditer(r"[{}]", plain):
        if match.group() == "{":
            if depth == 0:
                header = _HEADER.search(plain[last : match.start()])
                name = " ".join(header.group(1).split()) if header else ""
                start = match.end()
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                last = match.end()
                if name:
                    yield name, code[start : match.start()]


def without_model(code: str, transformed: bool = False) -> str:
    """Cut a program down to its declarations and an empty model block.

    What is left maps between the constrained and the unconstrained scale exactly as the whole
    program does, and its density is finite wherever the whole program's may fail.

    Parameters
    ----------
    code : str
        Stan program.
    transformed : bool
        Keep the transformed parameters.
    """
    kept = ["functions", "data", "transformed data", "parameters"]
    if transformed:
        kept.append("transformed parameters")
    found = blocks(code)
    text = "\n".join(f"{name} {{{found[name]}}}" for name in kept if name in found)
    return text + "\nmodel {\n}\n"
