"""The cache of one gateway: what it is told in the file, its clock, and the time that it takes for itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog
from pydantic import SecretStr

from pointsman.cache.cache import Bounds, Cache, Guard
from pointsman.cache.categories import Category
from pointsman.cache.guard import compare
from pointsman.cache.scope import Owner, ScopeKey, owner_of
from pointsman.cache.stats import Stats
from pointsman.cache.store.base import Store
from pointsman.gateway.caching.flying import flights
from pointsman.gateway.caching.reusing import Reusing
from pointsman.gateway.caching.verifying import Verifying

log = structlog.get_logger(__name__)

_HEARS = 0.1  # seconds between two looks at the load of a category's models
_BREATH = 0.002
"""Seconds between two parts of what is waiting, as after a restart: requests have most of the time."""
_SWEEP = 1.0  # seconds between two rounds of tidying
_STEPS = 64
"""Entries that one round looks at."""


class Caching:
    """Belongs to the event loop. It outlasts reloads that leave its store and the encoder as they are."""

    def __init__(
        self,
        store: Store,
        categories: Mapping[str, Category],
        bounds: Bounds,
        shared: Sequence[Iterable[str]] = (),
        dimension: int | None = None,
        *,
        place: SecretStr | None = None,
        guard: Guard = compare,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`dimension` of the encoder's vectors, `shared` the groups of tenants that may have each other's answers, and
        `place` as the file names the store."""
        self.place, self.dimension = place, dimension
        self.cache = Cache(store, categories, bounds, guard, dimension)
        self._key = ScopeKey(store.key)
        self.verifying: Verifying | None = None  # None: every candidate is served
        self.reusing: Reusing | None = None  # None: no answer is an example
        self.clock = clock
        self._categories = categories
        self._shared = shared
        self._store = store
        self.flights = flights()
        self._heard: dict[str, float] = {}  # of each category, when the load of its models was told
        self._task: asyncio.Task[None] | None = None

    @property
    def kind(self) -> str:
        """Of the store, without what follows: a URL may have a password."""
        return "memory" if self.place is None else self.place.get_secret_value().partition(":")[0]

    @property
    def key(self) -> ScopeKey:
        """A store that several gateways share has theirs, which may come later."""
        if self._key.key is not self._store.key:
            self._key = ScopeKey(self._store.key)
        return self._key

    def category(self, name: str) -> Category | None:
        return self._categories.get(name)

    def hears_load(self, category: str) -> bool:
        """Whether it is time to tell the load of the category's models again."""
        now, before = self.clock(), self._heard.get(category)
        if before is not None and 0.0 <= now - before < _HEARS:
            return False
        self._heard[category] = now
        return True

    def owner(self, tenant: str | None, user: str | None) -> Owner:
        """Who shares an answer; `user` where everybody has his own."""
        owner = owner_of(tenant, self._shared)
        return owner if user is None else (*owner, "user", user)

    def configure(
        self, categories: Mapping[str, Category], bounds: Bounds, shared: Sequence[Iterable[str]] = ()
    ) -> None:
        """What is kept stays."""
        self._categories, self._shared = categories, shared
        self.cache.configure(categories, bounds)

    def stats(self) -> dict[str, Stats]:
        return self.cache.stats(self.clock())

    async def start(self) -> None:
        await self._store.start()
        await asyncio.to_thread(self.cache.load, self.clock())
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        await asyncio.to_thread(self._store.close)

    async def _run(self) -> None:
        while True:
            try:
                waits = self.cache.sweep(self.clock(), _STEPS)
            # Tidying must not end because of one fault, and no request waits for it.
            except Exception:
                log.exception("cache_sweep_failed")
                waits = False
            await asyncio.sleep(_BREATH if waits else _SWEEP)
