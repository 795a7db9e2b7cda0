"""What selectors have learned, and from what they go on learning: kept here, so that they stay pure and a reload loses
nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import structlog

from pointsman.gateway.learning.conversations import Conversations
from pointsman.gateway.learning.lessons import Lesson, Notebook, Subject, is_large, study, subject_of
from pointsman.gateway.learning.requests import Key, Request, Requests
from pointsman.gateway.learning.store import Batch, Loaded, Row, Snapshot, Store
from pointsman.gateway.observe.told import Status, Told
from pointsman.policies.outcome import PREFERENCE, PREFERRED, REFUSED, Evidence, Parts, Source, changes, combined
from pointsman.policies.outcome import evidence as said_by
from pointsman.policies.select.base import Rewarded, Selector
from pointsman.policies.select.context import Context
from pointsman.policies.select.sums import Sums
from pointsman.policies.types import Choice, Decision

log = structlog.get_logger(__name__)

INTERVAL = 1.0
"""Seconds between two times that what was told is made to count, and is saved."""
HURRY = 256
"""Outcomes that are not made to wait for it."""
MAX_PARTS = 32
"""Of one request: preferences over so many others."""

REQUESTS = 100_000
KEEP = 7 * 86400.0


class Watcher(Protocol):
    """Hears of every outcome."""

    def rewarded(self, told: Told) -> None: ...
    def fed_back(self, result: str) -> None:
        """Somebody called the API."""


class Learner:
    """Belongs to the event loop; only sums and views are computed beside it."""

    def __init__(
        self,
        requests: int = REQUESTS,
        keep: float = KEEP,
        implicit: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.implicit = implicit
        self.watcher: Watcher | None = None
        self.requests = Requests(requests, keep, clock)
        self.conversations = Conversations()
        self.converses = False  # whether anybody wants to know the conversations
        self._learning: frozenset[str] = frozenset()  # decisions of which somebody learns
        self._clock = clock
        self._store: Store | None = None
        self._notebooks: dict[Subject, Notebook] = {}
        self._lessons: dict[Selector[Any], Lesson] = {}
        self._changed: set[Subject] = set()
        self._fresh: dict[Key, Request] = {}  # to be saved
        self._wake: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending = False
        self._folding = asyncio.Lock()

    # The selectors

    def lesson(self, decision: Decision) -> Lesson:
        """Of the decision's selector, as the configuration that decides has it."""
        selector = decision.selector
        assert selector is not None
        lesson = self._lessons.get(selector)
        if lesson is None:
            lesson = self._begin(decision)
            self._look()
        return lesson

    def follow(self, *lists: Iterable[Decision]) -> None:
        """Only these decisions are left, those of the configuration that serves first."""
        found = {}
        for decision in (decision for decisions in lists for decision in decisions):
            if decision.selector is not None and decision.selector not in found:
                found[decision.selector] = self._lessons.get(decision.selector) or self._begin(decision)
        self._lessons = found
        self._look()

    def _begin(self, decision: Decision) -> Lesson:
        subject, selector = subject_of(decision), decision.selector
        assert selector is not None
        notebook = self._notebooks.get(subject)
        if notebook is None:
            notebook = self._notebooks[subject] = Notebook(subject, self._clock())
        lesson = self._lessons[selector] = Lesson(selector, notebook)
        return lesson

    def _look(self) -> None:
        lessons = self._lessons.values()
        self._learning = frozenset(one.notebook.subject[0] for one in lessons if one.selector.learns)
        self.converses = any(one.stays for one in lessons) or (self.implicit and bool(self._learning))

    def learns(self, decision: str) -> bool:
        """Whether a selector of that decision does."""
        return decision in self._learning

    def chosen(self, decision: Decision, context: Context, choice: Choice) -> None:
        """A request is on its way."""
        lesson = self.lesson(decision)
        lesson.notebook.turns += 1
        if lesson.observes:
            lesson.notebook.observe(lesson.selector.observe(context, choice))

    # The outcomes

    def ended(self, request: Request) -> None:
        """Its answer is out, and nothing of the request itself changes any more."""
        request.first, request.answering = request.arm, None
        if self._store is not None and self.requests.get(request.key) is request:
            self._fresh[request.key] = request

    def received(self, result: str) -> None:
        """What became of a call of the feedback API."""
        if self.watcher is not None:
            self.watcher.fed_back(result)

    def reward(self, key: Key, source: Source, quality: float, certainty: float = 1.0) -> Status:
        """What a source says of an answer; what it said before no longer counts."""
        request = self.requests.get(key)
        return Status.UNKNOWN if request is None else self.hear(request, source, said_by(source, quality, certainty))

    def hear(self, request: Request, source: Source, said: Evidence) -> Status:
        return self._hear(request, source, source.value, said)

    def preferred(self, better: Request, worse: Request) -> Status:
        """Of two answers to the same decision, by different pools."""
        won = Evidence(PREFERENCE, PREFERRED, worse.arm)
        lost = Evidence(PREFERENCE, REFUSED, None, better.arm)
        found = self._hear(better, Source.FEEDBACK, f"than {worse.id}", won)
        return max(found, self._hear(worse, Source.FEEDBACK, f"than {better.id}", lost), key=_RANK.index)

    def _hear(self, request: Request, source: Source, name: str, said: Evidence) -> Status:
        before = request.parts
        if before.get(name) == said or (name not in before and len(before) >= MAX_PARTS):
            return Status.UNCHANGED
        after = request.parts = {**before, name: said}
        for subject, notebook in self._notebooks.items():
            if subject[0] == request.decision:
                known = before if request.told >= notebook.since else {}
                self._tell(notebook, request, known, after)
        request.told = self._clock()
        if self._store is not None and request.answering is None:
            self._fresh[request.key] = request
        reward = combined(after)
        if self.watcher is not None and reward is not None:
            told = Told(
                request.told, request.id, request.tenant, request.decision, request.arm, source, said.quality, *reward
            )
            self.watcher.rewarded(told)
        return Status.RECORDED

    def _tell(self, notebook: Notebook, request: Request, known: Parts, after: Parts) -> None:
        if not self._teachers(notebook.subject):
            return
        seen, first = request.seen(), not known
        for weight, reward, over, under in changes(known, after):
            tokens = request.output_tokens if first else None
            notebook.tell(Rewarded(request.arm, seen, weight, reward, int(first), tokens, over, under))
            first = False
        self._changed.add(notebook.subject)
        if notebook.waits >= HURRY and self._wake is not None:
            self._wake.set()

    def _teachers(self, subject: Subject) -> list[Lesson]:
        """Who learns it, the one that serves first."""
        return [one for one in self._lessons.values() if one.notebook.subject == subject and one.selector.learns]

    def teacher(self, subject: Subject) -> Lesson | None:
        """Who learns it now."""
        return next(iter(self._teachers(subject)), None)

    # What is made of them

    async def fold(self) -> None:
        """Make what was told count, and have it saved."""
        async with self._folding:
            # Both at the same moment: a crash may lose an outcome, but none counts twice.
            rows, waiting = self._rows(), [(one, *one.take()) for one in self._notebooks.values() if one.waits]
            for notebook, told, observed in waiting:
                await self._study(notebook, told, observed)
            self._save(rows)

    async def _study(self, notebook: Notebook, told: Sequence[Rewarded], observed: Sequence[Sums]) -> None:
        lessons = self._teachers(notebook.subject)
        if not lessons:
            return
        work = [lesson.selector for lesson in lessons], notebook.sums, told, observed
        try:
            large = is_large(notebook.sums, len(told) + len(observed))
            found = await asyncio.to_thread(study, *work) if large else study(*work)
        # Selectors are what others extend: a fault of one of them must not end the learning of all.
        except Exception:
            log.exception("learning_failed", decision=notebook.subject[0], selector=notebook.subject[1])
            return
        if self._notebooks.get(notebook.subject) is not notebook:
            return  # somebody wants it forgotten
        notebook.sums = found.sums
        for lesson, view in zip(lessons, found.views, strict=True):
            lesson.view = view
        for other in self._teachers(notebook.subject):
            if other not in lessons:  # it came with a reload meanwhile
                other.view = other.selector.view(notebook.sums)
        self._changed.add(notebook.subject)

    def forget(self, decision: str) -> bool:
        """All that was learned about it; whether there was anything to forget."""
        found = [subject for subject in self._notebooks if subject[0] == decision]
        for subject in found:
            # Later than anything said so far: what is said again is then told as a whole.
            notebook = self._notebooks[subject] = Notebook(subject, self._clock())
            self._changed.add(subject)
            for lesson in self._lessons.values():
                if lesson.notebook.subject == subject:
                    lesson.notebook = notebook
                    lesson.view = lesson.selector.view(notebook.sums)
        return bool(found)

    # What is kept

    async def start(self, path: str | None) -> None:
        """Go on with what the file has; without one everything ends with the process."""
        if path is not None and self._store is None:
            self._store = await asyncio.to_thread(Store, Path(path))
            self.take_over(self._store.loaded)
            self._store.loaded = Loaded([], [])
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def take_over(self, loaded: Loaded) -> None:
        for notebook in loaded.notebooks:
            self._notebooks[notebook.subject] = notebook
            for lesson in self._lessons.values():
                if lesson.notebook.subject == notebook.subject:
                    lesson.notebook = notebook
                    lesson.view = lesson.selector.view(notebook.sums)
        self.requests.restore(loaded.requests)

    async def stop(self) -> None:
        if self._task is not None and self._wake is not None:
            self._ending = True
            self._wake.set()
            await self._task
            self._task = None
        await self.fold()
        if self._store is not None:
            await asyncio.to_thread(self._store.close, _PATIENCE)
            self._store = None

    def adjust(self, requests: int, keep: float, implicit: bool) -> None:
        self.requests.limit, self.requests.keep, self.implicit = requests, keep, implicit
        self.requests.expire()
        self._look()

    def notebooks(self) -> Sequence[Notebook]:
        return [*self._notebooks.values()]

    async def _run(self) -> None:
        assert self._wake is not None
        while not self._ending:
            with suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL):
                    await self._wake.wait()
            self._wake.clear()
            self._tidy()
            await self.fold()

    def _tidy(self) -> None:
        self.requests.expire()
        now = self._clock()
        for lesson in self._lessons.values():
            lesson.notebook.used = now
        for subject, notebook in [*self._notebooks.items()]:
            if now - notebook.used > self.requests.keep:
                del self._notebooks[subject]
                self._changed.add(subject)

    def _rows(self) -> dict[Key, Row | None]:
        """Of the requests of which something changed."""
        rows: dict[Key, Row | None] = dict.fromkeys(self.requests.gone)
        for key, request in self._fresh.items():
            if self.requests.get(key) is request:
                rows[key] = Row(request, request.parts, request.told)
        self._fresh, self.requests.gone = {}, []
        return rows

    def _save(self, rows: dict[Key, Row | None]) -> None:
        subjects, self._changed = self._changed, set()
        if self._store is None or not (rows or subjects):
            return
        found = {subject: self._notebooks.get(subject) for subject in subjects}
        snapshots = {subject: None if one is None else Snapshot.of(one) for subject, one in found.items()}
        self._store.save(Batch(snapshots, rows))


_RANK = (Status.UNKNOWN, Status.UNCHANGED, Status.RECORDED)
_PATIENCE = 5.0
"""Seconds for the last of it to be written."""
