"""The interface between a client's wire and another wire that its pool speaks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from pointsman.gateway.errors import RequestError
from pointsman.gateway.wire.sse import Event


class StreamTranslation(ABC):
    """One stream's state. Whole upstream events in, whole client events (bytes, blank line included) out."""

    @abstractmethod
    def feed(self, event: Event) -> list[bytes]: ...

    @abstractmethod
    def finish(self) -> list[bytes]:
        """The upstream ended as its wire says that it should."""

    @abstractmethod
    def fail(self, error: RequestError) -> bytes:
        """The terminal error event of the client's wire, after which nothing is sent."""


class Translation(ABC):
    """One request's translation, made from the client's parsed body.

    `BadRequest` if the body asks for something that the other wire cannot express: never drop it silently."""

    path: str  # below /v1/, what is called upstream

    @abstractmethod
    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        """The upstream's body; `body` is not changed. Streams ask for usage where the wire knows how."""

    @abstractmethod
    def response(self, body: dict[str, Any]) -> dict[str, Any]: ...

    @abstractmethod
    def error(self, status: int, body: dict[str, Any]) -> dict[str, Any]:
        """An upstream's error object in the client's shape, message and type kept as far as they go."""

    @abstractmethod
    def stream(self) -> StreamTranslation: ...
