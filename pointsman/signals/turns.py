"""The user's turns as passages for the encoder."""

from __future__ import annotations

from itertools import islice

from pointsman.signals.encoder.encoding import excerpt
from pointsman.signals.facts import Facts

MAX_TURNS = 5
"""Each is a passage. Most of them were read when they were said, and are remembered, but that is not certain."""


def user_turns(facts: Facts, most: int) -> list[str]:
    """The last ones, latest first."""
    said = (message.text for message in reversed(facts.messages) if message.role == "user")
    return [excerpt(text) for text in islice(said, most)]
