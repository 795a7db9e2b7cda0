"""One engine of the fleet. It is the simulator's engine; only the steps in which nothing happens are taken at once.

Such steps are most of them: all that runs decodes, nobody ends, nobody comes. The tests hold this class to the times
of an engine that takes its steps one by one."""

from __future__ import annotations

import math
from array import array

from pointsman.bench.fleet.traces import BLOCK, Row
from pointsman.gateway.sim.engine import Engine, EngineOptions, Request, Sequence, Token

ENGINE = EngineOptions(
    prefill_rate=12_000, step_base=0.0048, step_per_sequence=0.0002, block_size=BLOCK, num_blocks=768,
    max_model_len=768 * BLOCK,
)  # fmt: skip
"""A model of about 8 billion parameters on a card of 80 GB: 393,216 tokens of KV cache."""


class Instance(Engine):
    """At any time it is idle, or within a step, or within several steps that are alike (it coasts)."""

    def __init__(self, options: EngineOptions = ENGINE) -> None:
        super().__init__(options)
        self.present = 0  # requests that came and have not ended
        self._due: list[Token] = []
        self._began = self._pace = 0.0
        self._steps = 0  # to coast; 0 unless it does
        self._next = -1  # a token that no request has

    def take(self, row: Row, now: float) -> Sequence:
        self.present += 1
        return self.submit(Request(self._prompt(row), self._own(row.output)), now)

    def _prompt(self, row: Row) -> array[int]:
        """Tokens that say nothing but which block they are of."""
        tokens = self._own(row.prompt)
        for index, block in enumerate(row.blocks[: row.prompt // BLOCK]):
            tokens[index * BLOCK : (index + 1) * BLOCK] = array("q", (block,)) * BLOCK
        return tokens

    def _own(self, length: int) -> array[int]:
        self._next -= 1
        return array("q", (self._next,)) * length

    def _extend_keys(self, sequence: Sequence) -> None:
        """The trace's blocks name what is before them, so there is nothing to hash."""
        size, keys, tokens = self.options.block_size, sequence.keys, sequence.tokens
        for index in range(len(keys), len(tokens) // size):
            keys.append(b"%d/%d" % (tokens[index * size], index))

    def _advance(self, scheduled: list[tuple[Sequence, int]], time: float) -> list[Token]:
        """Without the tokens that are neither a first nor a last: nobody here asks for them."""
        size, rest = self.options.block_size, []
        for item in scheduled:
            sequence, computed = item
            tokens, output = sequence.tokens, sequence.request.output
            last = len(output) - 1
            if 0 < sequence.generated < last and sequence.computed + computed == len(tokens):
                sequence.computed += computed
                tokens.append(output[sequence.generated])
                sequence.generated += 1
                self.totals.generation_tokens += 1
                if len(tokens) % size == 0:
                    self._extend_keys(sequence)
            else:
                rest.append(item)
        return super()._advance(rest, time)

    # Time

    def begin(self, now: float) -> float:
        """Start what comes next, and say when it will be over; not when idle."""
        self._steps = self._alike()
        if self._steps:
            self._began = now
            self._pace = self.options.step_base + len(self.running) * self.options.step_per_sequence
            return now + self._steps * self._pace
        step = self.step(now)
        self._due = step.tokens
        return now + step.duration

    def end(self) -> list[Token]:
        """What is over now has brought these tokens; of a coast, none that matters."""
        if self._steps:
            self._coast(self._steps)
            self._steps = 0
            return []
        due, self._due = self._due, []
        self.present -= sum(1 for token in due if token.finished)
        return due

    def interrupt(self, now: float) -> float | None:
        """Somebody came: a coast ends with the step that runs. When, if it coasts."""
        if not self._steps:
            return None
        passed = math.ceil((now - self._began) / self._pace)
        # A coast of no steps would look like none.
        self._steps = max(1, min(self._steps, passed))
        return self._began + self._steps * self._pace

    def _alike(self) -> int:
        """How many steps only decode what runs, each in the same time."""
        if self.waiting and len(self.running) < self.options.max_num_seqs:
            return 0
        shortest = self.options.max_model_len
        for sequence in self.running:
            if not sequence.generated or sequence.computed != len(sequence.tokens) - 1:
                return 0
            shortest = min(shortest, len(sequence.request.output) - sequence.generated)
        steps = shortest - 1 if self.running else 0
        return steps if steps > 1 and self._missing(steps) <= self.blocks.free else 0

    def _missing(self, steps: int) -> int:
        size, missing = self.options.block_size, 0
        for sequence in self.running:
            short = sequence.computed + steps - len(sequence.blocks) * size
            if short > 0:
                missing += -(-short // size)
        return missing

    def _coast(self, steps: int) -> None:
        size = self.options.block_size
        self.totals.generation_tokens += steps * len(self.running)
        for sequence in self.running:
            generated, tokens = sequence.generated, sequence.tokens
            before, end = len(tokens), sequence.computed + steps
            tokens.extend(sequence.request.output[generated : generated + steps])
            sequence.generated = generated + steps
            if (before + steps) // size > before // size:
                self._extend_keys(sequence)
            if end > len(sequence.blocks) * size or end // size > sequence.published:
                self._grow(sequence, steps)
            sequence.computed = end
