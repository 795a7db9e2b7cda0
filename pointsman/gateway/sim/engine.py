"""A serving engine as a state machine: continuous batching over paged KV, after vLLM's V1 scheduler.

Nothing here waits or reads a clock: `step` says how long it took, and its driver lets that time pass.
Times are seconds of the driver's clock.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from pointsman.gateway.sim.blocks import ROOT_KEY, BlockPool, chain_key


@dataclass(frozen=True, slots=True)
class EngineOptions:
    prefill_rate: float = 12_000  # prompt tokens per second
    step_base: float = 0.0048  # seconds that a step takes whatever is in it
    step_per_sequence: float = 0.0002  # seconds more for each sequence that decodes in it
    max_num_seqs: int = 256
    max_num_batched_tokens: int = 2048
    block_size: int = 16
    num_blocks: int = 8192
    max_model_len: int = 32_768
    prefix_caching: bool = True

    def __post_init__(self) -> None:
        if self.prefill_rate <= 0 or self.step_base < 0 or self.step_per_sequence < 0:
            raise ValueError("the prefill rate must be above 0 and step times must not be negative")
        for name in ("max_num_seqs", "max_num_batched_tokens", "block_size", "num_blocks", "max_model_len"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.num_blocks * self.block_size < self.max_model_len:
            raise ValueError(
                f"max_model_len {self.max_model_len} does not fit into the KV cache of {self.num_blocks} "
                f"blocks of {self.block_size} tokens; raise num_blocks or lower max_model_len"
            )


class Request(NamedTuple):
    """What to compute. The output is given, since a model of time needs no model of language."""

    prompt: array[int]  # typecode q
    output: array[int]  # empty: ends with its prefill, as embeddings do
    reason: str = "stop"  # how it finishes


@dataclass(slots=True, eq=False)
class Sequence:
    """A request inside the engine. Callers read it; only the engine changes it."""

    number: int  # in order of arrival
    request: Request
    arrival: float
    tokens: array[int]  # the prompt and what was generated
    keys: list[bytes] = field(default_factory=list)  # of the full blocks of `tokens`
    blocks: list[int] = field(default_factory=list)
    computed: int = 0  # tokens whose KV is in `blocks`
    published: int = 0  # blocks offered to the prefix cache
    generated: int = 0
    cached: int | None = None  # prompt tokens found in the prefix cache; None before it ran
    started: float | None = None  # when it first left the queue
    preemptions: int = 0
    finished: str | None = None

    @property
    def decodes(self) -> bool:
        return self.generated > 0 and self.computed == len(self.tokens) - 1


class Token(NamedTuple):
    """A sequence moved on by one token (or by its end, if it has no output)."""

    sequence: Sequence
    position: int  # in the output
    time: float
    finished: str | None


class Step(NamedTuple):
    duration: float
    tokens: list[Token]  # due when the duration has passed


@dataclass(slots=True)
class Totals:
    """Counters since the start, under the meanings of vLLM's metrics."""

    prompt_tokens: int = 0
    generation_tokens: int = 0
    prefix_queries: int = 0
    prefix_hits: int = 0
    preemptions: int = 0


