"""A short chain of a model with centred effects, and its draws in the terms of other forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hiermodel.aggregate import AggregatedModel
from hiermodel.collapse import CollapsedModel
from hiermodel.engines import SamplingSettings
from hiermodel.engines.stanli import StanliEngine
from hiermodel.engines.tuning import CurvatureTuner, DrawsTuner
from hiermodel.modeling import Model
from hiermodel.terms.base import Array
from hiermodel.terms.centring import Centring

#: What can be sampled.
Form = Model | AggregatedModel | CollapsedModel

# Below 150 iterations of warmup Stan leaves the metric alone.
_WARMUP, _DRAWS, _DEPTH = 100, 100, 7


def whole(form: Form) -> Model:
    """The model of which it is a form."""
    return form if isinstance(form, Model) else form.model


def recentred(model: Model, centrings: Mapping[int, Centring]) -> Model:
    """The same model with other parameters in the place of standardised effects.

    Blocks whose effects move with those of others come after them.
    """
    groups = [replace(g, centring=centrings.get(g.index)) for g in model.groups]
    new = {f"z_{g.index}": [v for v in g.variables if v.name == f"v_{g.index}"]
           for g in groups if g.centring is not None}
    priors = model.resolved_priors
    parameters = tuple(one for v in priors.parameters for one in new.get(v.name, [v]))
    kept = {g.index: g for g in model.groups if g.index not in centrings}
    # In the order of `centrings`; the others stay in front.
    rank = {index: 1 + k for k, index in enumerate(centrings)}
    ordered = sorted(groups, key=lambda g: rank.get(g.index, 0))
    return replace(
        model, groups=tuple(kept.get(g.index, g) for g in ordered),
        resolved_priors=replace(priors, parameters=parameters),
    )


def reformed(form: Form, centrings: Mapping[int, Centring]) -> Any:
    """A form with centred effects."""
    other = recentred(whole(form), centrings)
    return other if isinstance(form, Model) else replace(form, model=other)


@dataclass(frozen=True, eq=False)
class Pilot:
    """Draws of a short chain, or a single point, in terms of standardised effects.

    Attributes
    ----------
    form : Form
        With standardised effects.
    values : dict of str to ndarray (1, draw, ...)
        Of its parameters.
    """

    form: Form
    values: dict[str, Array]

    def __len__(self) -> int:
        """Number of draws."""
        return len(next(iter(self.values.values()))[0])

    def point(self, k: int) -> dict[str, Array]:
        """The parameters of one draw."""
        return {var.name: self.values[var.name][0, k] for var in self.form.parameters}

    def centred(self, centrings: Mapping[int, Centring]) -> dict[str, Array]:
        """Draws (draw, ...) of the parameters of the form with centred effects."""
        model = whole(self.form)
        full = model.complete(self.values)
        effects = {f"r_{i}": g.effects(full) for g in model.groups
                   if (i := g.index) in centrings}
        out = {name: v[0] for name, v in self.values.items()}
        for group in recentred(model, centrings).groups:
            if group.centring is not None:
                i = group.index
                out[f"v_{i}"] = group.sampled_effects(full | effects, out.pop(f"z_{i}")[None])[0]
        return out

    def tuner(self, centrings: Mapping[int, Centring]) -> DrawsTuner:
        """Tunes the sampler of the form with centred effects."""
        return DrawsTuner(self.centred(centrings))

    def run(
        self, centrings: Mapping[int, Centring], data: Mapping[str, Any],
        settings: SamplingSettings,
    ) -> Pilot:
        """Draw from the form with centred effects, starting at the first draw of this one.

        Raises
        ------
        EngineError
            When the engine refuses.
        """
        form = reformed(self.form, centrings)
        start = {name: values[0] for name, values in self.centred(centrings).items()}
        many = (f"{letter}_{g.index}" for g in whole(form).groups for letter in "vz")
        tuner = CurvatureTuner(start, tuple(many))
        short = SamplingSettings(
            chains=1, warmup=_WARMUP, draws=_DRAWS, seed=settings.used_seed, cores=1,
            progress=False, adapt_delta=settings.adapt_delta, max_treedepth=_DEPTH,
        )
        constants = {k: v for k, v in whole(form).constants().items() if k not in data}
        draws = StanliEngine().sample(
            form.stan_code, {**data, **constants}, form.parameters, short, tuner=tuner
        )
        full = whole(form).complete(draws.values)
        values = {v.name: draws.values[v.name] for v in form.parameters}
        for group in whole(form).groups:
            if group.centring is not None:
                values[f"z_{group.index}"] = group.centred_effects(full)[1]
                del values[f"v_{group.index}"]
        return Pilot(self.form, values)
