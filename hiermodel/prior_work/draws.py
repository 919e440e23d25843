"""Draws from the prior of the parameters that have one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel import declared
from hiermodel.errors import DataError, HiermodelWarning, PriorError, warn
from hiermodel.flatnames import columns, flat_names, to_frame, variable_class
from hiermodel.plots.draws import selected
from hiermodel.posterior import posterior_dataset
from hiermodel.prior_work.centred import centred_name, names_with_prior, with_centred

if TYPE_CHECKING:
    from hiermodel.fitted import Fit
    from hiermodel.modeling import Model

# Code of the user in these blocks may tie parameters together.
_COUPLING = ("tparameters", "model", "likelihood")


def prior_draws(
    fit: Fit, variables: str | Sequence[str] | None = None, **settings: Any
) -> pd.DataFrame:
    """Draw from the prior of the parameters that have one.

    Parameters
    ----------
    fit : Fit
    variables : str or sequence of str, optional
        Variables, flat names or patterns with ``*``; by default what the summary shows.
        ``"Intercept"``, or ``"Intercept[1]"`` of thresholds, is that of the centred design.
    **settings
        Of the sampler (``chains``, ``draws``, ``warmup``, ``seed``, ...); by default those of the
        fit. Not for fits that hold draws of the prior, which are given back.

    Returns
    -------
    DataFrame
        A row per draw (index ``.chain``, ``.draw``), a column per flat name.

    Raises
    ------
    DataError
        A name that nothing matches, or one whose prior is flat; settings of the sampler when the
        fit holds draws already.
    PriorError
        When no parameter that is asked for has a proper prior, or the user's own Stan code keeps
        flat priors from being left out.

    Warns
    -----
    HiermodelWarning
        When parameters are left out because they, or others that they are computed from, have a
        flat prior: by default those on population-level coefficients, and with them intercepts
        and thresholds on the uncentred scale, for which those of the centred design stand in.

    Notes
    -----
    Fits with ``sample_prior="yes"`` and those of the prior alone hold the draws. Otherwise the
    prior is sampled without the likelihood. Parameters with a flat prior get a normal one
    meanwhile: priors of single parameters are independent, so that those of the others stay.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), priors={"b": "normal(0, 2)"},
    ...              chains=2, draws=500, seed=1, progress=False)
    >>> list(prior_draws(fit, "b_wt"))
    ['b_wt']
    """
    posterior = with_centred(fit.model, fit.posterior)
    selected(posterior, variables)  # names that there are not, before anything is sampled
    prior, flat = prior_dataset(fit, settings)
    names = names_with_prior(posterior, variables, flat)
    left_out = [name for name in names if name in flat]
    kept = [name for name in names if name not in flat]
    shown = ", ".join(left_out[:5]) + (", ..." if len(left_out) > 5 else "")
    given = [variables] if isinstance(variables, str) else list(variables or ())
    asked = [v for v in given if v in left_out]
    centred = centred_name(posterior, (asked or left_out)[0]) if left_out else None
    has_one = centred is not None and centred not in flat
    hint = f"; {centred!r}, that of the centred design, has a prior" if has_one else ""
    if not kept:
        raise PriorError(
            f"there are no draws of {shown}: a flat prior, or computed from a parameter with one"
            f"{hint}. Give a proper prior, such as priors={{'b': 'normal(0, 5)'}}, or take "
            "priors='weak'"
        )
    if asked:
        raise DataError(
            f"there are no draws of {asked[0]!r}: its prior is flat, or that of a parameter from "
            f"which it is computed{hint}; leave it out of variables="
        )
    if left_out:
        warn(
            f"without draws of {shown}: a flat prior, or computed from a parameter with one",
            HiermodelWarning,
        )
    return to_frame(prior)[kept]


def prior_dataset(fit: Fit, settings: dict[str, Any]) -> tuple[xr.Dataset, frozenset[str]]:
    """Labelled draws of the prior, and the flat names in it that have no proper prior.

    Raises
    ------
    DataError
        For settings of the sampler when draws are there.
    """
    held = fit.posterior if fit.origin.prior_only else fit.datasets.get("prior")
    if held is not None:
        if settings:
            raise DataError(
                f"the fit holds draws of the prior, so that {next(iter(settings))}= says nothing; "
                "leave it out"
            )
        fit.origin.refuse_point("prior_draws()")
        return with_centred(fit.model, held), frozenset()
    model, flat = _proper(fit.model)
    facts = dict(fit.provenance.get("settings", {}))
    engine = fit.provenance.get("engine")
    given = {"progress": False, **facts, **settings}
    if "engine" not in given and engine != "recorded":
        given["engine"] = engine
    made = model.fit(fit.shown_rows, prior_only=True, **given)
    drawn = with_centred(made.model, made.posterior)
    return drawn, _dependents(made, drawn, flat) if flat else frozenset()


def _proper(model: Model) -> tuple[Model, dict[str, list[int] | None]]:
    """The model with normal priors in place of flat ones, and where these are.

    The places are positions in a variable, None for all of it.
    """
    priors = model.resolved_priors
    if not priors.improper:
        return model, {}
    coupled = priors.raw or any(one.block in _COUPLING for one in model.stanvars)
    sums = "lprior" if model.normalize else "target"
    flat: dict[str, list[int] | None] = {}
    names, lines = set(priors.improper), []
    for var in priors.parameters:
        if var.prior is None:
            # Free elements beside constants are variables of their own, par_b_3 for b[3].
            split = re.fullmatch(r"par_(.+)_(\d+)", var.name)
            if split and not var.size and not (var.lower and var.upper):
                base, place = split.groups()
                said = f"{base}[{place}]"
                if not any(said in statement for statement in priors.statements):
                    found = [v for v in priors.improper if v.split("[")[0] == base]
                    names -= set(found)
                    if found:
                        flat[var.name] = None
                        lines.append(f"{sums} += std_normal_lpdf({var.name});")
            continue
        labels = [f"{var.name}[{e.coef}]" if e.coef else var.name for e in var.prior.elements]
        places = [k for k, label in enumerate(labels) if label in names]
        if not places or (var.lower and var.upper):
            continue
        names -= set(labels)
        whole = len(places) == len(labels)
        flat[var.name] = None if whole else places
        targets = [var.name] if whole else [f"{var.name}[{k + 1}]" for k in places]
        lines += [f"{sums} += std_normal_lpdf({target});" for target in targets]
    if coupled or names:
        why = "and Stan code of the model may tie it to others" if coupled else "in part"
        raise PriorError(
            f"the prior of {', '.join(priors.improper[:5])} is flat, {why}: give it a proper "
            "prior, such as priors={'b': 'normal(0, 5)'}, or take priors='weak'"
        )
    proper = replace(priors, statements=(*priors.statements, *lines), improper=())
    return replace(model, resolved_priors=proper), flat


def _dependents(
    made: Fit, drawn: xr.Dataset, flat: dict[str, list[int] | None]
) -> frozenset[str]:
    """The flat names whose draws change when the parameters with flat priors do."""
    kept = made.datasets.get(declared.GROUP, xr.Dataset())
    values = declared.declared_draws(made.model, made.posterior, kept)
    changed = dict(values)
    for name, places in flat.items():
        # Twice as large: inside of bounds at 0, and in the same order.
        moved = np.array(values[name])
        at = (slice(None), slice(None)) if places is None else (slice(None), slice(None), places)
        moved[at] = 2.0 * moved[at]
        changed[name] = moved
    other = with_centred(made.model, posterior_dataset(made.model, changed, made.frame))
    names = [e for e in flat_names(drawn) if variable_class(drawn[e.variable]) != "lprior"]
    before, after = (columns(ds, names) for ds in (drawn, other))
    # What is added and taken away again comes back but for rounding.
    size = np.nanmax(np.abs(before), axis=(0, 1), initial=0.0)
    both_nan = np.isnan(before) & np.isnan(after)
    same = ((np.abs(after - before) <= 1e-9 * size) | both_nan).all(axis=(0, 1))
    out = {entry.name for entry, kept in zip(names, same, strict=True) if not kept}
    # Draws of the log prior hold the normal priors.
    return frozenset(out | {"lprior", *(f"lprior_{t}" for t in made.model.resolved_priors.tags)})
