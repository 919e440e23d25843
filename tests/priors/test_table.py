import warnings

import numpy as np
import pytest

from hiermodel.errors import HiermodelWarning, PriorError
from hiermodel.priors import prior, resolve_priors
from hiermodel.stan.variables import DataNumber, PriorTarget, ScalePrior, Var
from priors import models
from priors.program import log_density

SIZES = {"Kc": 2, "M_1": 2, "N_1": 3, "M_2": 1, "N_2": 4}


def resolve(*user, variables=None, **kwargs):
    return resolve_priors(models.model() if variables is None else variables, user, **kwargs)


def test_default_statements_and_data():
    got = resolve()
    assert got.statements == (
        "lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);",
        "lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma)"
        " - student_t_lccdf(0 | 3, 0, prior_scale_sigma);",
        "lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1)"
        " - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);",
        "lprior += lkj_corr_cholesky_lpdf(L_1 | 1);",
        "lprior += student_t_lpdf(sd_2 | 3, 0, prior_scale_sd_2)"
        " - M_2 * student_t_lccdf(0 | 3, 0, prior_scale_sd_2);",
    )
    assert {var.declaration: value for var, value in got.data} == {
        "real prior_location_Intercept;": 288.7,
        "real<lower=0> prior_scale_Intercept;": 59.3,
        "real<lower=0> prior_scale_sigma;": 59.3,
        "real<lower=0> prior_scale_sd_1;": 30.1,
        "real<lower=0> prior_scale_sd_2;": 30.1,
    }
    assert got.parameters == models.model()
    assert got.fixed == ()


def test_most_specific_wins():
    got = resolve(
        prior("normal(0, 1)", cls="sd"),
        prior("normal(0, 2)", cls="sd", group="subject"),
        prior("normal(0, 3)", cls="sd", group="subject", coef="days"),
        prior("normal(0, 4)", coef="age"),
    )
    assert [s for s in got.statements if "normal" in s] == [
        "lprior += normal_lpdf(b[2] | 0, 4);",
        "lprior += normal_lpdf(sd_1[1] | 0, 2) - normal_lccdf(0 | 0, 2);",
        "lprior += normal_lpdf(sd_1[2] | 0, 3) - normal_lccdf(0 | 0, 3);",
        "lprior += normal_lpdf(sd_2 | 0, 1) - M_2 * normal_lccdf(0 | 0, 1);",
    ]


def test_numbers_print_as_typed():
    assert resolve(prior("normal( 0.50,1e1 )")).statements[0] == (
        "lprior += normal_lpdf(b | 0.50, 1e1);"
    )


def test_flat_class_and_flat_coefficient():
    assert not any("sigma" in s for s in resolve(prior("", cls="sigma")).statements)
    got = resolve(prior("normal(0, 1)"), prior("", coef="age"))
    assert got.statements[0] == "lprior += normal_lpdf(b[1] | 0, 1);"
    assert not any("b[2]" in s for s in got.statements)


def test_bounds_without_a_prior_keep_the_default():
    got = resolve(prior(None, cls="sd", group="item", ub=9))
    sd = next(v for v in got.parameters if v.name == "sd_2")
    assert (sd.lower, sd.upper) == ("0", "9")
    assert got.statements[-1] == (
        "lprior += student_t_lpdf(sd_2 | 3, 0, prior_scale_sd_2)"
        " - M_2 * log_diff_exp(student_t_lcdf(9 | 3, 0, prior_scale_sd_2),"
        " student_t_lcdf(0 | 3, 0, prior_scale_sd_2));"
    )


def test_explicit_absence_of_a_bound():
    got = resolve(prior("normal(0, 1)", cls="sd", group="subject", lb="", ub=5))
    first, second = (v for v in got.parameters if v.name in ("sd_1", "sd_2"))
    assert (first.lower, first.upper) == ("", "5")
    assert (second.lower, second.upper) == ("0", "")


