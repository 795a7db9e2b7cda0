"""The question that a prompt ends with, where it begins with others and their answers."""

from __future__ import annotations

import re

_LOOKED_AT = 20_000  # characters of the end
_ANSWER = re.compile(r"^[ \t]*(?:answer|a|response|output|solution)[ \t]*:", re.I | re.M)
_GAP = re.compile(r"\n[ \t]*\n\s*(?=\S)")
_LEAST_WORDS = 3


def asked(text: str) -> str:
    """The text itself if it holds no answered examples."""
    end = text[-_LOOKED_AT:]
    answers = [found.end() for found in _ANSWER.finditer(end)]
    if len(answers) < 2:
        return text
    for place in reversed(answers):
        gap = _GAP.search(end, place)
        if gap is not None:
            question = end[gap.end() :]
            return question if len(question.split(None, _LEAST_WORDS)) >= _LEAST_WORDS else text
    return text
