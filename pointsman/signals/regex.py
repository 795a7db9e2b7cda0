"""`type: regex`: an RE2 pattern, which takes linear time on any text."""

from __future__ import annotations

from typing import Literal

import re2

from pointsman.signals.base import FALSE, TRUE, Shape, Signal, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import Text, TextOptions
from pointsman.signals.text import utf8


class RegexOptions(TextOptions):
    type: Literal["regex"]
    pattern: Text


class Regex(Signal[RegexOptions]):
    Options = RegexOptions

    def __init__(self, name: str, options: RegexOptions) -> None:
        super().__init__(name, options)
        self._search = _compile(options.pattern).search

    @property
    def shape(self) -> Shape:
        return Shape.BOOL

    def evaluate(self, facts: Facts) -> SignalValue:
        return FALSE if self._search(facts.derive(utf8, self.options.scope)) is None else TRUE


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
