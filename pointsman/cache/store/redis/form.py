"""How entries and documents stand in Redis. Whatever is not exactly what was written is Foreign.

The head of an entry is read by the scripts, too: version, size, USD that each byte saves at a hit, seconds that it can
be used, category."""

from __future__ import annotations

import json
import struct
import zlib
from hashlib import blake2b

import numpy as np

from pointsman.cache.entry import Entry
from pointsman.cache.members import Record
from pointsman.cache.store.base import Kept, Use

VERSION = 1

_HEAD = struct.Struct("<BIddH")
_SUM = struct.Struct("<I")
_PARTS = struct.Struct("<BBIi")  # bytes of scope, exact, text and vector; -1: there is none
_DOCUMENT = struct.Struct("<BBI16s")  # version, form, bytes of the document, digest
_PLAIN, _ZLIB = 0, 1
_WORTH = 512
"""Bytes of a document below which it is not compressed."""


class Foreign(Exception):
    """Somebody else's, of another version, or broken."""


def pack_entry(kept: Kept, lifetime: float) -> bytes:
    entry = kept.entry
    worth = Record(entry, Use()).value(lifetime, entry.created)
    category = entry.category.encode()
    text = entry.text.encode("utf-8", "surrogatepass")
    vector = None if entry.vector is None else entry.vector.tobytes()
    rest = [entry.tenant, entry.created, entry.cost, entry.seconds, entry.asker, entry.pool]
    data = b"".join((
        _HEAD.pack(VERSION, entry.size, worth, lifetime, len(category)), category,
        _PARTS.pack(len(entry.scope), len(entry.exact), len(text), -1 if vector is None else len(vector)),
        entry.scope, entry.exact, text, vector or b"", json.dumps(rest).encode(),
    ))  # fmt: skip
    return data + _sum(entry.id, data)


def unpack_entry(id: str, data: bytes) -> Entry:
    body, checksum = data[: -_SUM.size], data[-_SUM.size :]
    if not body or body[0] != VERSION or checksum != _sum(id, body):
        raise Foreign
    try:
        _, size, _, _, length = _HEAD.unpack_from(body)
        at = _HEAD.size + length
        category = body[_HEAD.size : at].decode()
        lengths = _PARTS.unpack_from(body, at)
        at += _PARTS.size
        parts = []
        for length in lengths:
            parts.append(body[at : at + max(0, length)])
            at += max(0, length)
        scope, exact, text, vector = parts
        tenant, created, cost, seconds, asker, pool = json.loads(body[at:])
        return Entry(
            id, scope, exact, category, tenant, text.decode("utf-8", "surrogatepass"),
            None if lengths[3] < 0 else np.frombuffer(vector, np.int8), float(created), size, float(cost),
            float(seconds), asker, pool,
        )  # fmt: skip
    except (ValueError, TypeError, struct.error):
        raise Foreign from None


def pack_use(use: Use) -> bytes:
    return json.dumps(use).encode()


def unpack_use(data: bytes) -> Use:
    try:
        hits, used, askers = json.loads(data)
        return Use(int(hits), float(used), None if askers is None else tuple(map(str, askers)))
    except (ValueError, TypeError):
        raise Foreign from None


def pack_askers(askers: tuple[str, ...] | None) -> bytes:
    return b"" if askers is None else json.dumps(askers).encode()


def pack_document(id: str, document: bytes) -> bytes:
    small = zlib.compress(document, 1) if len(document) >= _WORTH else document
    form, data = (_ZLIB, small) if len(small) < len(document) else (_PLAIN, document)
    return _DOCUMENT.pack(VERSION, form, len(document), _digest(id, document)) + data


def unpack_document(id: str, value: bytes) -> bytes:
    """All of it, and of this id: also a mistaken reply is none."""
    try:
        version, form, length, digest = _DOCUMENT.unpack_from(value)
        data = value[_DOCUMENT.size :]
        if version != VERSION or form not in (_PLAIN, _ZLIB):
            raise Foreign
        document = zlib.decompressobj().decompress(data, length + 1) if form == _ZLIB else data
    except (struct.error, zlib.error):
        raise Foreign from None
    if len(document) != length or _digest(id, document) != digest:
        raise Foreign
    return document


def _sum(id: str, data: bytes) -> bytes:
    return _SUM.pack(zlib.crc32(data, zlib.crc32(id.encode("utf-8", "surrogatepass"))))


def _digest(id: str, document: bytes) -> bytes:
    person = blake2b(id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return blake2b(document, digest_size=16, person=person).digest()
