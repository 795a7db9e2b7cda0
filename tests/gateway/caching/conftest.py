"""A gateway that caches, with an encoder that tests see through."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from tests.support.clients import call
from tests.support.encoders import LetterEncoder
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, scripted

QUESTION = "How do magnets work?"


@pytest.fixture
def letters(monkeypatch):
    """The gateway's encoder."""
    encoder = LetterEncoder()
    monkeypatch.setattr("pointsman.gateway.encoders.build_encoder", lambda config: encoder)
    yield encoder
    encoder.gate.set()


def settings(url, category=None, models=("small",), cache=None, **extra):
    pools = {"small": pool(url, price={"input": 1, "output": 1}), "large": pool(url, model="org/large-72b")}
    decisions = extra.pop("decisions", None) or [
        {"name": "everything", "when": "true", "models": list(models), "cache": True}
    ]
    section = {"categories": {"general": category}} if category else {}
    return config(pools, decisions, cache={**section, **(cache or {})}, **{"encoder": {"budget": "1m"}, **extra})


class Caches:
    """A gateway before an upstream that is counted."""

    def __init__(self, up, gateway):
        self.up, self.gateway = up, gateway

    @property
    def url(self):
        return self.gateway.url

    @property
    def asked(self):
        """How often the upstream was."""
        return len(self.up.requests)

    @property
    def caching(self):
        return self.gateway.gateway._caching

    async def ask(self, text=QUESTION, headers=None, path="chat/completions", **body):
        said = {"messages": [{"role": "user", "content": text}]} if path in ("chat/completions", "messages") else {}
        return await call("POST", f"{self.gateway.v1}/{path}", json={"model": "auto", **said, **body}, headers=headers)

    async def result(self, *args, **options):
        answer = await self.ask(*args, **options)
        assert answer.status == 200, answer.body
        return answer.headers["x-pointsman-cache"]


@pytest.fixture
def caches(letters):
    @asynccontextmanager
    async def run(script=answer_hello, **options):
        async with scripted(script) as up, serving(settings(up.url, **options)) as gateway:
            yield Caches(up, gateway)

    return run
