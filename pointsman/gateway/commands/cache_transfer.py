"""`pointsman cache export` and `import`: all entries of a store as JSON lines, and back.

A scope is a hash with the store's secret key, so the first line has the key: without it nothing would be found again.
Vectors are not carried; they are made anew by the same encoder."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from pointsman.cache.entry import Entry
from pointsman.cache.index import quantised
from pointsman.cache.store.base import Kept, Use
from pointsman.cache.store.redis.store import RedisStore
from pointsman.cache.store.sqlite import SqliteStore
from pointsman.cache.store.tables import Broken, each, key_of, read_document
from pointsman.gateway.caching.asking import epoch_of
from pointsman.gateway.caching.placing import PATIENCE
from pointsman.gateway.caching.service import Caching
from pointsman.gateway.commands.cache_opened import NoStore, Pace, lines_of, opened_store, place_of
from pointsman.gateway.config import load
from pointsman.gateway.fingerprint import fingerprints
from pointsman.gateway.policy import build_policy
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.schema.config import Config
from pointsman.signals.encoder.encoding import EncoderError, excerpt

VERSION = 1
_TOGETHER = 32
"""Texts that are encoded at once."""

Form = dict[str, Any]
Found = tuple[Kept, bytes]


def export_cache(path: Path, out: Path | None) -> str:
    config = load(path)
    place = place_of(config)
    try:
        if place.startswith("sqlite:"):
            key, found = _from_file(Path(place.removeprefix("sqlite:")).expanduser())
            with _opened(out) as file:
                count = _write(file, config, key, found)
        else:
            with _opened(out) as file:
                count = asyncio.run(_from_redis(file, config))
    except OSError as error:
        raise NoStore(f"cannot write {out or 'stdout'}: {error.strerror}") from None
    return f"exported {count:,} entries; they have questions, answers and the store's key: keep them safe"


def _opened(out: Path | None) -> BinaryIO:
    """Readable for its owner only."""
    if out is None:
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    file = os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    if out.is_file():  # it may have been there before
        os.fchmod(file.fileno(), 0o600)
    return file


def _write(file: BinaryIO, config: Config, key: bytes, found: Iterator[Found]) -> int:
    file.write(_head(config, key))
    count = 0
    for kept, document in found:
        file.write(_line(kept, document))
        count += 1
    return count


def _from_file(path: Path) -> tuple[bytes, Iterator[Found]]:
    """Also while a gateway has it: what it has written by now."""
    if not path.exists():
        raise NoStore(f"there is no file {path}")
    try:
        with closing(_reading(path)) as db:
            return key_of(db), _entries(path)
    except (sqlite3.Error, Broken) as error:
        raise NoStore(f"{path} is no cache: {error}") from None


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)


def _entries(path: Path) -> Iterator[Found]:
    with closing(_reading(path)) as db, closing(_reading(path)) as documents:
        for kept in each(db):
            try:
                document = read_document(documents, kept.entry.id)
            except Broken:
                continue
            if document is not None:
                yield kept, document


async def _from_redis(file: BinaryIO, config: Config) -> int:
    async with opened_store(config) as (_, caching):
        file.write(_head(config, caching.key.key))
        count = 0
        for kept in caching.cache.entries():
            document = await caching.cache.document(kept.entry)
            if document is not None:
                file.write(_line(kept, document))
                count += 1
        return count


def _head(config: Config, key: bytes) -> bytes:
    signals = build_policy(config).signals
    head = {"pointsman_cache": VERSION, "key": key.hex(), "encoder": fingerprints(config, signals).encoder}
    return orjson.dumps(head) + b"\n"


def _line(kept: Kept, document: bytes) -> bytes:
    entry, use = kept
    form = {
        "id": entry.id, "scope": entry.scope.hex(), "exact": entry.exact.hex(), "category": entry.category,
        "tenant": entry.tenant, "text": _spoken(entry.text), "similar": entry.vector is not None,
        "created": entry.created, "cost": entry.cost, "seconds": entry.seconds, "asker": entry.asker,
        "pool": entry.pool, "hits": use.hits, "used": use.used, "askers": use.askers,
        "document": orjson.loads(document),
    }  # fmt: skip
    return orjson.dumps(form) + b"\n"


def _spoken(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")  # JSON has no lone surrogates


def import_cache(path: Path, file: Path) -> str:
    config = load(path)
    place_of(config)
    return asyncio.run(_import(config, file))


async def _import(config: Config, file: Path) -> str:
    lines = lines_of(file)
    head = _parsed(file, 1, next(lines, b"{}"))
    if head.get("pointsman_cache") != VERSION:
        raise NoStore(f"{file} is no export of a cache, or of another version")
    async with opened_store(config) as (runtime, caching):
        _check_encoder(runtime, head)
        await _take_key(caching, bytes.fromhex(head["key"]))
        taken, total, pace = 0, 0, Pace(caching.cache.store)
        async for kept, document in _read(runtime, file, lines):
            total += 1
            taken += caching.cache.restore(kept, document, time.time())
            await pace.after(len(document))
    rest = f"; {total - taken:,} were too old, there already, or of a category that is not used" * (taken < total)
    return f"imported {taken:,} of {total:,} entries{rest}"


def _check_encoder(runtime: Runtime, head: Form) -> None:
    if head.get("encoder") != epoch_of(runtime):
        raise NoStore("these entries belong to another encoder than CONFIG has, so that they would never be found")


async def _take_key(caching: Caching, key: bytes) -> None:
    """Only an empty store can have another one."""
    store = caching.cache.store
    if store.key == key:
        return
    if len(caching.cache):
        raise NoStore(
            "the store has entries under another key; import into an empty one, or into the one of the export"
        )
    if isinstance(store, SqliteStore):
        await asyncio.to_thread(store.rekey, key)
    elif isinstance(store, RedisStore) and store.follower is not None:
        await store.follower.rekey(key)


async def _read(runtime: Runtime, file: Path, lines: Iterator[bytes]) -> AsyncIterator[Found]:
    part: list[Form] = []
    for number, line in enumerate(lines, 2):
        if not line.strip():
            continue
        part.append(_parsed(file, number, line))
        if len(part) == _TOGETHER:
            for found in await _kept(runtime, part):
                yield found
            part = []
    for found in await _kept(runtime, part):
        yield found


def _parsed(file: Path, number: int, line: bytes) -> Form:
    try:
        form = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise NoStore(f"{file}:{number}: {error}") from None
    if not isinstance(form, dict):
        raise NoStore(f"{file}:{number}: a line is an object")
    return form


async def _kept(runtime: Runtime, forms: list[Form]) -> list[Found]:
    texts = [excerpt(form["text"]) for form in forms if form.get("similar") and form.get("text")]
    encoded: Any = {}
    if texts and runtime.encoder is not None:
        try:
            encoded = await runtime.encoder.encode(texts, PATIENCE)
        except EncoderError as error:
            raise NoStore(f"the encoder fails: {error}") from None
    try:
        return [_entry(form, encoded) for form in forms]
    except (KeyError, TypeError, ValueError) as error:
        raise NoStore(f"a line is no entry of an export: {error}") from None


def _entry(form: Form, encoded: Any) -> Found:
    document = orjson.dumps(form["document"])
    found = encoded.get(excerpt(form["text"])) if form["similar"] else None
    entry = Entry(
        id=str(form["id"]), scope=bytes.fromhex(form["scope"]), exact=bytes.fromhex(form["exact"]),
        category=str(form["category"]), tenant=form["tenant"], text=str(form["text"]),
        vector=None if found is None else quantised(found.vector), created=float(form["created"]), size=len(document),
        cost=float(form["cost"]), seconds=float(form["seconds"]), asker=form["asker"], pool=str(form["pool"]),
    )  # fmt: skip
    askers = form["askers"]
    return Kept(entry, Use(int(form["hits"]), float(form["used"]), None if askers is None else tuple(askers))), document
