"""`Fit`: a model, its draws, where they came from, and everything that people do with them.

What is done with a fit stands in `verbs`, a class for each subject; here is what a fit is, how it
is made, changed and saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel import inference_data, persistence
from hiermodel.arguments import file_path
from hiermodel.declared import GROUP, kept_draws
from hiermodel.engines import Draws
from hiermodel.engines.inits import declared_shape
from hiermodel.errors import ArgumentError, HiermodelError, did_you_mean
from hiermodel.formula import update_formula
from hiermodel.frames import row_labels
from hiermodel.modeling import Model
from hiermodel.origin import Origin
from hiermodel.posterior import posterior_dataset
from hiermodel.predictions import category_attrs
from hiermodel.verbs import (
    Accuracy,
    Criticism,
    Effects,
    Marginal,
    Means,
    Multilevel,
    Pictures,
    PriorWork,
    Reports,
    Tables,
)


@dataclass(frozen=True, eq=False)
class Fit(
    Tables, Criticism, Accuracy, Effects, Marginal, Means, Multilevel, Pictures, PriorWork, Reports
):
    """The posterior of a model: draws with labels, and everything that people do with them.

    Made by `hiermodel.fit`, `Model.fit`, `Fit.from_draws` or `hiermodel.load`.

    Attributes
    ----------
    model : Model
    frame : DataFrame
        The rows that were fitted.
    datasets : mapping of str to Dataset
        The groups ``posterior``, ``sample_stats``, ``observed_data``, ``constant_data``;
        `idata` has them in ArviZ's container. Draws of Stan parameters that the posterior does
        not hold stand in ``declared``.
    provenance : mapping
        Engine, versions, seed, settings, certificate, seconds, warnings.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> fit = hm.fit("reaction ~ days", data, chains=2, draws=200, warmup=200, seed=1,
    ...              progress=False)
    >>> fit.posterior_epred().dims
    ('chain', 'draw', 'obs')
    """

    # ------------------------------------------------------------------ making one

    @classmethod
    def from_draws(
        cls,
        model: Model,
        data: Any,
        draws: Mapping[str, Any] | Draws,
        provenance: Mapping[str, Any] | None = None,
    ) -> Fit:
        """Build a fit from given draws of the declared Stan parameters.

        Parameters
        ----------
        model : Model
        data : data frame
            The training data.
        draws : mapping of str to array (chain, draw, ...), or Draws
            One entry per declared parameter, with its declared shape.

        Raises
        ------
        HiermodelError
            When a parameter is missing or has another shape.
        """
        if not isinstance(draws, Draws):
            values = {name: _as_draws(name, v) for name, v in draws.items()}
            draws = Draws(values, engine="recorded", method="recorded")
        _check_draws(model, draws.values)
        labels, rows = row_labels(data, model.columns), model.rows(data)
        posterior = posterior_dataset(model, draws.values, rows)
        return cls.assemble(model, rows, posterior, draws, provenance or {}, labels)

    @classmethod
    def assemble(
        cls,
        model: Model,
        frame: pd.DataFrame,
        posterior: xr.Dataset,
        draws: Draws,
        facts: Mapping[str, Any],
        labels: np.ndarray | None = None,
    ) -> Fit:
        """Put a labelled posterior, the complete rows and the facts of the run together.

        `labels` are what the user calls the rows; they are numbered from 0 without.
        """
        obs = np.arange(len(frame)) if labels is None else labels
        constant = persistence.frame_to_dataset(frame, model.call.get("data2") or {})
        groups = {
            "posterior": posterior,
            "observed_data": _observed(model, frame, obs),
            # All rows, also those that a subset() leaves out: levels are learned from them.
            "constant_data": constant.assign_coords(obs=obs),
        }
        if not model.is_multivariate:
            frame = model.part.rows(frame)
        kept = kept_draws(model, draws.values, posterior)
        if kept.data_vars:
            groups[GROUP] = kept
        if draws.stats:
            groups["sample_stats"] = xr.Dataset(
                {name: (("chain", "draw"), values) for name, values in draws.stats.items()}
            )
        provenance = {
            "engine": draws.engine, "engine_version": draws.engine_version,
            "seconds": draws.seconds, "seed": draws.seed, "method": draws.method,
            "pareto_k": draws.pareto_k, **facts,
        }
        return cls(model, frame, groups, provenance)

    def update(self, data: Any = None, formula: Any = None, **changes: Any) -> Fit:
        """Fit again with changes; everything else stays as it was.

        Parameters
        ----------
        data : data frame, optional
            Other data, which brms calls ``newdata``; by default the rows of this fit.
        formula : str or Formula, optional
            ``.`` stands for the side of the formula that was there: ``". ~ . + x"``,
            ``"~ . - (1 | g)"``. Formulas of further parameters stay unless others are given.
        **changes
            Any argument of `hiermodel.fit`.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("sleepstudy")
        >>> small = dict(chains=2, draws=100, warmup=100, seed=1, progress=False)
        >>> first = hm.fit("reaction ~ 1", data, **small)
        >>> first.update(formula=". ~ . + days").fixef().index.tolist()
        ['Intercept', 'days']
        """
        from hiermodel.fitting import fit

        if "newdata" in changes:
            if data is not None:
                raise ArgumentError("data and newdata are two names of one argument: give one")
            data = changes.pop("newdata")
        arguments = persistence.call_arguments(self.model)
        arguments["data2"] = self.model.call.get("data2")
        settings = dict(self.provenance.get("settings", {}))
        settings |= {
            "engine": self.provenance.get("engine"),
            "algorithm": self.provenance.get("algorithm", "nuts"),
            "collapse": self.provenance.get("collapse", "auto"),
            "aggregate": self.provenance.get("aggregate", "auto"),
            "parameterization": self.provenance.get("parameterization", "auto"),
        }
        if settings["engine"] == "recorded":
            settings.pop("engine")
        if formula is not None:
            arguments["formula"] = update_formula(arguments["formula"], formula)
        if data is None:
            data = self.frame.set_axis(self.row_labels, axis=0)
        return fit(data=data, **(arguments | settings | changes))

    def with_group(self, name: str, group: xr.Dataset) -> Fit:
        """The same fit with a further group in ``idata``."""
        return replace(self, datasets={**self.datasets, name: group})

    def with_groups(self, *names: str, seed: int | None = None) -> Fit:
        """The same fit with computed groups in ``idata``, for use with ArviZ.

        Parameters
        ----------
        *names : {"log_likelihood", "posterior_predictive"}
        seed : int, optional
            For ``posterior_predictive``.

        Returns
        -------
        Fit

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("sleepstudy")
        >>> fit = hm.fit("reaction ~ days", data, chains=2, draws=100, warmup=100, seed=1,
        ...              progress=False)
        >>> "log_likelihood" in fit.with_groups("log_likelihood").groups
        True
        """
        out = self
        makers = {
            "log_likelihood": lambda: _group(self.log_lik()),
            "posterior_predictive": lambda: _group(self.posterior_predict(seed=seed)),
        }
        for name in names:
            if name not in makers:
                raise HiermodelError(
                    f"no group {name!r} can be computed{did_you_mean(name, makers)}; "
                    f"known are {', '.join(makers)}"
                )
            out = out.with_group(name, makers[name]())
        return out

    @property
    def origin(self) -> Origin:
        """What the draws are: of the posterior, of an approximation, of the prior, or a mode."""
        return Origin.of(self.provenance)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups in ``idata``."""
        return tuple(self.shown_datasets)

    def save(self, path: str | Path) -> Path:
        """Write the fit to one netCDF file; `hiermodel.load` reads it back.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Path
        """
        return inference_data.write(self.datasets, self.words, file_path(path))

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        html: str = self.summary()._repr_html_()
        return html


