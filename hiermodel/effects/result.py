"""What `conditional_effects` gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from hiermodel.effects.grid import Variable, number_text
from hiermodel.summary.text import frame_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STATISTICS = ("estimate__", "se__", "lower__", "upper__")
# About as many rows of each effect are printed.
_SHOWN = 8


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """The effect of one variable, or of two together.

    Attributes
    ----------
    name : str
        ``days``, or ``zBase:Trt``.
    variables : tuple of Variable
    frame : pandas.DataFrame
        A row per grid point, condition and category.
    categories : tuple of str
        Categories of the response when `frame` has a probability for each; else empty.
    held : str
        At what the other variables are held.
    lines : pandas.DataFrame or None
        Single draws: a row per draw (``draw__``) and row of `frame`, when they were asked for.
    points : pandas.DataFrame or None
        Observed values of the variables in each condition, with the response as ``response__``
        where it has a place on the axis.
    surface : bool
        Whether two numbers are drawn as a surface.
    label : str
        What is estimated, for its axis; empty where it is the same for all effects.
    """

    name: str
    variables: tuple[Variable, ...]
    frame: pd.DataFrame
    categories: tuple[str, ...]
    held: str
    lines: pd.DataFrame | None = None
    points: pd.DataFrame | None = None
    surface: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ConditionalEffects(Mapping[str, pd.DataFrame]):
    """Conditional effects by name; a mapping to data frames that can plot itself.

    Attributes
    ----------
    effects : tuple of Effect
    label : str
        What is estimated, for the axis.
    observed : pandas.DataFrame or None
        Observed values of the variables, with the response as ``response__``; None when the
        response has no place on the axis.

    Examples
    --------
    >>> effects = fit.conditional_effects("days")  # doctest: +SKIP
    >>> effects["days"][["days", "estimate__", "lower__", "upper__"]]  # doctest: +SKIP
    >>> effects.plot(points=True)  # doctest: +SKIP
    """

    effects: tuple[Effect, ...]
    label: str
    observed: pd.DataFrame | None

    #: What a printed result is called.
    heading: ClassVar[str] = "Conditional effects"

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.effect(name).frame

    def effect(self, name: str) -> Effect:
        """Return one effect with its variables."""
        for effect in self.effects:
            if effect.name == name:
                return effect
        raise KeyError(f"there is no effect {name!r}; there are {', '.join(self) or 'none'}")

    def __iter__(self) -> Iterator[str]:
        return (effect.name for effect in self.effects)

    def __len__(self) -> int:
        return len(self.effects)

    def plot(
        self,
        ax: Axes | Sequence[Axes] | None = None,
        points: bool = False,
        *,
        rug: bool = False,
        ncols: int | None = None,
        figsize: tuple[float, float] | None = None,
    ) -> list[Axes]:
        """Draw each effect: lines with ribbons for numbers, points with bars for factors.

        Parameters
        ----------
        ax : Axes or sequence of Axes, optional
            Where to draw, one for each panel; a new figure by default.
        points : bool
            Draw the observed data too; those of a condition with its levels of factors.
        rug : bool
            Mark the observed values of the first variable at the axis.
        ncols : int, optional
            Panels in a row: three by default.
        figsize : (float, float), optional
            Inches, for a new figure.

        Returns
        -------
        list of Axes
            One per panel: effect, condition, and, for interactions, category.

        Raises
        ------
        DataError
            With ``points=True`` where the response has no place: probabilities of categories,
            linear predictors, other parameters.
        """
        from hiermodel.effects.draw import draw_effects

        return draw_effects(self, ax, points, rug=rug, ncols=ncols, figsize=figsize)

    def __repr__(self) -> str:
        parts = [f"{self.heading}: {self.label}"]
        for effect in self.effects:
            brief = _brief(effect)
            held = f" ({effect.held})" if effect.held else ""
            left = len(effect.frame) - len(brief)
            cut = f"\n  ... {left} more rows" if left else ""
            parts.append(f"{effect.name}{held}\n{frame_text(brief)}{cut}")
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        from hiermodel.effects.draw import effects_html

        return effects_html(self)


def _brief(effect: Effect) -> pd.DataFrame:
    """Return the table at a few values of the first variable, labelled by what varies."""
    frame = effect.frame
    if effect.surface:
        frame = frame[frame["effect2__"].isin(_some(frame["effect2__"].drop_duplicates(), 3))]
    extra = [c for c in ("cond__", "cats__") if c in frame and frame[c].nunique() > 1]
    keys = [v.name for v in effect.variables] + extra
    values = frame["effect1__"].drop_duplicates()
    points = max(2, _SHOWN // max(1, len(frame) // len(values)))
    part = frame[frame["effect1__"].isin(_some(values, points))].iloc[: 3 * _SHOWN]
    columns = [[number_text(v) for v in part[key]] for key in keys]
    index = pd.MultiIndex.from_arrays(columns, names=keys) if extra or len(keys) > 1 else columns[0]
    return part[list(STATISTICS)].set_axis(index, axis=0)


def _some(values: pd.Series, n: int) -> pd.Series:
    """Some of the values, evenly spread with both ends."""
    return values.iloc[np.unique(np.linspace(0, len(values) - 1, n).astype(int))]