@pytest.mark.parametrize(
    ("text", "lb", "ub", "cut"),
    [
        ("gamma(2, 1)", 0, None, ""),
        ("gamma(2, 1)", 1, None, " - Kc * gamma_lccdf(1 | 2, 1)"),
        ("gamma(2, 1)", -1, None, ""),
        ("uniform(-1, 1)", -1, 1, ""),
        ("uniform(-1, 1)", 0, 1, " - Kc * uniform_lccdf(0 | -1, 1)"),
        ("beta(1, 2)", 0, 1, ""),
        ("beta(1, 2)", 0, 0.5, " - Kc * beta_lcdf(0.5 | 1, 2)"),
        ("std_normal()", 0, None, " - Kc * std_normal_lccdf(0)"),
        ("normal([0, 1]', 2)", 0, None, " - normal_lccdf(rep_vector(0, Kc) | [0, 1]', 2)"),
    ],
)
def test_a_prior_that_bounds_cut_is_normalised(text, lb, ub, cut):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HiermodelWarning)
        got = resolve(prior(text, lb=lb, ub=ub))
    assert got.statements[0].endswith(f"){cut};")


def test_normalised_priors_integrate_to_one():
    """The density of a bounded scalar, summed over its range in the unconstrained space."""
    sigma = models.real("sigma", "sigma", lower="0")
    for text, upper in (("student_t(4, 1, 2)", ""), ("normal(1, 2)", "3"), ("gamma(2, 1)", "4")):
        got = resolve(prior(text, cls="sigma", ub=upper or None), variables=[sigma])
        grid = np.linspace(-14, 14, 1401)
        values = 3 / (1 + np.exp(-grid)) if upper else np.exp(grid)
        if upper == "4":
            values = values * 4 / 3
        density = [np.exp(log_density(got, {}, {"sigma": float(v)})) for v in values]
        assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=2e-3)


def test_without_normalisation():
    got = resolve(prior("normal(0, 1)", lb=0, tag="x"), normalize=False)
    assert got.statements[0] == "target += normal_lupdf(b | 0, 1);"
    assert not any("lccdf" in s or "lprior" in s for s in got.statements)


def test_tags_have_sums_of_their_own():
    got = resolve(prior("normal(0, 1)", tag="slopes"))
    assert got.statements[:2] == (
        "real lprior_slopes = 0;",
        "lprior_slopes += normal_lpdf(b | 0, 1);",
    )
    assert got.statements[-1] == "lprior += lprior_slopes;"


def test_the_program_never_depends_on_values():
    """Equal and unequal numbers of the same rules give the same statements and declarations."""

    def parts(first, second):
        elements = (
            models.element("Intercept", "g", default=models.scale(first)),
            models.element("Intercept", "g", "sigma", models.scale(second)),
        )
        got = resolve(variables=[models.vector("sd_1", "sd", elements, "M_1", lower="0")])
        values = [np.asarray(x).tolist() for _, x in got.data]
        return got.statements, [v for v, _ in got.data], values

    same, different = parts(2.5, 2.5), parts(2.5, 7.0)
    assert same[:2] == different[:2]
    assert different[2] == [[2.5, 7.0]]
    assert same[0] == (
        "lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1)"
        " - student_t_lccdf(rep_vector(0, M_1) | 3, 0, prior_scale_sd_1);",
    )


