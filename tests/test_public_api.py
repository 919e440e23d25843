"""The names that users import: all there, lazy, documented, with examples that run."""

from __future__ import annotations

import ast
import doctest
import inspect
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import hiermodel as hm
from hiermodel.families import registry

HEAVY = {
    "arviz", "cmdstanpy", "jinja2", "matplotlib", "numpy", "pandas", "scipy", "stanli", "xarray"
}
EXPECTED = """
    CertificateError DataError EngineError FamilyError Fit FormulaError HiermodelError
    HiermodelWarning Model PriorError R2D2 SamplingWarning __version__ acformula bayes_factor bf
    compare custom_family datasets default_priors family fit fit_multiple horseshoe install_cmdstan
    lf load loo_compare mixture model model_weights mvbf nlf post_prob posterior_average pp_average
    prior register_family set_mecor set_rescor stanvar
""".split()
NAMES = [name for name in EXPECTED if name != "__version__"]
CALLABLES = [
    name
    for name in NAMES
    if name != "datasets" and not name.endswith(("Error", "Warning"))
]


def test_all_is_what_was_promised() -> None:
    assert sorted(hm.__all__) == sorted(EXPECTED)
    assert dir(hm) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_name_can_be_imported(name: str) -> None:
    value = getattr(hm, name)
    assert value is getattr(hm, name)
    # A function must not be shadowed by a module of its name, whatever was imported before.
    if name != "datasets":
        assert not isinstance(value, types.ModuleType)


def test_lazy_homes_and_typing_imports_agree(root: Path) -> None:
    tree = ast.parse((root / "hiermodel" / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.name: node.module.removeprefix("hiermodel.")
        for node in guarded.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module != "hiermodel"
        for alias in node.names
    }
    assert typed == hm._HOMES


def test_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'fitt' \(did you mean 'fit'\?\)"):
        hm.fitt  # noqa: B018


def _imported_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_import_loads_nothing_heavy() -> None:
    assert _imported_by("import hiermodel; dir(hiermodel)").isdisjoint(HEAVY)


def test_building_a_model_loads_no_engine_and_no_plots() -> None:
    loaded = _imported_by(
        "import hiermodel as hm; hm.model('reaction ~ days', hm.datasets.load('sleepstudy'))"
    )
    assert loaded.isdisjoint({"arviz", "matplotlib", "cmdstanpy"})


def test_the_first_fit_loads_what_it_needs_only() -> None:
    """Each of these takes longer to import than a small fit takes to run, or is of other work."""
    code = (
        "import hiermodel as hm, sys; d = hm.datasets.load('cbpp'); small = dict(chains=1, draws=5,"
        "warmup=5, seed=1, progress=False); import warnings; warnings.simplefilter('ignore');"
        "hm.fit('incidence | trials(size) ~ period + (1 | herd)', d, 'binomial', **small);"
        "fit = hm.fit('incidence ~ period + (1 | herd)', d, **small); str(fit.summary());"
        "slow = {'arviz', 'matplotlib', 'cmdstanpy', 'h5py', 'tqdm', 'duckdb', 'numba',"
        "'scipy.stats', 'scipy.interpolate', 'scipy.ndimage', 'scipy.integrate'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.strip() == "[]"


# ------------------------------------------------------------------------------ documentation


def _public_members(cls: type) -> list[tuple[str, Any]]:
    found = []
    for owner in cls.__mro__:
        if not owner.__module__.startswith("hiermodel"):
            continue
        for name, member in vars(owner).items():
            if name.startswith("_"):
                continue
            # A field without a property is described under Attributes of the class.
            if isinstance(member, (property, staticmethod, classmethod, types.FunctionType)):
                found.append((f"{cls.__name__}.{name}", member))
    return found


MEMBERS = [pair for cls in (hm.Fit, hm.Model) for pair in _public_members(cls)]


@pytest.mark.parametrize("name", CALLABLES)
def test_callable_has_a_numpydoc_docstring(name: str) -> None:
    text = inspect.getdoc(getattr(hm, name)) or ""
    assert text.splitlines()[0].endswith((".", ")")), "the first line is one sentence"
    assert "Examples\n--------\n" in text and ">>> " in text
    value = getattr(hm, name)
    if not inspect.isfunction(value) or not inspect.signature(value).parameters:
        return
    if "see `fit` for the arguments" in text:
        text += inspect.getdoc(hm.fit) or ""
    assert "Parameters\n----------\n" in text
    for parameter in inspect.signature(value).parameters:
        assert parameter in text, f"the parameter {parameter!r} is not described"


@pytest.mark.parametrize("name", [n for n in NAMES if n not in CALLABLES])
def test_errors_and_modules_say_what_they_are(name: str) -> None:
    assert len(inspect.getdoc(getattr(hm, name)) or "") > 20


@pytest.mark.parametrize(("name", "member"), MEMBERS, ids=[name for name, _ in MEMBERS])
def test_methods_are_documented(name: str, member: Any) -> None:
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    assert len(inspect.getdoc(function) or "") > 10, f"{name} has no docstring"


def _examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    objects: dict[str, Any] = {name: getattr(hm, name) for name in CALLABLES}
    objects |= {"datasets.load": hm.datasets.load, "datasets.list": hm.datasets.list}
    for cls in (hm.Fit, hm.Model):
        # Methods that a class inherits are found here, the finder looks at its own ones only.
        for name, member in _public_members(cls):
            objects[name] = getattr(member, "fget", None) or getattr(member, "__func__", member)
    found = {}
    for name, item in objects.items():
        around = {**vars(sys.modules[item.__module__]), "hm": hm}
        for test in finder.find(item, name, globs=around):
            if test.examples:
                found[test.name] = test
    return list(found.values())


EXAMPLES = _examples()


@pytest.mark.parametrize("example", EXAMPLES, ids=[e.name for e in EXAMPLES])
def test_example_runs(example: doctest.DocTest) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    report: list[str] = []
    known = dict(registry._FAMILIES)
    result = doctest.DocTestRunner(optionflags=flags).run(example, out=report.append)
    # What an example registers is for the example only.
    registry._FAMILIES.clear()
    registry._FAMILIES.update(known)
    assert result.failed == 0, "".join(report)


def test_there_are_examples() -> None:
    documented = {example.name.split(".")[0] for example in EXAMPLES}
    assert documented >= set(CALLABLES)
