"""A fit as one HTML page: what it holds, and how it looks to a browser."""

from __future__ import annotations

import base64
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from after.posteriors import fit_of, reaction_data

import hiermodel as hm

VOID = {"meta", "img", "br", "link"}
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which(
    "google-chrome"
)


class Page(HTMLParser):
    """The elements of a page; every tag that opens must close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.sources: list[str] = []
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.sources += [found[k] or "" for k in ("src", "href") if k in found]
        if tag == "img":
            self.images.append(found)
        if tag == "a":
            self.links.append((found["href"] or "").removeprefix("#"))
        if "id" in found:
            self.anchors.add(found["id"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


@pytest.fixture(scope="module")
def fits() -> tuple[hm.Fit, hm.Fit]:
    data, small = hm.datasets.load("sleepstudy"), dict(chains=2, draws=100, warmup=200, seed=1)
    one = hm.fit("reaction ~ days + (days | subject)", data, progress=False, **small)
    return one, one.update(formula=". ~ 1 + (1 | subject)", progress=False)


@pytest.fixture(scope="module")
def page(fits: tuple[hm.Fit, hm.Fit], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "sleep.html"
    others = {"none": fits[1]}
    return fits[0].report(path, title="Sleep <&> reaction", name="slopes", compare=others)


def test_a_page_has_all_sections(page: Path) -> None:
    found = Page(page.read_text(encoding="utf-8"))
    assert found.headings[0] == "Sleep <&> reaction"
    sections = ["Estimates", "Model", "Convergence", "Checks", "Effects", "Groups", "Comparison"]
    assert [h for h in found.headings[1:] if not h.startswith("Warnings")] == sections
    assert set(found.links) == found.anchors


def test_a_page_needs_no_network(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = Page(text)
    assert all(s.startswith(("data:image/png;base64,", "#")) for s in found.sources)
    assert "<script" not in text and "@import" not in text and "url(" not in text
    for image in found.images:
        head, data = str(image["src"]).split(",")
        assert base64.b64decode(data)[:8] == b"\x89PNG\r\n\x1a\n", head
        assert image["alt"]


def test_a_page_says_what_the_fit_says(page: Path, fits: tuple[hm.Fit, hm.Fit]) -> None:
    text = page.read_text(encoding="utf-8")
    assert f"{fits[0].fixef().loc['days', 'Estimate']:.2f}" in text
    assert "lkj(1)" in text and "(flat)" in text and "(as the class)" in text
    assert "vector[N] mu" in text
    worst = fits[0].summary().to_frame()["R-hat"].max()
    assert f"{worst:.3f}" in text
    assert "slopes" in text and "elpd_diff" in text


def test_what_cannot_be_shown_says_why(tmp_path: Path) -> None:
    text = fit_of("y ~ 1").report(tmp_path / "one.html").read_text(encoding="utf-8")
    assert "Not shown: the model has no population-level predictor" in text


def test_several_responses_have_checks_each(tmp_path: Path) -> None:
    frame = reaction_data()
    fit = hm.fit(
        hm.mvbf("y ~ x", "z ~ x"), frame, chains=1, draws=50, warmup=150, seed=1, progress=False
    )
    text = fit.report(tmp_path / "two.html").read_text(encoding="utf-8")
    assert "<h3>y</h3>" in text and "<h3>z</h3>" in text


def test_no_figure_stays_open(page: Path) -> None:
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"compare": ["a"]}, "holds other fits by name"),
        ({"compare": {"a": 1}}, "'a' is no fit"),
        ({"compare": {"this model": None}}, "'this model' is no fit"),
        ({"prob": 2}, "prob"),
    ],
)
def test_bad_arguments(options: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(hm.HiermodelError, match=words):
        fit_of("y ~ x").report(tmp_path / "bad.html", **options)
    assert not (tmp_path / "bad.html").exists()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_browser_shows_it(page: Path, tmp_path: Path) -> None:
    shot = tmp_path / "page.png"
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=900,3000",
    ]  # fmt: skip
    run = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, timeout=60, check=True
    )
    # What the browser made of it: the same elements, none moved or dropped.
    seen, written = Page(run.stdout.decode()), Page(page.read_text(encoding="utf-8"))
    assert seen.headings == written.headings
    assert [i["src"] for i in seen.images] == [i["src"] for i in written.images]
    subprocess.run(
        [*command, f"--screenshot={shot}", page.as_uri()],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    import matplotlib.image

    pixels = matplotlib.image.imread(shot)[..., :3]
    # Text and pictures all the way down, not a blank page.
    for part in np.array_split(pixels, 3):
        assert (part < 0.7).any(axis=-1).mean() > 0.005


def test_a_path_that_cannot_be_written_is_told_first(tmp_path: Path) -> None:
    fit = fit_of("y ~ x")
    for path, words in ((tmp_path, "is a directory"), (tmp_path / "no" / "a.html", "no such dir")):
        with pytest.raises(hm.HiermodelError, match=words):
            fit.report(path)
