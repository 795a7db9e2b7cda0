from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.signals.text import as_label, canonical, count_words, folded, phrase, tokens, utf8

TEXT = st.text(st.characters(codec=None), max_size=60)  # lone surrogates included


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("ＵＲＧＥＮＴ！", "urgent!"),
        ("cafe\u0301", "café"),
        ("STRASSE", "straße"),
        ("İSTANBUL", "istanbul"),
        ("ur\u200bgent", "urgent"),
        ("❤\ufe0f", "❤"),
        ("don’t", "DON'T"),
        ("ﬁle ①", "file 1"),
    ],
)
def test_what_looks_the_same_is_the_same(a: str, b: str) -> None:
    assert folded(a) == folded(b)


def test_case_stays_in_the_canonical_form() -> None:
    assert canonical("Ｕrgent Ärger") == "Urgent Ärger"


@given(TEXT)
def test_folding_again_changes_nothing_but_rare_letters(text: str) -> None:
    assert folded(folded(text)) == folded(folded(folded(text)))


@given(TEXT, TEXT)
def test_a_text_contains_itself(before: str, wanted: str) -> None:
    form = phrase(tokens(wanted))
    assert form in tokens(f"{before} {wanted} {before}")


@given(st.text("ab ,你👍\n", max_size=40))
def test_long_texts_are_cut_between_tokens_only(text: str) -> None:
    padding = "word, " * 12_000
    assert tokens(padding + text) == tokens(padding).rstrip(" ") + tokens(f", {text}")[2:]


def test_tokens() -> None:
    assert tokens("Use node.js,  right\tNOW") == " use node . js , right now "
    assert tokens("用Python写") == " 用 python 写 "
    assert tokens("हिन्दी में") == " हिन्दी में "


def test_piles_of_marks_take_linear_time() -> None:
    pile = "a" + "\u0301\u0323" * 200_000 + "\U0001d165"
    assert len(canonical(pile)) < 20
    assert canonical("e\u0301\u0323") == unicodedata.normalize("NFKC", "e\u0301\u0323")


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("Why, oh why?", 3), ("你好世界", 4), ("Größe 12", 2), ("मैं ठीक हूँ", 3), ("👍 !", 0)]
)
def test_words(text: str, count: int) -> None:
    assert count_words(text) == count


@pytest.mark.parametrize(
    ("text", "label"), [("team-a", "team_a"), (" Gold Plan ", "gold_plan"), ("", ""), ("--", ""), ("x" * 99, "x" * 64)]
)
def test_labels(text: str, label: str) -> None:
    assert as_label(text) == label


def test_lone_surrogates_have_bytes() -> None:
    assert utf8("a\ud800") == b"a?"
