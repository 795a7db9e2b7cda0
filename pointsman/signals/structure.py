"""`type: structure`: what the text is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from pointsman.signals.base import COUNT, Shape, Signal, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import RangeOptions, TextOptions
from pointsman.signals.text import count_words

Kind = Literal[
    "characters",
    "code_blocks",
    "json_fields",
    "lines",
    "list_items",
    "numbers",
    "questions",
    "table_rows",
    "urls",
    "words",
]

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_JSON_FIELD = re.compile(r'"[^"\n]{1,100}"\s{0,8}:')
_LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+•‣]\s|\d{1,3}(?:[.)]\s|[、．）]))", re.MULTILINE)
_NUMBER = re.compile(r"(?<![A-Za-z0-9_.])\d+(?:[.,]\d+)*")
# The last mark of a run; one within a URL or an expression such as a?b:c asks nothing.
_QUESTION = re.compile(r"[?？؟⁇⸮](?![?？؟⁇⸮A-Za-z0-9=&%/])")
_ASCII_QUESTION = re.compile(r"\?(?![?A-Za-z0-9=&%/])")  # a search for one character, which is far quicker
_TABLE_ROW = re.compile(r"^[ \t]*\|[^\n]*\|[ \t]*$", re.MULTILINE)
_URL = re.compile(r"https?://\S", re.IGNORECASE)


def _occurrences(pattern: re.Pattern[str]) -> Callable[[str], int]:
    return lambda text: sum(1 for _ in pattern.finditer(text))


def _code_blocks(text: str) -> int:
    if "```" not in text and "~~~" not in text:
        return 0
    return (_occurrences(_FENCE)(text) + 1) // 2  # an open block is one, too


def _questions(text: str) -> int:
    return len((_ASCII_QUESTION if text.isascii() else _QUESTION).findall(text))


def _lines(text: str) -> int:
    return text.count("\n") + 1 if text else 0


_COUNTERS: Mapping[Kind, Callable[[str], int]] = {
    "characters": len,
    "code_blocks": _code_blocks,
    "json_fields": _occurrences(_JSON_FIELD),
    "lines": _lines,
    "list_items": _occurrences(_LIST_ITEM),
    "numbers": _occurrences(_NUMBER),
    "questions": _questions,
    "table_rows": _occurrences(_TABLE_ROW),
    "urls": _occurrences(_URL),
    "words": count_words,
}
assert set(_COUNTERS) == set(get_args(Kind))


class StructureOptions(RangeOptions, TextOptions):
    type: Literal["structure"]
    count: Kind


class Structure(Signal[StructureOptions]):
    Options = StructureOptions
    numbers = COUNT

    def __init__(self, name: str, options: StructureOptions) -> None:
        super().__init__(name, options)
        self._count, self._scope = _COUNTERS[options.count], options.scope
        self._measured = options.measure()

    @property
    def shape(self) -> Shape:
        return self.options.shape

    def evaluate(self, facts: Facts) -> SignalValue:
        return self._measured(facts.derive(self._count, self._scope))
