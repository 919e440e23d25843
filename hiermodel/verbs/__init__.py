"""The verbs of a fit, a class for each subject.

They are short: a docstring and a call of the function that does the work. Tables, criticism and
pictures are imported inside of the methods, so that a fit that is only printed does not load
plotting.
"""

from hiermodel.verbs.accuracy import Accuracy
from hiermodel.verbs.criticism import Criticism
from hiermodel.verbs.effects import Effects
from hiermodel.verbs.marginal import Marginal
from hiermodel.verbs.means import Means
from hiermodel.verbs.multilevel import Multilevel
from hiermodel.verbs.pictures import Pictures
from hiermodel.verbs.prior_work import PriorWork
from hiermodel.verbs.reports import Reports
from hiermodel.verbs.tables import Tables

__all__ = [
    "Accuracy",
    "Criticism",
    "Effects",
    "Marginal",
    "Means",
    "Multilevel",
    "Pictures",
    "PriorWork",
    "Reports",
    "Tables",
]