def test_a_number_per_element_is_a_vector():
    def default(value):
        return ScalePrior("normal", ("0", DataNumber("scale", value, True)))

    elements = [models.element(c, default=default(v)) for c, v in (("a", 1.5), ("c", 2.0))]
    variables = [models.vector("b", "b", elements, "Kc")]
    whole = resolve(variables=variables)
    assert whole.statements == ("lprior += normal_lpdf(b | 0, prior_scale_b);",)
    (var, values), = whole.data
    assert var.declaration == "vector<lower=0>[Kc] prior_scale_b;"
    assert values.tolist() == [1.5, 2.0]
    assert [r.prior for r in whole.table] == ["", "normal(0, 1.5)", "normal(0, 2)"]
    part = resolve(prior("cauchy(0, 1)", coef="a"), variables=variables)
    assert part.statements == (
        "lprior += cauchy_lpdf(b[1] | 0, 1);",
        "lprior += normal_lpdf(b[2] | 0, prior_scale_b[2]);",
    )
    class_wide = resolve(prior("cauchy(0, 1)"), variables=variables)
    assert [r.prior for r in class_wide.table] == ["cauchy(0, 1)", "", ""]
    assert class_wide.data == ()


def test_constants_split_what_is_free():
    got = resolve(
        prior("constant(2)", coef="days"),
        prior("constant(0.5)", cls="sigma"),
        prior("constant([[1, 0.5], [0.5, 1]])", cls="cor"),
        prior("constant(1)", cls="sd", group="item"),
        prior("constant(3)", cls="sd", group="subject", coef="days"),
    )
    assert [v.name for v in got.parameters] == ["par_b_2", "Intercept", "par_sd_1_1", "z_1", "z_2"]
    assert [(f.var.declaration, *f.lines) for f in got.fixed] == [
        ("vector[Kc] b;", "b[1] = 2;", "b[2] = par_b_2;"),
        ("real<lower=0> sigma;", "sigma = 0.5;"),
        ("vector<lower=0>[M_1] sd_1;", "sd_1[1] = par_sd_1_1;", "sd_1[2] = 3;"),
        (
            "cholesky_factor_corr[M_1] L_1;",
            "L_1 = cholesky_decompose([[1, 0.5], [0.5, 1]]);",
        ),
        ("vector<lower=0>[M_2] sd_2;", "sd_2 = rep_vector(1, M_2);"),
    ]
    draws = {
        "par_b_2": np.full((2, 3), 7.0),
        "Intercept": np.zeros((2, 3)),
        "par_sd_1_1": np.ones((2, 3)),
    }
    full = got.complete(draws, SIZES)
    assert full["b"][1, 2].tolist() == [2.0, 7.0]
    assert full["sd_1"][0, 0].tolist() == [1.0, 3.0]
    assert full["sd_2"].shape == (2, 3, 1)
    assert full["sigma"].shape == (2, 3)
    correlation = full["L_1"] @ np.swapaxes(full["L_1"], -1, -2)
    np.testing.assert_allclose(correlation[1, 1], [[1, 0.5], [0.5, 1]])
    assert np.isfinite(
        log_density(
            got, SIZES,
            {"par_b_2": 1.0, "Intercept": 0.0, "par_sd_1_1": 1.0,
             "z_1": np.zeros((2, 3)).tolist(), "z_2": np.zeros((1, 4)).tolist()},
        )
    )


def test_a_constant_vector():
    got = resolve(prior("constant([1, 2]', broadcast=False)"))
    assert got.fixed[0].lines == ("b = [1, 2]';",)
    assert got.complete({"sigma": np.ones((1, 4))}, SIZES)["b"].shape == (1, 4, 2)


def test_constant_rows_of_a_matrix_leave_free_rows():
    sd = Var(
        "sd_1", "matrix", ("M_1", "Nby_1"), lower="0",
        prior=PriorTarget("sd", (models.element("Intercept", "g"), models.element("x", "g"))),
    )
    got = resolve(prior("constant(2)", cls="sd", group="g", coef="x"),
                  prior("exponential(1)", cls="sd"), variables=[sd])
    assert got.parameters[0].declaration == "row_vector<lower=0>[Nby_1] par_sd_1_1;"
    assert got.fixed[0].lines == ("sd_1[1] = par_sd_1_1;", "sd_1[2] = rep_row_vector(2, Nby_1);")
    assert got.statements == ("lprior += exponential_lpdf(sd_1[1] | 1);",)
    full = got.complete({"par_sd_1_1": np.ones((1, 1, 3))}, {"M_1": 2, "Nby_1": 3})
    assert full["sd_1"][0, 0].tolist() == [[1, 1, 1], [2, 2, 2]]


