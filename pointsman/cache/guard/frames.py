"""What people put around a request, in the one form that says the same."""

from __future__ import annotations

import re

_QUOTES = re.compile(r"""["`“”„«»‘]|(?<!\w)'""")
_WHO = "(?:i|we|you|one)"
_RULES = (
    # `what are the steps to`, `what do I need to do to`, `is there a way to`
    (
        r"what(?:'s| is| are) the (?:best |right |correct |proper )?(?:steps?|ways?|process|procedure|method)"
        rf"(?: {_WHO} (?:need|have) to (?:take|follow))? (?:to|for|of)"
        rf"|what (?:do|should|must|can) {_WHO} (?:need to |have to )?do (?:in order )?to"
        r"|(?:is|are) there (?:a|any) ways? (?:to|for me to|that i can|i can)"
        r"|how (?:do|can|should|would|could) i go about",
        "how do i",
    ),
    (r"is it possible (?:for me )?to|am i able to|are we able to", "can i"),
    (r"are you able to", "can you"),
    (r"(?:i|we) (?:need|want|could use) (?:some |your )?help to", "how do i"),
    (r"(?:n't| not) able to", " unable to"),
    (r"(?:have|has) yet to", "have not"),
    (r"(?:n't| not) (?:(?:seem|look|appear) )?(?:to be )?(?:the )?(?:right|correct|accurate)", " wrong"),
    (r"for some reason|right now|at the moment|as of now|if possible|by any chance", ""),
    (r"in order to", "to"),
)
_JOINED = "(?:n't"  # what such a rule begins with stands within a word


def _pattern(place: int, rule: str) -> str:
    start = "" if rule.startswith(_JOINED) else r"\b"
    return rf"(?P<_{place}>{start}(?:{rule}))(?!\w)"


_FRAMES = re.compile("|".join([_pattern(place, rule) for place, (rule, _) in enumerate(_RULES)]), re.IGNORECASE)


def unframed(text: str) -> str:
    """Unchanged where something may be quoted, and meant to the letter."""
    if _QUOTES.search(text):
        return text
    return _FRAMES.sub(_said_plainly, " ".join(text.replace("’", "'").split()))


def _said_plainly(found: re.Match[str]) -> str:
    return _RULES[int((found.lastgroup or "_0")[1:])][1]
