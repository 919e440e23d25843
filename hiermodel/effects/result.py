"""What `conditional_effects` gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.effects.grid import Variable, number_text
from hiermodel.summary.text import frame_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STATISTICS = ("estimate__", "se__", "lower__", "upper__")


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
    """

    name: str
    variables: tuple[Variable, ...]
    frame: pd.DataFrame
    categories: tuple[str, ...]
    held: str


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
        self, ax: Axes | Sequence[Axes] | None = None, points: bool = False
    ) -> list[Axes]:
        """Draw each effect: lines with ribbons for numbers, points with bars for factors.

        Parameters
        ----------
        ax : Axes or sequence of Axes, optional
            Where to draw, one for each panel; a new figure by default.
        points : bool
            Draw the observed data too.

        Returns
        -------
        list of Axes
            One per panel: effect, condition, and, for interactions, category.
        """
        from hiermodel.effects.draw import draw_effects

        return draw_effects(self, ax, points)

    def __repr__(self) -> str:
        parts = [f"Conditional effects: {self.label}"]
        for effect in self.effects:
            frame = effect.frame
            at = np.unique(np.linspace(0, len(frame) - 1, min(len(frame), 6)).astype(int))
            extra = [c for c in ("cond__", "cats__") if c in frame and frame[c].nunique() > 1]
            shown = [v.name for v in effect.variables] + extra + list(STATISTICS)
            brief = frame.iloc[at][shown].set_index(shown[: -len(STATISTICS)])
            brief.index = pd.Index([_index_text(key) for key in brief.index])
            held = f" ({effect.held})" if effect.held else ""
            cut = f"\n  ... {len(frame)} rows" if len(frame) > len(at) else ""
            parts.append(f"{effect.name}{held}\n{frame_text(brief)}{cut}")
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        from hiermodel.effects.draw import effects_html

        return effects_html(self)


def _index_text(key: Any) -> str:
    return ", ".join(number_text(k) for k in (key if isinstance(key, tuple) else (key,)))
