"""What ships with the package: names, sources and factor columns of the data sets.

The numbers were all published in the papers and books named here. Where a later package or book
is what made a data set known under its name, that is named as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Factor:
    """A categorical column; empty `levels` stand for order of appearance."""

    levels: tuple[str, ...] = ()
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set: what it is, where it was published, and which columns are factors."""

    name: str
    rows: int
    description: str
    source: str
    factors: Mapping[str, Factor] = field(default_factory=dict)


_APPEARANCE = Factor()


def _levels(*levels: str) -> Factor:
    return Factor(levels)


def _ordered(*levels: str) -> Factor:
    return Factor(levels, ordered=True)


def _numbered(n: int) -> Factor:
    return Factor(tuple(str(i) for i in range(1, n + 1)))


# Oxboys and Orthodont: the children in the order in which Pinheiro and Bates list them.
_OXBOYS = "10 26 25 9 2 6 7 17 16 15 8 20 1 18 5 23 11 21 3 24 22 12 13 14 19 4".split()
_ORTHODONT = (
    "M16 M05 M02 M11 M07 M08 M03 M12 M13 M14 M09 M15 M06 M04 M01 M10 "
    "F10 F09 F06 F01 F05 F07 F02 F08 F03 F04 F11"
).split()
_SALAMANDER_SITES = [f"{kind}-{i}" for kind, n in (("R", 12), ("VF", 11)) for i in range(1, n + 1)]

