from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter

from pointsman.signals.base import Signal, SignalValue
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.registry import SignalConfig, build

CONFIG: TypeAdapter[Any] = TypeAdapter(SignalConfig)

Declare = Callable[..., Signal[Any]]
Ask = Callable[..., SignalValue]


@pytest.fixture
def declare() -> Declare:
    """A signal from what the YAML says."""

    def declare(**options: Any) -> Signal[Any]:
        return build("signal", CONFIG.validate_python(options))

    return declare


@pytest.fixture
def ask(declare: Declare) -> Ask:
    """What a signal with these options says of a request; `text` is the only message, unless there are `messages`."""

    def ask(text: str = "", *, messages: tuple[Message, ...] = (), facts: Any = None, **options: Any) -> SignalValue:
        read = messages or (Message("user", text),)
        request = facts or Facts(Route.CHAT, read_messages=lambda: read)
        return declare(**options).evaluate(request)

    return ask
