"""Hypotheses about parameters, written as arithmetic on their names.

Names are the flat names of the posterior, short where the class of the parameter is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.arguments import flag, probability, texts
from hiermodel.effects.evidence import density_ratio
from hiermodel.effects.statements import evaluate, sides
from hiermodel.errors import ArgumentError, FormulaError, did_you_mean
from hiermodel.flatnames import FlatName, columns, flat_names
from hiermodel.formula.syntax import names
from hiermodel.origin import POSTERIOR, Origin
from hiermodel.summary import coef_draws, group_draws
from hiermodel.summary.html import frame_html, page
from hiermodel.summary.statistics import describe
from hiermodel.summary.text import frame_text

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

Array = np.ndarray

_PLAIN_NAME = re.compile(r"[A-Za-z][\w.]*\Z")


SCOPES = ("standard", "ranef", "coef")
_COLUMNS = ("Estimate", "Est.Error", "CI.Lower", "CI.Upper", "Evid.Ratio", "Post.Prob", "Star")
# Draws by name: what a hypothesis may speak of.
Find = Callable[[Sequence[FlatName]], Array]


@dataclass(frozen=True, slots=True, eq=False)
class Hypotheses:
    """Evaluated hypotheses.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per hypothesis (and level, with `scope`): ``Estimate`` and ``Est.Error`` of left
        minus right side, ``CI.Lower``, ``CI.Upper``, ``Evid.Ratio`` (posterior odds of a one-sided
        hypothesis; of ``=`` its Bayes factor), ``Post.Prob`` and ``Star``.
    draws : pandas.DataFrame
        Draws of left minus right side, a column per hypothesis.
    alpha : float
    origin : Origin
        What the draws are of.
    remark : str
        What is missing, and why.

    Examples
    --------
    >>> fit.hypothesis("days > 0").table.loc["(days) > 0", "Post.Prob"]  # doctest: +SKIP
    """

    table: pd.DataFrame
    draws: pd.DataFrame
    alpha: float
    origin: Origin = POSTERIOR
    remark: str = ""

    def _note(self) -> str:
        about = "" if self.origin.is_plain else f" From draws of {self.origin.phrase}."
        two, one = 100 * (1 - self.alpha), 100 * (1 - 2 * self.alpha)
        return (
            f"Intervals hold {two:g} % for '=' and {one:g} % for one-sided hypotheses. "
            f"* marks what they, or the {self.origin.target} probability, decide."
            f"{about}{self.remark}"
        )

    def __repr__(self) -> str:
        return f"{frame_text(self.table, indent='')}\n{self._note()}"

    def _repr_html_(self) -> str:
        return page("Hypotheses", [frame_html(self.table, note=self._note())])


def hypothesis(
    fit: Fit,
    hypotheses: str | Sequence[str],
    *,
    cls: str = "b",
    group: str = "",
    scope: str = "standard",
    alpha: float = 0.05,
    robust: bool = False,
) -> Hypotheses:
    """Evaluate hypotheses such as ``"days > 0"`` or ``"exp(a) = 2 * b"``.

    Parameters
    ----------
    fit : Fit
    hypotheses : str or sequence of str
        Two sides with ``<``, ``>`` or ``=`` between. Names are flat names, with or without
        what `cls` and `group` put in front: ``days`` or ``b_days``.
    cls, group : str
        Class of the parameters meant: ``"b"``, or ``"sd"`` and ``"cor"`` with a `group`, or
        ``""`` for whole flat names only.
    scope : {"standard", "ranef", "coef"}
        With `group`: evaluate the hypotheses for each of its levels. Names are then those of
        coefficients: the deviations of the level (``"ranef"``), or population and deviation
        together (``"coef"``), as `Fit.ranef` and `Fit.coef` have them.
    alpha : float
        Error of the intervals: 1 - alpha for ``=``, 1 - 2 alpha for one-sided ones.
    robust : bool
        Median and median absolute deviation instead of mean and standard deviation.

    Returns
    -------
    Hypotheses

    Raises
    ------
    FormulaError
        A text that cannot be read, or a parameter that the model does not have.
    HiermodelError
        For a fit that is a mode, not draws.
    ArgumentError
        `alpha` outside (0, 0.5), or a `scope` without its group.

    Warns
    -----
    HiermodelWarning
        When few draws lie around a point hypothesis, so that its evidence ratio is a guess.

    Notes
    -----
    The evidence ratio of ``=`` is that of Savage and Dickey: posterior over prior density of left
    minus right side at zero, from draws of both. Fits with ``sample_prior="yes"`` hold those of
    the prior; for others, and for single levels, it is missing. ``Post.Prob`` is the probability
    of the point when it is as likely beforehand as its opposite.

    Examples
    --------
    >>> fit.hypothesis(["days > 0", "days = 10"])  # doctest: +SKIP
    >>> fit.hypothesis("Intercept > days", cls="sd", group="subject")  # doctest: +SKIP
    >>> fit.hypothesis("days > 5", group="subject", scope="coef")  # doctest: +SKIP
    """
    alpha, robust = probability("alpha", alpha, 0.5), flag("robust", robust)
    fit.origin.refuse_point("hypothesis()")
    fit.origin.warn_if_poor("hypothesis()")
    given = texts("a hypothesis", hypotheses, "days > 0")
    if scope != "standard":
        return _of_levels(fit, given, group, scope, alpha, robust)
    posterior, prior = fit.posterior, fit.datasets.get("prior")
    if fit.origin.prior_only:
        prior = None
    known = {entry.name: entry for entry in flat_names(posterior)}
    prefix = f"{cls}_{group}__" if cls and group else (f"{cls}_" if cls else "")
    rows: dict[str, list[object]] = {}
    draws: dict[str, Array] = {}
    remark = ""
    for text in given:
        left, sign, right = sides(text)
        value = _difference(left, right, known, prefix, posterior)
        if np.ndim(value) == 0:
            raise FormulaError("the hypothesis names no parameter of the model", text)
        label = _label(left, sign, right)
        ratio = np.nan
        if sign == "=" and prior is not None:
            ratio = density_ratio(value, _difference(left, right, known, prefix, prior), text)
        elif sign == "=":
            remark = " Evid.Ratio of '=' needs draws of the prior: fit with sample_prior='yes'."
        rows[label] = _row(value, sign, alpha, robust, ratio)
        draws[label] = value
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(_COLUMNS))
    return Hypotheses(table, pd.DataFrame(draws), alpha, fit.origin, remark)


def _of_levels(
    fit: Fit, given: Sequence[str], group: str, scope: str, alpha: float, robust: bool
) -> Hypotheses:
    """Hypotheses about the coefficients of each level of a grouping factor."""
    if scope not in SCOPES:
        raise ArgumentError(
            f"scope must be one of {', '.join(SCOPES)}, not {scope!r}"
            f"{did_you_mean(str(scope), SCOPES)}"
        )
    posterior = fit.posterior
    of_groups = (
        coef_draws(posterior, fit.rising_thresholds) if scope == "coef" else group_draws(posterior)
    )
    if group not in of_groups:
        listed = ", ".join(of_groups) or "none"
        raise ArgumentError(
            f"scope={scope!r} needs group=, a grouping factor of the model"
            f"{did_you_mean(group, of_groups) if group else ''}; it has {listed}"
        )
    array = of_groups[group]
    coefs = [str(c) for c in array["coef"].values]
    # The draws of all levels at once: a hypothesis is arithmetic on (draws, levels).
    known = {name: FlatName(name, "", (k,)) for k, name in enumerate(coefs)}
    levels = [str(v) for v in array["level"].values]
    rows: dict[tuple[str, str], list[object]] = {}
    draws: dict[tuple[str, str], Array] = {}
    for text in given:
        left, sign, right = sides(text)

        def find(entries: Sequence[FlatName]) -> Array:
            return np.asarray(array.values[:, :, [e.at[0] for e in entries]])

        value = _value(left, known, "", find) - _value(right, known, "", find)
        if np.ndim(value) == 0:
            raise FormulaError(f"the hypothesis names no coefficient of {group}", text)
        for k, level in enumerate(levels):
            key = (level, _label(left, sign, right))
            draws[key] = value[:, k]
            rows[key] = _row(value[:, k], sign, alpha, robust, np.nan)
    index = pd.MultiIndex.from_tuples(list(rows), names=[group, "hypothesis"])
    table = pd.DataFrame(list(rows.values()), index=index, columns=list(_COLUMNS))
    return Hypotheses(table, pd.DataFrame(draws), alpha, fit.origin)


def _difference(
    left: str, right: str, known: Mapping[str, FlatName], prefix: str, posterior: xr.Dataset
) -> Array:
    """Draws of left minus right side."""

    def find(entries: Sequence[FlatName]) -> Array:
        return columns(posterior, entries).reshape(-1, len(entries))

    return np.asarray(_value(left, known, prefix, find) - _value(right, known, prefix, find))


def _label(left: str, sign: str, right: str) -> str:
    first, second = (re.sub(r"\s+", "", side) for side in (left, right))
    minus = "" if second == "0" else f"-({second})"
    return f"({first}){minus} {sign} 0"


def _row(
    value: Array, sign: str, alpha: float, robust: bool, ratio: float
) -> list[object]:
    lower = alpha / 2 if sign == "=" else alpha
    numbers = describe(value[:, None], (lower, 1 - lower), robust)[0].tolist()
    if sign == "=":
        decided = not numbers[2] <= 0.0 <= numbers[3]
        # As likely as not beforehand.
        after = 1.0 if ratio == np.inf else ratio / (1 + ratio)
        return [*numbers, ratio, after, "*" if decided else ""]
    prob = float(np.mean(value > 0 if sign == ">" else value < 0))
    odds = prob / (1 - prob) if prob < 1 else np.inf
    return [*numbers, odds, prob, "*" if prob > 1 - alpha else ""]


def _value(
    side: str,
    known: Mapping[str, FlatName],
    prefix: str,
    draw: Find,
) -> Array:
    """Draws of one side of a hypothesis."""
    from hiermodel.formula import parse_expression

    node = parse_expression(_quoted(side, known, prefix))
    used = names(node)
    entries = [_lookup(name, known, prefix, side) for name in used]
    values = draw(entries) if entries else np.empty((0, 0))
    scope = {name: values[..., i] for i, name in enumerate(used)}
    return np.asarray(evaluate(node, scope, side), dtype=float)


def _quoted(side: str, known: Mapping[str, FlatName], prefix: str) -> str:
    """Put names that hold brackets, colons or spaces into backticks, the longest first."""
    short = [name.removeprefix(prefix) for name in known if prefix and name.startswith(prefix)]
    special_names = {n for n in (*known, *short) if not _PLAIN_NAME.match(n)}
    side = re.sub(r"\[[^\]]*\]", lambda m: re.sub(r"\s*,\s*", ",", m.group()), side)
    present = [n for n in special_names if n in side]
    if not present:
        return side
    either = "|".join(re.escape(n) for n in sorted(present, key=len, reverse=True))
    return re.sub(rf"(?<![\w.:`])(?:{either})(?![\w.`])", lambda m: f"`{m.group()}`", side)


def _lookup(name: str, known: Mapping[str, FlatName], prefix: str, side: str) -> FlatName:
    for candidate in (prefix + name, name):
        if candidate in known:
            return known[candidate]
    options = [n.removeprefix(prefix) for n in known if n.startswith(prefix)] + list(known)
    raise FormulaError(
        f"the model has no parameter {prefix + name!r}{did_you_mean(name, options)}; "
        "fit.to_frame().columns has all names",
        side,
    )
