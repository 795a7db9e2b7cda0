"""Text as tokens: pieces of about the size that real tokenizers cut, which join to the text again."""

from __future__ import annotations

import re
from array import array
from zlib import crc32

END = 0
"""The token that ends an answer; it has no text."""

_PIECE = re.compile(
    r" ?[A-Za-z]{1,8}"
    r"|\d{1,3}"
    r"|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
    r"|[^\W\d_A-Za-z\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{1,3}"
    r"|\s+"
    r"|."
)


def split(text: str) -> list[str]:
    return _PIECE.findall(text)


def token_id(piece: str) -> int:
    return crc32(piece.encode())


def ids(pieces: list[str]) -> array[int]:
    return array("q", map(token_id, pieces))


def encode(text: str) -> array[int]:
    return ids(split(text))
