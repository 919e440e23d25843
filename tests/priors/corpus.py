"""Rebuilds the parameters of corpus cases as `Var` lists, from their recorded tables.

The corpus is found beside the repository; without it, the tests that need it are skipped.
"""

from __future__ import annotations

import csv
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.priors.defaults import scale_prior
from hiermodel.priors.specify import Prior, prior
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, ScalePrior, Var

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden"
HAS_CORPUS = (GOLDEN / "index.csv").is_file()

Case = dict[str, Any]
_LOG_FAMILIES = ("lognormal",)


@cache
def core_ids() -> tuple[str, ...]:
    if not HAS_CORPUS:
        return ()
    with open(GOLDEN / "index.csv", newline="") as file:
        return tuple(row["id"] for row in csv.DictReader(file) if row["group"] == "core")


@cache
def load(case_id: str) -> Case:
    return json.loads((GOLDEN / "cases" / f"{case_id}.json").read_text())


def response(case: Case) -> np.ndarray | None:
    """The response of a case, None when it is a category or is not stored in full."""
    family = case["call"]["family"]
    values = case["standata"]["Y"].get("values")
    if "threshold" in family or family["name"] == "categorical":
        return None
    if values is None:
        # Long responses are stored in the data set only.
        lhs = case["call"]["formula"].removeprefix("bf(").split("~")[0].strip()
        path = next((GOLDEN / "data").glob(f"{case['data'][0]}.csv*"))
        values = pd.read_csv(path)[lhs]
    return np.array(values, dtype=float)


def link_of(case: Case, dpar: str) -> str:
    family = case["call"]["family"]
    if dpar in ("", "mu"):
        return "log" if family["name"] in _LOG_FAMILIES else family["link"]
    return family.get(f"link_{dpar}", "log")


def user_priors(case: Case) -> list[Prior]:
    """The user's priors; brms writes bounds as text, empty both for none and for not given."""
    # Which bounds were typed is to be seen in the call only.
    rows = case["call"]["prior"]
    calls = re.split(r"(?:set_)?prior\(", case["call"]["prior_r"] or "")[-len(rows) :]
    out = []
    for row, call in zip(rows, calls, strict=False):
        bounds = {k: row[k] for k in ("lb", "ub") if row[k] or re.search(rf'\b{k} *= *""', call)}
        fields = {k: row[k] for k in ("coef", "group", "resp", "dpar", "nlpar", "tag")}
        out.append(prior(row["prior"], row["class"], **fields, **bounds))
    return out


def parameters(case: Case) -> list[Var]:
    """The parameters as a model would declare them, before any prior of the user.

    They are read from the rows of the case's default priors, so that constants and bounds of
    the user are not in them yet.
    """
    rows = case["default_prior"]
    out: list[Var] = []
    for cls, dpar in dict.fromkeys((r["class"], r["dpar"]) for r in rows):
        mine = [r for r in rows if r["class"] == cls and r["dpar"] == dpar]
        if cls == "b":
            out.append(_coefficients(case, dpar))
        elif cls == "Intercept":
            out += _intercepts(case, mine, dpar)
        elif cls == "delta":
            out += _deltas(mine)
        elif cls not in ("sd", "cor", "df"):
            default = "" if cls == "delta" else _default(case, mine[0])
            out.append(_parameter(cls, "real", cls, [PriorElement(default=default)], mine[0]))
    return out + _groups(case, rows)


def _parameter(
    name: str, kind: str, cls: str, elements: list[PriorElement], row: dict[str, str],
    size: tuple[str, ...] = (), array: tuple[str, ...] = (),
) -> Var:
    return Var(
        name, kind, size, array, Block.PARAMETERS, row["lb"], row["ub"],
        PriorTarget(cls, tuple(elements)),
    )


def _default(case: Case, row: dict[str, str]) -> str | ScalePrior:
    """The default of a row, computed where it comes from the data."""
    text = row["prior"]
    if not text.startswith("student_t(3"):
        return text
    cls, dpar = row["class"], row["dpar"]
    y = response(case)
    if cls == "Intercept":
        offset = case["standata"].get("offsets", {}).get("values", 0.0)
        link = link_of(case, dpar)
        is_mu = dpar in ("", "mu")
        return scale_prior(
            y, link, offset_mean=float(np.mean(offset)) if is_mu else 0.0, location=is_mu
        )
    link = link_of(case, "") if cls == "sd" else "identity"
    if case["call"]["family"]["name"] in _LOG_FAMILIES:
        link = "log"
    return scale_prior(y, link, location=False)


def _suffix(dpar: str) -> str:
    return f"_{dpar}" if dpar else ""


def _coefficients(case: Case, dpar: str) -> Var:
    """``b`` or ``bQ`` with its columns in the order of the design."""
    s = _suffix(dpar)
    declared = {p["name"]: p for p in case["parameters"]}
    declared |= {n: None for n in case["generated_and_transformed"] if n not in declared}
    name = f"bQ{s}" if f"bQ{s}" in declared else f"b{s}"
    size = f"Kc{s}" if f"Kc{s}" in case["standata"] else f"K{s}"
    columns = [clean(c) for c in case["standata"][f"X{s}"]["colnames"]]
    if size.startswith("Kc") and columns[0] == "Intercept":
        columns = columns[1:]
    elements = [PriorElement(c, dpar=dpar) for c in columns]
    row = {"lb": "", "ub": ""}
    return _parameter(name, "vector", "b", elements, row, (size,))


