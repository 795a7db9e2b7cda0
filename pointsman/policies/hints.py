"""What to write instead, when an expression cannot be parsed."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Final

_SYMBOLS: Final = {
    "&": "and",
    "∧": "and",
    "|": "or",
    "∨": "or",
    "!": "not",
    "¬": "not",
    "~": "not",
    "=>": ">=",
    "=<": "<=",
    "=": "==",
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
    "（": "(",
    "）": ")",
    "＞": ">",
    "＜": "<",
}
"""Other languages' operators and ours; `=>` stands before `=`."""

_WORDS: Final = frozenset({"and", "or", "not", "in", "true", "false"})
_LIST: Final = "`domain in [math, physics]`"
_ITEMS: Final = frozenset({"NUMBER", "PART", "QUOTED"})
_FOUND: Final = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|&&|\|\||[<>=!]=|=[<>]|-?\.?\w[\w.-]*|.", re.DOTALL)
_LAST: Final = re.compile(r"(?:[<>=!]+|[\w.-]+|.)\Z", re.DOTALL)
_TESTED: Final = re.compile(r"([^\W\d][\w.-]*)\s*(==|!=)\s*\Z")
_MAX_QUOTED: Final = 40
_CONTEXT: Final = 200
"""Characters before the mistake that are looked at: the patterns take quadratic time."""


def explain(text: str, at: int, wanted: Set[str]) -> tuple[str, int]:
    """A message and its index; the parser stopped at `at`, where it wanted one of these terminals."""
    if not text.strip():
        return "the expression is empty; write `true` to match every request", 0
    head = text[:at].rstrip()[-_CONTEXT:]
    before, found = _last(head), _found(text, at)
    if not found:
        return _at_end(text, before, wanted)
    message = (
        _symbol(head, found, wanted)
        or _word(before, found)
        or _comparison(head, before, found, wanted)
        or f"found `{found}`, but {_expected(before, wanted)}"
    )
    return message, at


def _last(head: str) -> str:
    match = _LAST.search(head)
    return match[0] if match else ""


def _found(text: str, at: int) -> str:
    match = _FOUND.match(text, at)
    if match is None:
        return ""
    return match[0][:_MAX_QUOTED] if match[0].isprintable() else f"U+{ord(match[0][0]):04X}"


def _at_end(text: str, before: str, wanted: Set[str]) -> tuple[str, int]:
    if "RPAR" in wanted or "RSQB" in wanted:
        at = _unclosed(text)
        return f"this `{text[at]}` is never closed; add `{')' if text[at] == '(' else ']'}`", at
    return f"the expression ends too early: {_expected(before, wanted)}", len(text.rstrip())


def _unclosed(text: str) -> int:
    opened = []
    for match in re.finditer(r"\"[^\"\n]*\"|[()\[\]]", text):
        if match[0] in "([":
            opened.append(match.start())
        elif match[0] in ")]":
            opened.pop()
    return opened[-1]


def _symbol(head: str, found: str, wanted: Set[str]) -> str | None:
    if found[0] in "'\"`":
        return _quote(head, found)
    if found in "[]{}" or (found == "(" and wanted == {"LSQB"}):
        return f"`{found}` has no meaning here; a list of labels or numbers follows `in`, as in {_LIST}"
    if found == "," and not wanted & _ITEMS:
        return f"`,` has no meaning here; write `and` or `or`, or a list, as in {_LIST}"
    if found == ">" and head.endswith("<"):
        return "`<>` is no operator; write `!=`"
    for symbol, ours in _SYMBOLS.items():
        if found.startswith(symbol) and found not in ("!=", "=="):
            return f"`{found}` is no operator; write `{ours}`"
    if found == ")" and "$END" in wanted:
        return "this `)` closes nothing; remove it, or add `(` before"
    return None


def _quote(head: str, found: str) -> str | None:
    """Names and labels may stand in double quotes, where one is wanted."""
    if tested := _TESTED.search(head):
        return _only_numbers(tested, found.strip("'\"`") or "label")
    if found == '"':
        return 'this `"` is never closed; quotes end on the line that they begin on'
    if found[0] == '"':
        return None
    return f"`{found[0]}` quotes nothing here; names and labels stand without quotes, or in double ones if need be"


def _only_numbers(tested: re.Match[str], label: str) -> str:
    name, operator = tested.groups()
    negative = (operator == "!=") ^ (label == "false")
    part = label if re.fullmatch(r"\w[\w-]*", label) else f'"{label}"'
    test = name if label in ("true", "false") else f"{name}.{part}"
    return f"only numbers are compared; write `{'not ' * negative}{test}`"


def _word(before: str, found: str) -> str | None:
    for word in (found, before):
        if word not in _WORDS and word.lower() in _WORDS:
            return f"keywords are in lower case; write `{word.lower()}` for `{word}`"
    if re.match(r"-?\.?\d", found) and not re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", found):
        return f"`{found}` is not a number; write it in plain digits, such as 8000 or 0.5"
    return None


def _comparison(head: str, before: str, found: str, wanted: Set[str]) -> str | None:
    if wanted == {"NUMBER"}:
        tested = _TESTED.search(head)
        if tested is None:
            return f"found `{found}`, but a number is expected after `{before}`"
        return _only_numbers(tested, found)
    if re.fullmatch(r"[<>=!]=|[<>]", found) and re.search(r"[<>=!]=?\s*[\w.-]+\Z", head):
        return "comparisons do not chain; write two of them joined by `and`"
    return None


def _expected(before: str, wanted: Set[str]) -> str:
    if wanted == {"LSQB"}:
        return f"a list is expected after `in`, as in {_LIST}"
    if wanted == {"_IN"}:
        return f"`in` and a list are expected after `not`, as in {_LIST.replace(' in ', ' not in ')}"
    if wanted >= _ITEMS:
        return f"a label or a number is expected after `{before}`"
    if "COMMA" in wanted:
        return f"`,` or `]` is expected after `{before}`"
    if wanted == {"PART", "QUOTED"}:
        return "a label is expected after `.`"
    if wanted == {"NUMBER"}:
        return f"a number is expected after `{before}`"
    if wanted == {"COMPARE"}:
        return f"the number {before} must be compared with a signal, as in `size > 8000`"
    if wanted == {"NAME", "QUOTED"}:
        return f"a signal is expected after `{before}`; a comparison has a number on one side only"
    if "NAME" in wanted:
        return "a signal, `not` or `(` is expected" + (f" after `{before}`" if before else "")
    end = "`)`" if "RPAR" in wanted else "the end"
    return f"`and`, `or` or {end} is expected after `{before}`"
