"""What it costs a conversation to go on with another model."""

from __future__ import annotations

from math import log1p

from pointsman.policies.select.context import Previous

_CACHE = 0.08
"""At most, for the prefix that the other model has to read again."""
_STYLE = 0.04
"""At most, for answers that sound different from those before."""
_KILOTOKENS, _TURNS = 4.0, 4.0
"""Where half of each is reached."""
_WARM = 300.0
"""Seconds after which half of a KV cache has been given to others."""
TOOL_LOOP = 1.0
"""In the midst of a tool's use: more than any gain of utility."""


def switching_cost(previous: Previous) -> float:
    """In units of utility, which is about 1 between the best and the worst of answers."""
    if previous.tool_loop:
        return TOOL_LOOP
    kilotokens = previous.tokens / 1000
    cached = kilotokens / (kilotokens + _KILOTOKENS) * 0.5 ** (previous.seconds / _WARM)
    turns = log1p(previous.turns)
    style: float = turns / (turns + log1p(_TURNS))
    cost: float = _CACHE * cached + _STYLE * style
    return cost
