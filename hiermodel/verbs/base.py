"""What the verbs of a fit have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hiermodel.predictions import Predictions

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


class Verbs(Predictions):
    """A subject of things to do with a fit; `Fit` inherits from all of them."""

    def _one(self, resp: str | None = None) -> Fit:
        """The fit, or that of one of its responses."""
        return cast("Fit", self if resp is None else self.only(resp))
