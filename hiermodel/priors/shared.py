"""What a horseshoe or R2D2 prior makes of a model: scales, and parameters that are scaled.

One prior serves all classes of a predictor that have it. Each of their elements gets a scale from
one vector ``scales``. Coefficients are standard normal ones (``zb``) times their scales (``sdb``);
standard deviations of smooths and group-level effects are the scales themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hiermodel.errors import PriorError, warn
from hiermodel.priors.computed import Computed, Scaled, Share
from hiermodel.priors.rows import RowKey, element_key, home_row
from hiermodel.priors.shared_kinds import SharedPrior, Shown, horseshoe_program, r2d2_program
from hiermodel.priors.shrinkage import SHRINKABLE, Horseshoe, Shrinkage, parse_shrinkage
from hiermodel.priors.specify import Prior
from hiermodel.stan.variables import Block, Var

# brms numbers the scales in this order: coefficients, smooths, processes, series, groups.
_ORDER = ("b", "bQ", "bsp", "bs", "sds", "sdgp", "ar", "ma", "sderr", "sdcar", "sd")
# Classes of coefficients, which are normal around zero; the others are standard deviations.
_COEFFICIENTS = ("b", "ar", "ma")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What such priors need to know of a model.

    Attributes
    ----------
    sizes : mapping of str to int
        Values of the Stan data that declarations use.
    rows : mapping of str to int
        Number of rows of each response, by its name (empty for the only one).
    sigma : mapping of str to str
        The residual standard deviation of each response that has a constant one: a name or a
        number.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    sigma: Mapping[str, str] = field(default_factory=dict)


def shared_priors(
    variables: Sequence[Var],
    found: Mapping[RowKey, Prior],
    facts: ModelFacts,
    normalize: bool,
) -> tuple[SharedPrior, ...]:
    """The horseshoe and R2D2 priors of a model, one per predictor that has one.

    Parameters
    ----------
    variables : sequence of Var
        The parameters of the model.
    found : mapping of RowKey to Prior
        The user's priors by row.
    facts : ModelFacts
    normalize : bool
        Whether constants are kept.

    Raises
    ------
    PriorError
        A class or coefficient that cannot have such a prior, other priors or bounds beside it,
        several classes without exactly one that is marked as main.
    """
    special = {
        key: made for key, given in found.items()
        if given.text and (made := parse_shrinkage(given.text)) is not None
    }
    for key in special:
        _check_row(key, found)
    scopes: dict[tuple[str, str, str], list[RowKey]] = {}
    for key in special:
        scopes.setdefault(key.scope, []).append(key)
    out = []
    for scope, keys in scopes.items():
        main = _main(keys, special, found)
        members = [
            var for var in variables
            if var.prior is not None and _is_member(var, keys, found)
        ]
        members.sort(key=_place)
        out.append(_shared(main, special[main], members, scope, facts, normalize, found))
    return tuple(out)


def _check_row(key: RowKey, found: Mapping[RowKey, Prior]) -> None:
    """Such a prior belongs to a whole class, and nothing else is said of the class."""
    given = found[key]
    if key.cls not in SHRINKABLE:
        raise PriorError(
            f"{given}: class {key.cls!r} cannot have this prior, which is for many parameters "
            f"around zero; the classes that can are {', '.join(SHRINKABLE)}"
        )
    if key.coef or key.group:
        raise PriorError(
            f"{given}: this prior is for a whole class; leave out coef and group"
        )
    for other, beside in found.items():
        same = other.scope == key.scope and other.cls == key.cls
        if same and (beside.lb is not None or beside.ub is not None):
            raise PriorError(f"{beside}: parameters with the prior {given.text} have no bounds of "
                             "their own; leave out lb and ub")
        if same and other != key and beside.text is not None:
            raise PriorError(
                f"{beside}: parameters with the prior {given.text} have no other prior; leave out "
                "one of the two"
            )


def _main(
    keys: Sequence[RowKey], special: Mapping[RowKey, Shrinkage], found: Mapping[RowKey, Prior]
) -> RowKey:
    """The class whose arguments hold for all."""
    if len(keys) == 1:
        return keys[0]
    texts = " and ".join(str(found[key]) for key in keys)
    if len({type(special[key]) for key in keys}) > 1:
        raise PriorError(f"{texts}: all classes of a formula share one kind of prior; take either "
                         "horseshoe() or R2D2()")
    main = [key for key in keys if special[key].main]
    if len(main) != 1:
        raise PriorError(
            f"{texts}: the classes share one prior, and main=True marks the one whose arguments "
            f"hold for all; {len(main) or 'none'} of them have it"
        )
    for key in keys:
        if key != main[0] and special[key] != type(special[key])():
            warn(f"{found[key]}: its arguments are ignored, those of {found[main[0]]} hold for "
                 "all classes")
    return main[0]


def _is_member(var: Var, keys: Sequence[RowKey], found: Mapping[RowKey, Prior]) -> bool:
    assert var.prior is not None
    homes = {home_row(element_key(var.prior.cls, e)) for e in var.prior.elements}
    hits = homes.intersection(keys)
    if not hits:
        return False
    given = found[next(iter(hits))]
    if homes - hits:
        other = sorted(homes - hits)[0]
        raise PriorError(
            f"{given}: {var.name!r} also holds parameters of {other}, because their effects are "
            "correlated; take another prior, or give the terms different IDs"
        )
    if var.prior.cls == "b" and var.type != "vector":
        names = ", ".join(e.coef for e in var.prior.elements)
        raise PriorError(
            f"{given}: effects that differ between categories cannot have this prior: {names}; "
            "take another prior, or move them out of cs()"
        )
    return True


def _stem(var: Var) -> str:
    assert var.prior is not None
    return var.name.split("_")[0] if var.prior.cls == "b" else var.prior.cls


def _place(var: Var) -> int:
    # sort() keeps the order of the program within a kind.
    return _ORDER.index(_stem(var))


def _shared(
    key: RowKey, prior: Shrinkage, members: Sequence[Var], scope: tuple[str, str, str],
    facts: ModelFacts, normalize: bool, found: Mapping[RowKey, Prior],
) -> SharedPrior:
    resp, dpar, nlpar = scope
    suffix = "".join(f"_{part}" for part in (dpar, resp, nlpar) if part)
    sigma = facts.sigma.get(resp, "") if prior.autoscale and not dpar else ""
    lpdf = "lpdf" if normalize else "lupdf"
    replaced: dict[str, Var | None] = {}
    computed: list[Computed] = []
    unscaled: list[str] = []
    shown: list[Shown] = []
    before: list[str] = []
    labels: list[str] = []
    for var in members:
        assert var.prior is not None
        shape = tuple(int(n) if n.isdigit() else facts.sizes[n] for n in var.size)
        names = _labels(var, int(np.prod(shape)))
        share, size = _slice(f"scales{suffix}", before, var)
        declared = replace(var, block=Block.TRANSFORMED_PARAMETERS, prior=None)
        first = len(labels)
        labels += [_flat_name(var, label) for label in names]
        before += [size]
        if var.prior.cls not in _COEFFICIENTS:
            line = f"{var.name} = {share};"
            computed.append(Share(declared, (line,), f"scales{suffix}", first, shape))
            replaced[var.name] = None
            continue
        # The Q columns of a QR decomposition are scaled, but zb and sdb keep their names.
        stem = var.name.replace("bQ", "b", 1)
        z = replace(var, name=f"z{stem}", prior=None, lower="", upper="",
                    comment=f"standardised {var.comment}")
        sd = Var(f"sd{stem}", "vector", var.size, block=Block.TRANSFORMED_PARAMETERS, lower="0",
                 comment=f"standard deviations of {var.name}")
        computed += [
            Share(sd, (f"{sd.name} = {share};",), f"scales{suffix}", first, shape),
            Scaled(replace(declared, lower="", upper=""),
                   (f"{var.name} = {z.name} .* {sd.name};",), z.name, sd.name),
        ]
        unscaled.append(f"target += std_normal_{lpdf}({z.name} |);")
        replaced[var.name] = z
        cls = "sdb" if var.prior.cls == "b" else f"sd{var.prior.cls}"
        shown.append(Shown(sd.name, cls, key, tuple(names)))
    if isinstance(prior, Horseshoe):
        rows = facts.rows.get(resp, 0)
        parts = horseshoe_program(prior, suffix, sigma, lpdf, rows, labels, key, found[key])
    else:
        parts = r2d2_program(prior, suffix, sigma, lpdf, labels, key, found[key])
    return SharedPrior(
        parameters=parts.parameters,
        replaced=replaced,
        computed=(*parts.computed, *computed),
        statements=parts.statements,
        unscaled=(*unscaled, *parts.unscaled),
        data=parts.data,
        shown=(*parts.shown, *shown),
    )


def _slice(scales: str, before: Sequence[str], var: Var) -> tuple[str, str]:
    """Stan text of the part of the scales for a variable, and of how many they are."""
    start = " + ".join(["1", *before])
    if not var.size:
        return f"{scales}[{start}]", "1"
    size = " * ".join(var.size)
    part = f"{scales}[{start if not before else f'({start})'}:{_bracket([*before, size])}]"
    return (f"to_matrix({part}, {', '.join(var.size)})" if len(var.size) > 1 else part), size


def _bracket(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"


def _labels(var: Var, count: int) -> list[str]:
    """What users call the elements of a variable, without the name of their class."""
    assert var.prior is not None
    elements, known = var.prior.elements, var.prior.labels
    if len(known) == count:
        return list(known)
    if not var.size:
        return [""]
    coefs = [e.coef for e in elements]
    if var.prior.cls == "sd":
        coefs = [
            "_".join(p for p in (e.dpar, e.resp, e.nlpar, e.coef) if p) for e in elements
        ]
    if len(coefs) == count and all(coefs):
        return coefs
    if not any(coefs):
        return [str(k) for k in range(1, count + 1)]
    # Of a matrix the rows have a coefficient, and the columns are levels.
    each = count // len(coefs)
    return [f"{coef}[{k}]" for k in range(1, each + 1) for coef in coefs]


def _flat_name(var: Var, label: str) -> str:
    """``b_x``, ``bsp_sigma_mox``, ``sd_subject__days``, ``ar[1]``."""
    assert var.prior is not None
    first = var.prior.elements[0]
    if not label:
        return var.name
    if not first.coef:
        return f"{var.name}[{label}]"
    if var.prior.cls == "sd":
        return f"sd_{first.group}__{label}"
    scope = [p for p in (first.dpar, first.resp, first.nlpar) if p]
    return "_".join([_stem(var).replace("bQ", "b"), *scope, label])
