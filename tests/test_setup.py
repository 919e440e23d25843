"""What is built: the wheel and the source archive hold all that is needed, and nothing else."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import hiermodel

TEMPLATE = "from hiermodel.stan.render import template_folder; print(template_folder())"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A folder with a wheel and a source archive of this checkout."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(out)],
        cwd=root, check=True, capture_output=True, timeout=120,
    )
    return out


def _wheel(folder: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def _files(folder: Path) -> set[str]:
    return {
        str(p.relative_to(folder.parent).as_posix())
        for p in folder.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }


def test_wheel_holds_package_data_and_templates(built: Path, root: Path) -> None:
    with _wheel(built) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    templates = {f"hiermodel/{name}" for name in _files(root / "stan_templates")}
    assert "hiermodel/stan_templates/program.stan.jinja" in templates
    assert "hiermodel/datasets/data/sleepstudy.csv" in held
    assert "hiermodel/py.typed" in held
    assert held == _files(root / "hiermodel") | templates


def test_wheel_has_the_licence_and_the_dependencies(built: Path) -> None:
    with _wheel(built) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = wheel.read(name).decode()
        assert any(n.endswith("/licenses/LICENSE") for n in wheel.namelist())
    assert "License-Expression: BSD-3-Clause" in metadata
    assert f"Version: {hiermodel.__version__}\n" in metadata


def test_unpacked_wheel_finds_its_own_templates(built: Path, tmp_path: Path) -> None:
    with _wheel(built) as wheel:
        wheel.extractall(tmp_path)
    # -P and the path as only entry: the checkout must not be found instead.
    done = subprocess.run(
        [sys.executable, "-P", "-c", TEMPLATE],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert Path(done.stdout.strip()) == tmp_path / "hiermodel" / "stan_templates"


def test_editable_install_points_at_the_checkout(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hatchling.build import build_editable

    monkeypatch.chdir(root)
    with zipfile.ZipFile(tmp_path / build_editable(str(tmp_path))) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
        # Only the pointer: a copy of the templates would go stale.
        assert len(held) == 1
        pointer = wheel.read(held.pop()).decode().strip()
    done = subprocess.run(
        [sys.executable, "-P", "-c", TEMPLATE],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, "PYTHONPATH": pointer},
    )
    assert Path(done.stdout.strip()) == root / "stan_templates"


def test_source_archive_can_build_and_test(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        held = {name.split("/", 1)[1] for name in archive.getnames()}
    needed = {
        "pyproject.toml", "LICENSE", "README.md", "Makefile", "stan_templates/program.stan.jinja",
        "hiermodel/datasets/data/cbpp.csv", "tests/test_setup.py", "examples/demo.py",
    }
    assert needed <= held


def test_every_imported_package_is_a_dependency(root: Path) -> None:
    """What the package imports is what it declares, in both directions."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    names = {text.split(">")[0].lower() for text in project["dependencies"]}
    # The engine that is an extra imports what the extra declares, and nothing else does.
    extra = {text.split(">")[0].lower() for text in project["optional-dependencies"]["nutpie"]}
    imported, big = set(), set()
    for path in (root / "hiermodel").rglob("*.py"):
        if path.name == "nutpie.py":
            continue
        if path.parent.name == "big":
            big |= {n.names[0].name for n in ast.walk(ast.parse(path.read_text()))
                    if isinstance(n, ast.Import)}
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    # The parts of ArviZ 1.x come with it; the netCDF backend is found by xarray by its name.
    ours = {"hiermodel", "arviz_base", "arviz_stats", "arviz_plots"}
    third_party = imported - set(sys.stdlib_module_names) - ours
    assert third_party <= names
    engine = ast.parse((root / "hiermodel/engines/nutpie.py").read_text(encoding="utf-8"))
    optional = {
        name.split(".")[0]
        for node in ast.walk(engine)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    } - set(sys.stdlib_module_names) - ours
    assert extra <= optional <= extra | names
    assert names - third_party <= {"h5netcdf", "h5py"}
    lazily = {text.split(">")[0] for text in project["optional-dependencies"]["big"]}
    assert lazily <= big <= lazily | names | set(sys.stdlib_module_names)
