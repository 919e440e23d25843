"""What the draws of a fit are: of the posterior, of an approximation, of the prior, or one point.

Everything after the fit reads it from the provenance of the fit, and says it or refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hiermodel.errors import HiermodelError, HiermodelWarning, warn
from hiermodel.importance import K_LIMIT

_APPROXIMATIONS = {"laplace": "Laplace", "pathfinder": "Pathfinder"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where draws come from.

    Attributes
    ----------
    method : str
        ``"nuts"``, ``"laplace"``, ``"pathfinder"``, ``"optimize"`` or ``"recorded"``.
    prior_only : bool
        Whether the likelihood was left out.
    pareto_k : float, optional
        Of an approximation, where it is known.

    Examples
    --------
    >>> Origin.of({"method": "laplace", "pareto_k": 0.35}).phrase
    'a Laplace approximation of the posterior (Pareto k = 0.35)'
    """

    method: str
    prior_only: bool = False
    pareto_k: float | None = None

    @classmethod
    def of(cls, provenance: Mapping[str, Any]) -> Origin:
        """Read the origin from the provenance of a fit; without one, draws of the posterior."""
        return cls(
            str(provenance.get("method") or "nuts"),
            bool(provenance.get("prior_only")),
            provenance.get("pareto_k"),
        )

    @property
    def is_point(self) -> bool:
        """One point, without uncertainty."""
        return self.method == "optimize"

    @property
    def is_approximation(self) -> bool:
        """Independent draws of an approximation: neither chains nor convergence."""
        return self.method in _APPROXIMATIONS

    @property
    def is_plain(self) -> bool:
        """Draws of the posterior itself, of which nothing more has to be said."""
        return not (self.prior_only or self.is_point or self.is_approximation)

    @property
    def target(self) -> str:
        """``"prior"`` or ``"posterior"``."""
        return "prior" if self.prior_only else "posterior"

    @property
    def phrase(self) -> str:
        """What the draws are of, in words."""
        if self.is_point:
            return f"the {self.target} mode (a point, no uncertainty)"
        if self.is_approximation:
            name = _APPROXIMATIONS[self.method]
            return f"a {name} approximation of the {self.target}{self._quality()}"
        return f"the {self.target}"

    def _quality(self) -> str:
        if self.pareto_k is None:
            return ""
        k = f"= {self.pareto_k:.2f}" if self.pareto_k >= 0 else "< 0"
        return f" (Pareto k {k}{', poor' if self.pareto_k > K_LIMIT else ''})"

    def size(self, chains: int, draws: int, warmup: int | None) -> tuple[str, str]:
        """Name and text of the line of a summary that tells how many draws there are of what."""
        if self.is_point:
            return "Estimate", f"{self.target} mode by L-BFGS (a point, no uncertainty)"
        if self.is_approximation:
            return "Draws", f"{chains * draws} draws of {self.phrase}"
        after = f" after {warmup} of warmup" if warmup else ""
        plural = "chain" if chains == 1 else "chains"
        text = f"{chains} {plural} x {draws} draws{after} = {chains * draws}"
        return "Draws", f"{text}, from the prior" if self.prior_only else text

    def refuse_point(self, what: str) -> None:
        """Refuse what needs the spread of draws.

        Raises
        ------
        HiermodelError
            For a point.
        """
        if self.is_point:
            raise HiermodelError(
                f"{what} needs draws, and this fit is {self.phrase}: it was made with "
                'algorithm="optimize". Fit again with algorithm="sampling", for example '
                'fit.update(algorithm="sampling")'
            )

    def refuse_prior(self, what: str) -> None:
        """Refuse what is about the fit to the data.

        Raises
        ------
        HiermodelError
            For draws of the prior.
        """
        if self.prior_only:
            raise HiermodelError(
                f"{what} judges how well a fitted model predicts, and this fit left out the data: "
                "its draws are from the prior. Fit the model to the data first, with "
                'sample_prior="no" or "yes"; pp_check() looks at the prior predictive distribution'
            )

    def warn_if_poor(self, what: str) -> None:
        """Warn that a result rests on an approximation that is known to be poor."""
        if self.pareto_k is not None and self.pareto_k > K_LIMIT:
            warn(
                f"{what} rests on {self.phrase}: do not report it, use "
                'algorithm="sampling"',
                HiermodelWarning,
            )


#: Draws of the posterior itself.
POSTERIOR = Origin("nuts")