def _group(values: xr.DataArray | xr.Dataset) -> xr.Dataset:
    """Values of one response as ``Y``; those of several as they are."""
    return values if isinstance(values, xr.Dataset) else values.rename("Y").to_dataset()


def _observed(model: Model, frame: pd.DataFrame, labels: np.ndarray) -> xr.Dataset:
    """The responses: ``Y``, or with several of them a variable each.

    A response that uses a subset of the rows has a dim of its own.
    """
    out: dict[str, xr.DataArray] = {}
    for part in model.parts:
        dim = f"obs_{part.name}" if part.name and part.subset is not None else "obs"
        rows = part.rows(frame)
        name = part.name or "Y"
        dims, coords = [dim], {dim: labels[part.places(frame)]}
        if part.family.several_columns:
            dims.append(f"category_{part.name}" if part.name else "category")
            coords[dims[-1]] = np.array(part.response.categories)
        out[name] = xr.DataArray(
            part.response.coded(rows), dims=dims, coords=coords,
            attrs=category_attrs(part.response),
        )
    return xr.Dataset(out)


def _as_draws(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise HiermodelError(f"draws of {name!r} are not numbers") from None


def _check_draws(model: Model, values: Mapping[str, np.ndarray]) -> None:
    sizes = model.constants()
    for var in model.parameters:
        if var.name not in values:
            raise HiermodelError(
                f"draws of the parameter {var.name!r} are missing; the model declares "
                + ", ".join(v.name for v in model.parameters)
            )
        want = declared_shape(var, sizes)
        got = np.shape(values[var.name])
        if want is not None and got[2:] != want:
            shown = ", ".join(["chain", "draw", *map(str, want)])
            raise HiermodelError(
                f"draws of {var.name!r} ({var.stan_type}) must have {len(want) + 2} dims "
                f"({shown}), got the shape {got}"
            )