def clean(name: str) -> str:
    """brms's spelling of a design column in the prior table."""
    name = name.replace("(Intercept)", "Intercept")
    for old, new in (("+", "P"), ("-", "M"), ("*", "MU"), ("/", "D"), ("^", "E"), ("=", "EQ"),
                     ("$", "USD")):
        name = name.replace(old, new)
    return re.sub(r"""[ ()\[\],"'?;]""", "", name)


def _intercepts(case: Case, rows: list[dict[str, str]], dpar: str) -> list[Var]:
    head = rows[0]
    default = _default(case, head)
    names = {p["name"]: p for p in case["parameters"]}
    groups = list(dict.fromkeys(r["group"] for r in rows if r["group"]))
    coefs = [r["coef"] for r in rows if r["coef"]]
    if not groups and not coefs:
        s = _suffix(dpar)
        name = f"first_Intercept{s}" if f"first_Intercept{s}" in names else f"Intercept{s}"
        return [_parameter(name, "real", "Intercept", [PriorElement(dpar=dpar, default=default)],
                           head)]
    out = []
    for j, group in enumerate(groups or [""], start=1):
        tail = f"_{j}" if group else ""
        mine = [r["coef"] for r in rows if r["coef"] and r["group"] == group]
        if not mine:
            element = PriorElement("", group, default=default)
            out.append(_parameter(f"first_Intercept{tail}", "real", "Intercept", [element], head))
            continue
        elements = [PriorElement(c, group, default=default) for c in mine]
        size = f"nthres[{j}]" if group else "nthres"
        kind = names[f"Intercept{tail}"]["kind"]
        out.append(_parameter(f"Intercept{tail}", kind, "Intercept", elements, head, (size,)))
    return out


def _deltas(rows: list[dict[str, str]]) -> list[Var]:
    groups = [r["group"] for r in rows if r["group"]] or [""]
    return [
        _parameter(f"delta_{j}" if group else "delta", "real", "delta",
                   [PriorElement("", group)], rows[0])
        for j, group in enumerate(groups, start=1)
    ]


_VIEW = re.compile(r"^Z_(\d+)(?:_([a-z]+))?_(\d+)")


def _groups(case: Case, rows: list[dict[str, str]]) -> list[Var]:
    """``sd_i``, ``L_i`` and ``df_i`` from the names that users see."""
    seen = case["brms_variables"]["names"]
    declared = {p["name"]: p for p in case["parameters"]}
    sd_rows = [r for r in rows if r["class"] == "sd" and r["coef"]]
    heads = {r["dpar"]: r for r in rows if r["class"] == "sd" and not r["group"]}
    cursor = [n for n in seen if n.startswith("sd_")]
    out: list[Var] = []
    for i in range(1, 10):
        if f"M_{i}" not in case["standata"]:
            break
        count = case["standata"][f"M_{i}"]["values"]
        by = f"Nby_{i}" in case["standata"]
        width = case["standata"][f"Nby_{i}"]["values"] if by else 1
        names, cursor = cursor[: count * width], cursor[count * width :]
        elements = []
        for name in dict.fromkeys(n.rsplit(":", 1)[0] if by else n for n in names):
            row = next(r for r in sd_rows if _is_named(r, name))
            default = _default(case, heads[row["dpar"]])
            elements.append(PriorElement(row["coef"], row["group"], dpar=row["dpar"],
                                         default=default))
        assert len(elements) == count, (names, elements)
        group = elements[0].group
        if any(r["class"] == "df" and r["group"] == group for r in rows):
            row = next(r for r in rows if r["class"] == "df")
            out.append(_parameter(f"df_{i}", "real", "df",
                                  [PriorElement("", group, default=row["prior"])], row))
            out.append(Var(f"udf_{i}", "vector", (f"N_{i}",), (), Block.PARAMETERS, "0"))
        size = (f"M_{i}", f"Nby_{i}") if by else (f"M_{i}",)
        head = heads[elements[0].dpar]
        out.append(_parameter(f"sd_{i}", "matrix" if by else "vector", "sd", elements, head, size))
        if declared[f"z_{i}"]["kind"] == "matrix":
            out.append(Var(f"z_{i}", "matrix", (f"M_{i}", f"N_{i}"), (), Block.PARAMETERS))
            row = {"lb": "", "ub": ""}
            out.append(_parameter(f"L_{i}", "cholesky_factor_corr", "cor",
                                  [PriorElement("", group, default="lkj(1)")], row,
                                  (f"M_{i}",), (f"Nby_{i}",) if by else ()))
        else:
            out.append(Var(f"z_{i}", "vector", (f"N_{i}",), (f"M_{i}",), Block.PARAMETERS))
    return out


def _is_named(row: dict[str, str], name: str) -> bool:
    inner = f"{row['dpar']}_{row['coef']}" if row["dpar"] else row["coef"]
    return name == f"sd_{row['group']}__{inner}"
