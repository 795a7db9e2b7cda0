from __future__ import annotations

import pytest

from pointsman.signals.asked import asked

SHOTS = "".join(f"Question: What is {n} plus {n}?\nAnswer: {2 * n}\n\n" for n in range(4))
LETTERS = "".join(f"Which is {n}?\nA. one\nB. two\nAnswer: A\n\n" for n in range(5))


@pytest.mark.parametrize(
    ("shots", "question"),
    [
        (SHOTS, "Question: What is seven plus five?\nAnswer:"),
        (SHOTS, "Question: What is seven plus five?\nAnswer: Let's think step by step."),
        (f"The following are multiple choice questions.\n\n{LETTERS}", "Which is it?\nA. one\nB. two\nAnswer:"),
        ("Q: Who?\nA: He.\n\nQ: When?\nA: Now.\n\n", "Q: Where is he now?\nA:"),
        ("Q: Why?\nA:\nBecause.\n\n" * 3, "Q: Where is he now?\nA:"),
    ],
)
def test_answered_examples_are_left_out(shots: str, question: str):
    assert asked(f"{shots}{question}") == question


@pytest.mark.parametrize(
    "text",
    [
        "What is seven plus five?",
        "Question: What is seven plus five?\nAnswer:",
        "Please correct my letter.\n\nDear Ann,\n\nhow are you?\n\nYours, Bob",
        f"{SHOTS}ok?",
        "",
    ],
)
def test_other_texts_stay_whole(text: str):
    assert asked(text) == text


def test_of_a_very_long_text_the_end_is_enough():
    assert asked(f"{SHOTS * 3000}Question: And nine plus one?\nAnswer:") == "Question: And nine plus one?\nAnswer:"
