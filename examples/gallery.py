"""Make the gallery: every picture of the package, and the page that shows them.

    python examples/gallery.py                  # docs/gallery.md and docs/img/gallery/*.png
    python examples/gallery.py --only pooling   # pictures whose name holds a text
    python examples/gallery.py --page           # the page alone, without fitting anything

A new picture is a line in ENTRIES: the line of code that the page shows is the one that is run.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import hiermodel as hm
from hiermodel.criticism.ppc import KINDS

ROOT = Path(__file__).resolve().parent.parent
PICTURES = Path("img") / "gallery"
DPI = 96

# Names that the code of the entries uses: the arguments of hm.fit.
FITS: dict[str, tuple[str, str, str]] = {
    "sleep": ("reaction ~ days + (days | subject)", "sleepstudy", "gaussian"),
    "radon": ("log_radon ~ floor + (1 | county)", "radon", "gaussian"),
    "epilepsy": ("count ~ zAge + zBase * Trt + (1 | patient)", "epilepsy", "poisson"),
    "wine": ("rating ~ temp + contact + (1 | judge)", "wine", "cumulative"),
    "cake": ("angle ~ recipe * temperature + (1 | replicate:recipe)", "cake", "gaussian"),
    "cars": ("mpg ~ wt * hp", "mtcars", "gaussian"),
    "anorexia": ("Postwt ~ Treat + s(Prewt, by = Treat, k = 5)", "anorexia", "gaussian"),
    "plane": ("mpg ~ s(wt, hp, k = 8)", "mtcars", "gaussian"),
    "kidney": ("time | cens(censored) ~ age + sex + (1 | patient)", "kidney", "weibull"),
}


@dataclass(frozen=True)
class Entry:
    """One picture: its file, its section, what it shows, and the code that draws it."""

    name: str
    section: str
    text: str
    code: str


EFFECTS, LEVELS = "Effects", "Levels and pooling"
DRAWS, CHECKS = "Parameters", "Posterior predictive checks"

ENTRIES: list[Entry] = [
    Entry("effect_points", EFFECTS, "Expected response, 95 % interval, and the data",
          'sleep.conditional_effects("days").plot(points=True)'),
    Entry("effect_rug", EFFECTS, "An interaction, with the observed values at the axis",
          'epilepsy.conditional_effects("zBase:Trt").plot(rug=True)'),
    Entry("effect_numbers", EFFECTS, "Two numbers: the second at its mean and one sd on both sides",
          'cars.conditional_effects("wt:hp").plot(points=True)'),
    Entry("effect_surface", EFFECTS, "Two numbers as a surface, where there are data",
          'cars.conditional_effects("wt:hp", surface=True, too_far=0.2).plot(points=True)'),
    Entry("effect_spaghetti", EFFECTS, "Lines of single draws",
          'sleep.conditional_effects("days", spaghetti=True, ndraws=80).plot()'),
    Entry("smooth_by", EFFECTS, "Smooths alone: a curve for each level, all summing to zero",
          'anorexia.conditional_smooths().plot(rug=True)'),
    Entry("smooth_spaghetti", EFFECTS, "Their single draws",
          'anorexia.conditional_smooths(spaghetti=True, ndraws=40).plot()'),
    Entry("smooth_surface", EFFECTS, "A smooth of two numbers, where there are data",
          'plane.conditional_smooths(too_far=0.2).plot(rug=True)'),
    Entry("effect_factors", EFFECTS, "Two factors with the data",
          'cake.conditional_effects("temperature:recipe").plot(points=True, figsize=(7.5, 3.6))'),
    Entry("effect_ordinal", EFFECTS, "Probabilities of ordered categories",
          'wine.conditional_effects("temp").plot()'),
    Entry("effect_ordinal_mean", EFFECTS, "The mean category instead",
          'wine.conditional_effects("temp:contact", categorical=False).plot(points=True)'),
    Entry("effect_facets", EFFECTS, "Conditions as facets: single subjects with their data",
          'sleep.conditional_effects("days", {"subject": ["308", "309", "330"]}, '
          're_formula=None).plot(points=True)'),
    Entry("table_lines", EFFECTS, "Predictions for a grid of rows",
          'epilepsy.predictions(epilepsy.datagrid(zBase=[k / 5 for k in range(-5, 11)], '
          'Trt=["0", "1"]), groups="none").plot(["zBase", "Trt"])'),
    Entry("table_levels", EFFECTS, "Average comparisons, with a line where nothing differs",
          'wine.avg_comparisons("temp", by="contact").plot()'),
    Entry("table_rows", EFFECTS, "Several contrasts, and a region of practical equivalence",
          'epilepsy.avg_comparisons(equivalence=(-1, 1)).plot()'),
    Entry("levels", LEVELS, "Coefficients of each level, 50 % and 95 % intervals",
          'sleep.plot_levels("subject", figsize=(7, 4.4))'),
    Entry("ranef", LEVELS, "Deviations from the population, sorted",
          'sleep.plot_ranef("subject", "days")'),
    Entry("pooling_levels", LEVELS, "No, partial and complete pooling",
          'sleep.plot_pooling("subject", "days")'),
    Entry("pooling_plane", LEVELS, "Two coefficients at once: how far each subject is pulled",
          'sleep.plot_pooling("subject", ("Intercept", "days"))'),
    Entry("pooling_size", LEVELS, "Small counties are pooled most",
          'radon.plot_pooling("county")'),
    Entry("anova", LEVELS, "Analysis of variance as batches of coefficients (Gelman 2005)",
          "cake.anova().plot()"),
    Entry("intervals", DRAWS, "Posterior intervals",
          "epilepsy.plot_intervals()"),
    Entry("intervals_rope", DRAWS, "Densities and a region of practical equivalence",
          'epilepsy.plot_intervals(rope=(-0.1, 0.1), kind="density")'),
    Entry("forest", DRAWS, "Forest plot of ArviZ",
          'epilepsy.plot_forest(["b", "sd_*"], figsize=(6, 3.4))'),
    Entry("trace", DRAWS, "Densities and traces",
          'cars.plot_trace(["b_wt", "b_hp", "sigma"], figsize=(7, 4.5))'),
    Entry("pairs", DRAWS, "Pairs",
          'sleep.plot_pairs(["sd_*", "sigma"], figsize=(5.5, 5.5))'),
    Entry("prior_posterior", DRAWS, "Prior (dashed) against posterior",
          'sleep.plot_prior_posterior(seed=1)'),
]  # fmt: skip

# The fit and the options that show a kind of check best; others are of the sleep study.
CHECK_OF: dict[str, str] = {
    "dens_overlay": 'sleep.pp_check("dens_overlay", seed=1)',
    "bars": 'wine.pp_check("bars", seed=1)',
    "rootogram": 'epilepsy.pp_check("rootogram", seed=1)',
    "ecdf_overlay": 'epilepsy.pp_check("ecdf_overlay", seed=1)',
    "stat": 'epilepsy.pp_check("stat", stat="max", seed=1)',
    "stat_2d": 'sleep.pp_check("stat_2d", stat=("mean", "sd"), seed=1)',
    "ribbon": 'sleep.pp_check("ribbon_grouped", group="subject", x="days", seed=1)',
    "km_overlay": 'kidney.pp_check("km_overlay_grouped", group="sex", seed=1)',
    "violin": 'sleep.pp_check("violin_grouped", group="subject", seed=1)',
    "error_scatter_avg_vs_x": 'sleep.pp_check("error_scatter_avg_vs_x", x="days", seed=1)',
    "pit_ecdf": 'epilepsy.pp_check("pit_ecdf", seed=1)',
}
ENTRIES += [
    Entry(f"check_{kind}", CHECKS, f"`{kind}{'_grouped' * (found.group == 'axis')}`",
          CHECK_OF.get(kind, f'sleep.pp_check("{kind}", seed=1)'))
    for kind, found in KINDS.items()
]  # fmt: skip


def page(entries: list[Entry]) -> str:
    """The text of docs/gallery.md."""
    lines = [
        "# Gallery", "",
        "Every picture of hiermodel, with the line that draws it. `python examples/gallery.py` "
        "makes the page and its pictures. The fits:", "", "```python",
    ]  # fmt: skip
    for name, (formula, data, family) in FITS.items():
        given = "" if family == "gaussian" else f', family="{family}"'
        lines.append(f'{name} = hm.fit("{formula}", hm.datasets.load("{data}"){given}, seed=1)')
    lines += [
        "```", "",
        "Pictures return their axes and take `ax=` or `figsize=` (those of ArviZ what ArviZ gives "
        "and takes). What is drawn is there as numbers too: `fit.conditional_effects()`, "
        "the tables of `fit.predictions()` and the like, "
        "`fit.level_intervals()`, `fit.pooling_comparison()`, `fit.anova()`, "
        "`fit.interval_table()`, `fit.rope()`, `fit.pp_check_data()`.",
    ]  # fmt: skip
    section = ""
    for entry in entries:
        if entry.section != section:
            section = entry.section
            lines += ["", f"## {section}"]
        file = (PICTURES / f"{entry.name}.png").as_posix()
        lines += ["", f"{entry.text}:", "", "```python", entry.code, "```", "",
                  f"![{entry.text.replace('`', '')}]({file})"]  # fmt: skip
    return "\n".join(lines) + "\n"


def fitted(names: set[str]) -> dict[str, Any]:
    """The fits that some code uses."""
    out: dict[str, Any] = {}
    for name in FITS:
        if name in names:
            formula, data, family = FITS[name]
            out[name] = hm.fit(
                formula, hm.datasets.load(data), family, seed=1, progress=False, cores=2
            )
    return out


def figure_of(drawn: Any) -> Any:
    """The figure behind what a picture function gave back."""
    first = np.ravel(np.asarray(drawn, dtype=object))[0]
    return getattr(first, "figure", None) or plt.gcf()


def save(figure: Any, path: Path) -> None:
    """Write a picture with few colours: small files."""
    figure.savefig(path, dpi=DPI, facecolor="white")
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(96, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", help="pictures whose name holds this text")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of the page")
    given = parser.parse_args()
    (given.out / PICTURES).mkdir(parents=True, exist_ok=True)
    (given.out / "gallery.md").write_text(page(ENTRIES), encoding="utf-8")
    if given.page:
        return
    chosen = [entry for entry in ENTRIES if given.only in entry.name]
    names = fitted({entry.code.split(".")[0] for entry in chosen})
    for entry in chosen:
        plt.close("all")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            drawn = eval(entry.code, dict(names))
        path = given.out / PICTURES / f"{entry.name}.png"
        save(figure_of(drawn), path)
        print(f"{path.stat().st_size / 1000:5.0f} kB  {entry.name}")


if __name__ == "__main__":
    main()
