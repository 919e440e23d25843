"""Parameters of one made-up model: reaction ~ days + age + (days | subject) + (1 | item)."""

from __future__ import annotations

from hiermodel.stan.variables import (
    Block,
    DataNumber,
    PriorElement,
    PriorTarget,
    ScalePrior,
    Var,
)

PAR = Block.PARAMETERS


def scale(value=2.5):
    return ScalePrior("student_t", ("3", "0", DataNumber("scale", value)))


def element(coef="", group="", dpar="", default=""):
    return PriorElement(coef, group, dpar=dpar, default=default)


def vector(name, cls, elements, size, **kwargs):
    target = PriorTarget(cls, tuple(elements))
    return Var(name, "vector", (size,), block=PAR, prior=target, **kwargs)


def real(name, cls, default="", lower="", dpar=""):
    target = PriorTarget(cls, (element(dpar=dpar, default=default),))
    return Var(name, "real", block=PAR, lower=lower, prior=target)


def coefficients(dpar="", names=("days", "age"), default=""):
    tail = f"_{dpar}" if dpar else ""
    elements = [element(n, dpar=dpar, default=default) for n in names]
    return vector(f"b{tail}", "b", elements, f"Kc{tail}")


def subject(default=None):
    default = scale(30.1) if default is None else default
    elements = [element(n, "subject", default=default) for n in ("Intercept", "days")]
    cor = PriorTarget("cor", (element("", "subject", default="lkj(1)"),))
    return (
        vector("sd_1", "sd", elements, "M_1", lower="0"),
        Var("z_1", "matrix", ("M_1", "N_1"), block=PAR),
        Var("L_1", "cholesky_factor_corr", ("M_1",), block=PAR, prior=cor),
    )


def item():
    return (
        vector("sd_2", "sd", [element("Intercept", "item", default=scale(30.1))], "M_2", lower="0"),
        Var("z_2", "vector", ("N_2",), ("M_2",), block=PAR),
    )


def model():
    intercept = ScalePrior(
        "student_t", ("3", DataNumber("location", 288.7), DataNumber("scale", 59.3))
    )
    return (
        coefficients(),
        real("Intercept", "Intercept", intercept),
        real("sigma", "sigma", scale(59.3), "0"),
        *subject(),
        *item(),
    )


def distributional():
    intercept = real("Intercept_sigma", "Intercept", dpar="sigma")
    return (coefficients(), coefficients("sigma"), intercept)


def ordinal():
    elements = [element(str(k), default="student_t(3, 0, 2.5)") for k in (1, 2, 3)]
    target = PriorTarget("Intercept", tuple(elements))
    return (coefficients(), Var("Intercept", "ordered", ("nthres",), block=PAR, prior=target))