_ALL = (
    DataSet(
        "Dyestuff",
        30,
        "Yield of dyestuff from 6 batches of an intermediate product, 5 preparations each",
        "Davies, O. L. and Goldsmith, P. L. (eds) (1972). Statistical Methods in Research and "
        "Production, 4th edition, section 6.4. Oliver and Boyd.",
        {"Batch": _APPEARANCE},
    ),
    DataSet(
        "Orthodont",
        108,
        "Pituitary to pterygomaxillary fissure distance of 27 children at ages 8 to 14",
        "Potthoff, R. F. and Roy, S. N. (1964). A generalized multivariate analysis of variance "
        "model useful especially for growth curve problems. Biometrika 51, 313-326.",
        {"Subject": _levels(*_ORTHODONT), "Sex": _levels("Male", "Female")},
    ),
    DataSet(
        "Oxboys",
        234,
        "Height of 26 boys from Oxford at 9 occasions; age is standardised",
        "Goldstein, H. (1987). Multilevel Models in Educational and Social Research, p. 19. "
        "Griffin.",
        {"Subject": _levels(*_OXBOYS), "Occasion": _numbered(9)},
    ),
    DataSet(
        "Pastes",
        60,
        "Strength of a chemical paste: 10 batches, 3 casks each, 2 assays each",
        "Davies, O. L. and Goldsmith, P. L. (eds) (1972). Statistical Methods in Research and "
        "Production, 4th edition, section 6.5. Oliver and Boyd.",
        {"batch": _APPEARANCE, "cask": _APPEARANCE, "sample": _APPEARANCE},
    ),
    DataSet(
        "Penicillin",
        144,
        "Diameter of growth inhibition, 6 penicillin samples crossed with 24 plates",
        "Davies, O. L. and Goldsmith, P. L. (eds) (1972). Statistical Methods in Research and "
        "Production, 4th edition, section 6.6. Oliver and Boyd.",
        {"plate": _APPEARANCE, "sample": _APPEARANCE},
    ),
    DataSet(
        "PlantGrowth",
        30,
        "Dried weight of plants under a control and two treatments",
        "Dobson, A. J. (1983). An Introduction to Statistical Modelling. Chapman and Hall.",
        {"group": _levels("ctrl", "trt1", "trt2")},
    ),
    DataSet(
        "Salamanders",
        644,
        "Salamander counts at 23 sites, with and without mining; many zeros",
        "Price, S. J., Muncy, B. L., Bonner, S. J., Drayer, A. N. and Barton, C. D. (2016). "
        "Effects of mountaintop removal mining and valley filling on the occupancy and abundance "
        "of stream salamanders. Journal of Applied Ecology 53, 459-468. "
        "Data in Dryad, doi:10.5061/dryad.5m8f6.",
        {
            "site": _ordered(*_SALAMANDER_SITES),
            "mined": _levels("yes", "no"),
            "spp": _levels("GP", "PR", "DM", "EC-A", "EC-L", "DES-L", "DF"),
        },
    ),
    DataSet(
        "ToothGrowth",
        60,
        "Length of tooth cells of guinea pigs by dose and delivery of vitamin C",
        "Crampton, E. W. (1947). The growth of the odontoblast of the incisor teeth as a "
        "criterion of vitamin C intake of the guinea pig. Journal of Nutrition 33, 491-504.",
        {"supp": _levels("OJ", "VC")},
    ),
    DataSet(
        "anorexia",
        72,
        "Weight of young women before and after three treatments of anorexia",
        "Hand, D. J., Daly, F., McConway, K., Lunn, D. and Ostrowski, E. (eds) (1994). "
        "A Handbook of Small Data Sets, data set 285. Chapman and Hall.",
        {"Treat": _levels("CBT", "Cont", "FT")},
    ),
    DataSet(
        "birthwt",
        189,
        "Low birth weight and its risk factors, Baystate Medical Center 1986",
        "Hosmer, D. W. and Lemeshow, S. (1989). Applied Logistic Regression. Wiley.",
    ),
    DataSet(
        "cake",
        270,
        "Breaking angle of chocolate cakes by recipe and baking temperature (split plot)",
        "Cook, F. E. (1938), in Cochran, W. G. and Cox, G. M. (1957). Experimental Designs, "
        "2nd edition, table 7.5. Wiley.",
        {
            "replicate": _numbered(15),
            "recipe": _levels("A", "B", "C"),
            "temperature": _ordered("175", "185", "195", "205", "215", "225"),
        },
    ),
    DataSet(
        "cbpp",
        56,
        "New cases of contagious bovine pleuropneumonia in 15 zebu herds over 4 periods",
        "Lesnoff, M., Laval, G., Bonnet, P., Abdicho, S., Workalemahu, A., Kifle, D., Peyraud, "
        "A., Lancelot, R. and Thiaucourt, F. (2004). Within-herd spread of contagious bovine "
        "pleuropneumonia in Ethiopian highlands. Preventive Veterinary Medicine 64, 27-40.",
        {"herd": _numbered(15), "period": _numbered(4)},
    ),
    DataSet(
        "chickwts",
        71,
        "Weight of chicks after six weeks on six feed supplements",
        "McNeil, D. R. (1977). Interactive Data Analysis. Wiley.",
        {
            "feed": _levels(
                "casein", "horsebean", "linseed", "meatmeal", "soybean", "sunflower"
            )
        },
    ),
    DataSet(
        "eight_schools",
        8,
        "Estimated effects of coaching in eight schools, with standard errors",
        "Rubin, D. B. (1981). Estimation in parallel randomized experiments. Journal of "
        "Educational Statistics 6, 377-401.",
        {"school": _APPEARANCE},
    ),
    DataSet(
        "epilepsy",
        236,
        "Seizure counts of 59 patients in four two-week periods, progabide against placebo; "
        "zAge and zBase are standardised over patients",
        "Thall, P. F. and Vail, S. C. (1990). Some covariance models for longitudinal count "
        "data with overdispersion. Biometrics 46, 657-671.",
        {
            "Trt": _levels("0", "1"),
            "patient": _numbered(59),
            "visit": _numbered(4),
            "obs": _numbered(236),
        },
    ),
    DataSet(
        "infert",
        248,
        "Matched case-control study of infertility after abortions",
        "Trichopoulos, D., Handanos, N., Danezis, J., Kalandidi, A. and Kalapothaki, V. (1976). "
        "Induced abortion and secondary infertility. British Journal of Obstetrics and "
        "Gynaecology 83, 645-650.",
        {"education": _levels("0-5yrs", "6-11yrs", "12+ yrs")},
    ),
    DataSet(
        "inhaler",
        572,
        "Clarity of the leaflets of two inhalers, rated 1 (easy) to 4 (confusing); crossover trial",
        "Ezzet, F. and Whitehead, J. (1991). A random effects model for ordinal responses from "
        "a crossover trial. Statistics in Medicine 10, 901-907.",
    ),
    DataSet(
        "iris",
        150,
        "Sepals and petals of three species of iris",
        "Anderson, E. (1935). The irises of the Gaspe Peninsula. Bulletin of the American Iris "
        "Society 59, 2-5; Fisher, R. A. (1936). Annals of Eugenics 7, 179-188.",
        {"Species": _levels("setosa", "versicolor", "virginica")},
    ),
    DataSet(
        "kidney",
        76,
        "Times to infection at the catheter of 38 dialysis patients, two a patient; "
        "censored is 1 for a right-censored time",
        "McGilchrist, C. A. and Aisbett, C. W. (1991). Regression with frailty in survival "
        "analysis. Biometrics 47, 461-466.",
        {
            "patient": _numbered(38),
            "recur": _levels("1", "2"),
            "sex": _levels("male", "female"),
            "disease": _levels("other", "GN", "AN", "PKD"),
        },
    ),
    DataSet(
        "lung",
        228,
        "Survival of patients with advanced lung cancer; status 1 = censored, 2 = dead",
        "Loprinzi, C. L., Laurie, J. A., Wieand, H. S., and others (1994). Prospective "
        "evaluation of prognostic variables from patient-completed questionnaires. Journal of "
        "Clinical Oncology 12, 601-607.",
    ),
    DataSet(
        "lip_cancer",
        56,
        "Lip cancer in men in the districts of Scotland, 1975-80: cases, and how many were "
        "expected; aff = percent in outdoor work",
        "Clayton, D. and Kaldor, J. (1987). Empirical Bayes estimates of age-standardized relative "
        "risks for use in disease mapping. Biometrics 43, 671-681; Waller, L. A. and Gotway, C. A. "
        "(2004). Applied Spatial Statistics for Public Health Data. Wiley (positions).",
        {"district": _APPEARANCE},
    ),
    DataSet(
        "lip_cancer_borders",
        132,
        "Which districts of lip_cancer border on each other, islands by their nearest ones",
        "Breslow, N. E. and Clayton, D. G. (1993). Approximate inference in generalized linear "
        "mixed models. Journal of the American Statistical Association 88, 9-25.",
        {"district": _APPEARANCE, "neighbour": _APPEARANCE},
    ),
    DataSet(
        "mcycle",
        133,
        "Acceleration of the head in a simulated motorcycle accident",
        "Silverman, B. W. (1985). Some aspects of the spline smoothing approach to "
        "non-parametric curve fitting. Journal of the Royal Statistical Society B 47, 1-52.",
    ),
    DataSet(
        "mtcars",
        32,
        "Fuel consumption and design of 32 cars, 1973-74 models",
        "Henderson, H. V. and Velleman, P. F. (1981). Building multiple regression models "
        "interactively. Biometrics 37, 391-411.",
        {"model": _APPEARANCE},
    ),
    DataSet(
        "radon",
        919,
        "Log radon in 919 houses of 85 counties of Minnesota; floor 0 = basement",
        "Price, P. N., Nero, A. V. and Gelman, A. (1996). Bayesian prediction of mean indoor "
        "radon concentrations for Minnesota counties. Health Physics 71, 922-936; "
        "Gelman, A. and Hill, J. (2007). Data Analysis Using Regression and "
        "Multilevel/Hierarchical Models, chapter 12. Cambridge University Press.",
        {"county": _APPEARANCE},
    ),
    DataSet(
        "sleepstudy",
        180,
        "Reaction times of 18 subjects over 10 days, the later ones with 3 hours in bed",
        "Belenky, G., Wesensten, N. J., Thorne, D. R., Thomas, M. L., Sing, H. C., Redmond, "
        "D. P., Russo, M. B. and Balkin, T. J. (2003). Patterns of performance degradation and "
        "restoration during sleep restriction and subsequent recovery: a sleep dose-response "
        "study. Journal of Sleep Research 12, 1-12.",
        {"subject": _APPEARANCE},
    ),
    DataSet(
        "veteran",
        137,
        "Veterans' Administration lung cancer trial; status 1 = dead, 0 = censored",
        "Kalbfleisch, J. D. and Prentice, R. L. (1980). The Statistical Analysis of Failure Time "
        "Data, appendix I. Wiley.",
        {"celltype": _levels("squamous", "smallcell", "adeno", "large")},
    ),
    DataSet(
        "wine",
        72,
        "Bitterness of white wine by temperature and contact with skins, 9 judges",
        "Randall, J. H. (1989). The analysis of sensory data by generalised linear model. "
        "Biometrical Journal 31, 781-793.",
        {
            "rating": _ordered("1", "2", "3", "4", "5"),
            "temp": _levels("cold", "warm"),
            "contact": _levels("no", "yes"),
            "bottle": _numbered(8),
            "judge": _numbered(9),
        },
    ),
)

CATALOGUE: Mapping[str, DataSet] = {entry.name: entry for entry in _ALL}
