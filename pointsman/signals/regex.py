"""`type: regex`: an RE2 pattern, which takes linear time on any text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import re2

from pointsman.signals.base import FALSE, TRUE, Shape, Signal, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import Text, TextOptions
from pointsman.signals.text import utf8

_JOINED = 16  # patterns that are looked for at once
_SHORT = 4096  # characters of a text in which they are: many patterns together have states for a long one to visit


class RegexOptions(TextOptions):
    type: Literal["regex"]
    pattern: Text


class Regex(Signal[RegexOptions]):
    Options = RegexOptions

    def __init__(self, name: str, options: RegexOptions) -> None:
        super().__init__(name, options)
        self._scope = options.scope
        self._search = _compile(options.pattern).search
        self._any_occurs: Callable[[str], bool] | None = None

    @property
    def shape(self) -> Shape:
        return Shape.BOOL

    @classmethod
    def join(cls, signals: Sequence[Regex]) -> None:
        """One search finds out whether any of the patterns occurs: mostly none does."""
        # A quotation without an end would quote the patterns after it.
        alike = [signal for signal in signals if r"\Q" not in signal.options.pattern]
        for start in range(0, len(alike), _JOINED):
            some = alike[start : start + _JOINED]
            any_occurs = _any_occurs([signal.options.pattern for signal in some])
            for signal in some:
                signal._any_occurs = any_occurs

    def evaluate(self, facts: Facts) -> SignalValue:
        if self._any_occurs is not None and not facts.derive(self._any_occurs, self._scope):
            return FALSE
        return FALSE if self._search(facts.derive(utf8, self._scope)) is None else TRUE


def _any_occurs(patterns: Sequence[str]) -> Callable[[str], bool] | None:
    if len(patterns) < 2:
        return None
    try:
        search = _compile("|".join(f"(?:{pattern})" for pattern in patterns)).search
    except ValueError:  # too large together, or with one name for two groups
        return None
    return lambda text: len(text) > _SHORT or search(utf8(text)) is not None


def _compile(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False  # the error is raised instead
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise ValueError(
            f"pattern {pattern!r} is no RE2 expression: {reason}. Look-around and back-references do not exist in RE2; "
            "(?i) at the start ignores case; in YAML put the pattern between single quotes"
        ) from None
