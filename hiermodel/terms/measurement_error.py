"""Covariates measured with error: ``me(x, sdx, gr)`` and the latent variables behind them.

The true values are ``normal(meanme, sdme)``, correlated between covariates, and what was observed
is ``normal(true value, sdx)``. The latent variables belong to the model: every term that names the
same covariate reads the same values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.columns import clean, group_codes
from hiermodel.errors import DataError, FormulaError, did_you_mean
from hiermodel.expressions import FactorValue, LearnedExpression, learn
from hiermodel.formula import deparse
from hiermodel.formula.arguments import match_arguments
from hiermodel.formula.syntax import Call, Name
from hiermodel.schema import Schema
from hiermodel.stan.expr import StanExpr
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, Var
from hiermodel.terms.base import Array, Labelled


@dataclass(frozen=True, eq=False)
class NoisyVariable:
    """One covariate with its standard errors; `index` counts them over the whole model."""

    index: int
    text: str
    name: str
    observed: LearnedExpression
    noise: LearnedExpression

    @property
    def latent(self) -> str:
        """Name of its true values, in Stan and in draws that are ready for predictions."""
        return f"Xme_{self.index}"

    def observed_values(self, frame: pd.DataFrame, missing: str = "raise") -> Array:
        """What was observed in each row."""
        return self._column(self.observed, frame, missing)

    def noise_values(self, frame: pd.DataFrame, missing: str = "raise") -> Array:
        """The standard errors, none of them negative."""
        noise = self._column(self.noise, frame, missing)
        if (noise < 0).any():
            row = int(np.flatnonzero(noise < 0)[0])
            raise DataError(
                f"{self.text}: the standard error in row {row + 1} is negative ({noise[row]:g})"
            )
        return noise

    def check_noise(self, frame: pd.DataFrame) -> None:
        """Refuse rows to fit that were measured without error: nothing is left to estimate."""
        noise = self.noise_values(frame)
        if (noise == 0).any():
            row = int(np.flatnonzero(noise == 0)[0])
            raise DataError(
                f"{self.text}: the standard error in row {row + 1} is 0, so that the true value "
                "has no distribution around the observed one; use the column itself where all "
                "are 0, and a small positive number where some are"
            )

    def _column(self, expression: LearnedExpression, frame: pd.DataFrame, missing: str) -> Array:
        value = expression.value(frame, missing=missing)
        if isinstance(value, FactorValue):
            raise DataError(f"{self.text}: {expression.text!r} is a factor, not numbers")
        return np.broadcast_to(np.asarray(value, dtype=float), (len(frame),)).copy()


@dataclass(frozen=True, eq=False)
class NoiseFree:
    """The covariates whose true values are modelled together.

    Attributes
    ----------
    index : int
        Number of the block: one for each grouping factor.
    members : tuple of NoisyVariable
    group : str
        Grouping factor within whose levels the values are constant; empty for rows.
    levels : tuple of str
    correlated : bool
    default_cor : str
    default : mapping of str to str
        Default priors of ``meanme`` and ``sdme``, empty for flat ones.
    """

    template: ClassVar[str] = "measurement_error.stan.jinja"

    index: int
    members: tuple[NoisyVariable, ...]
    group: str
    levels: tuple[str, ...]
    correlated: bool
    default_cor: str
    default: Mapping[str, tuple[str, ...]]

    @property
    def has_cor(self) -> bool:
        """True when correlations are estimated."""
        return self.correlated and len(self.members) > 1

    @property
    def size(self) -> str:
        """Stan name of the number of latent values of a member."""
        return f"Nme_{self.index}" if self.group else "N"

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The grouping factor."""
        return tuple(self.group.split(":")) if self.group else ()

    @property
    def variables(self) -> tuple[Var, ...]:
        """Observed values, standard errors and all parameters."""
        g, size, par = self.index, self.size, Block.PARAMETERS
        out = [Var(f"Mme_{g}", "int", lower="1", comment="covariates with measurement error")]
        if self.group:
            out += [
                Var(f"Nme_{g}", "int", lower="1", comment=f"levels of {self.group}"),
                Var(f"Jme_{g}", "int", array=("N",), lower="1", upper=f"Nme_{g}",
                    comment=f"level of {self.group} of each row"),
            ]
        for one in self.members:
            out += [
                Var(f"Xn_{one.index}", "vector", (size,), comment=f"observed {one.text}"),
                Var(f"noise_{one.index}", "vector", (size,), lower="0",
                    comment=f"standard errors of {one.text}"),
            ]
        for name, low, note in (("meanme", "", "means"), ("sdme", "0", "standard deviations")):
            elements = tuple(
                PriorElement(one.name, default=default)
                for one, default in zip(self.members, self.default[name], strict=True)
            )
            out.append(
                Var(f"{name}_{g}", "vector", (f"Mme_{g}",), block=par, lower=low,
                    prior=PriorTarget(name, elements), comment=f"{note} of the true values")
            )
        note = "standardised true values"
        if not self.has_cor:
            return (*out, *(Var(f"zme_{one.index}", "vector", (size,), block=par, comment=note)
                            for one in self.members))
        prior = PriorTarget("corme", (PriorElement(default=self.default_cor),))
        return (
            *out,
            Var(f"zme_{g}", "matrix", (f"Mme_{g}", size), block=par, comment=note),
            Var(f"Lme_{g}", "cholesky_factor_corr", (f"Mme_{g}",), block=par, prior=prior,
                comment="Cholesky factor of their correlations"),
        )

    def constants(self) -> dict[str, Any]:
        """Sizes."""
        out = {f"Mme_{self.index}": len(self.members)}
        return out | {f"Nme_{self.index}": len(self.levels)} if self.group else out

    def data(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Observed values, standard errors and levels of the rows of the model."""
        out: dict[str, Any] = {}
        first = np.arange(len(frame))
        if self.group:
            codes = self.codes(frame)
            out[f"Jme_{self.index}"] = codes + 1
            # The first row of each level; a level without rows takes any, it tells nothing.
            first = np.array([int(np.argmax(codes == k)) for k in range(len(self.levels))])
        for one in self.members:
            for name, values in (("Xn", one.observed_values(frame)),
                                 ("noise", one.noise_values(frame))):
                if self.group:
                    _check_constant(values, codes, first, self, one)
                out[f"{name}_{one.index}"] = values[first]
        return out

    def codes(self, frame: pd.DataFrame) -> Array:
        """Level of each row, from 0; -1 for a level that the model does not know."""
        return group_codes(frame, self.columns_needed, self.levels)[0]

    # ------------------------------------------------------------------ draws

    def values(self, draws: Mapping[str, Array]) -> Array:
        """True values (chain, draw, members, rows or levels): the twin of the template."""
        g = self.index
        mean, sd = draws[f"meanme_{g}"], draws[f"sdme_{g}"]
        if self.has_cor:
            z = draws[f"Lme_{g}"] @ draws[f"zme_{g}"]
        else:
            z = np.stack([draws[f"zme_{one.index}"] for one in self.members], axis=2)
        out: Array = mean[..., None] + sd[..., None] * z
        return out

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """``corme`` of the block, and ``Xme_<name>`` of every covariate."""
        attrs = {"group": self.group, "dpar": "", "resp": ""}
        out: list[Labelled] = []
        if self.has_cor:
            factor = draws[f"Lme_{self.index}"]
            tail = f"_{clean(self.group)}" if self.group else ""
            dims = (f"me_coef{tail}_row", f"me_coef{tail}_column")
            names = tuple(one.name for one in self.members)
            out.append(Labelled(f"corme{tail}", factor @ np.swapaxes(factor, -1, -2), dims,
                                dict.fromkeys(dims, names), {"cls": "corme", **attrs}))
        values = self.values(draws)
        dim = f"me_{clean(self.group)}" if self.group else "me_row"
        labels = self.levels or tuple(str(k) for k in range(1, values.shape[-1] + 1))
        for k, one in enumerate(self.members):
            out.append(Labelled(f"Xme_{one.name}", values[:, :, k], (dim,), {dim: labels},
                                {"cls": "Xme", **attrs}))
        return tuple(out)


def _check_constant(
    values: Array, codes: Array, first: Array, block: NoiseFree, one: NoisyVariable
) -> None:
    differ = values != values[first[codes]]
    if differ.any():
        level = block.levels[int(codes[np.flatnonzero(differ)[0]])]
        raise DataError(
            f"{one.text}: values and standard errors must be constant within the levels of "
            f"{block.group!r}, but differ in level {level!r}; leave out gr or make them equal"
        )


def noise_free_labels(
    blocks: Sequence[NoiseFree], draws: Mapping[str, Array]
) -> tuple[Labelled, ...]:
    """User-facing variables of all blocks: ``meanme``, ``sdme``, ``corme``, ``Xme_...``."""
    if not blocks:
        return ()
    names = tuple(one.name for block in blocks for one in block.members)
    out: list[Labelled] = []
    for cls in ("meanme", "sdme"):
        values = np.concatenate([draws[f"{cls}_{block.index}"] for block in blocks], axis=-1)
        attrs = {"cls": cls, "group": "", "dpar": "", "resp": ""}
        out.append(Labelled(cls, values, ("me_coef",), {"me_coef": names}, attrs))
    for block in blocks:
        out += block.label(draws)
    return tuple(out)


@dataclass(frozen=True, eq=False)
class Noisy:
    """``me(x, sdx)`` as a factor of coefficients."""

    block: NoiseFree
    variable: NoisyVariable

    @property
    def stan(self) -> StanExpr:
        """The true values of all rows."""
        index = f"[Jme_{self.block.index}]" if self.block.group else ""
        return StanExpr(f"{self.variable.latent}{index}", rows=True)

    @property
    def effect_columns(self) -> tuple[str, ...]:
        """The columns whose effect it is."""
        return self.variable.observed.variables

    @property
    def noise_columns(self) -> tuple[str, ...]:
        """Standard errors of what was observed."""
        return self.variable.noise.variables

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that a prediction reads."""
        one = self.variable
        return (*one.observed.variables, *one.noise.variables, *self.block.columns_needed)

    @property
    def variables(self) -> tuple[Var, ...]:
        """The model declares the latent variables."""
        return ()

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """The model has the data of the latent variables."""
        return {}

    def typical(self, frame: pd.DataFrame) -> Array:
        """What was observed."""
        return self.variable.observed_values(frame)

    def latent(
        self, draws: Mapping[str, Array], frame: pd.DataFrame, training: bool,
        rng: np.random.Generator,
    ) -> dict[str, Array]:
        """True values (draws, rows): of the posterior, for new rows around the observed ones."""
        one = self.variable
        if training:
            values = draws[f"Xme_{one.name}"]
            if self.block.group:
                values = values[:, self.block.codes(frame)]
            return {one.latent: values}
        size = len(next(iter(draws.values())))
        observed = one.observed_values(frame, "pass")
        noise = one.noise_values(frame, "pass")
        return {one.latent: observed + noise * rng.standard_normal((size, len(frame)))}

    def value(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """True values (draws, rows)."""
        return draws[self.variable.latent]


def build_noise_free(
    calls: Sequence[tuple[Call, str]], frame: pd.DataFrame, schema: Schema, correlated: bool,
    default: Any,
) -> tuple[NoiseFree, ...]:
    """The latent variables behind all ``me()`` of a model.

    Parameters
    ----------
    calls : sequence of (Call, str)
        Every call with its formula, in the order of the model.
    frame : DataFrame
        The rows of the model.
    schema : Schema
    correlated : bool
        Whether those of a block are correlated, see `set_mecor`.
    default : callable
        Default prior of a class, given the standard deviation and the mean of what was observed.
    """
    members: dict[str, list[NoisyVariable]] = {}
    known: dict[str, NoisyVariable] = {}
    names: dict[str, str] = {}
    for call, source in calls:
        text = deparse(call)
        if text in known:
            continue
        arguments = match_arguments(call, ("x", "sdx", "gr"), source)
        for needed in ("x", "sdx"):
            if needed not in arguments:
                raise FormulaError(
                    f"me() needs {'a covariate' if needed == 'x' else 'its standard errors'}: "
                    "me(x, sdx)", source, call.span,
                )
        group = ""
        if "gr" in arguments:
            node = arguments["gr"]
            if not isinstance(node, Name):
                raise FormulaError("gr of me() is the name of a column", source, node.span)
            group = node.value
            if group not in frame.columns:
                raise FormulaError(
                    f"gr = {group}: the data have no column {group!r}"
                    f"{did_you_mean(group, map(str, frame.columns))}", source, node.span,
                )
        name = clean(f"me{deparse(arguments['x'])}")
        if name in names:
            raise FormulaError(
                f"{names[name]} and {text} are about the same covariate; write them alike",
                source, call.span,
            )
        names[name] = text
        one = NoisyVariable(
            len(known) + 1, text, name, learn(arguments["x"], frame, schema, source),
            learn(arguments["sdx"], frame, schema, source),
        )
        known[text] = one
        members.setdefault(group, []).append(one)
    out = []
    for index, (group, found) in enumerate(members.items(), start=1):
        levels = group_codes(frame, (group,))[1] if group else ()
        observed = [one.observed_values(frame) for one in found]
        defaults = {cls: tuple(default(cls, x) for x in observed) for cls in ("meanme", "sdme")}
        block = NoiseFree(
            index, tuple(found), group, levels, correlated, default("cor", observed[0]), defaults
        )
        block.data(frame)  # bad values are told now
        for one in found:
            one.check_noise(frame)
        out.append(block)
    return tuple(out)
