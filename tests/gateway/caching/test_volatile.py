"""Questions whose answer does not last, and those that only look like them."""

import pytest

from pointsman.gateway.caching.volatile import LOOKED_AT, is_volatile


@pytest.mark.parametrize(
    "text",
    [
        "What is the weather in Paris?",
        "who is the president now",
        "TODAY'S headlines, please",
        "Where is my order?",
        "Where is my last Amazon order?",
        "What's the time in Tokyo?",
        "bitcoin price",
        "How much does a ticket to Rome cost?",
        "What is the latest version of Python?",
        "Who won the match last night?",
        "what is my balance",
        "status of my claim",
        "Where is my card?",
        "Wie ist das Wetter heute?",
        "Wo bleibt meine Bestellung?",
        "Quelle est la météo aujourd'hui ?",
        "¿Dónde está mi pedido?",
        "Onde está a minha encomenda?",
        "какая сегодня погода",
        "где мой заказ?",
        "今天天气怎么样",
        "我的订单在哪里",
        "今日のニュース",
        "오늘 날씨 어때",
        "bugün hava nasıl",
    ],
)
def test_volatile(text):
    assert is_volatile(text)


@pytest.mark.parametrize(
    "text",
    [
        "How do I reset my password?",
        "How do I activate my card?",
        "Why was I charged a fee for my card payment?",
        "How do I cancel my subscription?",
        "What is the actual meaning of life?",
        "Explain how an electric current flows",
        "What is knowledge?",
        "Prove that sqrt(2) is irrational",
        "Snowflakes: why are they different?",
        "Wie funktioniert ein Motor?",
        "Como funciona un motor?",
        "怎么做番茄炒蛋",
        "Translate 'dog' into French",
        "",
    ],
)
def test_lasting(text):
    assert not is_volatile(text)


def test_long_texts_are_looked_at_at_both_ends():
    filler = "Words without end. " * 2000
    assert is_volatile(f"What is the weather? {filler}")
    assert is_volatile(f"{filler} What is the weather?")
    assert not is_volatile(filler)
    assert len(filler) > 2 * LOOKED_AT
