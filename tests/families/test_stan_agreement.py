"""The Stan likelihood of every family and link equals its NumPy twin."""

from __future__ import annotations

import numpy as np
import pytest
import stanli

from hiermodel.families import evaluate
from hiermodel.families.base import StanExpr, StanMath
from hiermodel.families.registry import as_family, family, family_names
from hiermodel.links import LINKS

from .stan_programs import (
    FUNCTIONS,
    call,
    evaluate_stan,
    program,
    sample,
    stan_parameters,
)

PAIRS = [(name, link) for name in family_names() for link in as_family(name).param("mu").links]
CDFS = [name for name in family_names() if "cens" in as_family(name).additions]
FUSED = [(name, k) for name in family_names() for k in range(len(as_family(name).fused))]


def close(stan: float, numpy: float) -> None:
    assert stan == pytest.approx(numpy, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("name", "link"), PAIRS)
def test_log_likelihood_row_by_row(name: str, link: str) -> None:
    fam = family(name, link=link)
    s = sample(fam, seed=len(name) + len(link))
    suffix = "lpmf" if fam.discrete else "lpdf"
    lp, gradient = evaluate_stan(s, call(fam, s, suffix, rows=True))
    close(lp, float(evaluate.log_prob(fam, s.y, s.p).sum()))
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize(
    ("name", "link"), [pair for pair in PAIRS if as_family(pair[0]).distribution.vectorized]
)
def test_log_likelihood_vectorised(name: str, link: str) -> None:
    fam = family(name, link=link)
    s = sample(fam, seed=3 * len(name) + len(link))
    suffix = "lpmf" if fam.discrete else "lpdf"
    lp, _ = evaluate_stan(s, call(fam, s, suffix, rows=False))
    close(lp, float(evaluate.log_prob(fam, s.y, s.p).sum()))


@pytest.mark.parametrize("suffix", ["lcdf", "lccdf"])
@pytest.mark.parametrize("name", CDFS)
def test_distribution_functions(name: str, suffix: str) -> None:
    fam = family(name)
    s = sample(fam, seed=5)
    code = np.full(s.y.shape, -1 if suffix == "lcdf" else 1)
    expected = evaluate.log_prob(fam, s.y, s.p, cens=code)
    if not np.isfinite(expected).all():
        # P(Y > trials) is zero: a row that no data can have.
        keep = np.isfinite(expected[0])
        s.data["Y"] = np.where(keep, s.y, 0).tolist()
        expected = evaluate.log_prob(fam, np.where(keep, s.y, 0), s.p, cens=code)
    lp, _ = evaluate_stan(s, call(fam, s, suffix, rows=True))
    close(lp, float(expected.sum()))


@pytest.mark.parametrize(("name", "k"), FUSED)
def test_fused_densities(name: str, k: int) -> None:
    fused = as_family(name).fused[k]
    fam = family(name, link=fused.link)
    s = sample(fam, seed=11)
    for param in fused.unpredicted:
        s.linear.pop(param)
        delattr(s.p, param)
    p = stan_parameters(s)
    for param in ("mu", *dict(fused.also)):
        setattr(p, param, StanExpr(f"eta_{param}", rows=True))
    args = fused.arguments(p, StanMath)
    suffix = "lpmf" if fam.discrete else "lpdf"
    whole = f"target += {fused.name}_{suffix}(Y | {', '.join(a.text for a in args)});"
    row = ", ".join(a.at("n").text for a in args)
    expected = float(evaluate.log_prob(fam, s.y, s.p).sum())
    statements = [whole] if fused.vectorized else []
    if not fused.whole_only:
        statements.append(f"for (n in 1:N) target += {fused.name}_{suffix}(Y[n] | {row});")
    for statement in statements:
        close(evaluate_stan(s, statement)[0], expected)


