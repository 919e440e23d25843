"""Variables of a Stan program, declared once as data.

From the one list of `Var` of a model come the data and parameters blocks, the prior
statements, the keys and shapes of the data and the labels of the draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Block(Enum):
    """The block of a Stan program in which a variable is declared."""

    DATA = "data"
    TRANSFORMED_DATA = "transformed data"
    PARAMETERS = "parameters"
    TRANSFORMED_PARAMETERS = "transformed parameters"


@dataclass(frozen=True, slots=True)
class DataNumber:
    """A number of a default prior that was computed from the data.

    Attributes
    ----------
    role : str
        What it is to the distribution: ``location``, ``scale``, ``rate``. It names the Stan
        data variable (``prior_scale_sd_1``).
    value : float
    per_element : bool
        True when each element of a vector has a number of its own (``b`` scaled by the
        standard deviation of its column), False when all elements of a predictor share one.
        The program depends on this, never on whether values happen to be equal.
    """

    role: str
    value: float
    per_element: bool = False


@dataclass(frozen=True, slots=True)
class ScalePrior:
    """A default prior some of whose arguments come from the data.

    It is shown with its numbers in the prior table; in the program a `DataNumber` is Stan
    data, so that the program does not depend on the response. Arguments that are text are
    printed as they stand.
    """

    distribution: str
    args: tuple[str | DataNumber, ...]

    @property
    def text(self) -> str:
        """The prior as a user would type it."""
        args = (a if isinstance(a, str) else f"{a.value:.15g}" for a in self.args)
        return f"{self.distribution}({', '.join(args)})"


@dataclass(frozen=True, slots=True)
class PriorElement:
    """One element (or row) of a parameter, as the prior table knows it (feature-map C1).

    The more of `coef` and `group` a prior row names, the more specific it is; `resp`, `dpar`
    and `nlpar` must match exactly. `default` belongs to the class-wide row of the scope.
    """

    coef: str = ""
    group: str = ""
    resp: str = ""
    dpar: str = ""
    nlpar: str = ""
    default: str | ScalePrior = ""


@dataclass(frozen=True, slots=True)
class PriorTarget:
    """What a parameter tells the prior table about itself.

    `elements` has one entry per element of a vector (per row of a matrix: ``sd_1`` with a
    `by` factor; per element of each vector of an array: ``lscale_1``), or exactly one entry when
    one prior serves the whole variable (scalars, ``L_1``, ``udf``-free containers). `length` is
    the number of entries of a simplex, whose one prior has a concentration for each, `vectors`
    the number of vectors of an array whose elements have priors of their own. `labels` are what
    users call the entries of a variable whose one element stands for all of them.
    """

    cls: str
    elements: tuple[PriorElement, ...]
    length: int = 0
    vectors: int = 0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Var:
    """A declaration: ``array[A] type<lower=, upper=>[size] name;  // comment``.

    Attributes
    ----------
    name : str
        Stan name, as brms declares it (``sd_1``, ``b_sigma``).
    type : str
        Stan type without sizes: ``real``, ``int``, ``vector``, ``matrix``, ``ordered``,
        ``simplex``, ``cholesky_factor_corr``, ...
    size : tuple of str
        Stan expressions inside the type's brackets.
    array : tuple of str
        Stan expressions of the array dimensions, outermost first.
    block : Block
        Where it is declared.
    lower, upper : str
        Bounds as Stan expressions, empty for none. For parameters these are the *default*
        bounds: a prior row may replace them.
    prior : PriorTarget, optional
        For parameters that have rows in the prior table.
    comment : str
        What a reader of the program should know.
    """

    name: str
    type: str
    size: tuple[str, ...] = ()
    array: tuple[str, ...] = ()
    block: Block = Block.DATA
    lower: str = ""
    upper: str = ""
    prior: PriorTarget | None = None
    comment: str = ""

    @property
    def stan_type(self) -> str:
        """The full type, ``array[N] vector<lower=0>[K]``."""
        bounds = [f"{k}={v}" for k, v in (("lower", self.lower), ("upper", self.upper)) if v]
        return (
            (f"array[{', '.join(self.array)}] " if self.array else "")
            + self.type
            + (f"<{', '.join(bounds)}>" if bounds else "")
            + (f"[{', '.join(self.size)}]" if self.size else "")
        )

    @property
    def declaration(self) -> str:
        """The statement that declares it, without its comment."""
        return f"{self.stan_type} {self.name};"

    def index(self, k: int) -> str:
        """Indices of element `k` of its prior, from 1: ``3``, in an array of vectors ``2, 1``."""
        if self.prior is None or not self.prior.vectors:
            return str(k)
        width = len(self.prior.elements) // self.prior.vectors
        return f"{(k - 1) // width + 1}, {(k - 1) % width + 1}"

    @property
    def is_scalar(self) -> bool:
        """True for a single real or int."""
        return not self.size and not self.array
