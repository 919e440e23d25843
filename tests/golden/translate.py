"""Turn a corpus case into a model, through the public API of hiermodel only.

What a user types, the formula text above all, goes to the package as it stands. What an R call
needs besides (``set_prior(...)`` rows, ``list(...)`` of matrices, family constructors, set-up
code) is translated here, and read with `harness.rtext`: nothing is evaluated.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import pandas as pd

for _folder in (Path(__file__).resolve().parent, Path(__file__).resolve().parents[2]):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))

from harness import frames, rtext  # noqa: E402

import hiermodel as hm  # noqa: E402

_PRIOR_ARGUMENTS = ("prior", "class", "coef", "group", "resp", "dpar", "nlpar", "lb", "ub")
_LF_OPTIONS = ("center", "cmc", "sparse", "decomp", "loop")


class Untranslatable(Exception):
    """A case that the public API cannot express (yet); the message names the feature."""


@dataclass(frozen=True)
class ModelCall:
    """The arguments of ``hm.model`` for one case."""

    formula: Any
    data: pd.DataFrame
    family: Any
    options: dict[str, Any] = field(default_factory=dict)

    def model(self) -> hm.Model:
        """Build the model.

        Raises
        ------
        Untranslatable
            For an argument that ``hm.model`` does not take.
        """
        taken = inspect.signature(hm.model).parameters
        if not any(one.kind is one.VAR_KEYWORD for one in taken.values()):
            for name in self.options:
                if name not in taken:
                    raise Untranslatable(f"hm.model() takes no argument {name!r} yet")
        return hm.model(self.formula, self.data, family=self.family, **self.options)

    def default_priors(self) -> pd.DataFrame:
        """The table of default priors, as if no prior had been given."""
        chosen = ("priors", "sample_prior", "normalize", "stanvars")
        kept = {k: v for k, v in self.options.items() if k not in chosen}
        return hm.default_priors(self.formula, self.data, family=self.family, **kept)


def case_to_model(case: Mapping[str, Any], data_dir: Path | str) -> tuple[hm.Model, pd.DataFrame]:
    """Build the model of a case and return it with its data.

    Parameters
    ----------
    case : mapping
        A case of the corpus, as read from its JSON file.
    data_dir : Path
        The folder with the data sets.

    Raises
    ------
    Untranslatable
        When the case needs something that the API does not offer.
    HiermodelError
        When the package refuses the model.
    """
    call = case_to_call(case, data_dir)
    return call.model(), call.data


def case_to_call(case: Mapping[str, Any], data_dir: Path | str) -> ModelCall:
    """Translate a case into the arguments of ``hm.model``."""
    folder = Path(data_dir)
    call = case["call"]
    typed = _typed_arguments(call)
    setup = rtext.read_assignments(call.get("pre_r") or "")
    frame_name = case["data"][0]
    frame = frames.load(frame_name, folder)
    options: dict[str, Any] = {}
    options |= _contrast_options(call, frame_name, folder)
    options |= _matrix_options(call, typed, folder)
    options |= _argument_options(call, setup, frame)
    priors = _priors(call, typed)
    if priors:
        options["priors"] = priors
    formula, family = _formula_and_family(call, setup)
    return ModelCall(formula, frame, family, options)


def api(name: str, feature: str) -> Callable[..., Any]:
    """Return a public function of the package.

    Raises
    ------
    Untranslatable
        When the package does not have it.
    """
    found = getattr(hm, name, None)
    if found is None:
        raise Untranslatable(f"{feature}: hiermodel has no hm.{name}()")
    return found


def _typed_arguments(call: Mapping[str, Any]) -> dict[str, str]:
    """Arguments of the R call by name, as text."""
    try:
        return rtext.read_call(call["r"]).match(("formula", "data", "family", "prior"))
    except rtext.RTextError:
        return {}


# ---------------------------------------------------------------------------------------------
# formula


def _formula_and_family(call: Mapping[str, Any], setup: Mapping[str, str]) -> tuple[Any, Any]:
    groups: dict[int, list[Mapping[str, Any]]] = {}
    extras: list[Mapping[str, Any]] = []
    for part in call["parts"]:
        index = part.get("response_index")
        if index is None:
            extras.append(part)
        else:
            groups.setdefault(int(index), []).append(part)
    ordered = [groups[index] for index in sorted(groups)]
    families = _families(call, setup)
    if not call.get("multivariate"):
        return _with_extras(_response_formula(ordered[0]), extras), families[0]
    if len(ordered) == len(families):
        formulas = [
            _response_formula(parts, family)
            for parts, family in zip(ordered, families, strict=True)
        ]
        return _with_extras(reduce(add, formulas), extras), families[0]
    # mvbind() makes several responses of one formula; they share a family.
    if len(ordered) != 1:
        raise Untranslatable("several responses in one formula beside another formula")
    return _with_extras(_response_formula(ordered[0]), extras), families[0]


def _response_formula(parts: list[Mapping[str, Any]], family: Any = None) -> Any:
    main: Mapping[str, Any] | None = None
    subs: list[Any] = []
    options: dict[str, Any] = {}
    for part in parts:
        match part["kind"]:
            case "main":
                main = part
                options |= _options(part.get("options"))
            case "lf":
                subs.append(_sub_formula(part["text"], "lf"))
            case "nlf":
                subs.append(_sub_formula(part["text"], "nlf"))
            case "constant":
                name, value = _named(part["text"])
                options[name] = rtext.read_value(value)
            case "unused" | "autocor":
                name, value = _named(part["text"])
                options[name] = value
            case kind:
                raise Untranslatable(f"formula part of kind {kind!r}")
    if main is None:
        raise Untranslatable("a formula without a main part")
    if family is not None:
        options["family"] = family
    if not subs and not options:
        # The commonest call of a user: the bare text.
        return main["text"]
    return hm.bf(main["text"], *subs, **options)


def _options(given: Mapping[str, Any] | None) -> dict[str, Any]:
    return {k: v for k, v in (given or {}).items() if v is not None}


def _sub_formula(text: str, kind: str) -> Any:
    """``sigma ~ x`` stays text; ``lf(sigma ~ x, center = FALSE)`` becomes ``hm.lf(...)``."""
    if not text.lstrip().startswith(f"{kind}("):
        return api("nlf", "non-linear formulas")(text) if kind == "nlf" else text
    call = rtext.read_call(text)
    formulas = [value for name, value in call.arguments if name is None]
    options = {n: rtext.read_value(v) for n, v in call.arguments if n in _LF_OPTIONS}
    unknown = [n for n, _ in call.arguments if n is not None and n not in options]
    if unknown:
        raise Untranslatable(f"{kind}({', '.join(unknown)} = ) in a formula")
    feature = "non-linear formulas" if kind == "nlf" else "formulas with options"
    return api(kind, feature)(*formulas, **options)


def _named(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip()


def _with_extras(formula: Any, extras: list[Mapping[str, Any]]) -> Any:
    for part in extras:
        if part["kind"] not in ("set_rescor", "set_mecor"):
            raise Untranslatable(f"formula part of kind {part['kind']!r}")
        if isinstance(formula, str):
            formula = hm.bf(formula)
        arguments = [rtext.read_value(v) for _, v in rtext.read_call(part["text"]).arguments]
        feature = {"set_rescor": "multivariate models", "set_mecor": "measurement error"}
        formula = formula + api(part["kind"], feature[part["kind"]])(*arguments)
    return formula


# ---------------------------------------------------------------------------------------------
# family


def _families(call: Mapping[str, Any], setup: Mapping[str, str]) -> list[Any]:
    family = call["family"] or {"name": "gaussian"}
    custom = setup.get((call.get("family_r") or "").strip())
    if custom is not None:
        return [_custom_family(custom)]
    if isinstance(family.get("name"), str):
        return [_family(family, call.get("family_r") or "")]
    return [_family(one) for one in family.values()]


def _family(family: Mapping[str, Any], written: str = "") -> Any:
    if family["name"] == "mixture":
        components = [_family(one) for one in family["components"]]
        # The corpus names the order that brms decided on, too.
        typed = ("order",) if re.search(r"\border\s*=", written) else ()
        options = {k: family[k] for k in (*typed, "refcat") if _given(family.get(k))}
        return api("mixture", "mixture families")(*components, **options)
    # The links of the corpus are resolved; the reference category of brms is our default too,
    # but a case may have chosen another.
    options = {k: v for k, v in family.items() if k != "name" and _given(v)}
    return hm.family(family["name"], **options)


def _given(value: Any) -> bool:
    return value is not None and value != "NA"


def _custom_family(text: str) -> Any:
    """``custom_family("name", dpars = c(...), links = c(...), lb = c(NA, 0), type = "int")``."""
    arguments = rtext.read_call(text).match(("name", "dpars", "links", "type", "lb", "ub", "vars"))
    values = {name: rtext.read_value(value) for name, value in arguments.items()}
    return api("custom_family", "custom families")(values.pop("name"), **values)


# ---------------------------------------------------------------------------------------------
# priors and other arguments


def _priors(call: Mapping[str, Any], typed: Mapping[str, str]) -> list[Any]:
    rows = call.get("prior") or []
    bounds = _typed_bounds(call.get("prior_r") or typed.get("prior") or "")
    if len(bounds) != len(rows):
        bounds = [{} for _ in rows]
    return [_prior(row, written) for row, written in zip(rows, bounds, strict=True)]


def _prior(row: Mapping[str, Any], written: Mapping[str, str]) -> Any:
    keys = ("coef", "group", "resp", "dpar", "nlpar", "tag")
    options: dict[str, Any] = {key: row[key] for key in keys if row.get(key)}
    for bound in ("lb", "ub"):
        if row.get(bound):
            options[bound] = row[bound]
        elif written.get(bound) in ('""', "''"):
            # An empty row means NA in the corpus, "the usual bound", unless "" was written.
            options[bound] = ""
    if row.get("class"):
        options["cls"] = row["class"]
    return hm.prior(row["prior"], **options)


def _typed_bounds(text: str) -> list[dict[str, str]]:
    """The ``lb`` and ``ub`` arguments of every ``prior()`` call in R text, in order."""
    out: list[dict[str, str]] = []
    for piece in rtext.split_top(text, "+"):
        if not rtext.is_call(piece):
            continue
        call = rtext.read_call(piece)
        if call.function == "c":
            for _, inner in call.arguments:
                out += _typed_bounds(inner)
        elif call.function in ("prior", "set_prior", "prior_", "prior_string"):
            arguments = call.match(_PRIOR_ARGUMENTS)
            out.append({k: arguments[k] for k in ("lb", "ub") if k in arguments})
    return out


def _contrast_options(call: Mapping[str, Any], name: str, folder: Path) -> dict[str, Any]:
    used = " ".join(part["text"] for part in call["parts"])
    given = {
        column: matrix
        for column, matrix in frames.contrasts(name, folder).items()
        if re.search(rf"(?<![\w.]){re.escape(column)}(?![\w.])", used)
    }
    return {"contrasts": given} if given else {}


def _matrix_options(
    call: Mapping[str, Any], typed: Mapping[str, str], folder: Path
) -> dict[str, Any]:
    names = call.get("data2")
    if not names and "data2" in typed:
        names = {name: text for name, text in rtext.read_call(typed["data2"]).arguments if name}
    if not names:
        return {}
    return {"data2": {name: frames.load(text, folder) for name, text in names.items()}}


def _argument_options(
    call: Mapping[str, Any], setup: Mapping[str, str], frame: pd.DataFrame
) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in dict(call.get("args") or {}).items():
        text = value["r"] if isinstance(value, dict) else None
        match name:
            case "sample_prior":
                # "yes" only adds draws from the priors; the density is the same.
                out[name] = "only" if value == "only" else "no"
            case "normalize" | "drop_unused_levels":
                out[name] = value
            case "threads":
                arguments = rtext.read_call(text or "threading()").arguments
                count = rtext.read_value(arguments[0][1]) if arguments else 2
                out[name] = max(2, int(count)) if isinstance(count, int | float) else 2
            case "knots":
                out[name] = rtext.read_value(text or "NULL")
            case "stanvars":
                out[name] = [_stanvar(setup[text or ""], setup)]
            case _:
                raise Untranslatable(f"argument {name!r} of the call")
    return out


def _stanvar(text: str, setup: Mapping[str, str]) -> Any:
    """``stanvar(m0, name = "m0")`` or ``stanvar(scode = "...", block = "functions")``."""
    arguments = rtext.read_call(text).match(("x", "name", "scode", "block"))
    values = {name: rtext.read_value(setup.get(v, v)) for name, v in arguments.items()}
    return api("stanvar", "own Stan variables")(**values)
