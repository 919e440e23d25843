"""`fit_multiple()`: one model on several data sets, as multiple imputation makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.building import model as make_model
from hiermodel.centring import Choice
from hiermodel.engines import Draws, Engine, SamplingSettings
from hiermodel.engines.diagnostics import diagnostics
from hiermodel.engines.parallel import chain_seed, chain_tasks, joined, run_chains
from hiermodel.errors import ArgumentError, DataError, EngineError, HiermodelError
from hiermodel.fitted import Fit
from hiermodel.fitting import Plan, plan
from hiermodel.flatnames import NOT_MAIN, columns, flat_names, variable_class
from hiermodel.formula import Formula
from hiermodel.frames import row_labels
from hiermodel.sampling import checked_model, completed, tuner_of

if TYPE_CHECKING:
    from hiermodel.families.base import Family
    from hiermodel.summary.report import Summary


@dataclass(frozen=True, eq=False, repr=False)
class PooledFit(Fit):
    """The draws of one model from several data sets, pooled; made by `hiermodel.fit_multiple`.

    It is a `Fit` whose chains are those of all data sets, so that everything that people do with
    a fit takes the uncertainty between them in. Rows are those of the first data set. A file that
    `save` writes holds the pooled draws, and loads as a plain `Fit`.

    Attributes
    ----------
    fits : tuple of Fit
        One for each data set.
    """

    fits: tuple[Fit, ...] = ()

    def rhats(self) -> pd.DataFrame:
        """R-hat of the main parameters within each data set.

        Returns
        -------
        DataFrame
            A row for each parameter, under brms's flat names, a column for each data set, numbered
            from 1. Above 1.01 the chains of that data set do not agree.
        """
        return pd.DataFrame(
            {k: _of_chains(fit, "rhat") for k, fit in enumerate(self.fits, start=1)}
        ).rename_axis(index="parameter", columns="data set")

    def imputation_diagnostics(self) -> pd.DataFrame:
        """What part of the uncertainty comes from the differences between the data sets.

        With ``m`` data sets, the mean ``W`` of their posterior variances and the variance ``B`` of
        their posterior means, the total variance is ``T = W + (1 + 1/m) B``.

        Returns
        -------
        DataFrame
            A row for each main parameter: ``estimate`` (mean of the posterior means),
            ``within_sd`` (root of ``W``), ``between_sd`` (root of ``B``), ``total_sd`` (root of
            ``T``), ``riv`` (relative increase in variance ``r = (1 + 1/m) B / W``), ``df``
            (``(m - 1)(1 + 1/r)^2``), ``fmi`` (fraction of missing information,
            ``(r + 2 / (df + 3)) / (r + 1)``), ``worst_rhat`` and ``least_ess_bulk`` over the data
            sets.

        Notes
        -----
        ``B`` holds the Monte Carlo error of the posterior means, too: with few effective draws
        it is too large. With few data sets `fmi` is rough; compare it with more of them.

        References
        ----------
        Rubin, D. B. (1987), Multiple Imputation for Nonresponse in Surveys, chapter 3. Zhou, X. and
        Reiter, J. P. (2010), "A note on Bayesian inference after multiple imputation", The American
        Statistician 64(2), 159-163, on pooled draws: have many data sets.
        """
        names, draws = zip(*(_main_draws(fit) for fit in self.fits), strict=True)
        means = np.stack([one.mean(axis=(0, 1)) for one in draws])
        variances = np.stack([one.var(axis=(0, 1), ddof=1) for one in draws])
        table = _rubin(means, variances)
        table |= {
            "worst_rhat": self.rhats().max(axis=1).to_numpy(),
            "least_ess_bulk": np.min([_of_chains(f, "ess_bulk") for f in self.fits], axis=0),
        }
        return pd.DataFrame(table, index=pd.Index(names[0], name="parameter"))

    def update(self, data: Any = None, formula: Any = None, **changes: Any) -> Fit:
        """Refuse: the rows of this fit are those of the first data set alone.

        Raises
        ------
        HiermodelError
            Always; it says what to do.
        """
        raise HiermodelError(
            "pooled draws cannot be updated: call fit_multiple() again with the data sets, or "
            "update one of them, fit.fits[0].update(...)"
        )

    def summary(self, prob: float = 0.95, robust: bool = False) -> Summary:
        """Estimates, intervals and convergence of the pooled draws; see `Fit.summary`.

        R-hat and ESS of the tables compare the data sets with each other as well, so they are no
        sign of bad sampling; warnings are about the chains of single data sets (`rhats`).
        """
        made = super().summary(prob=prob, robust=robust)
        return replace(made, warnings=tuple(self.provenance["warnings"]))


def _rubin(means: np.ndarray, variances: np.ndarray) -> dict[str, np.ndarray]:
    """Rubin's rules for estimates and their variances, ``(data set, parameter)`` each."""
    m = len(means)
    within, between = variances.mean(axis=0), means.var(axis=0, ddof=1)
    added = (1 + 1 / m) * between
    with np.errstate(divide="ignore", invalid="ignore"):
        r = added / within
        df = (m - 1) * (1 + 1 / r) ** 2
        fmi = (r + 2 / (df + 3)) / (r + 1)
    return {
        "estimate": means.mean(axis=0), "within_sd": np.sqrt(within),
        "between_sd": np.sqrt(between), "total_sd": np.sqrt(within + added), "riv": r, "df": df,
        "fmi": fmi,
    }  # fmt: skip


