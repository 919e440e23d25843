"""Draws of a quantity for rows of data, with the clusters that were asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hiermodel import predict
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.links import link_named
from hiermodel.marginal import integrate
from hiermodel.marginal.groups import Clusters, factors
from hiermodel.marginal.quadrature import Rule, choose_rule
from hiermodel.predictions import thinned
from hiermodel.predictors import Predictor
from hiermodel.prepare import EXPECTATION_ROLES, Prediction, PredictionOptions, prepare
from hiermodel.terms.base import Array
from hiermodel.terms.car import CarTerm
from hiermodel.terms.group_view import GroupView

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

TYPES = ("response", "link", "predict")
# About the size of one array of draws x rows: what stays in the cache is more than twice as fast.
_CHUNK_BYTES = 2 * 2**20
# Times as much for integrals, where every chunk is computed at many nodes.
_INTEGRATED = 12
# Rows and draws by which the quadrature is chosen.
_TRIAL_ROWS, _TRIAL_DRAWS = 100, 12
# Rows among which the widest are looked for, where designs are draws.
_WIDEST_ROWS = 400
# Rows are looked at once where at most this share of them is different.
_ALIKE = 0.7
# Where classes of draws end, as shares of all draws by how much their clusters differ.
_CLASSES = (0.0, 0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is computed for each row: of which parameter, and on which scale."""

    type: str = "response"
    dpar: str | None = None
    nlpar: str | None = None

    def __post_init__(self) -> None:
        """Refuse what there is not."""
        if self.type not in TYPES:
            raise ArgumentError(
                f"type must be one of {', '.join(TYPES)}, not {self.type!r}"
                f"{did_you_mean(str(self.type), TYPES)}"
            )
        if self.dpar is not None and self.nlpar is not None:
            raise ArgumentError(
                "dpar= and nlpar= are different parameters: a parameter of a non-linear formula is "
                "nlpar= alone"
            )
        given = "dpar" if self.dpar is not None else "nlpar" if self.nlpar is not None else ""
        if self.type == "predict" and given:
            raise ArgumentError(
                f"type='predict' draws responses; leave out {given}=, or ask for its expectation "
                "with type='response'"
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """Roles of addition terms that it reads."""
        of_response = self.dpar is None and self.nlpar is None
        return EXPECTATION_ROLES if self.type != "link" and of_response else ()


@dataclass(eq=False)
class Values:
    """Draws of a quantity for any rows; made once, called for chunks of rows.

    Attributes
    ----------
    fit : Fit
        Of one response.
    quantity : Quantity
    modes : mapping of str to str
        What each grouping factor contributes, see `marginal.groups`.
    seed : int, optional
    ndraws : int, optional
        Number of draws to use.
    allow_new_levels, sample_new_levels
        For ``"observed"``, as in `Fit.posterior_epred`.
    one_trial : bool
        Compute expectations for one trial, whatever the rows say.
    spatial : bool
        Whether the effects of places on a map, ``car()``, enter.
    """

    fit: Fit
    quantity: Quantity
    modes: dict[str, str]
    seed: int | None = None
    ndraws: int | None = None
    allow_new_levels: bool = False
    sample_new_levels: str = "uncertainty"
    one_trial: bool = False
    spatial: bool = True
    rules: list[tuple[Rule, Array]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """Bring the draws into the shape that all rows share."""
        seed = self.seed
        if seed is None:
            seed = int(np.random.default_rng().integers(2**31))
        # One seed for all rows that are compared: what is drawn at new points of a process then
        # moves with them, and does not blur differences.
        options = PredictionOptions(
            "none", self.allow_new_levels, self.sample_new_levels, seed,
            incl_autocor=False, incl_maps=self.spatial, keep_latent=False,
        )
        part = self.fit.model.part
        self._options = options
        self.posterior = thinned(self.fit.posterior, self.ndraws)
        self.shape = (self.posterior.sizes["chain"], self.posterior.sizes["draw"])
        self.size = self.shape[0] * self.shape[1]
        self._rng = np.random.default_rng(seed)
        self.clusters = Clusters(
            part, factors(self.fit, self.posterior), self.modes, seed, self.allow_new_levels,
            self.sample_new_levels,
        )
        self._varying = integrate.varying(self.clusters)
        family = part.family
        if self.quantity.type == "predict":
            if family.response in ("ordinal", "nominal"):
                raise ArgumentError(
                    "type='predict' gives categories, which have no mean; type='response' gives "
                    "the probability of each"
                )
            if self._varying:
                raise ArgumentError(
                    "type='predict' is about one new response; with groups='new' it is drawn in "
                    "a new cluster, groups='integrated' is for expectations"
                )

    @property
    def integrates(self) -> bool:
        """True when some clusters are integrated over."""
        return bool(self._varying)

    @property
    def width(self) -> int:
        """Numbers per draw and row that are alive at once, for the size of chunks."""
        part = self.fit.model.part
        return max(1, len(part.response.categories), len(part.family.components))

    def chunks(self, n: int) -> list[slice]:
        """Slices of rows, so that draws x rows stay small."""
        part = self.fit.model.part
        per_row = [text[:-3] for text in part.family.variables if text.endswith("[n]")]
        if any(name in part.own_data for name in per_row):
            # Data of the user with an entry per row belong to all rows at once.
            return [slice(0, n)]
        room = _CHUNK_BYTES * (_INTEGRATED if self.integrates else 1)
        step = max(1, room // (8 * self.size * self.width))
        return [slice(start, min(start + step, n)) for start in range(0, n, step)]

    def needed(self) -> list[str]:
        """Columns that the rows must have."""
        part = self.fit.model.part
        out = [
            name
            for predictor in part.predictors
            for term in predictor.terms
            if not isinstance(term, GroupView) and (self.spatial or not isinstance(term, CarTerm))
            for name in term.columns_needed
        ]
        out += self.clusters.columns_needed()
        roles = [*self.quantity.needs, *part.response.additions.numbered]
        if any(t.grouped for t in part.thresholds):
            roles.append("thres_gr")
        for role in roles:
            if role in part.response.additions and not (role == "trials" and self.one_trial):
                out += part.response.additions.values[role].variables
        return list(dict.fromkeys(map(str, out)))

    def check(self, frame: pd.DataFrame, what: str = "newdata") -> None:
        """Refuse rows that lack a column or a value.

        Raises
        ------
        DataError
        """
        known = [str(c) for c in frame.columns]
        for name in self.needed():
            if name not in known:
                raise DataError(
                    f"{what} lacks the column {name!r}, which the model needs"
                    f"{did_you_mean(name, known)}"
                )
            missing = frame[name].isna().to_numpy()
            new = self.allow_new_levels and name in self._grouping_columns()
            if missing.any() and not new:
                row = int(np.flatnonzero(missing)[0]) + 1
                raise DataError(
                    f"{what} has no value of {name!r} in row {row}: drop such rows, or fill them in"
                )

    def _grouping_columns(self) -> set[str]:
        return {
            name
            for factor in self.clusters.factors
            for owner in factor.owners
            for member in owner.grouping.members
            for name in member
        }

    # ------------------------------------------------------------------ the draws

    def __call__(self, frame: pd.DataFrame) -> Array:
        """Draws (draws, rows), or (draws, rows, categories), for the rows of a frame.

        Raises
        ------
        DataError
            For rows whose value is not a number.
        """
        same = self._alike(frame)
        if same is not None:
            first, place = same
            return np.asarray(self(frame.iloc[first].reset_index(drop=True))[:, place])
        prediction = self._bind(frame)
        if self._varying:
            found = integrate.sources(self.clusters, frame, prediction)
            if not self.rules:
                self.choose_rule(frame)
            values = self._integrated(prediction, found)
        else:
            values = self._evaluate(prediction)
        values = np.asarray(values, dtype=float)
        if np.isnan(values.min(initial=0.0)):
            rows = np.isnan(values).any(axis=tuple(k for k in range(values.ndim) if k != 1))
            row = int(np.flatnonzero(rows)[0])
            shown = ", ".join(f"{k} = {v}" for k, v in frame.iloc[row].items())
            raise DataError(f"the model gives no number for the row {shown}")
        return values

    def _alike(self, frame: pd.DataFrame) -> tuple[Array, Array] | None:
        """First of the rows that are alike in all that the integral reads, and each row's place.

        Designs have few different rows, and an integral is many evaluations. None where it is not
        worth it, or where rows are not what their columns say: true values of covariates.
        """
        part = self.fit.model.part
        linear = [p for p in part.predictors if isinstance(p, Predictor)]
        special = any(p.special_effects is not None for p in linear)
        if not self._varying or special or part.own_data:
            return None
        # Whether the members of a row are the same cluster is in its columns too.
        members = [
            name for factor in self.clusters.factors for owner in factor.owners
            if owner.grouping.multi for member in owner.grouping.members for name in member
        ]
        read = dict.fromkeys([*self.needed(), *members])
        names = [name for name in read if name in frame.columns]
        if not names:
            place = np.zeros(len(frame), dtype=int)
        else:
            groups = frame[names].groupby(names, sort=False, observed=True, dropna=False)
            place = groups.ngroup().to_numpy()
        found, first = np.unique(place, return_index=True)
        return (first, place) if len(found) <= _ALIKE * len(frame) else None

    def widest(self, frame: pd.DataFrame) -> Array:
        """Positions of the rows whose linear predictors vary most over clusters."""
        at = np.unique(np.linspace(0, self.size - 1, _TRIAL_DRAWS).round().astype(int))
        few = replace(self.clusters, factors=tuple(f.some(at) for f in self.clusters.factors))
        # Designs that are draws are costly, so that some of the rows stand for all.
        places, prediction = np.arange(len(frame)), None
        if integrate.reads_draws(few):
            count = min(_WIDEST_ROWS, len(frame))
            places = np.unique(np.linspace(0, len(frame) - 1, count).round().astype(int))
        rows = frame.iloc[places].reset_index(drop=True)
        if integrate.reads_draws(few):
            prediction, _ = _some(self._bind(rows), [], at)
        total: dict[int, Array] = {}
        for source in integrate.sources(few, rows, prediction):
            for (p, q), covariance in source.covariance.items():
                if p == q:
                    total[p] = total.get(p, np.zeros(len(rows))) + covariance.mean(axis=0)
        widest = [places[int(variance.argmax())] for variance in total.values()]
        return np.unique(widest).astype(int)

    def choose_rule(self, frame: pd.DataFrame) -> None:
        """Choose the quadrature by a few rows and draws, once for all rows.

        Draws whose clusters differ more need finer rules, so that they are in classes.
        """
        if not self._varying:
            return
        places = np.unique(np.linspace(0, len(frame) - 1, _TRIAL_ROWS).round().astype(int))
        rows = frame.iloc[places].reset_index(drop=True)
        prediction = self._bind(rows)
        found = integrate.sources(self.clusters, rows, prediction)
        heavy = sum(source.df is not None for source in found)
        spread = np.zeros(self.size)
        for source in found:
            for (p, q), covariance in source.covariance.items():
                spread += covariance.max(axis=1) if p == q else 0.0
        order = np.argsort(spread, kind="stable")
        edges = np.unique(np.ceil(np.array(_CLASSES) * self.size).astype(int))
        chosen: dict[Rule, list[Array]] = {}
        for start, stop in pairwise(edges):
            # The last draw of a class is its widest, and the hardest.
            count = min(_TRIAL_DRAWS, stop - start)
            at = order[np.unique(np.linspace(start, stop - 1, count).round().astype(int))]
            few, cut = _some(prediction, found, at)
            trial = partial(self._expectation, few, cut)
            rule = choose_rule(trial, len(self._varying), heavy, len(found) - heavy)
            chosen.setdefault(rule, []).append(order[start:stop])
        self.rules = [(rule, np.sort(np.concatenate(at))) for rule, at in chosen.items()]

    def _expectation(
        self, prediction: Prediction, found: list[integrate.Source], rule: Rule
    ) -> Array:
        return integrate.expectation(prediction, found, self._varying, rule, self._evaluate)

    def _integrated(self, prediction: Prediction, found: list[integrate.Source]) -> Array:
        if len(self.rules) == 1:
            return self._expectation(prediction, found, self.rules[0][0])
        out: Array | None = None
        for rule, at in self.rules:
            values = self._expectation(*_some(prediction, found, at), rule)
            if out is None:
                out = np.empty((self.size, *values.shape[1:]))
            out[at] = values
        assert out is not None
        return out

    def _bind(self, frame: pd.DataFrame) -> Prediction:
        model, part = self.fit.model, self.fit.model.part
        needs = tuple(
            role for role in self.quantity.needs if not (role == "trials" and self.one_trial)
        )
        prediction = prepare(
            model, self.posterior, self.fit.frame, frame, self._options, needs
        )
        draws, data = self.clusters.bind(frame)
        extras = dict(prediction.extras)
        if self.one_trial and "trials" in part.response.additions:
            extras["trials"] = np.ones(len(frame))
        return replace(
            prediction,
            draws={**prediction.draws, **draws},
            data={**prediction.data, **data},
            extras=extras,
        )

    def _evaluate(self, prediction: Prediction) -> Array:
        kind, dpar, nlpar = self.quantity.type, self.quantity.dpar, self.quantity.nlpar
        if nlpar is not None:
            # Its formula has no link.
            return predict.linpred(prediction, nlpar=nlpar)
        if kind == "link":
            return predict.linpred(prediction, dpar)
        if kind == "predict":
            return predict.predict(prediction, self._rng)
        if dpar is not None:
            return predict.dpar_draws(prediction, dpar)
        return predict.epred(prediction)

    def categories(self, values: Array) -> tuple[str, ...]:
        """Labels of the last axis of some values, none when they have two axes."""
        if values.ndim == 2:
            return ()
        model = self.fit.model
        if self.quantity.type == "link" or self.quantity.dpar is not None:
            if model.family.components:
                return tuple(model.family.main)
            if model.part.thresholds:
                return tuple(str(k) for k in range(1, values.shape[-1] + 1))
            return tuple(map(str, model.response.predicted_categories))
        return tuple(map(str, model.response.categories))

    def inverse_link(self) -> Callable[[Array], Array]:
        """The inverse link of the parameter that ``type="link"`` is about."""
        part, dpar = self.fit.model.part, self.quantity.dpar
        if self.quantity.nlpar is not None:
            raise ArgumentError(
                f"transform='inverse_link': the formula of {self.quantity.nlpar!r} has no link"
            )
        for predictor in part.predictors:
            own = predictor.param and dpar in (None, predictor.scope.dpar or predictor.param)
            if own and not predictor.on_link_scale:
                return link_named(predictor.link).inverse
            if own:
                break
        raise ArgumentError(
            "transform='inverse_link' needs a linear predictor with an inverse link of its own, "
            "which families with categories do not have"
        )


def _some(
    prediction: Prediction, found: list[integrate.Source], at: Array
) -> tuple[Prediction, list[integrate.Source]]:
    """Some of the draws."""
    draws = {name: values[at] for name, values in prediction.draws.items()}
    cut = [
        replace(
            source,
            df=None if source.df is None else source.df[at],
            covariance={pair: c[at] for pair, c in source.covariance.items()},
        )
        for source in found
    ]
    return replace(prediction, draws=draws, shape=(1, len(at))), cut
