"""Decision logs as the gateway writes them, without a gateway."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import orjson
import yaml

from pointsman.gateway.app import build_rules, build_runtime
from pointsman.gateway.config import load
from pointsman.gateway.errors import RequestError
from pointsman.gateway.observe.entry import encode, encode_config
from pointsman.gateway.observe.outcome import (
    Attempt,
    Chosen,
    ErrorSource,
    Outcome,
    Result,
    Selected,
    Timings,
    Usage,
)
from pointsman.gateway.pools.discovery.finder import presume
from pointsman.gateway.rehearse import encoding
from pointsman.gateway.routing import route_request
from pointsman.gateway.runtime import Loads
from pointsman.gateway.schema.config import Config
from pointsman.signals.facts import Facts, Message, PoolLoad, Route
from pointsman.signals.readings import Readings

BEGAN = datetime(2026, 3, 2, 12, tzinfo=UTC)


def write_policy(path: Path, policy: dict[str, Any]) -> Config:
    path.write_text(yaml.safe_dump(policy), "utf-8")
    return load(path)


class Logged:
    """The log of one configuration. Each request comes a minute after the one before."""

    def __init__(self, folder: Path, policy: dict[str, Any], text: bool = False) -> None:
        config = write_policy(folder / "logged.yaml", {"log": {"decisions": {"path": "unused"}}, **policy})
        rules = build_rules(config)
        self._runtime = build_runtime(config, rules)
        presume(self._runtime.pools.values())
        self._text = text
        self._numbers = count(1)
        assert self._runtime.declared is not None
        self.lines = [encode_config(self._runtime.declared)]

    @property
    def config(self) -> dict[str, Any]:
        form = orjson.loads(self.lines[0])
        assert isinstance(form, dict)
        return form

    def ask(
        self,
        text: str = "Hello",
        model: str | None = "auto",
        *,
        messages: list[Message] | None = None,
        usage: Usage | None = Usage(1000, 500),
        loads: dict[str, PoolLoad] | None = None,
        failed_over: str | None = None,
        random: Random | None = None,
        **facts: Any,
    ) -> dict[str, Any]:
        """A request; it is also added to the log. `failed_over` is the pool that answered in the end, `random` what the
        selector draws from."""
        number, runtime = next(self._numbers), self._runtime
        states = Loads(lambda name: (loads or {}).get(name, PoolLoad()), runtime.pools_read)
        usual = {"tenant": None, "size": 10_000, "read_messages": lambda: messages or [Message("user", text)]}
        asked = Facts(**{"route": Route.CHAT, "model": model, "pools": states.__getitem__, **usual, **facts})
        readings = Readings(runtime.signals, asked)
        time = BEGAN.timestamp() + 60 * number
        made = Outcome(
            f"r{number}", asked.route, 404, Timings(1.0, 0.001), time, asked, asked.tenant,
            config=runtime.declared and runtime.declared.config, signals=readings.values, pools=states,
        )  # fmt: skip
        try:
            routed = encoding(
                readings,
                lambda: runtime.encoder.encoder,  # type: ignore[union-attr]
                lambda: route_request(runtime, asked, "/chat/completions", readings, random or Random(0)),
            )
        except RequestError as error:
            made = made._replace(error_source=ErrorSource.GATEWAY, error_code=error.code)
        else:
            made = made._replace(status=200, decision=routed.decision, candidates=routed.candidates)
            if routed.pools:
                first = routed.pools[0].name
                last = runtime.pools[failed_over or first].config
                price = last.price
                made = made._replace(
                    chosen=Chosen(failed_over or first, last.model, "e", routed.choice.by, routed.choice.propensity),
                    selected=None if routed.context is None else Selected(routed.choice, routed.context),
                    attempts=(Attempt(first, "e", Result.OK, 1.0),),
                    usage=usage,
                    cost=None if usage is None else usage.cost(price.input, price.output),
                )
        self.lines.append(encode(made, self._text))
        form = orjson.loads(self.lines[-1])
        assert isinstance(form, dict)
        return form

    def reward(self, identifier: str, reward: float | None, weight: float = 1.0) -> None:
        form = {"v": 1, "event": "reward", "id": identifier, "reward": reward, "weight": weight}
        self.lines.append(orjson.dumps(form, option=orjson.OPT_APPEND_NEWLINE))