def _main_draws(fit: Fit) -> tuple[list[str], np.ndarray]:
    """Names and draws ``(chain, draw, k)`` of the parameters that a summary shows."""
    posterior = fit.posterior
    main = [str(v) for v in posterior.data_vars if variable_class(posterior[v]) not in NOT_MAIN]
    entries = flat_names(posterior, main)
    return [entry.name for entry in entries], columns(posterior, entries)


def _of_chains(fit: Fit, statistic: str) -> pd.Series:
    names, draws = _main_draws(fit)
    return pd.Series(diagnostics(draws)[statistic], index=names)


def fit_multiple(
    formula: str | Formula,
    data: Sequence[Any] | Mapping[Any, Any],
    family: str | Family = "gaussian",
    priors: Any = None,
    *,
    combine: bool = True,
    executor: Executor | None = None,
    engine: str | Engine | None = None,
    certify: bool = True,
    collapse: bool | str = "auto",
    aggregate: bool | str = "auto",
    parameterization: Choice = "auto",
    seed: int | None = None,
    data2: Mapping[str, Any] | None = None,
    sample_prior: str = "no",
    normalize: bool = True,
    drop_unused_levels: bool = True,
    contrasts: Mapping[str, Any] | None = None,
    stanvars: Any = None,
    **settings: Any,
) -> PooledFit | list[Fit]:
    """Fit one model to several data sets and pool the draws: multiple imputation.

    The model is made once, from the first data set, and fitted to each: what it learns (levels,
    contrasts, bases of splines and polynomials, default prior scales) is the same for all.

    Parameters
    ----------
    formula, family, priors, data2, sample_prior, normalize, drop_unused_levels, contrasts, stanvars
        As in `hiermodel.fit`.
    data : list of data frames, or mapping
        At least two, with the same columns and the same levels.
    combine : bool
        False gives the list of fits instead of their pooled draws.
    executor : concurrent.futures.Executor, optional
        Runs the chains of all data sets, each as a task of its own; see `hiermodel.fit`.
    engine, certify
        As in `hiermodel.fit`.
    collapse, aggregate, parameterization
        As in `hiermodel.fit`; ``"auto"`` decides for each data set.
    seed : int, optional
        Each data set gets a seed of its own from it.
    **settings
        Settings of the sampler, as in `hiermodel.fit`; of each data set.

    Returns
    -------
    PooledFit or list of Fit
        A fit with the chains of all data sets, and what is special to it:
        `PooledFit.rhats`, `PooledFit.imputation_diagnostics`, `PooledFit.fits`.

    Raises
    ------
    ArgumentError
        When `data` is no list of at least two data sets.
    DataError
        When a data set does not fit the model; the message says which.

    Examples
    --------
    >>> import hiermodel as hm
    >>> import numpy as np
    >>> data = hm.datasets.load("sleepstudy")
    >>> filled = [data.assign(days=data["days"] + np.random.default_rng(k).normal(size=180))
    ...           for k in range(2)]
    >>> small = dict(chains=2, draws=100, warmup=200, seed=1, progress=False)
    >>> fit = hm.fit_multiple("reaction ~ days", filled, **small)
    >>> fit.posterior.sizes["chain"]
    4
    >>> fit.imputation_diagnostics().loc["b_days"].index.tolist()[:3]
    ['estimate', 'within_sd', 'between_sd']
    """
    names, frames = _data_sets(data)
    if "algorithm" in settings and settings["algorithm"] not in ("nuts", "sampling"):
        raise EngineError("fit_multiple() pools draws of the posterior: leave out algorithm=")
    settings.pop("algorithm", None)
    model = make_model(
        formula, frames[0], family, priors, data2=data2, sample_prior=sample_prior,
        normalize=normalize, drop_unused_levels=drop_unused_levels, contrasts=contrasts,
        stanvars=stanvars,
    )
    first = SamplingSettings.of(seed=seed)
    plans = []
    for number, (name, frame) in enumerate(zip(names, frames, strict=True)):
        try:
            # The model has told already which rows of the first are left out.
            rows, labels = model.rows(frame, tell=number > 0), row_labels(frame, model.columns)
            model.bind(rows)
        except HiermodelError as error:
            raise DataError(f"data set {name}: {error}") from error
        plans.append(
            plan(
                model, rows, labels, engine, algorithm="nuts", prior_only=None, certify=certify,
                collapse=collapse, aggregate=aggregate, parameterization=parameterization,
                executor=executor, seed=chain_seed(first.used_seed, number), **settings,
            )
        )
    fits = [one.fit() for one in plans] if executor is None else _with(executor, plans)
    return _pooled(names, fits, first.used_seed) if combine else fits


