"""Bayesian multilevel models from a formula.

>>> import hiermodel as hm
>>> data = hm.datasets.load("sleepstudy")
>>> fit = hm.fit("reaction ~ days + (days | subject)", data, seed=1)  # doctest: +SKIP
>>> fit.summary()  # doctest: +SKIP

Public names are imported on first use, so that ``import hiermodel`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hiermodel import datasets
    from hiermodel.building import default_priors, model
    from hiermodel.criticism import (
        bayes_factor,
        compare,
        loo_compare,
        model_weights,
        post_prob,
        posterior_average,
        pp_average,
    )
    from hiermodel.engines import install_cmdstan
    from hiermodel.errors import (
        CertificateError,
        DataError,
        EngineError,
        FamilyError,
        FormulaError,
        HiermodelError,
        HiermodelWarning,
        PriorError,
        SamplingWarning,
    )
    from hiermodel.families import custom_family, family, mixture, register_family
    from hiermodel.fitted import Fit
    from hiermodel.fitting import fit, load
    from hiermodel.formula import acformula, bf, lf, mvbf, nlf, set_mecor, set_rescor
    from hiermodel.modeling import Model
    from hiermodel.multiple import fit_multiple
    from hiermodel.priors import R2D2, horseshoe, prior
    from hiermodel.stanvars import stanvar

__version__ = "0.1.0"

__all__ = [
    "R2D2",
    "CertificateError",
    "DataError",
    "EngineError",
    "FamilyError",
    "Fit",
    "FormulaError",
    "HiermodelError",
    "HiermodelWarning",
    "Model",
    "PriorError",
    "SamplingWarning",
    "__version__",
    "acformula",
    "bayes_factor",
    "bf",
    "compare",
    "custom_family",
    "datasets",
    "default_priors",
    "family",
    "fit",
    "fit_multiple",
    "horseshoe",
    "install_cmdstan",
    "lf",
    "load",
    "loo_compare",
    "mixture",
    "model",
    "model_weights",
    "mvbf",
    "nlf",
    "post_prob",
    "posterior_average",
    "pp_average",
    "prior",
    "register_family",
    "set_mecor",
    "set_rescor",
    "stanvar",
]

_HOMES = {
    "CertificateError": "errors",
    "DataError": "errors",
    "EngineError": "errors",
    "FamilyError": "errors",
    "Fit": "fitted",
    "FormulaError": "errors",
    "HiermodelError": "errors",
    "HiermodelWarning": "errors",
    "Model": "modeling",
    "PriorError": "errors",
    "R2D2": "priors",
    "SamplingWarning": "errors",
    "acformula": "formula",
    "bayes_factor": "criticism",
    "bf": "formula",
    "compare": "criticism",
    "custom_family": "families",
    "default_priors": "building",
    "family": "families",
    "fit": "fitting",
    "fit_multiple": "multiple",
    "horseshoe": "priors",
    "install_cmdstan": "engines",
    "lf": "formula",
    "load": "fitting",
    "loo_compare": "criticism",
    "mixture": "families",
    "model": "building",
    "model_weights": "criticism",
    "mvbf": "formula",
    "nlf": "formula",
    "post_prob": "criticism",
    "posterior_average": "criticism",
    "pp_average": "criticism",
    "prior": "priors",
    "register_family": "families",
    "set_mecor": "formula",
    "set_rescor": "formula",
    "stanvar": "stanvars",
}


def __getattr__(name: str) -> Any:
    if name == "datasets":
        return importlib.import_module("hiermodel.datasets")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"hiermodel.{_HOMES[name]}"), name)
        # Next time the name is found at once, without this function.
        globals()[name] = value
        return value
    from hiermodel.errors import did_you_mean

    hint = did_you_mean(name, __all__)
    raise AttributeError(f"module 'hiermodel' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted(__all__)
