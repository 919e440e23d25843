import math

import numpy as np
import pytest
from scipy import stats

from hiermodel.errors import PriorError
from hiermodel.families.registry import family, family_names
from hiermodel.priors import default_prior, resolve_priors, scale_prior
from hiermodel.priors.scales import round_like_r
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, ScalePrior, Var
from priors.program import log_density


def text(default):
    return default.text if isinstance(default, ScalePrior) else default


@pytest.mark.parametrize(
    ("x", "rounded"),
    [(2.5, 2.5), (2.25, 2.2), (0.15, 0.1), (0.35, 0.3), (59.3152, 59.3), (-0.25, -0.2), (7.0, 7.0)],
)
def test_rounding(x, rounded):
    assert round_like_r(x) == rounded


def test_scale_prior_by_hand():
    y = np.array([1.0, 2.0, 4.0, 40.0, 100.0])
    # median 4; absolute deviations 3, 2, 0, 36, 96 with median 3, times 1.4826 = 4.4
    assert text(scale_prior(y, "identity", location=True)) == "student_t(3, 4, 4.4)"
    assert text(scale_prior(y, "identity", location=False)) == "student_t(3, 0, 4.4)"
    assert text(scale_prior(y, "identity", location=True, offset_mean=1.5)) == (
        "student_t(3, 2.5, 4.4)"
    )
    assert text(scale_prior(y, "log", location=True)) == "student_t(3, 1.4, 2.5)"


def test_scale_prior_of_odd_responses():
    zeros = np.zeros(4)
    # A zero becomes 0.1 where the link has no value for it.
    assert text(scale_prior(zeros, "log", location=True)) == "student_t(3, -2.3, 2.5)"
    assert text(scale_prior(np.array([np.nan, 5.0]), "identity", location=True)) == (
        "student_t(3, 5, 2.5)"
    )
    assert text(scale_prior(np.array([]), "identity", location=True)) == "student_t(3, 0, 2.5)"


def test_scale_prior_is_text_where_nothing_comes_from_the_data():
    assert scale_prior(np.ones(3), "logit", location=True) == "student_t(3, 0, 2.5)"
    assert scale_prior(None, "identity", location=True) == "student_t(3, 0, 2.5)"


def test_unknown_set():
    with pytest.raises(PriorError, match=r"'weka' \(did you mean 'weak'\?\)"):
        default_prior("weka", "b", family("gaussian"))


RNG = np.random.default_rng(1)
RESPONSES = {
    "real": 250 + 50 * RNG.normal(size=200),
    "positive": RNG.gamma(2, 3, size=200),
    "count": RNG.poisson(3, size=200).astype(float),
    "binary": RNG.integers(0, 2, size=200).astype(float),
    "trials": RNG.integers(0, 9, size=200).astype(float),
    "unit": RNG.uniform(0.1, 0.9, size=200),
}


def families():
    for name in family_names():
        for link in family(name).params[0].links:
            yield pytest.param(name, link, id=f"{name}-{link}")


@pytest.mark.parametrize(("name", "link"), list(families()))
def test_weak_is_proper_for_every_family_and_link(name, link):
    fam = family(name, link=link)
    y = RESPONSES.get(fam.response)

    def default(cls, param="mu", predicted=True, column_sd=None):
        got = default_prior(
            "weak", cls, fam, param, predicted=predicted, y=y, column_sd=column_sd
        )
        assert text(got), (cls, param)
        return got

    variables, values = [], {}
    for param in fam.params:
        s = "" if param.name == "mu" else f"_{param.name}"
        bounds = {
            k: "" if math.isinf(v) else f"{v:g}"
            for k, v in (("lower", param.lower), ("upper", param.upper))
        }
        if param.name != "mu" and param.fixed is None:
            free = default(param.name, param.name, predicted=False)
            variables.append(_var(param.name, param.name, [PriorElement(default=free)], **bounds))
            bounded = math.isfinite(param.upper)
            middle = (param.lower + param.upper) / 2 if bounded else 1.5
            values[param.name] = middle
        if not param.links:
            continue  # it cannot have a formula
        b = [
            PriorElement(f"x{k}", dpar=s[1:], default=default("b", param.name, column_sd=sd))
            for k, sd in enumerate((0.0, 0.5, 20.0, None))
        ]
        variables.append(_var(f"b{s}", "b", b, "Kc"))
        intercept = PriorElement(dpar=s[1:], default=default("Intercept", param.name))
        variables.append(_var(f"Intercept{s}", "Intercept", [intercept]))
        sd = [
            PriorElement(f"x{k}", "g", dpar=s[1:], default=default("sd", param.name, column_sd=v))
            for k, v in enumerate((0.0, 4.0))
        ]
        variables.append(_var(f"sd{s}", "sd", sd, "M", lower="0"))
        values |= {f"b{s}": [0.0] * 4, f"Intercept{s}": 0.5, f"sd{s}": [1.0, 1.0]}
    for cls, value in (("delta", 1.0), ("df", 3.0)):
        element = PriorElement(default=default(cls))
        variables.append(_var(cls, cls, [element], lower="1" if cls == "df" else "0"))
        values[cls] = value
    resolved = resolve_priors(variables)
    assert len(resolved.statements) == len(variables)
    assert np.isfinite(log_density(resolved, {"Kc": 4, "M": 2}, values))


def _var(name, cls, elements, size="", **bounds):
    return Var(
        name, "vector" if size else "real", (size,) if size else (), block=Block.PARAMETERS,
        prior=PriorTarget(cls, tuple(elements)), **bounds,
    )


def test_weak_scales_with_the_data():
    fam = family("gaussian")
    y = RESPONSES["real"]

    def weak(cls, y=y, column_sd=1.0, **kwargs):
        return default_prior("weak", cls, fam, y=y, column_sd=column_sd, **kwargs)

    s = np.std(y, ddof=1)
    assert weak("b", column_sd=4.0).args[1].value == pytest.approx(2.5 * s / 4, rel=0.01)
    assert weak("sd").args[0].value == pytest.approx(1 / s, rel=0.01)
    assert weak("Intercept").args[0].value == pytest.approx(y.mean(), rel=0.01)
    sigma = default_prior("weak", "sigma", fam, "sigma", predicted=False, y=y)
    assert sigma.args[0].value == pytest.approx(1 / s, rel=0.01)
    # In other units, all scales change alike.
    for cls in ("b", "Intercept"):
        thousand = weak(cls, y=y * 1000).args[1].value
        assert thousand == pytest.approx(1000 * weak(cls).args[1].value, rel=0.01)


def test_weak_intercept_of_a_logit_is_nearly_uniform_as_a_probability():
    assert default_prior("weak", "Intercept", family("bernoulli")) == "normal(0, 1.5)"
    p = 1 / (1 + np.exp(-stats.norm.rvs(0, 1.5, size=4000, random_state=1)))
    assert 0.15 < np.mean(p < 0.2) < 0.25


def test_weak_structure_does_not_depend_on_values():
    """Constant responses, or columns that do not vary, give the same form of prior."""
    fam = family("gaussian")
    for cls in ("b", "Intercept", "sd"):
        forms = set()
        for y in (RESPONSES["real"], np.ones(5), np.zeros(5), np.array([1.0])):
            for sd in (0.0, 1.0, None):
                got = default_prior("weak", cls, fam, y=y, column_sd=sd)
                forms.add((got.distribution, *(
                    a if isinstance(a, str) else (a.role, a.per_element) for a in got.args
                )))
                assert all(math.isfinite(a.value) for a in got.args if not isinstance(a, str))
        assert len(forms) == 1
