"""The data sets: complete, typed, and with the numbers that the literature reports of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.datasets.catalogue import CATALOGUE


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_frame_is_what_the_catalogue_says(name: str) -> None:
    entry = CATALOGUE[name]
    frame = hm.datasets.load(name)
    assert len(frame) == entry.rows
    assert list(frame.index) == list(range(entry.rows))
    for column in frame:
        if column in entry.factors:
            assert isinstance(frame[column].dtype, pd.CategoricalDtype), column
            assert frame[column].cat.ordered == entry.factors[column].ordered
            # Every label of the file is a known level and every level occurs.
            assert frame[column].notna().all(), column
            assert set(frame[column]) == set(frame[column].cat.categories), column
        else:
            assert frame[column].dtype.kind in "if", column


def test_files_and_catalogue_agree() -> None:
    shipped = {f.name for f in (files("hiermodel.datasets") / "data").iterdir()}
    assert shipped == {f"{name}.csv" for name in CATALOGUE}


def test_list_names_everything_with_a_dated_source() -> None:
    table = hm.datasets.list()
    assert list(table.columns) == ["name", "rows", "description", "source"]
    assert sorted(table["name"]) == sorted(CATALOGUE)
    assert table["source"].str.contains(r"\((?:18|19|20)\d\d\)").all()
    assert (table["description"].str.len() > 20).all()


# Figures that textbooks and package manuals print for these data.
FACTS: dict[str, tuple[Callable[[pd.DataFrame], float], float, float]] = {
    "Dyestuff": (lambda d: d["Yield"].mean(), 1527.5, 1e-9),
    "Orthodont": (lambda d: d["distance"].mean(), 24.0231, 1e-4),
    "Oxboys": (lambda d: d["Subject"].nunique(), 26, 0),
    "Pastes": (lambda d: d["strength"].mean(), 60.0533, 1e-4),
    "Penicillin": (lambda d: d["diameter"].mean(), 22.9722, 1e-4),
    "PlantGrowth": (lambda d: d["weight"].mean(), 5.073, 1e-9),
    "ToothGrowth": (lambda d: d["len"].mean(), 18.8133, 1e-4),
    "birthwt": (lambda d: d["low"].sum(), 59, 0),
    "cbpp": (lambda d: d["incidence"].sum() / d["size"].sum(), 99 / 842, 1e-12),
    "chickwts": (lambda d: d["weight"].mean(), 261.3099, 1e-4),
    "epilepsy": (lambda d: d["count"].mean(), 8.2542, 1e-4),
    "infert": (lambda d: d["case"].sum(), 83, 0),
    "inhaler": (lambda d: d["subject"].nunique(), 286, 0),
    "lip_cancer": (lambda d: d["cases"].sum() - d["expected"].sum(), -0.2, 1e-9),
    "lip_cancer_borders": (lambda d: d["neighbour"].nunique(), 49, 0),
    "iris": (lambda d: d["Sepal.Length"].mean(), 5.8433, 1e-4),
    "kidney": (lambda d: (d["censored"] == 0).sum(), 58, 0),
    "lung": (lambda d: (d["status"] == 2).sum(), 165, 0),
    "mtcars": (lambda d: d["mpg"].mean(), 20.0906, 1e-4),
    "radon": (lambda d: d["county"].nunique(), 85, 0),
    "veteran": (lambda d: d["status"].sum(), 128, 0),
}


@pytest.mark.parametrize("name", sorted(FACTS))
def test_published_figures(name: str) -> None:
    fact, expected, tolerance = FACTS[name]
    assert fact(hm.datasets.load(name)) == pytest.approx(expected, abs=tolerance, rel=0)


def test_sleepstudy_has_the_published_regression_line() -> None:
    data = hm.datasets.load("sleepstudy")
    assert list(data.columns) == ["reaction", "days", "subject"]
    slope, intercept = np.polyfit(data["days"], data["reaction"], 1)
    assert intercept == pytest.approx(251.40510, abs=1e-5)
    assert slope == pytest.approx(10.46729, abs=1e-5)


def test_eight_schools_pool_to_the_published_mean() -> None:
    data = hm.datasets.load("eight_schools")
    weights = 1 / data["sigma"] ** 2
    assert np.average(data["y"], weights=weights) == pytest.approx(7.7, abs=0.05)
    assert weights.sum() ** -0.5 == pytest.approx(4.1, abs=0.05)


def test_ordered_levels_keep_their_order() -> None:
    wine = hm.datasets.load("wine")
    assert wine["rating"].cat.codes.corr(wine["response"]) > 0.9
    assert list(hm.datasets.load("cake")["temperature"].cat.categories[:2]) == ["175", "185"]


def test_names_are_read_in_any_case_and_typos_get_the_nearest() -> None:
    pd.testing.assert_frame_equal(hm.datasets.load("SleepStudy"), hm.datasets.load("sleepstudy"))
    with pytest.raises(hm.DataError, match=r"'sleepstudi' \(did you mean 'sleepstudy'\?\)"):
        hm.datasets.load("sleepstudi")


def test_frames_are_fresh() -> None:
    first = hm.datasets.load("cbpp")
    first["size"] = 0
    assert hm.datasets.load("cbpp")["size"].sum() == 842


def test_the_list_prints_whole_descriptions() -> None:
    table = hm.datasets.list()
    text, html = repr(table), table._repr_html_()
    for row in table.itertuples():
        assert row.description in text and row.name in text
        assert row.source not in text
    assert "sleepstudy" in html and "Belenky" not in html
    assert type(table.query("rows > 100")).__name__ == "DataFrame"
