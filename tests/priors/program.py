"""A Stan program that holds nothing but parameters and their priors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import stanli

from hiermodel.priors.table import ResolvedPriors


def prior_program(resolved: ResolvedPriors, *, normalize: bool = True) -> str:
    """The program; sizes are data, standardised effects are standard normal."""
    sizes = dict.fromkeys(
        re.sub(r"\[.*", "", size)
        for var in (*resolved.parameters, *(f.var for f in resolved.fixed))
        for size in (*var.size, *var.array)
    )
    data = []
    for name in sizes:
        if any(f"{name}[" in size for v in resolved.parameters for size in v.size):
            data.append(f"array[2] int {name};")
        else:
            data.append(f"int {name};")
    data += [var.declaration for var, _ in resolved.data]
    data += ["real min_Y;"] if any("min_Y" in line for line in resolved.statements) else []
    fixed = [line for f in resolved.fixed for line in (f.var.declaration, *f.lines)]
    model = []
    for var in resolved.parameters:
        if var.name.startswith("z_"):
            target = f"to_vector({var.name})"
            if var.array:
                target = f"{var.name}[k]"
                model.append(f"for (k in 1:{var.array[0]})")
            density = "lpdf" if normalize else "lupdf"
            model.append(f"target += std_normal_{density}({target});")
        if var.name.startswith("udf_"):
            model.append(f"target += inv_chi_square_lpdf({var.name} | df_{var.name[4:]});")
    lines = {"data": data, "parameters": [v.declaration for v in resolved.parameters]}
    prior_lines = list(resolved.statements)
    lines["transformed parameters"] = fixed
    if normalize:
        lines["transformed parameters"] += ["real lprior = 0;", *prior_lines]
        model.insert(0, "target += lprior;")
    else:
        model += prior_lines
    lines["model"] = model
    return "\n".join(
        f"{block} {{\n" + "".join(f"  {line}\n" for line in body) + "}"
        for block, body in lines.items()
    )


def log_density(
    resolved: ResolvedPriors,
    sizes: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    normalize: bool = True,
) -> float:
    """Log density of the priors at constrained `values`, with Jacobians."""
    code = prior_program(resolved, normalize=normalize)
    data = dict(sizes) | {var.name: np.asarray(v).tolist() for var, v in resolved.data}
    data.setdefault("min_Y", 2.0)  # bounds of non-decision times refer to it
    model = stanli.Model(stan_code=code, data=data)
    if not values:
        raise ValueError("no parameters")
    return float(model.log_prob_grad(model.unconstrain(values))[0])