@pytest.mark.parametrize(("name", "k"), [f for f in FUSED if as_family(f[0]).fused[f[1]].glm])
def test_glm_densities(name: str, k: int) -> None:
    fused = as_family(name).fused[k]
    fam = family(name, link=fused.link)
    s = sample(fam, seed=13)
    p = stan_parameters(s)
    p.mu = StanExpr("eta_mu", rows=True)
    for other in s.linear.keys() - {"mu"}:
        # these densities are for models whose other parameters have no formula
        s.linear[other][:] = s.linear[other][0]
        getattr(s.p, other)[:] = getattr(s.p, other)[0, 0]
        setattr(p, other, StanExpr(f"{other}[1]"))
    # a design of one empty column: the linear predictor goes in as the intercept
    inner = ["rep_matrix(0, N, 1)", "eta_mu", "rep_vector(0, 1)"]
    first = [a.text for a in fused.glm_first(p, StanMath)]
    extra = [a.text for a in fused.glm_extra(p, StanMath)]
    suffix = "lpmf" if fam.discrete else "lpdf"
    args = ", ".join([*first, *inner, *extra])
    lp, _ = evaluate_stan(s, f"target += {fused.glm}_{suffix}(Y | {args});")
    close(lp, float(evaluate.log_prob(fam, s.y, s.p).sum()))


@pytest.mark.parametrize("name", ["cumulative", "acat", "skew_normal", "weibull"])
def test_gradient_is_the_slope_of_the_numpy_density(name: str) -> None:
    fam = family(name)
    s = sample(fam, seed=17)
    suffix = "lpmf" if fam.discrete else "lpdf"
    _, gradient = evaluate_stan(s, call(fam, s, suffix, rows=True))
    step, inverse = 1e-6, LINKS[fam.link("mu")].inverse
    raw = fam.has_thresholds

    def total(shift: float) -> np.ndarray:
        eta = s.linear["mu"] + shift
        p = type(s.p)(**{**vars(s.p), "mu": (eta if raw else inverse(eta))[None]})
        return evaluate.log_prob(fam, s.y, p)[0]

    slope = (total(step) - total(-step)) / (2 * step)
    np.testing.assert_allclose(gradient[: len(slope)], slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("link", sorted(LINKS))
def test_stan_inverse_links(link: str) -> None:
    x = np.linspace(0.05, 4, 9)
    if LINKS[link].is_probability or link in ("identity", "log", "softplus", "squareplus"):
        x = np.concatenate([-x[::-1], x])
    code = f"""data {{ int N; vector[N] x; }}
    parameters {{ vector[N] w; }}
    model {{ target += dot_product(w, {LINKS[link].stan_inverse(StanExpr("x", True)).text}); }}"""
    model = stanli.Model(stan_code=code, data={"N": len(x), "x": x.tolist()})
    _, gradient = model.log_prob_grad(np.zeros(len(x)))
    np.testing.assert_allclose(gradient, LINKS[link].inverse(x), rtol=1e-12, atol=0)


@pytest.mark.parametrize("path", sorted(FUNCTIONS.glob("*.stan")), ids=lambda path: path.stem)
def test_function_files_parse_and_are_documented(path) -> None:  # type: ignore[no-untyped-def]
    text = path.read_text()
    assert text.startswith("/*") and text.endswith("}\n")
    if path.stem.startswith("hurdle_"):  # stands behind the density that it extends
        text = (FUNCTIONS / f"{path.stem.removeprefix('hurdle_')}.stan").read_text() + text
    stanli.Model(stan_code=f"functions {{\n{text}\n}}\nparameters {{ real x; }}\n", data={})


def test_programs_differ_between_links() -> None:
    """A guard of this file: the text under test does depend on the link."""
    texts = set()
    for link in as_family("sratio").param("mu").links:
        fam = family("sratio", link=link)
        s = sample(fam)
        texts.add(program(s, call(fam, s, "lpmf", rows=True)))
    assert len(texts) == len(as_family("sratio").param("mu").links)
