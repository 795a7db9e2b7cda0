"""The routes that use the engine."""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import uuid4

import orjson
from pydantic import ValidationError

from pointsman.gateway.sim import embeddings
from pointsman.gateway.sim.delivery import Delivery
from pointsman.gateway.sim.engine import Request, Token
from pointsman.gateway.sim.engine import Sequence as Running
from pointsman.gateway.sim.errors import EndedError, SimError, too_long
from pointsman.gateway.sim.exchange import Exchange
from pointsman.gateway.sim.faults import IN_BODY, Fault, Faults, Kind, explain, parse_fault
from pointsman.gateway.sim.jobs import Author, Job, encode_prompt
from pointsman.gateway.sim.options import SimOptions
from pointsman.gateway.sim.replies import DONE, usage
from pointsman.gateway.sim.requests import Body, ChatRequest, CompletionRequest, EmbeddingRequest, each_prompt
from pointsman.gateway.sim.runner import Inbox, Runner

BodyT = TypeVar("BodyT", bound=Body)


def parse(kind: type[BodyT], body: bytes) -> BodyT:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SimError(400, f"The body is not valid JSON: {error}.") from None
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise SimError(400, explain(error)) from None


class Call:
    """One request on its way through the engine."""

    def __init__(self, exchange: Exchange, body: bytes, inbox: Inbox, fault: Fault | None) -> None:
        self.body, self.inbox = body, inbox
        self.exchange, self.delivery = exchange, Delivery(exchange, fault)
        self.id = exchange.headers.get("x-request-id") or uuid4().hex

    async def tokens(self) -> list[Token]:
        """What the engine did for this request since the last time, at least one token."""
        taken = await self.inbox.take()
        tokens = [token for token in taken if token is not None]
        if len(tokens) == len(taken):
            return tokens
        if self.exchange.gone.is_set():
            raise EndedError("The client went away.")
        raise SimError(500, "The engine is dead.")

    async def finish(self, left: int) -> None:
        """Wait until so many sequences are at their end."""
        while left:
            left -= sum(token.finished is not None for token in await self.tokens())


class Generator:
    def __init__(self, options: SimOptions, runner: Runner, faults: Faults) -> None:
        self.inflight = 0
        self._options, self._runner, self._faults = options, runner, faults
        self._author = Author(options)

    def handler(self, generate: Callable[[Call], Awaitable[None]]) -> Callable[[Exchange], Awaitable[None]]:
        async def handle(exchange: Exchange) -> None:
            body = await exchange.body()
            inbox = Inbox()
            watcher = exchange.watch(lambda: inbox.put(None))
            self.inflight += 1
            try:
                await generate(Call(exchange, body, inbox, await self._meet_faults(exchange)))
            finally:
                self.inflight -= 1
                watcher.cancel()

        return handle

    async def chat(self, call: Call) -> None:
        await self._answer(call, self._author.chat(parse(ChatRequest, call.body), call.id))

    async def completion(self, call: Call) -> None:
        await self._answer(call, self._author.completion(parse(CompletionRequest, call.body), call.id))

    async def embeddings(self, call: Call) -> None:
        body = parse(EmbeddingRequest, call.body)
        model = self._author.model(body.model)
        prompts = each_prompt(body.input)
        encoded = [encode_prompt(prompt) for prompt in prompts]
        self._check_length(max(map(len, encoded)))
        await self._prefill(call, [Request(prompt, array("q")) for prompt in encoded])
        features = (embeddings.words(p) if isinstance(p, str) else encode_prompt(p) for p in prompts)
        size = body.dimensions or self._options.embedding_size
        vectors = (embeddings.embed(each, size) for each in features)
        used = sum(map(len, encoded))
        await call.delivery.json(
            embeddings.embeddings_body(vectors, body.encoding_format, model, used, f"embd-{call.id}")
        )

    def _check_length(self, prompt: int) -> None:
        if prompt > self._options.engine.max_model_len:
            raise too_long(self._options.engine.max_model_len, prompt, 0)

    async def _prefill(self, call: Call, requests: Sequence[Request]) -> None:
        sequences = self._runner.submit((request for request in requests if request.prompt), call.inbox)
        try:
            await call.finish(len(sequences))
        finally:
            self._runner.abort(sequences)

    async def _answer(self, call: Call, job: Job) -> None:
        sequences = self._runner.submit(job.requests, call.inbox)
        try:
            if job.stream:
                await self._stream(call, job, sequences)
            else:
                await call.finish(len(sequences))
                await call.delivery.json(job.reply.body(_usage(job, sequences)))
        finally:
            self._runner.abort(sequences)

    async def _stream(self, call: Call, job: Job, sequences: list[Running]) -> None:
        await call.delivery.start()
        choices = {sequence: index for index, sequence in enumerate(sequences)}
        tokens = await call.tokens()
        events, left = job.reply.opening(), len(sequences)
        while True:
            events += [job.reply.event(choices[token.sequence], token.position) for token in tokens]
            left -= sum(token.finished is not None for token in tokens)
            if not left:
                break
            await call.delivery.events(events)
            events, tokens = [], await call.tokens()
        if job.include_usage:
            events.append(job.reply.usage_event(_usage(job, sequences)))
        await call.delivery.events([*events, DONE], last=True)

    async def _meet_faults(self, exchange: Exchange) -> Fault | None:
        """Suffer what comes before the answer; what breaks the answer off is returned."""
        in_body = None
        for fault in self._drawn(exchange):
            if fault.kind in IN_BODY:
                in_body = in_body or fault
            else:
                await _suffer(fault, exchange)
        return in_body

    def _drawn(self, exchange: Exchange) -> list[Fault]:
        header = exchange.headers.get("x-sim-fault")
        if not header:
            return self._faults.draw()
        try:
            return [*map(parse_fault, header.split(";")), *self._faults.draw()]
        except ValueError as error:
            raise SimError(400, f"x-sim-fault: {error}") from None


async def _suffer(fault: Fault, exchange: Exchange) -> None:
    if fault.kind is Kind.LATENCY:
        await exchange.pause(fault.seconds)
    elif fault.kind is Kind.HANG:
        await exchange.pause(None)
    elif fault.kind is Kind.RESET:
        await exchange.reset()
        raise EndedError("The connection was reset before the answer.")
    elif fault.kind is Kind.ERROR:
        after = fault.retry_after
        headers = None if after is None else {"retry-after": str(after)}
        raise SimError(fault.status, "This server was told to fail.", headers=headers)


def _usage(job: Job, sequences: Sequence[Running]) -> dict[str, object]:
    completion = sum(sequence.generated for sequence in sequences)
    return usage(job.prompt_tokens, completion, sequences[0].cached or 0)