class Engine:
    def __init__(self, options: EngineOptions | None = None) -> None:
        self.options = options or EngineOptions()
        self.blocks = BlockPool(self.options.num_blocks)
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.totals = Totals()
        self._numbers = count()

    @property
    def idle(self) -> bool:
        return not self.running and not self.waiting

    @property
    def kv_usage(self) -> float:
        """Share of the blocks that sequences hold; cached blocks that nobody holds count as free."""
        return 1 - self.blocks.free / self.blocks.total

    def submit(self, request: Request, now: float) -> Sequence:
        length = len(request.prompt) + len(request.output)
        if not request.prompt or length > self.options.max_model_len:
            raise ValueError(f"a request needs 1 to {self.options.max_model_len} tokens, not {length}")
        sequence = Sequence(next(self._numbers), request, now, request.prompt[:])
        self._extend_keys(sequence)
        self.waiting.append(sequence)
        return sequence

    def abort(self, sequence: Sequence) -> bool:
        """Forget a sequence at once; False if it had finished."""
        if sequence.finished:
            return False
        (self.running if sequence in self.running else self.waiting).remove(sequence)
        self._finish(sequence, "abort")
        return True

    def step(self, now: float) -> Step:
        """One pass of the model: running sequences first, then the queue, within the limits."""
        if self.idle:
            return Step(0.0, [])
        budget = self.options.max_num_batched_tokens
        scheduled, budget, preempted = self._schedule_running(budget)
        if not preempted:
            scheduled += self._schedule_waiting(budget, now)
        duration = self._duration(scheduled)
        return Step(duration, self._advance(scheduled, now + duration))

    def _schedule_running(self, budget: int) -> tuple[list[tuple[Sequence, int]], int, bool]:
        scheduled: list[tuple[Sequence, int]] = []
        preempted = False
        running = self.running
        while len(scheduled) < len(running) and budget:
            sequence = running[len(scheduled)]
            tokens = min(len(sequence.tokens) - sequence.computed, budget)
            while not self._grow(sequence, tokens):
                preempted = True
                if self._preempt_last() is sequence:
                    return scheduled, budget, preempted
            scheduled.append((sequence, tokens))
            budget -= tokens
        return scheduled, budget, preempted

    def _schedule_waiting(self, budget: int, now: float) -> list[tuple[Sequence, int]]:
        scheduled: list[tuple[Sequence, int]] = []
        while self.waiting and budget and len(self.running) < self.options.max_num_seqs:
            sequence = self.waiting[0]
            tokens = self._admit(sequence, budget)
            if not tokens:
                break
            if sequence.started is None:
                sequence.started = now
            self.running.append(self.waiting.popleft())
            scheduled.append((sequence, tokens))
            budget -= tokens
        return scheduled

    def _admit(self, sequence: Sequence, budget: int) -> int:
        """Tokens that the sequence may compute now; 0 if their blocks are not free."""
        size = self.options.block_size
        # The last token is always computed, since its output is what is asked for.
        shared = self.blocks.match(sequence.keys[: (len(sequence.tokens) - 1) // size])
        computed = len(shared) * size
        tokens = min(len(sequence.tokens) - computed, budget)
        fresh = self.blocks.acquire(shared, -(-(computed + tokens) // size) - len(shared))
        if fresh is None:
            return 0
        sequence.blocks = shared + fresh
        sequence.computed, sequence.published = computed, len(shared)
        if sequence.cached is None:
            sequence.cached = computed
            self.totals.prefix_queries += len(sequence.tokens)
            self.totals.prefix_hits += computed
        self._publish(sequence, computed + tokens)
        return tokens

    def _grow(self, sequence: Sequence, tokens: int) -> bool:
        end = sequence.computed + tokens
        missing = -(-end // self.options.block_size) - len(sequence.blocks)
        if missing > 0:
            fresh = self.blocks.acquire((), missing)
            if fresh is None:
                return False
            sequence.blocks += fresh
        self._publish(sequence, end)
        return True

    def _publish(self, sequence: Sequence, end: int) -> None:
        full = end // self.options.block_size
        if full == sequence.published or not self.options.prefix_caching:
            return
        for index in range(sequence.published, full):
            self.blocks.publish(sequence.blocks[index], sequence.keys[index])
        sequence.published = full

    def _preempt_last(self) -> Sequence:
        """The newest gives up its blocks and goes back to the head of the queue, to be computed again."""
        sequence = self.running.pop()
        self.blocks.release(sequence.blocks)
        sequence.blocks = []
        sequence.computed = sequence.published = 0
        sequence.preemptions += 1
        self.totals.preemptions += 1
        self.waiting.appendleft(sequence)
        return sequence

    def _duration(self, scheduled: list[tuple[Sequence, int]]) -> float:
        decoding = sum(1 for sequence, _ in scheduled if sequence.decodes)
        prefill = sum(tokens for _, tokens in scheduled) - decoding
        options = self.options
        return options.step_base + prefill / options.prefill_rate + decoding * options.step_per_sequence

    def _advance(self, scheduled: list[tuple[Sequence, int]], time: float) -> list[Token]:
        tokens = []
        for sequence, computed in scheduled:
            sequence.computed += computed
            if sequence.computed == len(sequence.tokens):
                tokens.append(self._generate(sequence, time))
        if any(token.finished for token in tokens):
            self.running = [sequence for sequence in self.running if not sequence.finished]
        return tokens

    def _generate(self, sequence: Sequence, time: float) -> Token:
        index, output = sequence.generated, sequence.request.output
        if index == 0:
            self.totals.prompt_tokens += len(sequence.request.prompt)
        if output:
            sequence.tokens.append(output[index])
            sequence.generated = index + 1
            self.totals.generation_tokens += 1
            if len(sequence.tokens) % self.options.block_size == 0:
                self._extend_keys(sequence)
        if sequence.generated == len(output):
            self._finish(sequence, sequence.request.reason)
        return Token(sequence, index, time, sequence.finished)

    def _finish(self, sequence: Sequence, reason: str) -> None:
        self.blocks.release(sequence.blocks)
        sequence.blocks = []
        sequence.finished = reason

    def _extend_keys(self, sequence: Sequence) -> None:
        size, keys, tokens = self.options.block_size, sequence.keys, sequence.tokens
        parent = keys[-1] if keys else ROOT_KEY
        for start in range(len(keys) * size, len(tokens) - size + 1, size):
            parent = chain_key(parent, tokens[start : start + size].tobytes())
            keys.append(parent)