def test_frame_has_the_columns_of_brms():
    frame = resolve(prior("normal(0, 1)", lb=0)).frame()
    assert list(frame.columns) == [
        "prior", "class", "coef", "group", "resp", "dpar", "nlpar", "lb", "ub", "tag", "source",
    ]
    assert frame.iloc[0].tolist() == ["normal(0, 1)", "b", *[""] * 5, "0", "", "", "user"]


LISTED = (
    "\npriors of this model can be set for\n"
    "  prior(..., cls='b')\n"
    "  prior(..., cls='b', coef='age')\n"
    "  prior(..., cls='b', coef='days')\n"
    "  prior(..., cls='cor')\n"
    "  prior(..., cls='cor', group='subject')\n"
    "  prior(..., cls='Intercept')\n"
    "  prior(..., cls='sd')\n"
    "  prior(..., cls='sd', group='item')\n"
    "  prior(..., cls='sd', coef='Intercept', group='item')\n"
    "  prior(..., cls='sd', group='subject')\n"
    "  prior(..., cls='sd', coef='days', group='subject')\n"
    "  prior(..., cls='sd', coef='Intercept', group='subject')\n"
    "  prior(..., cls='sigma')"
)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            prior("normal(0, 1)", coef="dayz"),
            "prior('normal(0, 1)', cls='b', coef='dayz') matches no parameter of this model; the "
            "nearest is prior(..., cls='b', coef='days')" + LISTED,
        ),
        (
            prior("normal(0, 1)", cls="sd", coef="days"),
            "prior('normal(0, 1)', cls='sd', coef='days') matches no parameter of this model; the "
            "nearest is prior(..., cls='sd', coef='days', group='subject')" + LISTED,
        ),
        (
            prior("normal(0, 1)", coef="Intercept"),
            "prior('normal(0, 1)', cls='b', coef='Intercept') matches no parameter of this model: "
            "the intercept of the centred design has a class of its own, "
            "prior(..., cls='Intercept')" + LISTED,
        ),
        (
            prior("normal(0, 1)", dpar="sigma"),
            "prior('normal(0, 1)', cls='b', dpar='sigma') matches no parameter of this model: "
            "sigma has no formula here; set its prior with prior(..., cls='sigma')" + LISTED,
        ),
        (
            prior("lkj(2)"),
            "prior('lkj(2)', cls='b'): lkj() is a prior of correlation matrices; class 'b' is none "
            '(did you mean cls="cor"?)',
        ),
        (
            prior("normal(0, 1)", cls="cor"),
            "prior('normal(0, 1)', cls='cor'): the prior of a correlation matrix is lkj(eta) with "
            'eta > 0, such as "lkj(2)", or constant(...)',
        ),
        (
            prior("", cls="cor"),
            "prior('', cls='cor'): the prior that is flat over correlation matrices is written "
            '"lkj(1)"',
        ),
        (
            prior("lkj(1)", cls="cor", lb=0),
            "prior('lkj(1)', cls='cor', lb='0'): a correlation matrix has no bounds; leave out lb "
            "and ub",
        ),
        (
            prior("norml(0, 1)"),
            "prior 'norml(0, 1)': Stan has no continuous density named 'norml' (did you mean "
            "'normal'?)",
        ),
        (
            prior("halfnormal(1)", cls="sd"),
            "prior 'halfnormal(1)': Stan has no continuous density named 'halfnormal'; write "
            "normal(0, sigma), which is cut at the lower bound of the parameter",
        ),
        (
            prior("normal(1)"),
            "prior 'normal(1)': normal takes 2 arguments, normal(mu, sigma), but 1 given",
        ),
        (
            prior("constant(-1)", cls="sigma"),
            "constant(-1) is outside of the bounds of 'sigma', which cannot be below 0",
        ),
        (
            prior("constant(1, 2)"),
            "prior 'constant(1, 2)': the second argument of constant() is broadcast=True or "
            "broadcast=False",
        ),
        (
            prior("normal(0, 1)", cls="sigma", ub=-1),
            "the bounds of class 'sigma' leave no value: lb=0, ub=-1",
        ),
    ],
)
def test_messages(given, message):
    with pytest.raises(PriorError) as caught:
        resolve(given)
    assert str(caught.value) == message


