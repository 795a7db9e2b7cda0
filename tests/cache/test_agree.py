import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.cache.agree import LONGEST, agree

LONG = (
    "To reset your password open the settings, choose security, press the button for a new password and follow the "
    "link in the letter that arrives within a few minutes in your mailbox."
)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Paris", "paris."),
        ("**42**", "42"),
        ("1,000", "1000.0"),
        ("Paris", "The capital of France is Paris."),
        ("The answer is 42.", "42"),
        ("Yes", "Yes, you can."),
        (LONG, LONG.replace("letter", "message").upper()),
        ("x = 4", "`x = 4`"),
    ],
)
def test_answers_that_say_the_same(left, right):
    assert agree(left, right) is True
    assert agree(right, left) is True


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("42", "43"),
        ("-4", "4"),
        ("Paris", "Berlin"),
        ("Yes, it is.", "No, it is not."),
        ("True", "False"),
        ("It costs 10 dollars.", "It costs 12 dollars."),
        ("3.5 km", "35 km"),
    ],
)
def test_answers_that_say_something_else(left, right):
    assert agree(left, right) is False
    assert agree(right, left) is False


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("It is possible.", "It is not possible."),
        (LONG, LONG.replace("choose", "never choose")),
        (LONG + " It takes 5 minutes.", LONG + " It takes 9 minutes."),
        ("I'm sorry, I cannot help with that.", "Paris"),
        ("", "Paris"),
        ("Paris", LONG + " " + LONG + " Paris"),
        ("a" * (LONGEST + 1), "b"),
    ],
)
def test_what_is_unclear_is_left_open(left, right):
    assert agree(left, right) is None


def test_vectors_decide_where_words_differ_in_part():
    other = "To reset your password open the settings, choose security and use the link that we mail to you in minutes."
    assert agree(LONG, other) is None
    assert agree(LONG, other, 0.95) is True
    bananas = "Bananas grow in warm lands and are shipped green over oceans for several weeks on end."
    assert agree(LONG, bananas, 0.1) is False


@given(st.text(max_size=200), st.text(max_size=200), st.none() | st.floats(-1, 1))
def test_the_order_of_the_answers_does_not_matter(left, right, similarity):
    assert agree(left, right, similarity) == agree(right, left, similarity)


@given(st.text(max_size=200))
def test_an_answer_never_contradicts_itself(text):
    assert agree(text, text) is not False
