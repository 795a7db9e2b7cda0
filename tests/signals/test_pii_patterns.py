"""What `pii` finds by patterns: [[brackets]] mark the spans that are expected in each text."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.signals.pii.patterns import find_patterned

MARKED = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoiYWRhIn0.Zm9vYmFyYmF6cXV4MDEyMzQ1"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nq83v\n-----END RSA PRIVATE KEY-----"
HEX = "9f86d081884c7d659a2feaa0c55ad015"

FOUND = {
    "EMAIL": [
        "write to [[ada.l+news@mail.example.co.uk]].",
        "邮箱[[zhang@qq.com]]是我的",
        "<[[a_b@c-d.org]]>, **[[bob@corp.com]]**",
        "mailto:[[x@y.io]]?subject=hi",
        "[[jürgen@müller.de]]",
        "full width: [[ada＠example.com]]",
    ],
    "PHONE": [
        "Call me at [[07700 063 966]] tomorrow",
        "[[+44 7700 900123]] is mine, or [[+1 (415) 555-2671]]",
        "Desk: [[+41 (0)22 555 01 10]]\nFax: [[9495550106]]",
        "Telefon: [[030/1234567]]",
        "mon numéro de téléphone est le [[06 12 34 56 78]].",
        "Mi teléfono es [[699 123 915]]",
        "我的手机号是[[13800138000]]，谢谢",
        "携帯は[[090-1234-5678]]です",
        "هاتف: [[٠٥٠١٢٣٤٥٦٧]]",
        "call [[001-463-555-6138x036]] now",
        "dial [[1-800-555-0199]]",
        "Phone [[555-123-4567]] or [[555-765-4321]]",
        "[[555-123-4567]]/[[555-765-4321]]",
        "([[212-555-0123]]) and [[(212)555-0123]]",
        "[[212.555.0123]] works",
        "My number is [[467 5395]].",
        "reach me on [[(37) 555-063]]",
        "or dial [[60-55-85-91]] after six",
        "T: [[020 7946 0958]]",
        'phone=[[5551234567]]&x, {"phone": "[[4155552671]]"}',
        "[[0049 30 901820]]",
        "[[699 123 915]]",
        "Lindy & Sons\n[[781 1704]] office",
        "tel:[[+49 30 901820]]",
    ],
    "CREDIT_CARD": [
        "[[4111 1111 1111 1111]], exp 12/27",
        "[[4111-1111-1111-1111]]",
        "amex [[3782 822463 10005]] or [[378282246310005]]",
        "my Maestro card [[501800000009]]",
        "ｃａｒｄ [[４１１１１１１１１１１１１１１１]]",
    ],
    "SSN": [
        "My SSN is [[123-45-6789]]",
        "ssn [[123456789]]",
        "Social security number: [[123 45 6789]]",
        "on file: [[219-09-9999]]",
    ],
    "IBAN": [
        "[[DE89 3704 0044 0532 0130 00]]",
        "iban [[gb82west12345698765432]].",
        "[[NL91ABNA0417164300]] and [[FR14 2004 1010 0505 0001 3M02 606]]",
    ],
    "IP_ADDRESS": [
        "server [[192.168.1.10]]:8080 is down",
        "http://[[10.0.0.1]]/x",
        "net [[10.0.0.0]]/8",
        "ping [[2001:db8::ff00:42:8329]]",
        "from [[2001:0db8:85a3:0000:0000:8a2e:0370:7334]].",
    ],
    "API_KEY": [
        "use [[sk-abcdefghijabcdefghij]]",
        "export AWS_ACCESS_KEY_ID=[[AKIAIOSFODNN7EXAMPLE]]",
        "AWS_SECRET_ACCESS_KEY=[[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]]",
        "token: [[ghp_16C7e42F292c6912E7710c838347Ae178B4a]]",
        "Authorization: Bearer [[abc123DEF456ghi789JKL012]]",
        f"[[{TOKEN}]]",
        f"key:\n[[{PEM}]]\nbye",
        "postgres://admin:[[s3cr3tPw9]]@db.example.com/x",
        f'"api_key": "[[{HEX}]]"',
        "my api key is [[f47ac10b-58cc-4372-a567-0e02b2c3d479]]",
        "slack [[xoxb-123456789012-abcdefGHIJKL]]",
    ],
    "DATE_OF_BIRTH": [
        "I was born on [[12 May 1990]].",
        "DOB: [[03/04/1985]]",
        "D.O.B. [[19900512]]",
        "date of birth (dd/mm/yyyy): [[03.04.1985]]",
        "My birthday is [[March 14th]]",
        "[[12/05/1990]] is my birthday",
        "Ann, born in Berlin on [[May 3, 1970]]",
        "geboren am [[3. März 1970]] in Bonn",
        "née le [[14 juillet 1989]]",
        "nacido el [[5 de mayo de 1988]]",
        "生年月日：[[1990年5月12日]]",
        "дата рождения: [[12.05.1990]]",
        "doğum tarihi [[12.05.1990]]",
    ],
}

NOTHING = [
    "It cost $1 234 567 or 1,234,567, and 100 200 300 € later",
    "the years 1998-2004 and 2020-01-02 12:20:39",
    "ISBN 978-3-16-148410-0",
    "order number 123-456-7890 is late",
    "version 1.2.3.4 and v10.0.0.1, section 4.4.1.2",
    "Chrome/120.0.0.0 Safari, foo==1.2.3.4",
    "at 40.712776, -74.005974",
    f"commit {HEX}a3bf4f1b",
    "123e4567-e89b-12d3-a456-426614174000",
    "Pi is 3.1415926535 and the phone weighs 172.5 g",
    "My phone has 128 256 512 GB",
    "call 12345, or 911",
    "born in 1990; the meeting is on 12/05/1990",
    "My birthday party is on 12 May",
    "She was born in Rome. The war ended on 2 June 1946",
    "newborn on 12 May 1990",
    "std::vector<face::b> at 12:30:45, x[1::2], a[10::20]",
    "user@localhost pkg@1.2.3 @types/node git@github.com:org/repo.git",
    "population 1 234 567 people",
    "the sk-fading-circle-container class",
    'api_key = os.environ["OPENAI_API_KEY"]; token = getAccessTokenV2FromVault(',
    'api_key = "your-api-key-here-1234"',
    "password must be at least 16 characters",
    "1700000000000 ms since the epoch; 00:1A:2B:3C:4D:5E",
    "J. Chem. (2010) 132-145",
    "card 4111 1111 1111 1112",
    "driver's license U62928788557186",
    "000-12-3456 666-12-3456 923-45-6789",
    "DE89 3704 0044 0532 0130 01",
    "256.1.1.1 and 1.2.3.4.5",
    "https://example.com/item/555-123-4567",
    "123456789",
    "03262 2437 Main St",
]


@pytest.mark.parametrize(("kind", "marked"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_found(kind: str, marked: str) -> None:
    text = marked.replace("[[", "").replace("]]", "")
    assert [(text[one.start : one.end], one.type) for one in find_patterned(text)] == [
        (value, kind) for value in MARKED.findall(marked)
    ]


@pytest.mark.parametrize("text", NOTHING)
def test_nothing(text: str) -> None:
    assert find_patterned(text) == ()


@pytest.mark.parametrize("before", ["é" * 50, "你好" * 40, "😀 " * 30, "\ud800 ", "word " * 30_000])
def test_offsets_are_code_points(before: str) -> None:
    text = (
        f"{before} key sk-abcdefghijabcdefghij, IBAN DE89370400440532013000, ip 2001:db8::ff00:42:8329, born 1 May 1990"
    )
    assert [text[one.start : one.end] for one in find_patterned(text)] == [
        "sk-abcdefghijabcdefghij",
        "DE89370400440532013000",
        "2001:db8::ff00:42:8329",
        "1 May 1990",
    ]


def luhn_digit(digits: str) -> str:
    from pointsman.signals.pii.numbers import luhn

    return next(last for last in "0123456789" if luhn(digits + last))


@given(st.from_regex(r"4[0-9]{14}", fullmatch=True), st.integers(0, 15), st.integers(1, 9))
def test_one_wrong_digit_makes_no_card(digits: str, place: int, change: int) -> None:
    number = digits + luhn_digit(digits)
    wrong = number[:place] + str((int(number[place]) + change) % 10) + number[place + 1 :]
    assert [one.type for one in find_patterned(f"card {number}")] == ["CREDIT_CARD"]
    assert "CREDIT_CARD" not in [one.type for one in find_patterned(f"card {wrong}")]


@given(st.text(st.sampled_from("0123456789 -.()+/@:\nab=xé你\ud800")))
def test_spans_lie_in_the_text_in_order_and_apart(text: str) -> None:
    at = 0
    for one in find_patterned(text):
        assert at <= one.start < one.end <= len(text)
        at = one.end


@pytest.mark.parametrize("piece", ["1", "1 ", "@", "a@", "key=", "::", "born 1 ", "://a:", "-----BEGIN "])
def test_long_and_strange_text(piece: str) -> None:
    find_patterned(piece * (300_000 // len(piece)))


def test_a_key_in_a_long_text(ask: Any) -> None:
    text = "lorem ipsum " * 20_000 + "sk-abcdefghijabcdefghij" + " dolor sit" * 20_000
    found = ask(text, type="pii", types=["API_KEY"])
    assert (found.value, [(one.start, one.end) for one in found.spans]) == (True, [(240_000, 240_023)])
