from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pointsman.gateway.access.keys import Identity, KeyRing
from pointsman.gateway.errors import Unauthorized
from pointsman.gateway.schema.access import AdminConfig, AuthConfig

TEAM_A = Identity("team-a", frozenset({"premium"}))
TEAM_B = Identity("team-b")
RING = KeyRing([(SecretStr("sk-alpha-1"), TEAM_A), (SecretStr("sk-beta-2"), TEAM_B)])


@pytest.mark.parametrize(
    ("headers", "identity"),
    [
        ({"authorization": "Bearer sk-alpha-1"}, TEAM_A),
        ({"authorization": "bearer   sk-beta-2 "}, TEAM_B),
        ({"x-api-key": "sk-alpha-1"}, TEAM_A),
        ({"api-key": "sk-beta-2"}, TEAM_B),
        # Some Anthropic clients send a provider's key in one header and ours in the other.
        ({"authorization": "Bearer wrong", "x-api-key": "sk-alpha-1"}, TEAM_A),
    ],
)
def test_a_key_is_taken_from_any_of_the_usual_headers(headers: dict[str, str], identity: Identity) -> None:
    assert RING.authenticate(headers) == identity


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer "},
        {"authorization": "Basic c2stYWxwaGEtMQ=="},
        {"x-api-key": " "},
    ],
)
def test_without_a_key_the_error_says_how_to_send_one(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized, match="Authorization: Bearer") as caught:
        RING.authenticate(headers)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")


@pytest.mark.parametrize("key", ["sk-alpha-", "sk-alpha-11", "SK-ALPHA-1", "sk-gamma", "\xff\xfe", "密钥", "\ud800"])
def test_a_wrong_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(Unauthorized, match="not valid here") as caught:
        RING.authenticate({"authorization": f"Bearer {key}"})
    assert key not in caught.value.message


@given(st.text(st.characters(exclude_categories=[]), min_size=1))
def test_no_header_value_does_more_than_fail(key: str) -> None:
    with pytest.raises(Unauthorized):
        RING.authenticate({"x-api-key": key, "authorization": key})


def test_a_key_twice_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(ValueError, match="key number 3") as caught:
        KeyRing((SecretStr(key), TEAM_A) for key in ("sk-one", "sk-two", "sk-one"))
    assert "sk-one" not in str(caught.value)


def test_keys_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_A_KEY", "sk-from-env")
    config = AuthConfig.model_validate({"keys": [{"key": "env:TEAM_A_KEY", "tenant": "team-a", "roles": ["premium"]}]})
    assert KeyRing.of_clients(config).authenticate({"authorization": "Bearer sk-from-env"}) == TEAM_A
    admins = KeyRing.of_admins(AdminConfig.model_validate({"keys": ["env:TEAM_A_KEY"]}))
    assert admins.authenticate({"x-api-key": "sk-from-env"}).roles == {"admin"}
    with pytest.raises(Unauthorized):
        KeyRing.of_admins(AdminConfig()).authenticate({"x-api-key": "sk-from-env"})
