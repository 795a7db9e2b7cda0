"""`POST /admin/explain`: where a request would go right now, and why. No backend is called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.params import Depends
from pydantic import BaseModel, ConfigDict, ValidationError

from pointsman.gateway import rehearse
from pointsman.gateway.errors import BadRequest, NoRoute
from pointsman.gateway.explain import explain
from pointsman.gateway.reasons import Asked, no_route, reasons
from pointsman.gateway.routing import encode, route_request
from pointsman.gateway.wire.inbound import parse_json, read_body
from pointsman.policies.nearest import did_you_mean
from pointsman.signals.neural import NeedsEncoding

if TYPE_CHECKING:
    from pointsman.gateway.app import Gateway


T = TypeVar("T")


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: str | None = None
    request: dict[str, Any] | None = None
    headers: dict[str, str] = {}
    to: str | None = None
    all_signals: bool = False

    def body(self) -> rehearse.Body:
        if (self.prompt is None) == (self.request is None):
            raise BadRequest('Send one of "prompt" (a string) and "request" (a chat completion request).')
        return self.request if self.request is not None else rehearse.chat(self.prompt or "")


def add_explain_route(app: FastAPI, gateway: Gateway, guard: Sequence[Depends]) -> None:
    @app.post("/admin/explain", dependencies=guard)
    async def explain_request(request: Request) -> Response:
        runtime = gateway.runtime
        raw = await read_body(request.receive, request.headers, runtime.config.server.max_body)
        question = _question(parse_json(raw, request.headers))
        headers = {name.lower(): value for name, value in question.headers.items()}
        asked = Asked(runtime, question.body(), headers)
        asked.check_target(question.to)
        return Response(orjson.dumps(await _answer(asked, question)), media_type="application/json")


def _question(body: rehearse.Body) -> Question:
    try:
        return Question.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = str(first["loc"][0])[:64]
        if first["type"] == "extra_forbidden":
            raise BadRequest(
                f"There is no `{key}` here{did_you_mean(key, Question.model_fields)}.", param=key
            ) from None
        raise BadRequest(f"`{'.'.join(map(str, first['loc']))[:128]}`: {first['msg']}.", param=key) from None


async def _answer(asked: Asked, question: Question) -> dict[str, Any]:
    runtime, facts, readings = asked.runtime, asked.facts, asked.readings
    try:
        routed = await _encoding(asked, lambda: route_request(runtime, facts, asked.request.path, readings, None))
    except NoRoute as error:
        await _encoding(asked, asked.read_all)
        raise await asyncio.to_thread(no_route, error, asked) from None
    overhead = asked.decided()
    if question.all_signals:
        await _encoding(asked, asked.read_all)
    form = explain("request", routed, asked.skipped(), overhead)
    await _encoding(asked, asked.read_all)
    return form | await asyncio.to_thread(reasons, asked, form["skipped"], question.to)


async def _encoding(asked: Asked, step: Callable[[], T]) -> T:
    """Texts may be long: whoever is served meanwhile does not wait for their signals."""
    while True:
        try:
            return await asyncio.to_thread(step)
        except NeedsEncoding as needed:
            await encode(asked.runtime, asked.readings, needed.passages)
