from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pointsman.signals.base import Shape
from pointsman.signals.language import LANGUAGES, detect

QUESTIONS = {
    "ar": "ما هي عاصمة أستراليا؟",
    "bn": "অস্ট্রেলিয়ার রাজধানী কী?",
    "cs": "Jak seřadím seznam v Pythonu?",
    "da": "Kan du opsummere denne tekst?",
    "de": "Wie sortiere ich eine Liste in Python?",
    "el": "Γιατί ο ουρανός είναι μπλε;",
    "en": "What is the capital of Australia?",
    "es": "¿Puedes resumir este texto?",
    "fa": "پایتخت استرالیا کجاست؟",
    "fi": "Miksi taivas on sininen?",
    "fr": "Pourquoi le ciel est-il bleu ?",
    "he": "מה בירת אוסטרליה?",
    "hi": "आसमान नीला क्यों है?",
    "hu": "Miért kék az ég?",
    "id": "Bagaimana cara mengurutkan daftar di Python?",
    "it": "Come ordino una lista in Python?",
    "ja": "リストを並べ替える方法を教えて",
    "ko": "하늘은 왜 파란가요?",
    "nl": "Kun je deze tekst samenvatten?",
    "no": "Kan du oppsummere denne teksten?",
    "pl": "Jaka jest stolica Australii?",
    "pt": "Você pode resumir este texto?",
    "ru": "Почему небо голубое?",
    "sv": "Varför är himlen blå?",
    "ta": "ஆஸ்திரேலியாவின் தலைநகரம் எது?",
    "th": "ทำไมท้องฟ้าเป็นสีฟ้า",
    "tr": "Gökyüzü neden mavidir?",
    "uk": "Яка столиця Австралії?",
    "vi": "Tại sao bầu trời màu xanh?",
    "zh": "怎么在Python里排序列表？",
}


@pytest.mark.parametrize(("language", "text"), QUESTIONS.items())
def test_short_questions(ask: Any, language: str, text: str) -> None:
    found = ask(text, type="language")
    assert found.value == language
    assert found.score == found.labels[language] == max(found.labels.values())
    assert found.labels.keys() <= LANGUAGES
    assert sum(found.labels.values()) <= 1.000001


@pytest.mark.parametrize("text", ["澳洲的首都是哪裡？", "请总结 https://example.com/an/english/address"])
def test_all_chinese_is_zh(ask: Any, text: str) -> None:
    assert ask(text, type="language").value == "zh"


def test_a_list_makes_it_a_boolean(ask: Any) -> None:
    german = ask(QUESTIONS["de"], type="language", any=["de", "nl"])
    assert (german.value, german.score > 0.5) == (True, True)
    french = ask(QUESTIONS["fr"], type="language", any=["de", "nl"])
    assert (french.value, french.score < 0.5) == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "😀👍",
        "12345 + 678",
        "```python\nprint('hello world')\n```",
        "def f(x):\n    return x + 1\n",
        "\x00\ud800",
    ],
)
def test_text_without_words_is_unknown(ask: Any, text: str) -> None:
    assert ask(text, type="language").value is None


def test_code_does_not_hide_the_question(ask: Any) -> None:
    text = "Warum geht das nicht?\n```\nfor item in range(10): print(item)\n```\nDanke für die Hilfe!"
    assert ask(text, type="language").value == "de"


def test_a_long_text_is_read_at_its_ends() -> None:
    german = "Bitte fasse den folgenden Text zusammen. " * 40
    assert max(detect(german + "x " * 2_000_000 + german).items(), key=lambda item: item[1])[0] == "de"


def test_lone_surrogates_and_control_characters() -> None:
    assert "en" in detect("\ud800 what is\x00 the capital \x01of Australia?\n")


def test_what_conditions_may_ask(declare: Any) -> None:
    label, boolean = declare(type="language"), declare(type="language", any=["en"])
    assert (label.shape, label.known_labels) == (Shape.LABEL, LANGUAGES)
    assert (boolean.shape, boolean.known_labels) == (Shape.BOOL, None)


@pytest.mark.parametrize("code", ["english", "EN", "xx"])
def test_an_unknown_language_is_refused(declare: Any, code: str) -> None:
    with pytest.raises(ValidationError, match=f"'{code}' is no language that is told apart"):
        declare(type="language", any=[code])
