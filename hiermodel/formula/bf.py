"""`bf()` and its relatives: one model formula out of formulas for parameters and responses."""

from __future__ import annotations

from hiermodel.errors import FormulaError
from hiermodel.formula.parse import parse_formula
from hiermodel.formula.pieces import (
    autocor_given,
    error_about,
    fixed_value,
    flag_given,
    named_formula,
    options_named,
    parameter_name,
    read_formulas,
    responses_of,
    side_given,
    sub_formulas,
)
from hiermodel.formula.values import (
    Autocor,
    Formula,
    FormulaOptions,
    Mecor,
    Rescor,
    ResponseFormula,
    SubFormula,
    SubFormulas,
    distinct,
    with_subformulas,
)


def bf(
    formula: str | Formula,
    *subformulas: str | SubFormulas,
    nl: bool = False,
    loop: bool = True,
    center: bool | None = None,
    cmc: bool | None = None,
    sparse: bool | None = None,
    decomp: str | None = None,
    family: object = None,
    unused: str | None = None,
    autocor: str | Autocor | None = None,
    **parameters: float | str,
) -> Formula:
    """Make a model formula from formulas for its parameters.

    Parameters
    ----------
    formula : str
        The main formula: ``"y ~ x + (1 | g)"``.
    *subformulas : str or result of `lf` or `nlf`
        Formulas of further parameters: ``"sigma ~ x"``; ``"a + b ~ 1"`` serves both.
    nl, loop : bool
        The main formula is non-linear; evaluate it row by row.
    center, cmc, sparse, decomp
        Parameterisation of the main formula, see `FormulaOptions`.
    family : str or Family, optional
        Family of this response.
    unused : str, optional
        ``"~ v"``: columns that stay in the data though no term uses them.
    autocor : str or result of `acformula`, optional
        Autocorrelation terms apart from the formula, ``"~ ar(time = t, gr = g)"``; the only place
        for them when the formula is non-linear.
    **parameters
        ``sigma="~ x"`` is another way to write a formula; a number (``nu=4``) holds a
        parameter fixed, a name (``sigma2="sigma1"``) makes it equal to another one.

    Returns
    -------
    Formula

    Raises
    ------
    FormulaError
        For text that cannot be read, or a parameter with two formulas.

    Examples
    --------
    >>> print(bf("y ~ x", "sigma ~ x", nu=4))
    y ~ x
    sigma ~ x
    nu = 4
    """
    if isinstance(formula, Formula):
        text = str(formula)
        raise FormulaError(
            "bf() takes formula text; combine formulas with '+'", text, (0, max(1, len(text)))
        )
    if isinstance(family, (int, float, list, tuple, dict)):
        message = f"family= takes a name or the result of family(), not {family!r}"
        raise error_about(formula, message)
    parsed = parse_formula(formula)
    options = options_named(formula, center, cmc, sparse, decomp, nl, loop)
    items: list[SubFormula] = []
    for sub in subformulas:
        items += sub if isinstance(sub, SubFormulas) else read_formulas(sub, FormulaOptions())
    fixed: list[tuple[str, float | str]] = []
    for name, value in parameters.items():
        if isinstance(value, str) and "~" in value:
            items += named_formula(name, value, FormulaOptions())
        else:
            fixed.append((parameter_name(name), fixed_value(name, value)))
    unused_side = side_given("unused", unused)
    autocor_side = autocor_given(formula, autocor)
    responses = tuple(
        ResponseFormula(main, (), tuple(fixed), options, family, unused_side, autocor_side)
        for main in responses_of(parsed)
    )
    return Formula(with_subformulas(distinct(responses), items))


def lf(
    *formulas: str,
    center: bool | None = None,
    cmc: bool | None = None,
    sparse: bool | None = None,
    decomp: str | None = None,
    dpar: str | None = None,
    resp: str | None = None,
) -> SubFormulas:
    """Make linear formulas of parameters, to be added to `bf`.

    Parameters
    ----------
    *formulas : str
        Such as ``"sigma ~ x"``.
    center, cmc, sparse, decomp
        Parameterisation of these formulas, see `FormulaOptions`.
    dpar : str, optional
        The parameter, for formulas without a left side (``"~ x"``).
    resp : str, optional
        The response, needed when they are added to a formula with several.

    Returns
    -------
    SubFormulas

    Examples
    --------
    >>> print(bf("y ~ x") + lf("sigma ~ x", center=False))
    y ~ x
    sigma ~ x
    """
    text = formulas[0] if formulas else None
    options = options_named(text, center, cmc, sparse, decomp, False, True)
    return sub_formulas(formulas, options, dpar, resp)


