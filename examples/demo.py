"""Fit the sleep study, print the summary, draw the fit.

Run with ``make demo``, or with ``python demo.py`` wherever hiermodel is installed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd

import hiermodel as hm


def draw(fit: hm.Fit, data: pd.DataFrame, path: Path) -> None:
    """Draw the data and the expected reaction time of every subject, with 95 % intervals."""
    expected = fit.posterior_epred()
    band = expected.quantile([0.025, 0.5, 0.975], dim=["chain", "draw"])
    lower, middle, upper = (band.sel(quantile=q).to_numpy() for q in (0.025, 0.5, 0.975))

    figure, axes = plt.subplots(3, 6, figsize=(11, 6), sharex=True, sharey=True)
    figure.set_layout_engine("constrained")
    subjects = data.groupby("subject", observed=True)
    for axis, (subject, rows) in zip(axes.flat, subjects, strict=True):
        at, days = rows.index, rows["days"]
        axis.fill_between(days, lower[at], upper[at], color="#4878d0", alpha=0.25, lw=0)
        axis.plot(days, middle[at], color="#4878d0", lw=1.5)
        axis.plot(days, rows["reaction"], ".", color="black", ms=4)
        axis.set_title(f"subject {subject}", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("days of sleep deprivation")
    figure.supylabel("reaction time (ms)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Fit on the embedded engine, which needs no compiler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, default=Path("out/sleepstudy.png"))
    parser.add_argument("--draws", type=int, default=1000)
    options = parser.parse_args()

    data = hm.datasets.load("sleepstudy")
    fit = hm.fit(
        "reaction ~ days + (days | subject)",
        data=data,
        engine="stanli",
        draws=options.draws,
        warmup=options.draws,
        seed=1,
    )
    print(fit)
    draw(fit, data, options.plot)
    print(f"\nThe picture is in {options.plot}")


if __name__ == "__main__":
    main()
