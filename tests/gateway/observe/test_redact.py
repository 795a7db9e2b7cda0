from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.observe.redact import HIDDEN, MAX_SECRETS, Redactor

JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer SECRET1234",
        "authorization=SECRET1234",
        "{'x-api-key': 'SECRET1234'}",
        '{"api_key": "SECRET1234"}',
        "(b'authorization', b'Bearer SECRET1234')",
        "(b'x-api-key', b'SECRET1234'), (b'accept', b'*/*')",
        "GET /v1/models?key=SECRET1234&x=1",
        "GET /v1/models?api_key=SECRET1234",
        "sent Bearer SECRET1234 upstream",
        "Basic SECRET1234==",
        "key sk-SECRET1234 is wrong",
        "Cookie: SECRET1234",
        "password=SECRET1234",
    ],
)
def test_what_looks_like_a_credential_is_hidden(text: str) -> None:
    cleaned = Redactor().clean_text(text)
    assert "SECRET1234" not in cleaned
    assert HIDDEN in cleaned


@pytest.mark.parametrize(
    "text", ["first_token: 60s", "prompt tokens: 12", "a bearer of bad news", "task-force", "路由"]
)
def test_other_text_stays(text: str) -> None:
    assert Redactor().clean_text(text) == text


@pytest.mark.parametrize(
    "value",
    [
        {"authorization": "hunter2"},
        {"X-Api-Key": b"hunter2"},
        {"request": {"headers": [(b"authorization", b"hunter2")]}},
        {"headers": [["Cookie", "hunter2"]]},
        {"set_cookie": ["hunter2"]},
    ],
)
def test_values_under_a_credentials_name_are_hidden(value: object) -> None:
    assert "hunter2" not in repr(Redactor().clean(value))


class Holder:
    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return f"Holder({self.secret!r})"


@given(JSON_LIKE, st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6))
def test_known_secrets_are_hidden_wherever_they_are(around: object, secret: str) -> None:
    redactor = Redactor()
    redactor.hide([secret])
    event = {
        "event": f"before {secret} after",
        secret: 1,
        "deep": [{"a": (secret, secret.encode())}, around],
        "object": Holder(secret),
        "json": json.dumps({"x": secret}),
    }
    assert secret not in json.dumps(redactor.clean(event), ensure_ascii=False).replace(HIDDEN, "")


@given(JSON_LIKE)
def test_what_comes_out_is_json(value: object) -> None:
    json.dumps(Redactor().clean(value), allow_nan=False)


def test_what_contains_itself_comes_to_an_end() -> None:
    loop: list[object] = []
    loop.append(loop)
    json.dumps(Redactor().clean(loop))


def test_secrets_of_an_older_configuration_stay_hidden_within_a_bound() -> None:
    redactor = Redactor()
    redactor.hide(["first-secret", ""])
    redactor.hide(["second-secret"])
    assert redactor.clean_text("first-secret second-secret x") == f"{HIDDEN} {HIDDEN} x"
    redactor.hide(f"secret-{n}-" for n in range(MAX_SECRETS))
    assert redactor.clean_text("first-secret secret-0-") == f"first-secret {HIDDEN}"
