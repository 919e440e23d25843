"""Verbs of a fit that ask how good the model is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    from hiermodel.criticism import Elpd


class Criticism(Verbs):
    """Cross-validation and checks."""

    def loo(self, resp: str | None = None) -> Elpd:
        """Leave-one-out cross-validation by Pareto-smoothed importance sampling."""
        from hiermodel.criticism import loo

        return loo(self._one(resp))

    def waic(self, resp: str | None = None) -> Elpd:
        """Widely applicable information criterion (Watanabe 2010); prefer `loo`."""
        from hiermodel.criticism import waic

        return waic(self._one(resp))

    def pp_check(
        self, type: str | None = None, *, resp: str | None = None, **options: Any
    ) -> Any:
        """Compare the data with draws from the posterior predictive distribution.

        Parameters
        ----------
        type : str, optional
            ``"dens_overlay"``, ``"bars"``, ``"stat"``, ``"intervals"``, ...; chosen by the
            family when not given. See `hiermodel.criticism.pp_check`.
        resp : str, optional
            Which of several responses.
        **options
            ``ndraws``, ``group``, ``stat``, ``ax``, ``seed``, ...

        Returns
        -------
        Axes
        """
        from hiermodel.criticism import pp_check

        return pp_check(self._one(resp), type, **options)