def nlf(
    *formulas: str, loop: bool = True, dpar: str | None = None, resp: str | None = None
) -> SubFormulas:
    """Make non-linear formulas of parameters, to be added to `bf`.

    Parameters
    ----------
    *formulas : str
        Such as ``"sigma ~ a * exp(x)"``.
    loop : bool
        Evaluate row by row.
    dpar, resp : str, optional
        As in `lf`.

    Returns
    -------
    SubFormulas

    Examples
    --------
    >>> nlf("sigma ~ exp(a)").items[0].options.nl
    True
    """
    text = formulas[0] if formulas else None
    options = FormulaOptions(nl=True, loop=flag_given("loop", loop, True, text))
    return sub_formulas(formulas, options, dpar, resp)


def mvbf(*formulas: str | Formula, rescor: bool | None = None) -> Formula:
    """Make one formula of several responses.

    Parameters
    ----------
    *formulas : str or Formula
    rescor : bool, optional
        Estimate residual correlations.

    Returns
    -------
    Formula

    Examples
    --------
    >>> len(mvbf("y1 ~ x", "y2 ~ x").responses)
    2
    """
    if not formulas:
        raise FormulaError("mvbf() needs a formula per response")
    parts = [as_formula(formula) for formula in formulas]
    responses = distinct(tuple(r for part in parts for r in part.responses))
    said = [part.mecor for part in parts if part.mecor is not None]
    wanted = None if rescor is None else flag_given("rescor", rescor, True, None)
    return Formula(responses, wanted, said[-1] if said else None)


def set_rescor(flag: bool = True) -> Rescor:
    """Say whether residual correlations between responses are estimated; add it to a formula.

    Parameters
    ----------
    flag : bool

    Returns
    -------
    Rescor

    Examples
    --------
    >>> (bf("y1 ~ x") + bf("y2 ~ x") + set_rescor(False)).rescor
    False
    """
    return Rescor(flag_given("flag", flag, True, None))


def set_mecor(flag: bool = True) -> Mecor:
    """Say whether the true values of covariates with error are correlated; add it to a formula.

    Parameters
    ----------
    flag : bool
        True, the default of a model, estimates the correlations between the covariates of all
        ``me()`` that have the same ``gr``.

    Returns
    -------
    Mecor

    Examples
    --------
    >>> (bf("y ~ me(x, sdx) + me(z, sdz)") + set_mecor(False)).mecor
    False
    """
    return Mecor(flag_given("flag", flag, True, None))


def acformula(autocor: str, resp: str | None = None) -> Autocor:
    """Make autocorrelation terms, to be added to `bf` or passed as its ``autocor``.

    Parameters
    ----------
    autocor : str
        One-sided formula text: ``"~ ar(time = t, gr = g)"``.
    resp : str, optional
        The response, needed when they are added to a formula with several.

    Returns
    -------
    Autocor

    Raises
    ------
    FormulaError
        For text that cannot be read, or has a left side.

    Examples
    --------
    >>> print(bf("y ~ x") + acformula("~ ar(time = t, p = 2)"))
    y ~ x
    autocor = ~ ar(time = t, p = 2)
    """
    parsed = side_given("autocor", autocor)
    if parsed is None:
        raise FormulaError("acformula() takes formula text such as '~ ar(time = t)'")
    if resp is not None and not (isinstance(resp, str) and resp):
        raise error_about(autocor, f"resp must be the name of a response, not {resp!r}")
    return Autocor(parsed, resp or "")


def as_formula(obj: str | Formula) -> Formula:
    """Make a `Formula` of formula text; a `Formula` stays as it is.

    Parameters
    ----------
    obj : str or Formula

    Returns
    -------
    Formula

    Examples
    --------
    >>> str(as_formula("y ~  x"))
    'y ~ x'
    """
    if isinstance(obj, Formula):
        return obj
    if isinstance(obj, str):
        return bf(obj)
    raise FormulaError(f"a formula is text or the result of bf(), not {type(obj).__name__}")
