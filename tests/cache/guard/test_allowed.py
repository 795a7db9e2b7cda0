"""Pairs that one answer does for. None stands in the list that the benchmark measures."""

from __future__ import annotations

import pytest

from pointsman.cache.guard import compare

NEAR = 0.82


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("what is osmosis", "What is osmosis?"),
        ("WHAT IS OSMOSIS", "what's osmosis?"),
        ("Hi, could you please tell me what osmosis is?", "What is osmosis?"),
        ("How do I turn on subtitles?", "How can I enable subtitles?"),
        ("turn subtitles on", "Turn on subtitles, please"),
        ("How to delete a file?", "What is the best way to remove a file?"),
        ("Name three rivers", "Name 3 rivers"),
        ("twenty five grams of salt", "25 g salt"),
        ("A loan of 1,500 euros", "a loan of €1500"),
        ("phones under 25k", "phones under 25000"),
        ("causes of World War II", "What caused WW2?"),
        ("upgrade to node 20", "How do I upgrade to Node.js 20?"),
        ("what is 2FA", "What is two-factor authentication?"),
        ("What colour is jade?", "what color is jade"),
        ("How do I install Rust?", "how do i instal rust"),
        ("recieve a parcel", "Receive a parcel"),
        ("difference between mitosis and meiosis", "What is the difference between meiosis and mitosis?"),
        ("a Slack reminder", "a reminder in Slack"),
        ("Why isn't the fan spinning?", "Why is the fan not spinning?"),
        ("Is the film good or not?", "Is the film good?"),
        ("What does `ls -l` do?", "What does ls -l do?"),
        ("How tall is the tower?", "What is the height of the tower?"),
        ("How many days does shipping take?", "How long does shipping take?"),
        ("How do you fold your napkin?", "How do I fold my napkin?"),
        ("What is the GDP of the United States?", "What is the GDP of the US?"),
        ("Quelle est la capitale du Togo ?", "la capitale du Togo"),
        ("¿Cuál es la capital de Chile?", "cuál es la capital de chile"),
        ("Ｗhat is ５ ＋ ５?", "What is 5 + 5?"),
        ("What are the steps to renew a visa?", "How do I renew a visa?"),
        ("Is there a way to mute a chat?", "how can I mute a chat"),
        ("I need help to mute a chat", "How do I mute a chat?"),
        ("My invoice isn't right", "My invoice is wrong"),
        ("Where can I see my invoices?", "How do I see my invoices?"),
        ("Why was my order declined?", "Why is my order declined?"),
        ("Will I be charged for a refund?", "Am I charged for a refund?"),
        ("I need a second key, another one", "I need a second key"),
        ("I just renewed my visa", "I renewed my visa"),
        ("How long does a top up to my phone take?", "How long does a top-up of my phone take?"),
        ("What are REST APIs?", "What is a REST API?"),
    ],
)
def test_the_same_answer(asked: str, kept: str) -> None:
    assert compare(asked, kept, NEAR) == (True, None)


def test_a_word_that_says_nothing_new_is_forgiven_where_the_texts_are_near() -> None:
    asked, kept = "Where is the nearest pharmacy located?", "Where is the nearest pharmacy?"

    assert compare(asked, kept, 0.85).same
    assert not compare(asked, kept, 0.75).same


def test_a_misspelling_is_one_only_where_the_other_is_a_word() -> None:
    assert compare("Grow a tomatoe", "Grow a tomato", NEAR).same
    assert not compare("Describe a county", "Describe a country", NEAR).same
