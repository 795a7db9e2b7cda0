"""API keys through the SDKs: who may call, what the rules see, and what never goes upstream."""

import anthropic
import openai
import pytest

from tests.support.clients import MESSAGES, anthropic_sdk, call, chat, openai_sdk
from tests.support.gateway import config, pool, serving
from tests.support.messages import answer_message
from tests.support.upstream import answer_hello, scripted

KEYS = {"KEY_A": "sk-team-a-key", "KEY_B": "sk-team-b-key", "POOL_KEY": "sk-pool-key"}
AUTH = {
    "keys": [
        {"key": "env:KEY_A", "tenant": "team-a", "roles": ["premium"]},
        {"key": "env:KEY_B", "tenant": "team-b"},
    ]
}
DEAD = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def settings(url=DEAD, **extra):
    return config({"small": pool(url, api_key="env:POOL_KEY")}, auth=AUTH, **extra)


async def test_a_right_key_is_let_in_and_replaced_by_the_pools():
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        async with openai_sdk(gateway.v1, KEYS["KEY_A"]) as client:
            await client.chat.completions.create(model="auto", messages=MESSAGES, extra_headers={"cookie": "s=1"})
        async with anthropic_sdk(gateway.url, KEYS["KEY_B"]) as other:
            await other.messages.create(model="auto", max_tokens=5, messages=MESSAGES)
        await chat(gateway.url, headers={"api-key": KEYS["KEY_A"]})
    assert len(up.requests) == 3
    for request in up.requests:
        assert request.headers["authorization"] == "Bearer sk-pool-key"
        assert not {"x-api-key", "api-key", "cookie"} & request.headers.keys()
        assert "team" not in str(request.headers)


async def test_an_anthropic_pool_gets_only_its_own_key():
    claude = pool(DEAD, provider="anthropic", api_key="env:POOL_KEY")
    async with (
        scripted(answer_message) as up,
        serving(config({"claude": claude | {"endpoints": [up.url]}}, auth=AUTH)) as gateway,
    ):
        headers = {"authorization": "Bearer nonsense", "x-api-key": KEYS["KEY_A"]}
        body = {"max_tokens": 5, "messages": MESSAGES}
        assert (await call("POST", f"{gateway.v1}/messages", json=body, headers=headers)).status == 200
    assert up.last.headers["x-api-key"] == "sk-pool-key"
    assert "authorization" not in up.last.headers


async def test_a_pool_without_a_key_gets_none():
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)}, auth=AUTH)) as gateway:
        await chat(gateway.url, headers={"authorization": f"Bearer {KEYS['KEY_A']}"})
    assert "authorization" not in up.last.headers


async def test_a_wrong_key_is_a_401_in_each_sdk_and_is_not_repeated():
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        async with openai_sdk(gateway.v1, "sk-guess") as client:
            with pytest.raises(openai.AuthenticationError) as chat_error:
                await client.chat.completions.create(model="auto", messages=MESSAGES)
            with pytest.raises(openai.AuthenticationError):
                await client.models.list()
            with pytest.raises(openai.AuthenticationError):
                await client.files.list()
        async with anthropic_sdk(gateway.url, "sk-guess") as other:
            with pytest.raises(anthropic.AuthenticationError) as messages_error:
                await other.messages.create(model="auto", max_tokens=5, messages=MESSAGES)
    assert chat_error.value.code == "invalid_api_key"
    assert messages_error.value.body["error"]["type"] == "authentication_error"
    assert chat_error.value.response.headers["www-authenticate"] == "Bearer"
    assert "sk-guess" not in str(chat_error.value) + str(messages_error.value)
    assert up.requests == []


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic c2stdGVhbS1hLWtleTo="}, {"authorization": "Bearer "}])
async def test_no_key_is_a_401_that_says_where_to_put_one(headers):
    async with serving(settings()) as gateway:
        answer = await chat(gateway.url, headers=headers)
    assert (answer.status, answer.error["type"]) == (401, "authentication_error")
    assert "Authorization: Bearer" in answer.error["message"]
    assert answer.headers["x-pointsman-error-source"] == "gateway"
    assert answer.headers["x-request-id"]
    assert "x-pointsman-decision" not in answer.headers


async def test_a_key_comes_before_the_body():
    async with serving(settings()) as gateway:
        answer = await call("POST", f"{gateway.v1}/chat/completions", data=b"{")
    assert answer.status == 401


async def test_health_needs_no_key():
    async with serving(settings()) as gateway:
        for path in ("healthz", "readyz", "metrics"):
            assert (await call("GET", f"{gateway.url}/{path}")).status == 200


async def test_rules_see_tenant_and_roles():
    signals = {"premium": {"type": "role", "any": ["premium"]}, "team": {"type": "tenant"}}
    decisions = [
        {"name": "premium", "when": "premium", "models": ["large"]},
        {"name": "b", "when": "team.team_b", "models": ["small"]},
    ]
    async with scripted(answer_hello) as up:
        pools = {"small": pool(up.url), "large": pool(up.url, model="org/large")}
        async with serving(config(pools, decisions, signals=signals, auth=AUTH)) as gateway:
            outcomes = []
            gateway.gateway.observe(outcomes.append)
            first = await chat(gateway.url, headers={"authorization": f"Bearer {KEYS['KEY_A']}"})
            second = await chat(gateway.url, headers={"x-api-key": KEYS["KEY_B"]})
    assert first.headers["x-pointsman-decision"] == "premium"
    assert second.headers["x-pointsman-decision"] == "b"
    assert [outcome.tenant for outcome in outcomes] == ["team-a", "team-b"]


async def test_a_reload_takes_a_key_away_at_once():
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        headers = {"authorization": f"Bearer {KEYS['KEY_B']}"}
        assert (await chat(gateway.url, headers=headers)).status == 200
        gateway.rewrite(settings(up.url) | {"auth": {"keys": AUTH["keys"][:1]}})
        await gateway.gateway.reload()
        assert (await chat(gateway.url, headers=headers)).status == 401
