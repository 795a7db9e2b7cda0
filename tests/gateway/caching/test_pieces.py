"""Texts in pieces: all of it, and never half a character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.caching.pieces import pieces

FAMILY = "👨‍👩‍👧‍👦"
LONG = {
    "combining marks": "e\u0301" * 100,
    "emoji sequences": FAMILY * 40,
    "skin tones": "👍🏽" * 80,
    "flags": "🇩🇪" * 60,
    "variation selectors": "❤\ufe0f" * 80,
    "decomposed Hangul": "\u1112\u1161\u11ab" * 50,
    "Devanagari conjuncts": "क्ष" * 60,
    "Thai": "น้ำ" * 60,
    "line ends": "a\r\n" * 80,
}


@given(st.text(max_size=400))
def test_together_they_are_the_text(text):
    assert "".join(pieces(text)) == text
    assert all(pieces(text))


def test_words_stay_whole():
    text = "The quick brown fox jumps over the lazy dog, and then it sleeps for a very long time. " * 5
    found = pieces(text)
    assert len(found) > 10
    assert all(piece.endswith(" ") for piece in found)


@pytest.mark.parametrize("kind", LONG)
def test_no_cut_is_inside_of_what_is_read_as_one_character(kind):
    text = LONG[kind]
    unit = text[: len(text) // next(n for n in (100, 80, 60, 50, 40) if text == text[: len(text) // n] * n)]
    for piece in pieces(text):
        assert piece == unit * (len(piece) // len(unit))


def test_text_without_spaces_is_cut_too():
    assert len(pieces("春眠不觉晓处处闻啼鸟" * 30)) > 5
