"""Progress bars over iterations of chains and pieces of work; a reader of an engine's lines."""

from __future__ import annotations

import io
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from types import TracebackType
from typing import Any, TextIO

_STEP = re.compile(r"Chain \[(\d+)\] Iteration:\s*(\d+) / \d+ \[\s*\d+%\]\s+\((\w+)\)")
# What engines of the Stan family print around a run; the same facts come back as numbers.
_NOISE = re.compile(
    r"\s*$|Chain \[\d+\] Elapsed Time:|\s+[\d.]+ seconds \(|Warning: \d+ of \d+ post-warmup"
)


class ChainProgress:
    """A bar over the iterations of all chains.

    Parameters
    ----------
    chains, iterations : int
        Number of chains and of iterations of one chain, warmup included.
    show : bool
        With False nothing is imported, created or printed.

    Examples
    --------
    >>> with ChainProgress(2, 100, show=False) as bar:
    ...     bar.update(1, 50)
    ...     bar.update(2, 100)
    >>> bar.done
    150
    """

    def __init__(self, chains: int, iterations: int, show: bool = True) -> None:
        self.chains = chains
        self.iterations = iterations
        self.show = show
        self._at: dict[int, int] = {}
        self._bar: Any = None
        self._lock = threading.Lock()

    @property
    def done(self) -> int:
        """Iterations done, over all chains."""
        return sum(self._at.values())

    def __enter__(self) -> ChainProgress:
        """Show the bar."""
        if self.show:
            self._bar = bar_class()(
                total=self.chains * self.iterations,
                desc=f"Sampling {self.chains} chain{'s' * (self.chains > 1)}",
                unit="it",
                mininterval=0.1,
                dynamic_ncols=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the bar as it stands; after an error it must not look finished."""
        if self._bar is not None:
            self._bar.close()

    def update(self, chain: int, iteration: int, phase: str = "") -> None:
        """Record that `chain` has reached `iteration`; going backwards is ignored."""
        with self._lock:
            before = self._at.get(chain, 0)
            if iteration <= before:
                return
            self._at[chain] = iteration
            if self._bar is not None:
                if phase:
                    self._bar.set_postfix_str(phase.lower(), refresh=False)
                self._bar.update(iteration - before)

    def finish(self) -> None:
        """Fill the bar; engines that report every k-th iteration may stop short of the end."""
        for chain in range(1, self.chains + 1):
            self.update(chain, self.iterations)

    @contextmanager
    def reading_stdout(self, swallow: bool = False) -> Iterator[list[str]]:
        """Take the lines that the engine prints to ``sys.stdout``.

        Other lines go through, as other threads may print meanwhile; with `swallow` they are
        kept from the screen. Yields the list of these lines.
        """
        lines = _Lines(self, None if swallow else sys.stdout)
        with redirect_stdout(lines):
            yield lines.others


class _Lines(io.TextIOBase):
    """Text stream that splits what is written into lines and sorts them."""

    def __init__(self, progress: ChainProgress, through: TextIO | None) -> None:
        self.others: list[str] = []
        self._progress = progress
        self._through = through
        # print() writes a line and its end apart, and the chains' threads print at once.
        self._rest: dict[int, str] = {}
        self._lock = threading.RLock()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock:
            thread = threading.get_ident()
            *lines, rest = (self._rest.get(thread, "") + text).split("\n")
            self._rest[thread] = rest
            for line in lines:
                self._sort(line)
        return len(text)

    def _sort(self, line: str) -> None:
        step = _STEP.match(line)
        if step:
            self._progress.update(int(step[1]), int(step[2]), step[3])
        elif not _NOISE.match(line):
            self.others.append(line)
            if self._through is not None:
                self._through.write(line + "\n")

    def flush(self) -> None:
        if self._through is not None:
            self._through.flush()


@contextmanager
def counted(total: int, what: str, unit: str, show: bool) -> Iterator[Callable[[], Any]]:
    """A bar over so many pieces of work; gives what tells that one of them is done."""
    if not show:
        yield lambda: None
        return
    bar = bar_class()(total=total, desc=what, unit=unit, dynamic_ncols=True)
    try:
        yield bar.update
    finally:
        bar.close()


def bar_class() -> Any:
    """The class of progress bars that suits where the program runs."""
    with warnings.catch_warnings():
        # In a notebook without ipywidgets tqdm falls back to text, and need not say so.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm
    return tqdm
