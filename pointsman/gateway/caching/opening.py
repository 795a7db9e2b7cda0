"""From the file's `cache` section to a cache, anew or as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from pointsman.cache.cache import Bounds
from pointsman.cache.categories import Category
from pointsman.cache.store.registry import open_store
from pointsman.gateway.caching.service import Caching
from pointsman.gateway.schema.cache import CacheConfig
from pointsman.gateway.schema.config import Config
from pointsman.signals.encoder.batcher import Batcher


async def opened(config: Config, encoder: Batcher | None, old: Caching | None = None) -> Caching:
    """`old`, told what is new, where its store and the encoder's vectors are the same; else another, which has what its
    store has."""
    section, dimension = config.cache, None if encoder is None else encoder.encoder.dimension
    if old is not None and old.place == section.store:
        if old.dimension == dimension:
            configure(old, section, config.cache_categories)
            return old
        await old.stop()  # a file has one owner
    store = await asyncio.to_thread(open_store, section.store.get_secret_value())
    bounds = Bounds(section.entries, section.bytes)
    caching = Caching(store, config.cache_categories, bounds, section.share, dimension, place=section.store)
    await caching.start()
    return caching


def configure(caching: Caching, section: CacheConfig, categories: Mapping[str, Category]) -> None:
    caching.configure(categories, Bounds(section.entries, section.bytes), section.share)