def _data_sets(data: Any) -> tuple[list[str], list[Any]]:
    """Names (numbers from 1, or the keys of a mapping) and data frames."""
    if isinstance(data, Mapping) and not hasattr(data, "columns"):
        names, frames = [repr(key) for key in data], list(data.values())
    elif isinstance(data, (list, tuple)):
        names, frames = [str(k) for k in range(1, len(data) + 1)], list(data)
    else:
        raise ArgumentError(
            "data must be a list of data frames, one for each imputation, got "
            f"{type(data).__name__}; one data frame goes to fit()"
        )
    if len(frames) < 2:
        raise ArgumentError(f"data needs at least two data sets, got {len(frames)}; one goes "
                            "to fit()")
    return names, frames


def _with(executor: Executor, plans: Sequence[Plan]) -> list[Fit]:
    """Run the chains of all plans on an executor, together."""
    forms, tasks, owners = [], [], []
    for number, one in enumerate(plans):
        run = one.run
        model, reduced, tuner = one.form()
        facts = checked_model(model, one.rows, run, one.prior_only, reduced)
        form = reduced or model
        bound = form.bind(one.rows, prior_only=one.prior_only)
        forms.append((model, reduced, facts, bound))
        new = chain_tasks(
            run.engine, form.stan_code, bound, form.parameters, run.settings,
            tuner_of(form, run, tuner),
        )
        tasks += new
        owners += [number] * len(new)
    chains = run_chains(executor, tasks, plans[0].run.settings.progress)
    fits = []
    for number, (one, made) in enumerate(zip(plans, forms, strict=True)):
        model, reduced, facts, bound = made
        mine = [c for c, owner in zip(chains, owners, strict=True) if owner == number]
        seconds = sum(c.seconds for c in mine)
        draws: Draws = joined(mine, one.run.settings.used_seed, seconds)
        draws, more = completed(model, draws, bound, one.run, reduced)
        fits.append(one.with_prior(one.fit_of(draws, facts | more, reduced)))
    return fits


def _pooled(names: Sequence[str], fits: Sequence[Fit], seed: int) -> PooledFit:
    first = fits[0]
    for name, fit in zip(names, fits, strict=True):
        _same_parameters(names[0], first, name, fit)
    groups = dict(first.datasets)
    for group in ("posterior", "sample_stats", "prior"):
        if group in groups:
            groups[group] = _chained([fit.datasets[group] for fit in fits])
    warnings = [
        f"data set {name}: {text}"
        for name, fit in zip(names, fits, strict=True)
        for text in fit.provenance["warnings"]
    ]
    provenance = {
        **first.provenance, "seed": seed, "warnings": warnings, "data_sets": list(names),
        "seconds": sum(fit.provenance["seconds"] for fit in fits),
    }
    return PooledFit(first.model, first.frame, groups, provenance, fits=tuple(fits))


def _chained(datasets: Sequence[xr.Dataset]) -> xr.Dataset:
    """Put the chains of several data sets one after the other, numbered anew."""
    made = xr.concat(datasets, dim="chain", combine_attrs="override", join="exact")
    return made.assign_coords(chain=np.arange(made.sizes["chain"]))


def _same_parameters(name: str, first: Fit, other_name: str, other: Fit) -> None:
    for variable, array in first.posterior.data_vars.items():
        theirs = other.posterior[variable]
        for dim in array.dims[2:]:
            mine, its = set(array[dim].values.tolist()), set(theirs[dim].values.tolist())
            if mine != its:
                odd = sorted(map(str, mine ^ its))[:5]
                raise DataError(
                    f"data sets {name} and {other_name} have other {dim}: {', '.join(odd)} is not "
                    "in both, so that their draws cannot be pooled"
                )
