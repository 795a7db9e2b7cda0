"""The output items of a Response while they grow, and the events that tell of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from pointsman.gateway.wire.checks import Object

ItemEvent = tuple[str, Object]  # its type, and what else it says


class Item(ABC):
    kind: str

    def __init__(self, id: str, index: int) -> None:
        self.id = id
        self.index = index
        self.status = "in_progress"

    @abstractmethod
    def content(self) -> Object: ...

    def object(self) -> Object:
        return {"id": self.id, "type": self.kind, "status": self.status, **self.content()}

    def open(self) -> Iterator[ItemEvent]:
        yield "response.output_item.added", {"output_index": self.index, "item": self.object()}

    def close(self, status: str) -> Iterator[ItemEvent]:
        self.status = status
        yield "response.output_item.done", {"output_index": self.index, "item": self.object()}

    @property
    def place(self) -> Object:
        return {"item_id": self.id, "output_index": self.index}


class Part:
    """One part of an item's content: `output_text`, `refusal` or `reasoning_text`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.pieces: list[str] = []  # joined at the end, so that a long answer costs its length once
        self.logprobs: list[Object] = []

    @property
    def text(self) -> Object:
        return {"refusal" if self.kind == "refusal" else "text": "".join(self.pieces)}

    def object(self) -> Object:
        extra = {"annotations": [], "logprobs": self.logprobs} if self.kind == "output_text" else {}
        return {"type": self.kind, **self.text, **extra}


class TextItem(Item):
    """A `message` or `reasoning`; only its last part grows."""

    def __init__(self, kind: str, id: str, index: int) -> None:
        super().__init__(id, index)
        self.kind = kind
        self.parts: list[Part] = []

    def content(self) -> Object:
        own: Object = {"role": "assistant"} if self.kind == "message" else {"summary": []}
        return {**own, "content": [part.object() for part in self.parts]}

    def grow(self, kind: str, text: str, logprobs: Sequence[Object]) -> Iterator[ItemEvent]:
        if not self.parts or self.parts[-1].kind != kind:
            yield from self._close_part()
            self.parts.append(Part(kind))
            yield "response.content_part.added", {**self._part_place, "part": self.parts[-1].object()}
        part = self.parts[-1]
        part.pieces.append(text)
        part.logprobs += logprobs
        yield f"response.{kind}.delta", {**self._part_place, "delta": text, **_told(kind, logprobs)}

    def close(self, status: str) -> Iterator[ItemEvent]:
        yield from self._close_part()
        yield from super().close(status)

    def _close_part(self) -> Iterator[ItemEvent]:
        if self.parts:
            part = self.parts[-1]
            told = _told(part.kind, part.logprobs)
            yield f"response.{part.kind}.done", {**self._part_place, **part.text, **told}
            yield "response.content_part.done", {**self._part_place, "part": part.object()}

    @property
    def _part_place(self) -> Object:
        return {**self.place, "content_index": len(self.parts) - 1}


def _told(kind: str, logprobs: Sequence[Object]) -> Object:
    return {"logprobs": list(logprobs)} if kind == "output_text" else {}


class CallItem(Item):
    kind = "function_call"

    def __init__(self, id: str, index: int, call_id: str, name: str) -> None:
        super().__init__(id, index)
        self.call_id = call_id
        self.name = name
        self.pieces: list[str] = []

    def content(self) -> Object:
        return {"call_id": self.call_id, "name": self.name, "arguments": "".join(self.pieces)}

    def grow(self, piece: str) -> Iterator[ItemEvent]:
        self.pieces.append(piece)
        yield "response.function_call_arguments.delta", {**self.place, "delta": piece}

    def close(self, status: str) -> Iterator[ItemEvent]:
        if status == "completed" and not any(self.pieces):
            yield from self.grow("{}")  # some servers write no arguments as nothing, which is no JSON
        arguments = "".join(self.pieces)
        told = {**self.place, "name": self.name, "arguments": arguments}
        yield "response.function_call_arguments.done", told
        yield from super().close(status)
