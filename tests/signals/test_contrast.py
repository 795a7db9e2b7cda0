from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.signals.contrast import differ


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("convert 5 miles to km", "convert 8 miles to km"),
        ("how do I enable dark mode in Outlook", "How do I disable dark mode in Outlook?"),
        ("What is the weather in Paris today?", "what is the weather in London today"),
        ("Translate this from German to English", "translate this from english to german"),
        ("Who won the 1998 world cup?", "Who won the 2002 world cup?"),
        ("Which foods are allowed in this diet?", "Which foods are not allowed in this diet?"),
        ("Solve x^2 - 6x + 5 = 0", "Solve x^2 + 6x + 5 = 0"),
    ],
)
def test_the_same_words_about_something_else(earlier: str, later: str):
    assert differ(later, earlier)
    assert differ(earlier, later)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("how do i reset my router", "I asked how to reset my router"),
        ("What causes inflation?", "so why does inflation happen"),
        ("is it safe to eat raw salmon", "can raw salmon be eaten safely?"),
        ("My invoice from March is wrong, can you fix it?", "my march invoice is still wrong, please fix it"),
        ("how long should i boil eggs", "that's not an answer. how long do eggs need to boil"),
        ("How tall is Mount Everest in metres?", "how tall is mount everest"),
        ("translate 'good morning' to japanese", "please translate “good morning” into Japanese"),
        ("", "hello"),
    ],
)
def test_the_same_question_in_other_words(earlier: str, later: str):
    assert not differ(later, earlier)


@given(st.text(max_size=200))
def test_nothing_differs_from_itself(text: str):
    assert not differ(text, text)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_can_be_compared(one: str, two: str):
    differ(one, two)
