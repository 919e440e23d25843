"""Models and fits go through pickle and `copy.deepcopy`: for joblib, multiprocessing, caches."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hiermodel as hm

from . import cases
from .draws import fit_of
from .frames import study
from .test_saving import check_equal


@pytest.mark.parametrize("name", cases.ALL)
def test_pickled_fits(name: str) -> None:
    fit = fit_of(name)
    check_equal(pickle.loads(pickle.dumps(fit)), fit)


@pytest.mark.parametrize("name", ["shared_id", "threshold_groups", "categorical"])
def test_copied_fits(name: str) -> None:
    fit = fit_of(name)
    check_equal(copy.deepcopy(fit), fit)


def test_the_container_is_left_out() -> None:
    """It can be made again, and other versions of ArviZ may not read it."""
    fit = replace(fit_of("nested"))
    assert fit.idata is not None
    again = pickle.loads(pickle.dumps(fit))
    assert "idata" in fit.__dict__ and "idata" not in again.__dict__


def test_pickled_models_bind_the_same_data() -> None:
    model = cases.model("factor_slopes")
    again = pickle.loads(pickle.dumps(model))
    first, second = model.bind(study()), again.bind(study())
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])


@pytest.mark.parametrize("text", ["negbinomial", "cumulative", "categorical", "gaussian"])
def test_families(text: str) -> None:
    family = hm.family(text)
    for again in (pickle.loads(pickle.dumps(family)), copy.deepcopy(family)):
        assert again.name == family.name
        assert again.distribution is family.distribution
        assert again.fused == family.fused


def test_links_and_options_come_back() -> None:
    family = hm.family("cumulative", "probit", threshold="equidistant")
    again = pickle.loads(pickle.dumps(family))
    assert (again.links, again.options) == (family.links, family.options)


def test_another_family_of_the_same_name_is_not_swapped() -> None:
    """A declaration with functions of its own cannot be found by name: told, not guessed."""
    family = replace(hm.family("poisson"), mean=lambda p, m: 2 * p.mu)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(family)


def test_another_process_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "fit.pickle"
    path.write_bytes(pickle.dumps(fit_of("censored")))
    code = f"import pickle; f = pickle.load(open({str(path)!r}, 'rb')); print(f.log_lik().shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(fit_of("censored").log_lik().shape)