def test_two_priors_for_one_row():
    with pytest.raises(PriorError) as caught:
        resolve(prior("normal(0, 1)"), prior("normal(0, 2)"))
    assert str(caught.value) == (
        "two priors for the same parameters: prior('normal(0, 1)', cls='b') and "
        "prior('normal(0, 2)', cls='b'); keep one"
    )


def test_a_class_that_has_a_formula():
    with pytest.raises(PriorError, match=r"sigma has a formula of its own here; set the priors of "
                       r"its intercept and coefficients with cls='Intercept' or cls='b' and "
                       r"dpar='sigma'"):
        resolve(prior("exponential(1)", cls="sigma"), variables=models.distributional())


def test_ordered_thresholds():
    variables = models.ordinal()
    with pytest.raises(PriorError, match="cannot have bounds"):
        resolve(prior("normal(0, 1)", cls="Intercept", lb=0), variables=variables)
    with pytest.raises(PriorError, match="would make the ordered thresholds 'Intercept' equal"):
        resolve(prior("constant(1)", cls="Intercept"), variables=variables)
    with pytest.raises(PriorError, match="all constant or all free"):
        resolve(prior("constant(1)", cls="Intercept", coef="1"), variables=variables)
    each = [prior(f"constant({k})", cls="Intercept", coef=str(k)) for k in (1, 2, 3)]
    got = resolve(*each, variables=variables)
    assert got.complete({"b": np.ones((1, 1, 2))}, {})["Intercept"].tolist() == [[[1, 2, 3]]]


def test_bounds_that_differ_within_a_variable():
    elements = [
        models.element("Intercept", "g"),
        models.element("Intercept", "g", "sigma"),
    ]
    sd = models.vector("sd_1", "sd", elements, "M_1", lower="0")
    with pytest.raises(PriorError, match="give them the same bounds"):
        resolve(prior(None, cls="sd", dpar="sigma", ub=3), variables=[sd])


def test_a_user_density_is_taken_as_it_is():
    with pytest.raises(PriorError):
        resolve(prior("mine(1)", cls="sigma"))
    got = resolve(prior("mine(1)", cls="sigma"), functions=["mine"])
    assert "lprior += mine_lpdf(sigma | 1);" in got.statements


def test_warnings():
    with pytest.warns(HiermodelWarning, match=r"prior\('normal\(0, 9\)', cls='b'\) is not used"):
        resolve(prior("normal(0, 9)"), prior("normal(0, 1)", coef="days"),
                prior("normal(0, 1)", coef="age"))
    with pytest.warns(HiermodelWarning, match="give the class its bounds with lb=-1, ub=1"):
        resolve(prior("uniform(-1, 1)"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resolve(prior("uniform(-1, 1)", lb=-1, ub=1), prior("gamma(2, 1)", cls="sd"))


def test_constants_that_only_stan_can_evaluate():
    got = resolve(prior("constant(sqrt(2))", cls="sigma"))
    assert got.fixed[0].lines == ("sigma = sqrt(2);",)
    with pytest.raises(PriorError, match="only Stan can evaluate"):
        got.complete({"b": np.ones((1, 1, 2))}, SIZES)
    kept = got.complete({"sigma": np.full((1, 1), 1.4)}, SIZES)
    assert kept["sigma"] == 1.4
