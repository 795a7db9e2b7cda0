"""The HTTP face of the engine: vLLM's routes as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from importlib.metadata import version
from time import time
from typing import Any

from pydantic import TypeAdapter, ValidationError
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from pointsman.gateway.sim import tokens
from pointsman.gateway.sim.engine import Engine
from pointsman.gateway.sim.errors import EndedError, SimError, unknown_model
from pointsman.gateway.sim.exchange import Exchange
from pointsman.gateway.sim.faults import Fault, Faults, explain
from pointsman.gateway.sim.generate import Generator, parse
from pointsman.gateway.sim.metrics import SimMetrics
from pointsman.gateway.sim.options import SimOptions
from pointsman.gateway.sim.requests import TokenizeRequest, chat_prompt
from pointsman.gateway.sim.runner import Runner

Handler = Callable[[Exchange], Awaitable[None]]

_VERSION = version("pointsman")
_TEXT = b"text/plain; version=0.0.4; charset=utf-8"
_FAULTS = TypeAdapter(list[Fault] | Fault)


class SimApp:
    def __init__(self, options: SimOptions) -> None:
        self.options = options
        self.engine = Engine(options.engine)
        self.metrics = SimMetrics(self.engine, options.served[0])
        self.runner = Runner(self.engine, self.metrics, options.speed)
        self.faults = Faults(options.faults, options.seed)
        self.generator = Generator(options, self.runner, self.faults)
        self._created = int(time())
        self._routes = self._make_routes()

    def _make_routes(self) -> Mapping[str, Mapping[str, Handler]]:
        generator = self.generator
        tokenize = {"POST": self._tokenize}
        return {
            "/v1/chat/completions": {"POST": generator.handler(generator.chat)},
            "/v1/completions": {"POST": generator.handler(generator.completion)},
            "/v1/embeddings": {"POST": generator.handler(generator.embeddings)},
            "/v1/models": {"GET": self._models},
            "/v1/tokenize": tokenize,
            "/tokenize": tokenize,
            "/health": {"GET": self._health},
            "/ping": {"GET": self._health, "POST": self._health},
            "/version": {"GET": self._show_version},
            "/load": {"GET": self._load},
            "/metrics": {"GET": self._show_metrics},
            "/sim/faults": {"GET": self._list_faults, "POST": self._set_faults, "DELETE": self._clear_faults},
        }

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(self._routes)

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send)
        try:
            await self._handler(exchange)(exchange)
        except SimError as error:
            if exchange.started:
                await exchange.close()
            else:
                await exchange.json(error.body(), error.status, error.headers)
        except EndedError:
            return

    def _handler(self, exchange: Exchange) -> Handler:
        methods = self._routes.get(exchange.path)
        if methods is None:
            raise SimError(404, f"There is no {exchange.path} here.")
        handler = methods.get("GET" if exchange.method == "HEAD" else exchange.method)
        if handler is None:
            allowed = ", ".join(methods)
            message = f"{exchange.path} takes {allowed}, not {exchange.method}."
            raise SimError(405, message, headers={"allow": allowed})
        if exchange.path.startswith("/v1/"):
            self._authorise(exchange)
        return handler

    def _authorise(self, exchange: Exchange) -> None:
        key = self.options.api_key
        given = exchange.headers.get("authorization", "")
        if key is not None and not compare_digest(given.encode(), f"Bearer {key}".encode()):
            raise SimError(401, "Unauthorized: send the server's key as `Authorization: Bearer KEY`.")

    async def _models(self, exchange: Exchange) -> None:
        await exchange.json({"object": "list", "data": [self._card(name) for name in self.options.served]})

    def _card(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "object": "model",
            "created": self._created,
            "owned_by": "pointsman-sim",
            "root": self.options.model,
            "parent": None,
            "max_model_len": self.options.engine.max_model_len,
        }

    async def _tokenize(self, exchange: Exchange) -> None:
        body = parse(TokenizeRequest, await exchange.body())
        if body.model is not None and body.model not in self.options.served:
            raise unknown_model(body.model)
        pieces = tokens.split(body.prompt if body.prompt is not None else chat_prompt(body.messages or []))
        value = {
            "count": len(pieces),
            "max_model_len": self.options.engine.max_model_len,
            "tokens": tokens.ids(pieces).tolist(),
            "token_strs": pieces if body.return_token_strs else None,
        }
        await exchange.json(value)

    async def _health(self, exchange: Exchange) -> None:
        well = self.runner.alive and not self.faults.sick()
        await exchange.answer(b"", 200 if well else 503)

    async def _show_version(self, exchange: Exchange) -> None:
        await exchange.json({"version": _VERSION})

    async def _load(self, exchange: Exchange) -> None:
        await exchange.json({"server_load": self.generator.inflight})

    async def _show_metrics(self, exchange: Exchange) -> None:
        await exchange.answer(self.metrics.text(), kind=_TEXT)

    async def _list_faults(self, exchange: Exchange) -> None:
        active = self.faults.active
        await exchange.json([fault.model_dump(mode="json", exclude_defaults=True) for fault in active])

    async def _set_faults(self, exchange: Exchange) -> None:
        try:
            given = _FAULTS.validate_json(await exchange.body())
        except ValidationError as error:
            raise SimError(400, f"No such fault: {explain(error)}.") from None
        self.faults.replace(given if isinstance(given, list) else [given])
        await self._list_faults(exchange)

    async def _clear_faults(self, exchange: Exchange) -> None:
        self.faults.replace([])
        await self._list_faults(exchange)
