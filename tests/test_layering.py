"""Arrows only point downwards: the order of the modules, and who may use which package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# From the bottom to the top. A unit is a module, a folder, or one module of ``stan/``; it may
# import what stands above it in this list. A new module must be given its place here and in
# docs/architecture.md.
ORDER = (
    "errors",
    "frozen",
    "arguments",
    "foreign_names",
    "notebook",
    "stan/variables",
    "stan/expr",
    "datasets",
    "flatnames",
    "writing",
    "inference_data",
    "importance",
    "origin",
    "links",
    "formula",
    "frames",
    "contrasts",
    "schema",
    "expressions",
    "columns",
    "smooths",
    "processes",
    "families",
    "priors",
    "stanvars",
    "additions",
    "response",
    "terms",
    "predictors",
    "nonlinear",
    "collinear",
    "totals",
    "requests",
    "stan/likelihood",
    "rescor",
    "submodel",
    "stan/threads",
    "stan/render",
    "engines",
    "describe",
    "modeling",
    "nugget",
    "latents",
    "submodel_draft",
    "submodel_building",
    "building",
    "new_levels",
    "prepare",
    "predict",
    "log_likelihood",
    "imputing",
    "joint",
    "aggregate",
    "collapse",
    "centring",
    "posterior",
    "declared",
    "persistence",
    "certifying",
    "sampling",
    "record",
    "predictions",
    "unconstrained",
    "summary",
    "criticism",
    "effects",
    "marginal",
    "plots",
    "multilevel",
    "prior_work",
    "reporting",
    "verbs",
    "fitted",
    "fitting",
    "big",
    "refits",
    "multiple",
)

# The doors: methods of `Model` and `Fit` that hand over to a module further up, inside the method.
DOORS = {
    ("modeling", "aggregate"),
    ("modeling", "collapse"),
    ("modeling", "fitting"),
    ("fitted", "fitting"),
    ("fitting", "big"),
    ("verbs", "refits"),
}

# Packages that only one place may know.
OWNERS = {
    "jinja2": {"stan/render"},
    "cmdstanpy": {"engines"},
    "stanli": {"engines"},
    "nutpie": {"engines"},
    "narwhals": {"frames"},
    "duckdb": {"big"},
}
FORBIDDEN_MODULES = {"pickle", "shelve", "marshal", "dill", "cloudpickle"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}

PACKAGE = Path(__file__).resolve().parent.parent / "hiermodel"
FILES = sorted(p for p in PACKAGE.rglob("*.py"))


@dataclass(frozen=True)
class Import:
    module: str
    line: int
    lazy: bool


def unit_of(module: str) -> str:
    """The unit of a dotted name below ``hiermodel``."""
    parts = module.split(".")
    return "/".join(parts[:2]) if parts[0] == "stan" and len(parts) > 1 else parts[0]


def _is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(path: Path) -> Iterator[Import]:
    """Yield the imports that run: not those for type checkers."""

    def visit(node: ast.AST, lazy: bool) -> Iterator[Import]:
        if _is_typing_only(node):
            return
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the import in full"
            assert node.module is not None
            if node.module in ("hiermodel", "hiermodel.stan"):
                # from hiermodel import predict: the names are modules.
                for alias in node.names:
                    yield Import(f"{node.module}.{alias.name}", node.lineno, lazy)
            else:
                yield Import(node.module, node.lineno, lazy)
        inside = lazy or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), False)


def own_unit(path: Path) -> str | None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if parts in (("__init__",), ("stan", "__init__")):
        return None
    return unit_of(".".join(p for p in parts if p != "__init__"))


def violations(path: Path) -> list[str]:
    unit = own_unit(path)
    found = []
    for item in imports(path):
        where = f"{path.relative_to(PACKAGE.parent)}:{item.line}"
        top = item.module.split(".")[0]
        if top in FORBIDDEN_MODULES:
            found.append(f"{where}: {top} is not used here, loading must never run code")
        if unit is not None and unit not in OWNERS.get(top, {unit}):
            found.append(f"{where}: only {sorted(OWNERS[top])} may import {top}")
        if not item.module.startswith("hiermodel."):
            continue
        target = unit_of(item.module.removeprefix("hiermodel."))
        if unit is None or target == unit or (item.lazy and (unit, target) in DOORS):
            continue
        if target not in ORDER:
            found.append(f"{where}: {target!r} has no place in ORDER")
        elif ORDER.index(target) > ORDER.index(unit):
            found.append(f"{where}: {unit!r} imports {target!r}, which is above it")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    unit = own_unit(path)
    assert unit is None or unit in ORDER, f"{unit!r} has no place in ORDER"
    assert violations(path) == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_runs_text(path: Path) -> None:
    calls = [
        f"{node.func.id} in line {node.lineno}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in FORBIDDEN_CALLS
    ]
    assert calls == []


def test_the_package_imports_nothing_at_once() -> None:
    """``import hiermodel`` runs the imports of no other module of the package."""
    eager = [i.module for i in imports(PACKAGE / "__init__.py") if not i.lazy]
    assert eager == ["__future__", "importlib", "typing"]


def test_order_has_no_leftovers() -> None:
    units = {own_unit(path) for path in FILES} - {None}
    assert set(ORDER) - units == set()


def test_architecture_page_names_every_unit() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = [line for line in page.splitlines() if line.startswith("| `")]
    first_cells = " ".join(line.split("|")[1] for line in table)
    missing = [u for u in ORDER if f"`{u}`" not in first_cells and f"`{u}/`" not in first_cells]
    assert missing == []


def test_the_checker_sees_an_arrow_that_points_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "hiermodel"
    (package / "formula").mkdir(parents=True)
    culprit = package / "formula" / "bad.py"
    culprit.write_text(
        "import jinja2\nimport pickle\nfrom hiermodel.errors import DataError\n"
        "def f():\n    from hiermodel.fitting import fit\n"
    )
    monkeypatch.setattr(f"{__name__}.PACKAGE", package)
    assert len(violations(culprit)) == 3
