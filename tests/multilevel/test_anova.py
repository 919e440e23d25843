from __future__ import annotations

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from after.posteriors import fit_of, reaction_data

import hiermodel as hm
from hiermodel.errors import HiermodelError


def factorial() -> pd.DataFrame:
    cells = list(product(["a1", "a2", "a3"], ["b1", "b2"], ["c1", "c2", "c3", "c4"]))
    frame = pd.DataFrame(cells * 2, columns=["A", "B", "C"])
    rng = np.random.default_rng(8)
    return frame.assign(y=rng.normal(size=len(frame)), x=rng.normal(2, 3, len(frame)))


def split(cells: np.ndarray) -> dict[str, np.ndarray]:
    """Main effects and interactions of a table (S, A, B, C), by averages."""
    out = {}
    names = "ABC"
    for inside in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        others = tuple(k + 1 for k in range(3) if k not in inside)
        effects = cells.mean(axis=others, keepdims=True)
        for k in inside:
            effects = effects - effects.mean(axis=k + 1, keepdims=True)
        df = np.prod([cells.shape[k + 1] - 1 for k in inside])
        key = ":".join(names[k] for k in inside)
        out[key] = np.sqrt((effects**2).sum(axis=(1, 2, 3)) / df)
    return out


@pytest.mark.parametrize("contrasts", [None, {"A": "sum", "B": "helmert", "C": "treatment"}])
@pytest.mark.parametrize("formula", ["y ~ A * B * C", "y ~ B * A + C", "y ~ C:A + C + A + B"])
def test_factors_split_the_cell_means(formula: str, contrasts) -> None:
    frame = factorial()
    model = hm.model(formula, frame, contrasts=contrasts)
    rng = np.random.default_rng(1)
    values = {
        v.name: rng.normal(size=(2, 5, *(len(model.part.main.population.coefs) for _ in v.size)))
        for v in model.parameters
    }
    values["sigma"] = np.abs(values["sigma"])
    fit = hm.Fit.from_draws(model, frame, values)
    grid = pd.DataFrame(
        list(product(["a1", "a2", "a3"], ["b1", "b2"], ["c1", "c2", "c3", "c4"])),
        columns=["A", "B", "C"],
    )
    cells = fit.posterior_linpred(grid).values.reshape(10, 3, 2, 4)
    expected = split(cells)
    found = fit.anova().draws.drop(columns="residual")
    for name in found:
        key = ":".join(sorted(name.split(":")))
        np.testing.assert_allclose(found[name], expected[key], atol=1e-12)


def test_degrees_of_freedom() -> None:
    table = fit_of("y ~ A * B * C", frame=factorial()).anova().table
    assert table["df"].to_dict() == {
        "A": 2, "B": 1, "C": 3, "A:B": 2, "A:C": 6, "B:C": 3, "A:B:C": 6, "residual": 24,
    }  # fmt: skip


def test_numbers_count_with_their_standard_deviation() -> None:
    frame = factorial().assign(w=lambda f: np.sin(f["x"]))
    fit = fit_of("y ~ x * A + poly(w, 2)", frame=frame)
    b = {k: v for k, v in zip(fit.posterior["coef"].values,
                              fit.posterior["b"].values.reshape(40, -1).T, strict=True)}
    found = fit.anova().draws
    slopes = np.stack([b["x"], b["x"] + b["x:Aa2"], b["x"] + b["x:Aa3"]], axis=1)
    sd = frame["x"].std()
    np.testing.assert_allclose(found["x"], np.abs(slopes.mean(axis=1)) * sd)
    apart = slopes - slopes.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found["x:A"], sd * np.sqrt((apart**2).sum(axis=1) / 2))
    design = fit.model.part.main.population.design
    columns = [k for k, n in enumerate(design.names) if n.startswith("poly")]
    part = design.matrix(frame)[:, columns]
    curve = np.stack([b[design.names[k]] for k in columns], axis=1) @ part.T
    np.testing.assert_allclose(found["poly(w, 2)"], curve.std(axis=1, ddof=1))


