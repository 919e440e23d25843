import pytest

from hiermodel.errors import PriorError
from hiermodel.priors import Prior, Priors, as_priors, prior, resolve_priors
from priors import models


def test_plus_lists_and_mappings_combine():
    a, b = prior("normal(0, 1)"), prior("exponential(1)", cls="sd")
    assert a + b == (a, b)
    assert isinstance(a + b + a, Priors)
    more = [b]
    assert a + more == (a, b)
    assert as_priors([a, (b,), {"sigma": "exponential(1)"}]) == (
        a, b, Prior("exponential(1)", cls="", key="sigma"),
    )
    assert as_priors(None) == ()
    assert as_priors(a) == (a,)


def test_bounds_and_mu():
    given = prior("normal(0, 1)", dpar="mu", lb=0, ub="")
    assert (given.dpar, given.lb, given.ub) == ("", "0", "")
    assert prior("normal(0, 1)", lb=0.25).lb == "0.25"
    assert prior("normal(0, 1)", lb=float("-inf")).lb == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("normal(0, 1", "prior 'normal(0, 1' has a '(' that is never closed"),
        ("normal 0, 1)", "prior 'normal 0, 1)' has a ')' without its '('"),
        (
            "normal",
            "prior 'normal' is not of the form name(arguments): write a Stan distribution such as "
            '"normal(0, 5)" or "student_t(3, 0, 2.5)", or "" for a flat prior',
        ),
        (
            "normal(0, 1) + cauchy(0, 1)",
            "prior 'normal(0, 1) + cauchy(0, 1)' is not of the form name(arguments): write a Stan "
            'distribution such as "normal(0, 5)" or "student_t(3, 0, 2.5)", or "" for a flat prior',
        ),
        ("normal(0, )", "prior 'normal(0, )' has an empty argument"),
        (
            "normal(0, 1); target += 1",
            "prior 'normal(0, 1); target += 1' must be one expression, but it holds ';'",
        ),
        ("horseshoe(0)", "prior 'horseshoe(0)': df must be a positive number, not 0.0"),
        (
            "R2D2(0.5",
            "prior 'R2D2(0.5' has a '(' that is never closed",
        ),
        (5, "a prior is text such as 'normal(0, 5)', not 5"),
    ],
)
def test_text_that_is_no_prior(text, message):
    with pytest.raises(PriorError) as caught:
        prior(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"coef": "days", "lb": 0},
            "prior('normal(0, 1)', coef='days'): bounds hold for a whole class, not for one "
            "coefficient; leave out coef to bound the class",
        ),
        ({"lb": 2, "ub": 1}, "prior('normal(0, 1)'): lb=2 is not below ub=1"),
        ({"lb": float("inf")}, "lb=inf leaves no value for the parameter"),
        ({"lb": float("nan")}, "lb must be a number or text, not nan"),
        ({"cls": ""}, "prior('normal(0, 1)'): cls is empty; name a class such as \"b\" or \"sd\""),
        ({"cls": 3}, "prior('normal(0, 1)'): cls must be text, not 3"),
        ({"tag": "a b"}, "prior('normal(0, 1)'): tag 'a b' must be a name of letters and digits"),
    ],
)
def test_fields_that_make_no_sense(kwargs, message):
    with pytest.raises(PriorError) as caught:
        prior("normal(0, 1)", **kwargs)
    assert str(caught.value) == message


@pytest.mark.parametrize("obj", ["normal(0, 1)", 3, [1], {"b": 2}, {1: "normal(0, 1)"}])
def test_what_is_no_collection_of_priors(obj):
    with pytest.raises(PriorError):
        as_priors(obj)


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("b", ("b", "", "", "")),
        ("b_days", ("b", "days", "", "")),
        ("Intercept", ("Intercept", "", "", "")),
        ("sd", ("sd", "", "", "")),
        ("sd_subject", ("sd", "", "subject", "")),
        ("sd_subject__days", ("sd", "days", "subject", "")),
        ("sigma", ("sigma", "", "", "")),
    ],
)
def test_keys_of_the_shorthand(key, row):
    table = resolve_priors(models.model(), as_priors({key: "normal(0, 7)"})).table
    changed = [(r.cls, r.coef, r.group, r.dpar) for r in table if r.source == "user"]
    assert changed == [row]


@pytest.mark.parametrize(
    ("variables", "key", "row"),
    [
        (models.distributional(), "b_sigma", ("b", "", "", "sigma")),
        (models.distributional(), "b_sigma_age", ("b", "age", "", "sigma")),
        (models.distributional(), "Intercept_sigma", ("Intercept", "", "", "sigma")),
        (models.ordinal(), "Intercept[2]", ("Intercept", "2", "", "")),
        (models.model(), "cor_subject", ("cor", "", "subject", "")),
    ],
)
def test_keys_of_other_rows(variables, key, row):
    text = "lkj(3)" if key.startswith("cor") else "normal(0, 7)"
    table = resolve_priors(variables, as_priors({key: text})).table
    assert [(r.cls, r.coef, r.group, r.dpar) for r in table if r.source == "user"] == [row]


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(PriorError) as caught:
        resolve_priors(models.model(), as_priors({"b_dayz": "normal(0, 1)"}))
    assert str(caught.value) == (
        "the prior key 'b_dayz' matches no parameter of this model (did you mean 'b_days'?)\n"
        "keys of this model: b, b_age, b_days, cor, cor_subject, Intercept, sd, sd_item, "
        "sd_item__Intercept, sd_subject, sd_subject__days, sd_subject__Intercept, sigma"
    )


def test_an_ambiguous_key_is_refused():
    variables = (
        models.coefficients("sigma", ("x",)),
        models.coefficients(names=("sigma_x",)),
    )
    with pytest.raises(PriorError) as caught:
        resolve_priors(variables, as_priors({"b_sigma_x": "normal(0, 1)"}))
    assert str(caught.value) == (
        "the prior key 'b_sigma_x' is ambiguous: write prior(..., cls='b', coef='sigma_x') or "
        "prior(..., cls='b', coef='x', dpar='sigma')"
    )
