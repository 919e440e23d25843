"""Verbs of a fit that write it for others to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hiermodel.verbs.base import Verbs


class Reports(Verbs):
    """A fit as a page."""

    def report(self, path: str | Path, **options: Any) -> Path:
        """Write one HTML page that opens without a network: model, convergence, checks, effects.

        Parameters
        ----------
        path : str or Path
        **options
            ``title``, ``compare`` (other fits by name), ``name``, ``prob``, ``seed``; see
            `hiermodel.reporting.report`.

        Returns
        -------
        Path
            Of the file.

        Examples
        --------
        >>> fit.report("report.html", title="Sleep and reaction time")  # doctest: +SKIP
        """
        from hiermodel.reporting import report

        return report(self._one(), path, **options)
