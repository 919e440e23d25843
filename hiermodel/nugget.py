"""A nugget for exact Gaussian processes, without which they cannot be sampled reliably.

The covariance matrix of points that lie closely for the length scale is singular up to rounding.
With 1e-12 on its diagonal, as in brms, there is a Cholesky factor, but rounding errors of 1e-16
reach the values of the process as 1e-5, and its gradient by as much as itself: chains end up with
steps that are too small to get anywhere, or none of their steps is accepted. With a billionth of
the variance of the process (an sd 30,000 times smaller than its own) the density is smooth.

`hiermodel.model` gives the program with brms's constant; what is fitted has the nugget.
"""

from __future__ import annotations

from dataclasses import replace

from hiermodel.modeling import Model
from hiermodel.predictors import Predictor
from hiermodel.terms.gaussian_process import GaussianProcessTerm

#: Part of the variance of an exact process that fits give each of its values.
NUGGET = 1e-9


def with_nugget(model: Model, nugget: float = NUGGET) -> Model:
    """The model with a nugget in its exact Gaussian processes; itself where it has none.

    Parameters
    ----------
    model : Model
    nugget : float
        Part of the variance of the process.

    Returns
    -------
    Model

    Examples
    --------
    >>> import hiermodel as hm
    >>> model = hm.model("accel ~ gp(times)", hm.datasets.load("mcycle"))
    >>> "add_diag(cov, 1e-09 * square(sdgp))" in with_nugget(model).stan_code
    True
    """
    if nugget_of(model) == nugget or not has_exact(model):
        return model
    parts = tuple(
        replace(
            part,
            predictors=tuple(
                replace(
                    predictor,
                    terms=tuple(
                        replace(term, nugget=nugget) if term is predictor.processes else term
                        for term in predictor.terms
                    ),
                )
                if isinstance(predictor, Predictor) else predictor
                for predictor in part.predictors
            ),
        )
        for part in model.parts
    )
    return replace(model, parts=parts)


def nugget_of(model: Model) -> float:
    """The nugget of its exact processes; 0 without."""
    return max((term.nugget for term in _terms(model)), default=0.0)


def has_exact(model: Model) -> bool:
    """Whether there is an exact Gaussian process in it."""
    return any(term.has_exact for term in _terms(model))


def _terms(model: Model) -> list[GaussianProcessTerm]:
    return [
        predictor.processes for part in model.parts for predictor in part.predictors
        if isinstance(predictor, Predictor) and predictor.processes is not None
    ]
