"""Prior statements: the Stan text that adds each prior to the log density."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hiermodel.errors import PriorError
from hiermodel.priors.elements import Choice
from hiermodel.priors.rows import CORRELATIONS
from hiermodel.priors.syntax import DENSITIES, Support, number, parse_prior, split_arguments
from hiermodel.stan.variables import DataNumber, ScalePrior, Var

DataItem = tuple[Var, float | np.ndarray]


@dataclass(frozen=True, slots=True)
class _Density:
    """A density with its arguments as Stan text.

    `vectors` are the positions of arguments that are data vectors with one entry per
    element, to be indexed when the statement is about one element.
    """

    name: str
    args: tuple[str, ...]
    tag: str
    vectors: frozenset[int] = frozenset()

    def at(self, k: str) -> _Density:
        """Return the density of the element with these indices."""
        args = tuple(f"{a}[{k}]" if i in self.vectors else a for i, a in enumerate(self.args))
        return replace(self, args=args, vectors=frozenset())

    def call(self, suffix: str, variable: str) -> str:
        """``name_suffix(variable | args)``."""
        bar = f" | {', '.join(self.args)}" if self.args else ""
        return f"{self.name}_{suffix}({variable}{bar})"


def prior_statements(
    var: Var, choices: Sequence[Choice], normalize: bool
) -> tuple[list[tuple[str, str]], list[DataItem]]:
    """Statements of one variable.

    Parameters
    ----------
    var : Var
        With its final bounds.
    choices : sequence of Choice
        The prior of each element.
    normalize : bool
        Whether constants and the terms for truncation are kept.

    Returns
    -------
    statements : list of (str, str)
        Pairs of tag and statement, ``TARGET`` standing for the variable that is added to.
    data : list of (Var, value)
        Stan data that the statements use.
    """
    if var.type == "simplex":
        return _simplex(var, choices, normalize)
    names, data = _data_numbers(var, choices)
    densities = [_density(choice, names.get(k)) for k, choice in enumerate(choices)]
    if all(density is None for density in densities):
        return [], data
    writer = _Writer(var, normalize)
    first = densities[0]
    if first is not None and all(density == first for density in densities):
        if not (first.vectors and (len(var.size) == 2 or var.array)):
            return [(first.tag, writer.whole(first))], data
        if first.vectors and var.array:
            # Numbers of each element, for one vector after the other.
            return [(first.tag, writer.whole(first.at("k")))], data
    return [
        (density.tag, writer.element(density.at(var.index(k)), k))
        for k, density in enumerate(densities, start=1)
        if density is not None
    ], data


def tag_statements(tagged: Sequence[tuple[str, str]], normalize: bool) -> tuple[str, ...]:
    """Put the accumulating variable into the statements; a tag has one of its own."""
    if not normalize:
        return tuple(line.replace("TARGET", "target", 1) for _, line in tagged)
    tags = dict.fromkeys(tag for tag, _ in tagged if tag)
    head = [f"real lprior_{tag} = 0;" for tag in tags]
    body = [
        line.replace("TARGET", f"lprior_{tag}" if tag else "lprior", 1) for tag, line in tagged
    ]
    return (*head, *body, *(f"lprior += lprior_{tag};" for tag in tags))


# ---------------------------------------------------------------------------------------------
# Densities of elements


def _density(choice: Choice, names: _Names | None) -> _Density | None:
    if choice.constant is not None or not choice.prior:
        return None
    if isinstance(choice.prior, str):
        call = parse_prior(choice.prior)
        name = "lkj_corr_cholesky" if call.name == "lkj" else call.name
        return _Density(name, call.args, choice.tag)
    assert names is not None
    args, vectors = [], set()
    for position, arg in enumerate(choice.prior.args):
        if isinstance(arg, DataNumber):
            args.append(names.of[arg.role])
            if arg.role in names.vectors:
                vectors.add(position)
        else:
            args.append(arg)
    return _Density(choice.prior.distribution, tuple(args), choice.tag, frozenset(vectors))


@dataclass(frozen=True, slots=True)
class _Names:
    """Names of the data numbers of one element by role, and which of them are vectors."""

    of: dict[str, str]
    vectors: frozenset[str] = frozenset()


def _structure(default: str | ScalePrior) -> tuple[object, ...] | None:
    """Return what the program may depend on: all of a default but its values."""
    if isinstance(default, str):
        return None
    shape = tuple(a if isinstance(a, str) else (a.role, a.per_element) for a in default.args)
    return (default.distribution, *shape)


def _numbers(default: str | ScalePrior) -> dict[str, DataNumber]:
    args = default.args if isinstance(default, ScalePrior) else ()
    return {a.role: a for a in args if isinstance(a, DataNumber)}


def _data_numbers(
    var: Var, choices: Sequence[Choice]
) -> tuple[dict[int, _Names], list[DataItem]]:
    """Decide how the data numbers of a variable are declared.

    One scalar when all elements share it, a vector when all have defaults of the same form,
    scalars by element otherwise. Values play no part in this.
    """
    used = [k for k, choice in enumerate(choices) if isinstance(choice.prior, ScalePrior)]
    if not used:
        return {}, []
    elements = [choice.element for choice in choices]
    numbers = [_numbers(element.default) for element in elements]
    if len({_structure(element.default) for element in elements}) > 1:
        return _separate_numbers(var, numbers, used)
    scopes = {(e.resp, e.dpar, e.nlpar) for e in elements}
    of: dict[str, str] = {}
    vectors: set[str] = set()
    data: list[DataItem] = []
    for role, item in numbers[0].items():
        name = of[role] = f"prior_{role}_{var.name}"
        lower = "0" if role in ("scale", "rate") else ""
        comment = f"{role} of the default prior of {var.name}"
        if var.size and (item.per_element or len(scopes) > 1):
            vectors.add(role)
            values = np.array([n[role].value for n in numbers])
            several = var.prior.vectors if var.prior is not None else 0
            array = var.array if several else ()
            declared = Var(name, "vector", var.size[:1], array, lower=lower, comment=comment)
            data.append((declared, values.reshape(several, -1) if several else values))
        else:
            data.append((Var(name, "real", lower=lower, comment=comment), item.value))
    names = _Names(of, frozenset(vectors))
    return dict.fromkeys(used, names), data


def _separate_numbers(
    var: Var, numbers: Sequence[dict[str, DataNumber]], used: Sequence[int]
) -> tuple[dict[int, _Names], list[DataItem]]:
    names: dict[int, _Names] = {}
    data: list[DataItem] = []
    for k in used:
        of = {role: f"prior_{role}_{var.name}_{k + 1}" for role in numbers[k]}
        names[k] = _Names(of)
        for role, item in numbers[k].items():
            lower = "0" if role in ("scale", "rate") else ""
            comment = f"{role} of the default prior of {var.name}[{k + 1}]"
            data.append((Var(of[role], "real", lower=lower, comment=comment), item.value))
    return names, data


def _simplex(
    var: Var, choices: Sequence[Choice], normalize: bool
) -> tuple[list[tuple[str, str]], list[DataItem]]:
    """A simplex has one Dirichlet prior, whose concentrations are data; an array has several."""
    flat = [choice.constant is not None or not choice.prior for choice in choices]
    if all(flat):
        return [], []
    values = np.array([_concentrations(var, choice) for choice in choices])
    name = f"con_{var.name}"
    declared = Var(
        name, "vector", var.size, var.array, lower="0", comment=f"concentrations of {var.name}"
    )
    density = f"dirichlet_{'lpdf' if normalize else 'lupdf'}"
    if not var.array:
        line = f"TARGET += {density}({var.name} | {name});"
        return [(choices[0].tag, line)], [(declared, values[0])]
    tags = [choice.tag for choice in choices]
    if len(set(tags)) == 1 and not any(flat):
        loop = f"for (k in 1:{var.array[0]}) TARGET += {density}({var.name}[k] | {name}[k]);"
        return [(tags[0], loop)], [(declared, values)]
    return [
        (tag, f"TARGET += {density}({var.name}[{k}] | {name}[{k}]);")
        for k, tag in enumerate(tags, start=1)
        if not flat[k - 1]
    ], [(declared, values)]


def _entries(prior: str) -> tuple[str, ...]:
    """Arguments of a Dirichlet prior: as they stand, or inside ``c(...)`` or brackets."""
    args = parse_prior(prior).args
    if len(args) == 1:
        match = re.fullmatch(r"c\s*\((.*)\)|\[(.*)\]'?", args[0].strip(), re.DOTALL)
        if match is not None:
            return split_arguments(match[1] if match[1] is not None else match[2])
    return args


def _concentrations(var: Var, choice: Choice) -> list[float]:
    assert isinstance(choice.prior, str) and var.prior is not None
    if not choice.prior:
        return [1.0] * var.prior.length
    given = [number(arg) for arg in _entries(choice.prior)]
    length = var.prior.length
    values = [v for v in given if v is not None and v > 0]
    if len(values) < len(given) or len(values) not in (1, length):
        raise PriorError(
            f"{choice.prior}: the Dirichlet prior of {var.name!r} takes one concentration for all "
            f"of its {length} entries or one for each, all above 0"
        )
    return values * (length // len(values))


# ---------------------------------------------------------------------------------------------
# Text of statements


@dataclass(frozen=True, slots=True)
class _Writer:
    var: Var
    normalize: bool

    def whole(self, density: _Density) -> str:
        """One statement for the whole variable."""
        var = self.var
        if var.array:
            loop = f"for (k in 1:{var.array[0]}) "
            return loop + self._line(density, f"{var.name}[k]", " * ".join(var.size))
        matrix = len(var.size) == 2
        name = f"to_vector({var.name})" if matrix else var.name
        # brms counts the rows of a matrix, not its elements, when it normalises a cut prior
        # (sd with a `by` factor), and the standard deviations of a smooth once. That is kept so
        # that log densities agree with published ones; it is a constant, which only marginal
        # likelihoods can see.
        once = var.prior is not None and var.prior.cls == "sds"
        return self._line(density, name, var.size[0] if var.size and not once else "")

    def element(self, density: _Density, k: int) -> str:
        """Return the statement of element (or row) `k`."""
        var = self.var
        if var.is_scalar:
            return self._line(density, var.name, "")
        return self._line(density, f"{var.name}[{var.index(k)}]", " * ".join(var.size[1:]))

    def _line(self, density: _Density, variable: str, count: str) -> str:
        line = f"TARGET += {density.call('lpdf' if self.normalize else 'lupdf', variable)}"
        if self.normalize and self.var.prior is not None:
            if self.var.prior.cls not in CORRELATIONS:
                line += self._truncation(density, count)
        return line + ";"

    def _truncation(self, density: _Density, count: str) -> str:
        """Minus the log probability of the range that the bounds leave."""
        known = DENSITIES.get(density.name)
        if known is None:
            return ""
        lower, upper = _cutting(density, known.support, self.var.lower, self.var.upper)
        if not (lower or upper):
            return ""
        # A vector of arguments makes Stan's cdf a sum over them, so the bound is repeated.
        summed = bool(density.vectors) or any(_is_vector(arg) for arg in density.args)
        if summed and lower and upper:
            raise PriorError(
                f"the prior {density.name}({', '.join(density.args)}) of {self.var.name!r} has "
                "vectors as arguments and is cut at both ends; give each coefficient a prior of "
                "its own"
            )
        times = f"{count} * " if count and not summed else ""
        if summed:
            lower, upper = (f"rep_vector({b}, {count})" if b else "" for b in (lower, upper))
        if lower and upper:
            above, below = density.call("lcdf", upper), density.call("lcdf", lower)
            return f" - {times}log_diff_exp({above}, {below})"
        side = density.call("lccdf", lower) if lower else density.call("lcdf", upper)
        return f" - {times}{side}"


def _is_vector(arg: str) -> bool:
    return arg.startswith("[") or "vector(" in arg


def _ends(density_args: Sequence[str], support: Support) -> tuple[str, str]:
    """Return the ends of a support as text; an end may be an argument of the density."""
    ends = []
    for end in support:
        if isinstance(end, str):
            end = density_args[int(end.removeprefix("argument "))]
        ends.append(end if isinstance(end, str) else f"{end:g}")
    return ends[0], ends[1]


def _beyond(bound: str, end: str, side: int) -> bool:
    """Tell whether a bound lies at or outside the end of a support."""
    value, natural = number(bound), number(end)
    if value is None or natural is None:
        return bound == end
    return value <= natural if side == 0 else value >= natural


def _cutting(density: _Density, support: Support, lower: str, upper: str) -> tuple[str, str]:
    """Return the bounds that cut off probability; empty where they do not."""
    low, high = _ends(density.args, support)
    return (
        "" if not lower or _beyond(lower, low, 0) else lower,
        "" if not upper or _beyond(upper, high, 1) else upper,
    )


def support_beyond_bounds(var: Var, text: str) -> str:
    """Bounds that a parameter lacks for its prior: ``lb=0``; empty when it has them.

    Where the support of a prior is narrower than the parameter's range, the sampler walks
    into regions of zero density.
    """
    call = parse_prior(text)
    known = DENSITIES.get(call.name)
    if known is None or var.type not in ("real", "vector", "matrix"):
        return ""
    missing = []
    for side, (name, end) in enumerate(zip(("lb", "ub"), _ends(call.args, known.support),
                                           strict=True)):
        bound = (var.lower, var.upper)[side]
        natural = number(end)
        if natural is None or np.isinf(natural):
            continue
        value = number(bound)
        inside = value is not None and (value >= natural if side == 0 else value <= natural)
        if not inside and (value is not None or not bound):
            missing.append(f"{name}={end}")
    return ", ".join(missing)
