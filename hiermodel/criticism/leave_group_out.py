"""Leave-one-group-out cross-validation without refits.

The predictive density of a whole group needs its effects integrated out, because nothing is known
of a group that is left out. With that done for each draw, groups are left out by importance
sampling just as rows are: Merkle, Furr and Rabe-Hesketh (2019), Bayesian comparison of latent
variable models, Psychometrika 84, 802-829; Vehtari, Mononen, Tolvanen, Sivula and Winther (2016),
Bayesian leave-one-out cross-validation approximations for Gaussian latent variable models, JMLR
17(103), 1-38 (integrated importance sampling).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.arguments import flag, whole_number
from hiermodel.criticism.elpd import Elpd, check_origin, log_mean_exp, sum_se
from hiermodel.criticism.integrate import GroupLikelihood, integrate
from hiermodel.criticism.leave_one_out import weigh
from hiermodel.errors import ArgumentError, DataError, HiermodelError, did_you_mean, warn
from hiermodel.modeling import Model
from hiermodel.predictions import thinned
from hiermodel.prepare import LIKELIHOOD_ROLES, prepare
from hiermodel.terms.base import Array
from hiermodel.terms.group import GroupEffects

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

# Evaluations of the likelihood that a rule may take.
_MOST_NODES = 20_000
# An error of an integral of which a user must know.
_UNRESOLVED = 0.05


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GroupElpd(Elpd):
    """An estimate of the expected log predictive density for new groups.

    As `Elpd`, with one entry for each level of a grouping factor instead of one for each row:
    the dim of `pointwise`, `p_pointwise` and `pareto_k` is the grouping factor.

    Attributes
    ----------
    group : str
        The grouping factor.
    """

    group: str = ""

    @property
    def estimates(self) -> pd.DataFrame:
        """``elpd``, ``p`` and the information criterion with their standard errors."""
        values = [[self.elpd, self.se], [self.p, self.p_se], [self.ic, 2.0 * self.se]]
        names = ["elpd_logo", "p_logo", "logoic"]
        return pd.DataFrame(values, index=names, columns=["Estimate", "SE"])

    def _title(self) -> str:
        n = self.pointwise.size
        return f"Leave-one-group-out of {n} levels of {self.group}, {self.n_draws} draws"


def logo(
    fit: Fit,
    group: str | None = None,
    *,
    resp: str | None = None,
    nested: bool = True,
    nodes: int | None = None,
    ndraws: int | None = None,
) -> GroupElpd:
    """Estimate how well a model predicts whole new groups, without fitting it again.

    For each level of a grouping factor this is the log predictive density of all its rows together,
    given the rows of the other levels: log p(y_g | y_-g).

    Parameters
    ----------
    fit : Fit
    group : str, optional
        Grouping factor; may be left out when the model has only one.
    resp : str, optional
        One of several responses; by default the rows are left out with all their responses.
    nested : bool
        Integrate out the effects of factors nested in the group as well (pupils when schools are
        left out, rows when patients are), for each node of the group's effects. It takes longer,
        and without it the result can seldom be trusted.
    nodes : int, optional
        Nodes per effect of the Gauss-Hermite quadrature; 1 is Laplace's approximation. By default
        as many as the accuracy needs with one or two effects per level, and 1 with more.
    ndraws : int, optional
        Number of draws to use, evenly spread; all by default.

    Returns
    -------
    GroupElpd

    Raises
    ------
    ArgumentError
        For a grouping factor that the model does not have.
    HiermodelError
        For effects that cannot be integrated one level at a time: ``mm()``, ``gr(cov = )``,
        ``gr(dist = "student")``, ``gr(pw = )``; for a mode, or draws of the prior.

    Warns
    -----
    HiermodelWarning
        When levels have a Pareto k above the threshold, or an integral is not accurate.

    Notes
    -----
    For each draw the effects of the factor are integrated out of the likelihood of each level's
    rows; all blocks of effects of the factor, in all parameters of the family. The result,
    p(y_g | theta), gives the importance weights 1 / p(y_g | theta), smoothed as in `loo`. Effects
    of crossed grouping factors stay at their draws, as all other parameters do: the weights account
    for what they have learned from the group. Those of nested factors belong to the group alone,
    and are integrated out with its own. Of factors that are nested in the group but crossed with
    each other one is, and of those that `logo` refuses to leave out none.

    Examples
    --------
    >>> fit.logo("subject")  # doctest: +SKIP
    """
    if fit.model.is_multivariate and resp is not None:
        _check_shared(fit.model, group, fit.model.only(resp).part.name)
        fit = fit.only(resp)
    flag("nested", nested)
    check_origin(fit, "logo()")
    owners = _owners(fit.model, group)
    width = sum(len(owner.coefs) for owner in owners)
    _check_nodes(nodes, width)
    posterior = thinned(fit.posterior, ndraws)
    levels = owners[0].grouping.levels
    likelihood = group_likelihood(fit.model, posterior, fit.frame, owners, nested)
    found = integrate(likelihood, nodes)
    used = likelihood.used()
    rough = int((found.error[used] > _UNRESOLVED).sum())
    if rough:
        warn(
            f"the integral over the effects of {owners[0].name!r} is not accurate for {rough} of "
            f"{len(used)} levels (the last two rules differ by up to "
            f"{np.nanmax(found.error[used]):.2g}): their entries are doubtful; give more nodes="
        )
    lead = (posterior.sizes["chain"], posterior.sizes["draw"])
    values = found.values[:, used]
    _check_values(values, owners[0], used)
    rows = np.ascontiguousarray(values.T)
    elpd, k, _ = weigh(rows, lead, False)
    penalty = log_mean_exp(rows) - elpd
    labels = [levels[i] for i in used]
    return _result(owners[0], labels, elpd, penalty, k, len(values))


def group_likelihood(
    model: Model,
    posterior: xr.Dataset,
    frame: pd.DataFrame,
    owners: tuple[GroupEffects, ...],
    nested: bool = True,
) -> GroupLikelihood:
    """The rows of each level as a function of its effects, for the draws of a posterior.

    `owners` are the blocks of one factor; with `nested` factors nested in it are inside.
    """
    predictions = tuple(
        prepare(model.only(part.name), posterior, frame, needs=LIKELIHOOD_ROLES)
        for part in model.parts
    )

    def one(blocks: tuple[GroupEffects, ...]) -> GroupLikelihood:
        by = blocks[0].by
        codes = np.zeros(len(blocks[0].grouping.levels), dtype=int) if by is None else by.codes
        effects, factor = _effects(blocks, posterior), _factor(blocks, posterior)
        return GroupLikelihood(model, predictions, blocks, effects, factor, codes)

    chain: list[tuple[GroupLikelihood, Array | None]] = [(one(owners), None)]
    if nested:
        # From coarse to fine, each inside of the one before.
        others = dict.fromkeys(g.name for g in model.groups if g.name != owners[0].name)
        blocks = [tuple(g for g in model.groups if g.name == name) for name in others]
        for block in sorted(blocks, key=lambda b: len(b[0].grouping.levels)):
            if not any(_obstacles(owner) for owner in block):
                inner = one(block)
                parents = _parents(chain[-1][0], inner)
                if parents is not None:
                    chain.append((inner, parents))
    made, parents = chain.pop()
    while chain:
        outer, above = chain.pop()
        made, parents = replace(outer, inner=made, parents=parents), above
    return made


def _parents(outer: GroupLikelihood, inner: GroupLikelihood) -> Array | None:
    """The level of the outer factor of each level of the inner one; None when they are crossed."""
    pairs = np.unique(
        np.concatenate(
            [np.column_stack([inner.levels(p), outer.levels(p)]) for p in outer.predictions]
        ),
        axis=0,
    )
    if len(np.unique(pairs[:, 0])) < len(pairs):
        return None
    # A level without rows has the likelihood 1, wherever it is counted.
    found = np.zeros(len(inner.by), dtype=int)
    found[pairs[:, 0]] = pairs[:, 1]
    return found


def _result(
    owner: GroupEffects, labels: list[str], elpd: Array, penalty: Array, k: Array, n_draws: int
) -> GroupElpd:
    def labelled(values: Array, name: str) -> xr.DataArray:
        return xr.DataArray(values, dims=(owner.key,), coords={owner.key: labels}, name=name)

    result = GroupElpd(
        # Only results for the same factor are comparable.
        kind=cast(Any, f"logo({owner.name})"),
        elpd=float(elpd.sum()),
        se=sum_se(elpd),
        p=float(penalty.sum()),
        p_se=sum_se(penalty),
        pointwise=labelled(elpd, "elpd_logo"),
        p_pointwise=labelled(penalty, "p_logo"),
        pareto_k=labelled(k, "pareto_k"),
        n_draws=n_draws,
        group=owner.name,
    )
    if result.problems:
        warn(
            f"{result.problems} of {len(elpd)} levels of {owner.name!r} have a Pareto k above "
            f"{result.k_threshold:.2f}: their part of the logo estimate is doubtful; look at "
            ".pareto_k, and fit again without these levels"
        )
    return result


def _owners(model: Model, group: str | None) -> tuple[GroupEffects, ...]:
    """The blocks of effects of the factor, refused where levels are not independent."""
    names = list(dict.fromkeys(owner.name for owner in model.groups))
    if not names:
        raise ArgumentError(
            "logo() leaves out the levels of a grouping factor, and this model has none; use "
            "loo(), or kfold() with group="
        )
    if group is None:
        if len(names) > 1:
            raise ArgumentError(
                f"the model has several grouping factors: pass group=, one of {', '.join(names)}"
            )
        group = names[0]
    if group not in names:
        raise ArgumentError(
            f"the model has no effects of {group!r}{did_you_mean(str(group), names)}; its "
            f"grouping factors are {', '.join(names)}"
        )
    owners = tuple(owner for owner in model.groups if owner.name == group)
    advice = "use kfold() with group=, which fits again"
    dependence = [part.dependence for part in model.parts if part.dependence]
    reasons = [f"{text} makes rows depend on each other" for text in dependence]
    reasons += [reason for owner in owners for reason in _obstacles(owner)]
    for reason in reasons:
        raise HiermodelError(f"logo() cannot leave out levels of {group!r}: {reason}; {advice}")
    return owners


def _obstacles(owner: GroupEffects) -> list[str]:
    """Why the effects of a level cannot be integrated out on their own; empty when they can."""
    reasons = {
        "rows belong to several of its levels, mm()": owner.grouping.multi,
        "its levels are correlated, gr(cov = )": owner.known_covariance,
        'its effects are not normal, gr(dist = "student")': owner.student,
        "its levels have prior weights, gr(pw = )": owner.prior_weight,
    }
    return [reason for reason, holds in reasons.items() if holds]


def _check_shared(model: Model, group: str | None, resp: str) -> None:
    for owner in model.groups:
        if owner.name == group or group is None:
            others = [name for name in owner.responses if name != resp]
            if others and resp in owner.responses:
                raise HiermodelError(
                    f"logo(): effects of {owner.name!r} are shared by the responses "
                    f"{', '.join(owner.responses)}, so that a level is left out with all of them; "
                    "call it without resp="
                )


def _check_nodes(nodes: int | None, width: int) -> None:
    if nodes is None:
        return
    whole_number("nodes", nodes, 1)
    if nodes**width > _MOST_NODES:
        raise ArgumentError(
            f"nodes={nodes} for {width} effects of each level are {nodes}**{width} evaluations; "
            f"give at most {int(_MOST_NODES ** (1 / width))}, or nodes=1 for Laplace's "
            "approximation"
        )


def _check_values(values: Array, owner: GroupEffects, used: Array) -> None:
    missing = np.flatnonzero(np.isnan(values).any(axis=0))
    if len(missing):
        level = owner.grouping.levels[used[missing[0]]]
        raise DataError(
            f"the log-likelihood of level {level!r} of {owner.name!r} is not a number "
            f"({len(missing)} such levels)"
        )


def _columns(owners: tuple[GroupEffects, ...], array: xr.DataArray) -> list[int]:
    labels = [str(v) for v in array.coords[array.dims[-1]].values]
    return [labels.index(coef.label) for owner in owners for coef in owner.coefs]


def _effects(owners: tuple[GroupEffects, ...], posterior: xr.Dataset) -> Array:
    """The effects of all blocks, (draws, levels, q)."""
    r = posterior[f"r_{owners[0].key}"]
    values: Array = r.values.reshape(-1, *r.shape[2:])[..., _columns(owners, r)]
    return values


def _factor(owners: tuple[GroupEffects, ...], posterior: xr.Dataset) -> Array:
    """Cholesky factors of the covariance of all effects of a level, (draws, by, q, q)."""
    key, by = owners[0].key, owners[0].by
    sd = posterior[f"sd_{key}"]
    at, size = _columns(owners, sd), sd.shape[-1]
    scale = sd.values.reshape(-1, 1 if by is None else len(by.labels), size)[..., at]
    name = f"cor_{key}"
    if name not in posterior:
        return scale[..., None] * np.eye(len(at))
    cor = posterior[name].values.reshape(*scale.shape[:2], size, size)
    cor = cor[..., at, :][..., at]
    try:
        factor = np.linalg.cholesky(cor)
    except np.linalg.LinAlgError:
        # Rounding alone can make a matrix at the edge indefinite.
        factor = np.linalg.cholesky(cor + 1e-10 * np.eye(len(at)))
    out: Array = scale[..., None] * factor
    return out
