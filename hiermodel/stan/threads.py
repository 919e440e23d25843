"""Threads within a chain: the likelihood as a partial sum over rows, for Stan's ``reduce_sum``.

The lines of the likelihood stay what they are. They move into a function that gets every
variable they name as an argument; what has an entry per row arrives whole, under the name with
``_all`` behind, and is cut to the rows of the slice under its own name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hiermodel.errors import EngineError
from hiermodel.predictors import Predictor
from hiermodel.stan.variables import Block, Var

if TYPE_CHECKING:
    from hiermodel.modeling import Model
    from hiermodel.submodel import Submodel

GRAINSIZE = Var("grainsize", "int", lower="1", comment="rows of a slice, at least about so many")
_BASE_TYPES = {
    "ordered": "vector", "positive_ordered": "vector", "simplex": "vector",
    "cholesky_factor_corr": "matrix", "corr_matrix": "matrix", "cov_matrix": "matrix",
    "cholesky_factor_cov": "matrix",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z]\w*")


@dataclass(frozen=True, slots=True)
class Argument:
    """A variable that a partial sum reads: its type without sizes, whether it is cut by rows."""

    name: str
    base: str
    arrays: int = 0
    data: bool = False
    by_row: bool = False

    @property
    def declared(self) -> str:
        """Its declaration as an argument of a function."""
        array = f"array[{',' * (self.arrays - 1)}] " if self.arrays else ""
        qualifier = "data " if self.data else ""
        return f"{qualifier}{array}{self.base} {self.name}{'_all' if self.by_row else ''}"

    def cut(self, rows: str) -> str:
        """The statement that takes the rows of the slice."""
        whole = f"{self.name}_all"
        array, size = "", ""
        if self.arrays:
            more = "".join(f", dims({whole})[{k + 2}]" for k in range(self.arrays - 1))
            array = f"array[{rows}{more}] "
            if self.base == "vector":
                size = f"[size({whole}[1])]"
        elif self.base == "matrix":
            size = f"[{rows}, cols({whole})]"
        else:
            size = f"[{rows}]"
        return f"{array}{self.base}{size} {self.name} = {whole}[start:end];"


@dataclass(frozen=True, slots=True)
class PartialSum:
    """A likelihood as a function over slices of the rows, and the call that adds it up."""

    function: str
    call: str
    sequence: str


def partial_sum(
    name: str, rows: Sequence[str], lines: Iterable[str], known: Mapping[str, Argument]
) -> PartialSum:
    """Turn the lines of a likelihood into a partial sum.

    Parameters
    ----------
    name : str
        Of the function, without its ending.
    rows : sequence of str
        Stan names of the numbers of rows; several for responses that are added up together.
    lines : iterable of str
        The statements.
    known : mapping of str to Argument
        Every variable that they may read.
    """
    body = "\n".join(part.rstrip("\n") for part in lines if part.strip())
    read = dict.fromkeys(_NAME.findall(_without_comments(body)))
    used = [known[word] for word in read if word in known]
    arguments = ["array[] int seq", "int start", "int end", *(a.declared for a in used)]
    head = [f"int {one} = end - start + 1;" for one in rows]
    head += [a.cut(rows[0]) for a in used if a.by_row]
    inside = "\n".join(["real ptarget = 0;", *head, body.replace("target +=", "ptarget +="),
                        "return ptarget;"])  # fmt: skip
    indented = "\n".join("  " + line if line else line for line in inside.split("\n"))
    note = "// log likelihood of the rows start to end"
    function = f"{note}\nreal {name}_lpmf({_wrapped(arguments)}) {{\n{indented}\n}}"
    order, n = f"seq{name.removeprefix('partial_log_lik')}", rows[0]
    passed = [f"{name}_lpmf", order, "grainsize", *(a.name for a in used)]
    call = f"target += reduce_sum({_wrapped(passed)});"
    sequence = f"array[{n}] int {order} = linspaced_int_array({n}, 1, {n});  // rows, to be sliced"
    return PartialSum(function, call, sequence)


def _without_comments(text: str) -> str:
    return "\n".join(line.split("//")[0] for line in text.split("\n"))


def _wrapped(items: Sequence[str], width: int = 88) -> str:
    """Items with commas, on lines of their own of a readable length."""
    lines, current = [], ""
    for k, item in enumerate(items):
        piece = item + ("," if k < len(items) - 1 else "")
        if current and len(current) + len(piece) + 1 > width:
            lines.append(current)
            current = piece
        else:
            current = f"{current} {piece}".strip()
    return "\n    " + "\n    ".join([*lines, current])


def arguments_of(model: Model, rows: Sequence[str]) -> dict[str, Argument]:
    """Every variable that a likelihood may read, by name."""
    out: dict[str, Argument] = {}
    for var in (*model.variables, *(fixed.var for fixed in model.resolved_priors.fixed)):
        dims = (*var.array, *var.size)
        out[var.name] = Argument(
            var.name, _BASE_TYPES.get(var.type, var.type), len(var.array),
            var.block is Block.DATA, bool(dims) and dims[0] in rows,
        )
    for part in model.parts:
        for predictor in part.predictors:
            if isinstance(predictor, Predictor):
                _add_design(predictor, out)
                for term in predictor.terms:
                    for name, by_row in getattr(term, "effects", ()):
                        out[name] = Argument(name, "vector", by_row=by_row)
    for group in model.groups:
        name = f"r_{group.index}"
        if group.has_cor:
            out[name] = Argument(name, "matrix")
        else:
            out[name] = Argument(name, "vector", 0 if group.is_single else 1)
    for block in model.noise_free:
        for name in (member.latent for member in block.members):
            out[name] = Argument(name, "vector", by_row=block.size in rows)
    if model.rescor is not None:
        out["Y"] = Argument("Y", "vector", 1, True, True)
    for one in rows:
        out.pop(one, None)  # the number of rows is that of the slice
    return out


def _add_design(predictor: Predictor, out: dict[str, Argument]) -> None:
    population = predictor.population
    if population.sparse and not population.is_empty:
        raise EngineError(
            "threads cannot be used with sparse=True: a sparse design cannot be cut by rows"
        )
    for stem in ("Xc", "XQ"):
        name = f"{stem}{population.suffix}"
        out[name] = Argument(name, "matrix", 0, True, True)


def check_threads(parts: Iterable[Submodel]) -> None:
    """Refuse likelihoods that cannot be cut by rows."""
    for part in parts:
        if part.imputed is not None:
            raise EngineError(
                f"threads cannot be used with mi(): missing values of {part.response.name!r} "
                "belong to rows of other responses too"
            )
        if part.dependence:
            raise EngineError(
                f"threads cannot be used with {part.dependence}: rows that depend on each other "
                "cannot be shared out"
            )
        if part.derived:
            names = ", ".join(param.name for param in part.derived)
            raise EngineError(
                f"threads cannot be used while {names} of family {part.family.name!r} has no "
                f"formula: its range depends on all rows; give it one, such as {names} ~ 1"
            )