def test_terms_without_their_margins_hold_them() -> None:
    frame = factorial()
    fit = fit_of("y ~ 0 + A:B + x:C", frame=frame)
    b = dict(zip(fit.posterior["coef"].values, fit.posterior["b"].values.reshape(40, -1).T,
                 strict=True))
    cells = np.stack([v for k, v in b.items() if k.startswith("A")], axis=1)
    slopes = np.stack([v for k, v in b.items() if k.startswith("x")], axis=1)
    assert cells.shape[1] == 6 and slopes.shape[1] == 4
    result = fit.anova()
    assert result.table["df"].to_dict() == {"A:B": 5, "x:C": 4, "residual": 48 - 1 - 9}
    np.testing.assert_allclose(result.draws["A:B"], cells.std(axis=1, ddof=1))
    rms = np.sqrt((slopes**2).mean(axis=1))
    np.testing.assert_allclose(result.draws["x:C"], frame["x"].std() * rms)


def test_groups_and_residuals() -> None:
    fit = fit_of("y ~ x + (1 + x | g)")
    result = fit.anova()
    r = fit.posterior["r_g"].values.reshape(40, 4, 2)
    sd = fit.posterior["sd_g"].values.reshape(40, 2)
    scale = fit.frame["x"].std()
    np.testing.assert_allclose(result.draws["g"], r[:, :, 0].std(axis=1, ddof=1))
    np.testing.assert_allclose(result.draws["g: x"], scale * r[:, :, 1].std(axis=1, ddof=1))
    np.testing.assert_allclose(result.super_draws["g: x"], scale * sd[:, 1])
    error = fit.frame["y"].to_numpy() - fit.posterior_epred().values.reshape(40, -1)
    np.testing.assert_allclose(result.draws["residual"], error.std(axis=1, ddof=1))
    sigma = fit.posterior["sigma"].values.ravel()
    np.testing.assert_allclose(result.super_draws["residual"], sigma)
    assert result.super_draws["x"].isna().all()
    table = result.table
    assert table.loc["g", "sd"] == pytest.approx(float(np.median(result.draws["g"])))
    assert table.loc["g", "super_Q97.5"] == pytest.approx(float(np.quantile(sd[:, 0], 0.975)))
    assert fit.anova(robust=False).table.loc["g", "sd"] == pytest.approx(result.draws["g"].mean())


def test_other_predictors() -> None:
    fit = fit_of(hm.bf("y ~ x", "sigma ~ z + (1 | g)"))
    assert fit.anova(dpar="sigma").table.index.tolist() == ["z", "g"]
    assert fit.anova(dpar="sigma").label == "sigma of y (log scale)"
    with pytest.raises(HiermodelError, match="did you mean 'sigma'"):
        fit.anova(dpar="sigmaa")
    assert "residual" not in fit_of("n ~ x + (1 | g)", "poisson").anova().table.index
    with pytest.raises(HiermodelError, match="non-linear"):
        fit_of(hm.bf("y ~ a * x", "a ~ 1", nl=True), frame=reaction_data()).anova()


def test_picture_shows_the_table() -> None:
    result = fit_of("y ~ dose + (1 | g)").anova()
    _, given = plt.subplots()
    ax = result.plot(given)
    assert ax is given
    labels = [t.get_text() for t in ax.get_yticklabels()]
    assert labels == [f"dose   ({2})", "g   (3)", f"residual   ({40 - 1 - 5})"]
    drawn = {line.get_label(): np.asarray(line.get_xdata()) for line in ax.lines}
    np.testing.assert_allclose(drawn["finite population"], result.table["sd"])
    assert ax.get_xlabel() == "standard deviation of the effects on y"
    assert "finite-population" in repr(result) and "<table>" in result._repr_html_()
