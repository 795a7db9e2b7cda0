"""Bodies and stream events in the shapes that vLLM gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import orjson

from pointsman.gateway.sim.answers import Answer, Call, logprobs
from pointsman.gateway.wire.sse import encode_event

DONE = encode_event(b"[DONE]")


@dataclass(frozen=True, slots=True)
class Head:
    """What every chunk of one answer repeats."""

    id: str
    model: str
    created: int

    def object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def usage(prompt: int, completion: int, cached: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "completion_tokens": completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


class Reply(Protocol):
    """One answer of a route, whole or in events."""

    answers: Sequence[Answer]

    def opening(self) -> list[bytes]: ...

    def event(self, choice: int, index: int) -> bytes: ...

    def usage_event(self, usage: dict[str, Any]) -> bytes: ...

    def body(self, usage: dict[str, Any]) -> dict[str, Any]: ...


Logprobs = dict[str, Any] | None


class _Ending(NamedTuple):
    """How a choice ended, if it has."""

    reason: str | None = None
    stop: str | None = None


_GOES_ON = _Ending()


def _ending(answer: Answer, index: int) -> _Ending:
    """At the token `index`."""
    return _Ending(answer.reason, answer.stop) if index == len(answer.deltas) - 1 else _GOES_ON


class ChatReply:
    def __init__(self, head: Head, answers: Sequence[Answer], top: int | None) -> None:
        self.answers = answers
        self._head, self._top = head, top  # top: None without logprobs

    def opening(self) -> list[bytes]:
        delta = {"role": "assistant", "content": ""}
        return [self._event(index, delta, None, _GOES_ON) for index in range(len(self.answers))]

    def event(self, choice: int, index: int) -> bytes:
        answer = self.answers[choice]
        delta = answer.deltas[index]
        content: dict[str, Any] = {"content": delta.text}
        if delta.call is not None:
            call = answer.calls[delta.call]
            content = {"tool_calls": [_call_delta(call, delta.call, delta.text, delta.opens)]}
        return self._event(choice, content, self._logprobs([delta.text]), _ending(answer, index))

    def _event(self, index: int, delta: dict[str, Any], chosen: Logprobs, ending: _Ending) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": chosen, "finish_reason": ending.reason}
        if ending.reason:
            choice["stop_reason"] = ending.stop
        return encode_event(orjson.dumps(self._head.object("chat.completion.chunk", [choice])))

    def usage_event(self, usage: dict[str, Any]) -> bytes:
        return encode_event(orjson.dumps({**self._head.object("chat.completion.chunk", []), "usage": usage}))

    def body(self, usage: dict[str, Any]) -> dict[str, Any]:
        choices = [self._choice(index, answer) for index, answer in enumerate(self.answers)]
        return {**self._head.object("chat.completion", choices), "usage": usage}

    def _choice(self, index: int, answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.calls:
            message["content"] = None
            message["tool_calls"] = [_call(call, given) for call, given in _calls_given(answer)]
        return {
            "index": index,
            "message": message,
            "logprobs": self._logprobs([delta.text for delta in answer.deltas]),
            "finish_reason": answer.reason,
            "stop_reason": answer.stop,
        }

    def _logprobs(self, pieces: list[str]) -> Logprobs:
        return None if self._top is None else {"content": [_entry(piece, self._top) for piece in pieces]}


def _entry(piece: str, top: int) -> dict[str, Any]:
    own, *rest = (
        {"token": text, "logprob": value, "bytes": list(text.encode())} for text, value in logprobs(piece, top)
    )
    return {**own, "top_logprobs": rest}


def _call(call: Call, arguments: str) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _call_delta(call: Call, index: int, text: str, opens: bool) -> dict[str, Any]:
    return {"index": index, **(_call(call, "") if opens else {"function": {"arguments": text}})}


def _calls_given(answer: Answer) -> list[tuple[Call, str]]:
    """The calls that the token limit let begin, each with the arguments that came."""
    begun = {delta.call for delta in answer.deltas}
    return [
        (call, "".join(delta.text for delta in answer.deltas if delta.call == index))
        for index, call in enumerate(answer.calls)
        if index in begun
    ]


class CompletionReply:
    def __init__(self, head: Head, answers: Sequence[Answer], top: int | None, echoes: Sequence[str]) -> None:
        self.answers = answers
        self._head, self._top, self._echoes = head, top, echoes  # echoes: before each choice's text

    def opening(self) -> list[bytes]:
        return [
            self._event([_completion_choice(index, echo, None, _GOES_ON)])
            for index, echo in enumerate(self._echoes)
            if echo
        ]

    def event(self, choice: int, index: int) -> bytes:
        answer = self.answers[choice]
        chosen = self._logprobs(answer, index, index + 1)
        text = answer.deltas[index].text
        return self._event([_completion_choice(choice, text, chosen, _ending(answer, index))])

    def _event(self, choices: list[dict[str, Any]]) -> bytes:
        return encode_event(orjson.dumps(self._head.object("text_completion", choices)))

    def usage_event(self, usage: dict[str, Any]) -> bytes:
        return encode_event(orjson.dumps({**self._head.object("text_completion", []), "usage": usage}))

    def body(self, usage: dict[str, Any]) -> dict[str, Any]:
        choices = []
        for index, answer in enumerate(self.answers):
            chosen = self._logprobs(answer, 0, len(answer.deltas))
            ending = _Ending(answer.reason, answer.stop)
            choices.append(_completion_choice(index, self._echoes[index] + answer.text, chosen, ending))
        return {**self._head.object("text_completion", choices), "usage": usage}

    def _logprobs(self, answer: Answer, first: int, end: int) -> Logprobs:
        """Of the tokens from `first` up to `end`; those before only count for the offsets."""
        if self._top is None:
            return None
        pieces = [delta.text for delta in answer.deltas[:end]]
        chosen = [list(logprobs(piece, self._top)) for piece in pieces[first:]]
        return {
            "text_offset": list(accumulate(map(len, pieces), initial=0))[first:-1],
            "token_logprobs": [own for (_, own), *_ in chosen],
            "tokens": pieces[first:],
            "top_logprobs": [dict(top) for _, *top in chosen],
        }


def _completion_choice(index: int, text: str, chosen: Logprobs, ending: _Ending) -> dict[str, Any]:
    return {
        "index": index,
        "text": text,
        "logprobs": chosen,
        "finish_reason": ending.reason,
        "stop_reason": ending.stop,
    }
