"""Whole Stan programs, kept as text so that a reviewer reads differences of Stan."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import stanli

import hiermodel as hm

from . import cases
from .forms import FORMS
from .snapshots import FOLDER, check_snapshot
from .test_several_responses import NAMES as RESPONSES

PROGRAMS = [*cases.EVERY, *FORMS, "sleepstudy"]


def program(name: str) -> str:
    if name == "sleepstudy":
        return hm.model(
            "reaction ~ days + (days | subject)", hm.datasets.load("sleepstudy")
        ).stan_code
    if name in FORMS:
        return FORMS[name]()
    return cases.model(name).stan_code


@pytest.mark.parametrize("name", PROGRAMS)
def test_snapshot(name: str) -> None:
    check_snapshot(f"{name}.stan", program(name))


def test_no_snapshot_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.stan")} == {*PROGRAMS, *RESPONSES}


@pytest.mark.parametrize("name", PROGRAMS)
def test_stanc_takes_it(name: str) -> None:
    """The test run turns warnings of Python into errors."""
    assert stanli.stan_to_mir(program(name))


@pytest.mark.cmdstan
@pytest.mark.parametrize("name", PROGRAMS)
def test_stanc_has_nothing_to_say(name: str, tmp_path: Path) -> None:
    import cmdstanpy

    path = tmp_path / "model.stan"
    path.write_text(program(name), encoding="utf-8")
    stanc = Path(cmdstanpy.cmdstan_path()) / "bin" / "stanc"
    done = subprocess.run([str(stanc), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (done.stderr + done.stdout).strip()


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_tidy(name: str) -> None:
    """No trailing blanks, no runs of empty lines, no tabs, indentation of two."""
    text = program(name)
    assert text.endswith("}\n")
    assert "\t" not in text and "\n\n\n" not in text
    for line in re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).splitlines():
        assert line.strip() == "" or line == line.rstrip(), repr(line)
        assert (len(line) - len(line.lstrip())) % 2 == 0, repr(line)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_data_variable_is_used(name: str) -> None:
    """What is declared is read somewhere: sizes and bounds count as reading."""
    text = re.sub(r"//.*", "", program(name))
    declared = re.findall(r"(\w+);", text.split("data {")[1].split("}\n")[0])
    assert declared
    # A multinomial density takes the trials from the counts; predictions need them.
    for variable in set(declared) - ({"trials"} if name == "multinomial" else set()):
        assert len(re.findall(rf"\b{variable}\b", text)) > 1, variable
