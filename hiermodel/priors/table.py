"""The prior table: the user's priors over the defaults, and all that follows for the program."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from hiermodel.errors import PriorError, warn
from hiermodel.priors.computed import Computed
from hiermodel.priors.constants import fix_constants
from hiermodel.priors.elements import Choice, check_class, parse_constant
from hiermodel.priors.rows import (
    CORRELATIONS,
    PriorRow,
    RowKey,
    element_key,
    existing_rows,
    final_rows,
    home_row,
    lineage,
    match_priors,
    row_bounds,
)
from hiermodel.priors.shared import ModelFacts, shared_priors
from hiermodel.priors.shared_kinds import Shown
from hiermodel.priors.specify import RAW, Prior
from hiermodel.priors.statements import (
    prior_statements,
    support_beyond_bounds,
    tag_statements,
)
from hiermodel.priors.syntax import number
from hiermodel.stan.variables import Var

_COLUMNS = ("prior", "class", "coef", "group", "resp", "dpar", "nlpar", "lb", "ub", "tag", "source")

Number = float | np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class ResolvedPriors:
    """All priors of a model, decided.

    Attributes
    ----------
    table : tuple of PriorRow
        One row per class, group and coefficient; an empty prior of a specific row means that
        it inherits from the row above it (or is flat, when the row is the user's).
    parameters : tuple of Var
        What the parameters block declares: bounds final, constants removed, free elements of
        partly constant vectors split off (``par_b_3``).
    fixed : tuple of Computed
        Variables that are (partly) constant or scaled: declaration and assignments for the
        transformed parameters block.
    statements : tuple of str
        ``lprior += ...;`` for the transformed parameters block. Without normalisation
        ``target += ..._lupdf(...);`` for the model block, the only place where Stan allows
        densities without their constants.
    data : tuple of (Var, float or ndarray)
        Stan data for the numbers of default priors.
    improper : tuple of str
        Parameters with a flat prior on an unbounded range, as a user would name them:
        the prior alone cannot be sampled.
    raw : tuple of str
        Statements of the user for the model block.
    unscaled : tuple of str
        Statements for the model block about standardised coefficients and local scales of
        horseshoe and R2D2 priors, which are no part of ``lprior``.
    shown : tuple of Shown
        What such priors add to the posterior.
    """

    table: tuple[PriorRow, ...]
    parameters: tuple[Var, ...]
    fixed: tuple[Computed, ...]
    statements: tuple[str, ...]
    data: tuple[tuple[Var, Number], ...]
    improper: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    unscaled: tuple[str, ...] = ()
    shown: tuple[Shown, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags of the priors: each has a part ``lprior_<tag>`` of the log prior."""
        return tuple(dict.fromkeys(row.tag for row in self.table if row.tag))

    def frame(self) -> pd.DataFrame:
        """Return the table as a data frame.

        Returns
        -------
        DataFrame
            Columns prior, class, coef, group, resp, dpar, nlpar, lb, ub, tag, source.
        """
        rows = [
            (r.prior, r.cls, r.coef, r.group, r.resp, r.dpar, r.nlpar, r.lb, r.ub, r.tag, r.source)
            for r in self.table
        ]
        return pd.DataFrame(rows, columns=list(_COLUMNS), dtype=object)

    def complete(
        self, draws: Mapping[str, np.ndarray], sizes: Mapping[str, int]
    ) -> dict[str, np.ndarray]:
        """Add the (partly) constant variables to draws of the declared parameters.

        Parameters
        ----------
        draws : mapping of str to ndarray (chain, draw, ...)
            Draws of `parameters`. A variable that is there already is kept.
        sizes : mapping of str to int
            Values of the Stan data that the declarations use (``Kc``, ``M_1``).

        Returns
        -------
        dict of str to ndarray
            The draws, and every variable of `fixed` at its full shape.

        Raises
        ------
        PriorError
            A constant given as a Stan expression that only Stan can evaluate.
        """
        out = dict(draws)
        lead = next((np.shape(value)[:2] for value in draws.values()), (1, 1))
        for fixed in self.fixed:
            if fixed.var.name not in out:
                out[fixed.var.name] = fixed.values(out, sizes, lead)
        return out


def resolve_priors(
    variables: Sequence[Var],
    user: Sequence[Prior] = (),
    *,
    normalize: bool = True,
    functions: Collection[str] = (),
    facts: ModelFacts | None = None,
) -> ResolvedPriors:
    """Decide the prior of every parameter.

    The most specific row with a prior wins: coefficient of a group, group, class. Bounds
    belong to the class, or to the class within a group.

    Parameters
    ----------
    variables : sequence of Var
        The parameters of a model with their defaults. Those without `Var.prior` pass through.
    user : sequence of Prior
        From `as_priors`.
    normalize : bool
        False drops constants: ``_lupdf`` densities and no terms for truncation.
    functions : collection of str
        Names of densities that the user adds to the program; priors with these are taken
        as they are, and are not normalised where bounds cut them.
    facts : ModelFacts, optional
        Sizes, rows and residual standard deviations, for horseshoe and R2D2 priors.

    Raises
    ------
    PriorError
        A prior that matches no parameter (the nearest row is named), two priors for one row,
        a distribution that the class cannot have, an unknown distribution, bounds where there
        can be none.

    Examples
    --------
    >>> from hiermodel.priors.specify import prior
    >>> from hiermodel.stan.variables import Block, PriorElement, PriorTarget, Var
    >>> target = PriorTarget("b", (PriorElement("days"), PriorElement("age")))
    >>> b = Var("b", "vector", ("Kc",), block=Block.PARAMETERS, prior=target)
    >>> resolve_priors([b], [prior("normal(0, 5)")]).statements
    ('lprior += normal_lpdf(b | 0, 5);',)
    """
    raw = [given for given in user if given.text and RAW.match(given.text)]
    user = [given for given in user if given not in raw]
    rows = existing_rows(variables)
    found = match_priors(user, rows)
    for key, given in found.items():
        check_class(key, given, functions)
    used: set[RowKey] = set()
    parameters: list[Var] = []
    fixed: list[Computed] = []
    data: list[tuple[Var, Number]] = []
    tagged: list[tuple[str, str]] = []
    improper: list[str] = []
    shared = shared_priors(variables, found, facts or ModelFacts(), normalize)
    replaced = {name: own for one in shared for name, own in one.replaced.items()}
    for var in variables:
        if var.prior is None:
            parameters.append(var)
            continue
        if var.name in replaced:
            used |= {home_row(element_key(var.prior.cls, e)) for e in var.prior.elements}
            own_var = replaced[var.name]
            parameters += [own_var] if own_var is not None else []
            continue
        var = _bounded(var, found)
        choices = _choose(var, found, used)
        _warn_support(var, choices, found)
        improper += _improper(var, choices)
        own, constant = fix_constants(var, choices)
        parameters += own
        fixed += [constant] if constant is not None else []
        lines, numbers = prior_statements(var, choices, normalize)
        tagged += lines
        data += numbers
    for one in shared:
        parameters += one.parameters
        fixed += one.computed
        tagged += one.statements
        data += one.data
    _warn_unused(found, used)
    return ResolvedPriors(
        (*final_rows(rows, found), *(PriorRow(r.text or "", "", source="user") for r in raw)),
        tuple(parameters),
        tuple(fixed),
        tag_statements(tagged, normalize),
        tuple(data),
        tuple(improper),
        tuple(f"{given.text};" for given in raw),
        tuple(line for one in shared for line in one.unscaled),
        tuple(item for one in shared for item in one.shown),
    )


def _improper(var: Var, choices: Sequence[Choice]) -> list[str]:
    """Name the elements whose prior is flat where nothing bounds them."""
    if var.lower and var.upper:
        return []
    return [
        f"{var.name}[{c.element.coef}]" if c.element.coef else var.name
        for c in choices
        if c.prior == ""
    ]


def _choose(var: Var, found: Mapping[RowKey, Prior], used: set[RowKey]) -> tuple[Choice, ...]:
    assert var.prior is not None
    out = []
    for element in var.prior.elements:
        key = element_key(var.prior.cls, element)
        row = next((r for r in lineage(key) if r in found and found[r].text is not None), None)
        if row is None:
            out.append(Choice(element, element.default, "", key))
            continue
        used.add(row)
        text = found[row].text or ""
        out.append(Choice(element, text, found[row].tag, row, parse_constant(text)))
    return tuple(out)


_NO_BOUNDS = ("ordered", "simplex", "cholesky_factor_corr", "corr_matrix", "positive_ordered")


def _bounded(var: Var, found: Mapping[RowKey, Prior]) -> Var:
    """Return the variable with the bounds that the user asked for."""
    assert var.prior is not None
    cls = var.prior.cls
    default = (var.lower, var.upper)
    bounds = {row_bounds(element_key(cls, e), found, default) for e in var.prior.elements}
    if len(bounds) > 1:
        shown = " and ".join(f"lb={low!r}, ub={high!r}" for low, high in sorted(bounds))
        raise PriorError(
            f"the bounds of class {cls!r} differ ({shown}) between parameters that are "
            f"declared together in {var.name!r} because their effects are correlated; give "
            "them the same bounds"
        )
    low, high = bounds.pop()
    if (low, high) == default:
        return var
    if var.type in _NO_BOUNDS:
        raise PriorError(
            f"parameters of class {cls!r} cannot have bounds here: {var.name!r} is of Stan "
            f"type {var.type!r}"
        )
    first, last = number(low), number(high)
    if first is not None and last is not None and first >= last:
        raise PriorError(f"the bounds of class {cls!r} leave no value: lb={low}, ub={high}")
    return replace(var, lower=low, upper=high)


def _warn_unused(found: Mapping[RowKey, Prior], used: set[RowKey]) -> None:
    for key, given in found.items():
        if given.text and key not in used:
            warn(
                f"{given} is not used: every parameter that it is for has a more specific prior",
            )


def _warn_support(
    var: Var, choices: Sequence[Choice], found: Mapping[RowKey, Prior]
) -> None:
    rows = dict.fromkeys(c.row for c in choices if c.row in found and c.constant is None)
    for row in rows:
        text = found[row].text
        missing = support_beyond_bounds(var, text) if text else ""
        if missing and row.cls not in CORRELATIONS:
            warn(
                f"{found[row]}: the parameter can take values where this prior has no density; "
                f"give the class its bounds with {missing}",
            )
