"""The model with the highest utility that is still plausible: contextual upper confidence bounds that forget.

D-LinUCB (Russac, Vernade and Cappé, 2019) on the residual over the prior quality, with the usual bound x'A⁻¹x in the
place of x'A⁻¹ÃA⁻¹x, which is never larger and would need sums that are forgotten at the square of the rate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pointsman.policies.select.context import Doubles
from pointsman.policies.select.linear import Linear, LinearOptions
from pointsman.policies.select.scored import Estimates, Number, certain


class LinUcbOptions(LinearOptions):
    by: Literal["linucb"]
    """Learns from outcomes which model answers which prompts well, and tries those of which too little is known."""
    alpha: Number = Field(default=0.5, ge=0)
    """How optimistic it is of what it does not know: standard deviations added to the predicted quality."""


class LinUcb(Linear[LinUcbOptions]):
    Options = LinUcbOptions

    def preferred(self, utility: Doubles, estimates: Estimates) -> Doubles:
        assert estimates.deviation is not None
        return certain(utility + self.options.weights.quality * self.options.alpha * estimates.deviation)
