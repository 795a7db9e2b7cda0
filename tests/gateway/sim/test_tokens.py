from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.sim import tokens


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(tokens.split(text)) == text


def test_words_and_chinese_characters_are_about_one_token() -> None:
    assert tokens.split("Prove that 你好 x_1") == ["Prove", " that", " ", "你", "好", " x", "_", "1"]


def test_the_same_piece_has_the_same_id() -> None:
    assert tokens.encode("a b a b")[2] != tokens.encode("a b")[0]
    assert list(tokens.encode("one two")) == list(tokens.encode("one two"))
