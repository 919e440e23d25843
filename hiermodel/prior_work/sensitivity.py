"""Power-scaling sensitivity: whether prior and data pull the posterior, and apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hiermodel.errors import ArgumentError, DataError, HiermodelWarning, warn
from hiermodel.importance import K_LIMIT
from hiermodel.plots.draws import selected
from hiermodel.prior_work.components import check_draws, log_likelihood, log_prior, tags_of
from hiermodel.prior_work.scaling import sensitivity
from hiermodel.summary.html import frame_html, page
from hiermodel.summary.text import frame_text, title_text

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

CONFLICT = "potential prior-data conflict"
STRONG = "potential strong prior / weak likelihood"
NOTHING = "-"


@dataclass(frozen=True, slots=True, eq=False)
class PriorSensitivity:
    """How far posteriors move when prior or likelihood are scaled by a power.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per parameter (its flat name): ``prior`` and ``likelihood``, the sensitivities
        (distance per doubling of the power), and ``diagnosis``.
    pareto_k : pandas.DataFrame
        Rows ``prior`` and ``likelihood``, columns ``lower`` and ``upper``: Pareto k of the
        importance weights. Minus infinity: even weights, nothing to smooth.
    tags : tuple of str
        Which parts of the prior were scaled; empty for the whole prior.
    alphas : (float, float)
    threshold : float
    origin : str
        What the draws are of, when not of the posterior itself.

    Examples
    --------
    >>> fit.prior_sensitivity().table  # doctest: +SKIP
    """

    table: pd.DataFrame
    pareto_k: pd.DataFrame
    tags: tuple[str, ...]
    alphas: tuple[float, float]
    threshold: float
    origin: str = ""

    @property
    def conflicts(self) -> tuple[str, ...]:
        """Parameters on which prior and data may disagree."""
        return self._with(CONFLICT)

    @property
    def strong_priors(self) -> tuple[str, ...]:
        """Parameters of which the prior says more than the data."""
        return self._with(STRONG)

    def _with(self, diagnosis: str) -> tuple[str, ...]:
        return tuple(self.table.index[self.table["diagnosis"] == diagnosis])

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.table.copy()

    @property
    def message(self) -> str:
        """What the table says, in words."""
        out: list[str] = []
        if self.conflicts:
            out.append(
                f"Prior and data may be in conflict for {', '.join(self.conflicts)}: the posterior "
                "depends on both. Look at plot_prior_posterior(), and ask whether the prior says "
                "what you know."
            )
        if self.strong_priors:
            out.append(
                f"The prior is strong, or the likelihood weak, for "
                f"{', '.join(self.strong_priors)}: the posterior follows the prior. That is fine "
                "where the prior is meant to inform."
            )
        return "\n".join(out or ["No sign that the posterior depends on the prior."])

    @property
    def title(self) -> str:
        """What was scaled."""
        of = f" of the priors tagged {', '.join(self.tags)}" if self.tags else ""
        return f"Power-scaling sensitivity{of}"

    @property
    def _note(self) -> str:
        low, high = self.alphas
        return (
            f"Distance per doubling of the power, from powers {low:g} and {high:g}; sensitive "
            f"from {self.threshold:g} on. {self.origin}".strip()
        )

    def __repr__(self) -> str:
        shown = frame_text(self.table, digits=3)
        return f"{title_text(self.title)}\n{shown}\n{self._note}\n{self.message}"

    def _repr_html_(self) -> str:
        return page(
            self.title, [frame_html(self.table.round(3), note=f"{self._note} {self.message}")]
        )


def prior_sensitivity(
    fit: Fit,
    prior_tags: str | Sequence[str] | None = None,
    *,
    lower_alpha: float = 0.99,
    upper_alpha: float = 1.01,
    threshold: float = 0.05,
    variables: str | Sequence[str] | None = None,
) -> PriorSensitivity:
    """Compute the power-scaling sensitivity of posteriors to prior and likelihood.

    Parameters
    ----------
    fit : Fit
    prior_tags : str or sequence of str, optional
        Scale only the priors with these tags (``hm.prior(..., tag=)``), together; by default the
        whole prior.
    lower_alpha, upper_alpha : float
        Powers below and above 1.
    threshold : float
        From which sensitivity on something is said.
    variables : str or sequence of str, optional
        Variables, flat names or patterns with ``*``; by default what the summary shows,
        without constants.

    Returns
    -------
    PriorSensitivity

    Raises
    ------
    DataError
        A tag or name that nothing matches.
    ArgumentError
        Powers or a threshold that cannot be.
    HiermodelError
        For a mode, draws of the prior, and draws without their log prior.

    Warns
    -----
    HiermodelWarning
        When Pareto k of the weights is too high to trust them.

    Notes
    -----
    Kallioinen, Paananen, Bürkner and Vehtari (2024), Statistics and Computing 34:57. A posterior
    that moves with both prior and likelihood may be one of conflict; one that moves with the
    prior alone has a strong prior or a weak likelihood. Distributions of group-level effects are
    part of the model and stay as they are: scaled are the priors of population-level
    coefficients, standard deviations, correlations and other parameters.

    The diagnostic depends on the parameters that one looks at: correlated coefficients share what
    each of them shows.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), chains=2, draws=500, seed=1,
    ...              priors=[hm.prior("normal(0, 0.5)", coef="wt")], progress=False)
    >>> fit.prior_sensitivity().table.loc["b_wt", "diagnosis"]
    'potential prior-data conflict'
    """
    what = "prior_sensitivity()"
    alphas = checked_alphas(lower_alpha, upper_alpha)
    threshold = _positive("threshold", threshold)
    check_draws(fit, what)
    tags = tags_of(fit, prior_tags)
    names, draws = chosen_draws(fit, variables, what)
    values, shapes = {}, {}
    parts = {"prior": log_prior(fit, tags, what), "likelihood": log_likelihood(fit)}
    for name, log_part in parts.items():
        values[name], shapes[name] = sensitivity(draws, log_part, alphas)
    table = pd.DataFrame(values, index=names)
    table["diagnosis"] = [
        diagnose(prior, likelihood, threshold)
        for prior, likelihood in zip(values["prior"], values["likelihood"], strict=True)
    ]
    pareto_k = pd.DataFrame(shapes, index=["lower", "upper"]).T
    warn_of_k(pareto_k, len(draws), what)
    origin = "" if fit.origin.is_plain else f"From draws of {fit.origin.phrase}."
    return PriorSensitivity(table, pareto_k, tags, alphas, threshold, origin)


def chosen_draws(
    fit: Fit, variables: str | Sequence[str] | None, what: str
) -> tuple[list[str], np.ndarray]:
    """Flat names and draws ``(S, P)``; constants are left out unless they are asked for.

    Raises
    ------
    DataError
        A name that nothing matches, or nothing but constants.
    """
    chosen = selected(fit.posterior, variables)
    names = [str(name) for name in chosen.data_vars]
    if variables is None:
        names = [name for name in names if np.ptp(chosen[name].values) > 0.0]
        if not names:
            raise DataError(f"{what}: all parameters of the model are constants")
    return names, np.stack([chosen[name].values.reshape(-1) for name in names], axis=1)


def diagnose(prior: float, likelihood: float, threshold: float) -> str:
    """The diagnosis of the paper from both sensitivities.

    Examples
    --------
    >>> diagnose(0.2, 0.01, 0.05)
    'potential strong prior / weak likelihood'
    """
    if not prior >= threshold:
        return NOTHING
    return CONFLICT if likelihood >= threshold else STRONG


def checked_alphas(lower: float, upper: float) -> tuple[float, float]:
    """Two powers, one on each side of 1."""
    lower, upper = _positive("lower_alpha", lower), _positive("upper_alpha", upper)
    if not lower < 1.0 < upper:
        raise ArgumentError(
            f"lower_alpha must be below 1 and upper_alpha above, got {lower:g} and {upper:g}"
        )
    return lower, upper


def _positive(name: str, value: object) -> float:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not 0.0 < float(value) < np.inf:  # type: ignore[arg-type]
        raise ArgumentError(f"{name} must be a positive number, not {value!r}")
    return float(value)  # type: ignore[arg-type]


def warn_of_k(pareto_k: pd.DataFrame, n_draws: int, what: str) -> None:
    """Warn of weights that cannot be trusted with this many draws."""
    limit = min(K_LIMIT, 1.0 - 1.0 / np.log10(n_draws))
    for part in pareto_k.index[(pareto_k > limit).any(axis=1)]:
        worst = float(pareto_k.loc[part].max())
        warn(
            f"{what}: Pareto k of the weights for scaling the {part} is {worst:.2f}, above "
            f"{limit:.2f}: they cannot be trusted. Take powers nearer to 1, or more draws",
            HiermodelWarning,
        )
