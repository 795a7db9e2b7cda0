"""Would a request be answered from the cache, and why not? For people: nothing is counted, and nothing changes."""

from __future__ import annotations

from typing import Any

from pointsman.cache.cache import NEIGHBOURS, Neighbour
from pointsman.cache.entry import Entry, Query, Vector
from pointsman.gateway.caching.admission import admit, refuse_text
from pointsman.gateway.caching.asking import candidates_of, epoch_of, query_of
from pointsman.gateway.caching.placing import Placed, Wanted, vector_of
from pointsman.gateway.caching.said import read_said
from pointsman.gateway.caching.service import Caching
from pointsman.gateway.observe.outcome import Uncached
from pointsman.gateway.runtime import Runtime

SHOWN = 10
"""Neighbours."""
NEAR = 0.5
"""Cosine from which an entry of another scope is shown."""
_TEXT = 512
"""Characters of a kept question."""

Form = dict[str, Any]


async def peek(runtime: Runtime, caching: Caching, asked: Wanted, placed: Placed) -> Form:
    form: Form = {"decision": placed.decision, "tenant": asked.facts.tenant, "category": None}
    category, said, now = placed.category, read_said(asked.inbound), caching.clock()
    if category is None:
        return form | _bypass("the decision does not cache")
    standing = caching.cache.stats(now)[category.name]
    form |= {
        "category": category.name, "threshold": standing.threshold, "ttl": standing.ttl, "loosening": standing.relief,
    }  # fmt: skip
    admitted = admit(asked.inbound, asked.facts, said, category, runtime.signals, placed.values)
    if standing.off:
        return form | _bypass(Uncached.OFF)
    if said is None or not admitted.looks:
        return form | _bypass(admitted.why)
    candidates, epoch = candidates_of(runtime, placed.candidates), epoch_of(runtime)
    query = query_of(caching, category, asked.inbound, asked.facts, said, candidates, epoch, now)
    if isinstance(query, Uncached):
        return form | _bypass(query)
    why = refuse_text(said.text, category)
    if why is not None and all(near.refusal is not None for near in caching.cache.equals(query)):
        return form | _bypass(why)
    vector = await vector_of(runtime, asked, said.text) if admitted.similar else None
    found = _found(caching, query, vector)
    taken = next((near for near in found if near.refusal is None), None)
    result = "miss" if taken is None else "exact" if taken.hit.exact else "hit"
    reason = Uncached.ENCODER if admitted.similar and vector is None else found[0].refusal if found else "nothing near"
    return form | {
        "result": result,
        "reason": None if taken is not None else reason,
        "neighbours": [_neighbour(caching, query, near) for near in found],
        "elsewhere": await _elsewhere(caching, query, vector),
    }


def _bypass(why: str | None) -> Form:
    return {"result": "bypass", "reason": why, "neighbours": [], "elsewhere": []}


def _found(caching: Caching, query: Query, vector: Vector | None) -> list[Neighbour]:
    """Equal texts first, as they are looked for."""
    cache = caching.cache
    equal = cache.equals(query)
    ids = {near.hit.entry.id for near in equal}
    near = [] if vector is None else _considered(caching, query, cache.neighbours(query, vector, SHOWN))
    return equal + [each for each in near if each.hit.entry.id not in ids]


def _considered(caching: Caching, query: Query, near: list[Neighbour]) -> list[Neighbour]:
    """With what is said beyond the index: only a few are looked at, and the first that passes is verified."""
    found, over = [], False
    for place, each in enumerate(near):
        refusal = each.refusal
        if refusal is None and place >= NEIGHBOURS:
            refusal = f"not among the nearest {NEIGHBOURS}"
        elif refusal is None and over:
            refusal = "behind one that would be taken"
        elif refusal is None:
            wrong, served = caching.verifying.look(query, each.hit) if caching.verifying else (0.0, True)
            refusal, over = None if served else f"wrong with a chance of {wrong:.1%}", True
        found.append(each._replace(refusal=refusal))
    return found


def _neighbour(caching: Caching, query: Query, near: Neighbour) -> Form:
    return _entry(near.hit.entry, near.hit.similarity, query.now) | {"exact": near.hit.exact, "refusal": near.refusal}


async def _elsewhere(caching: Caching, query: Query, vector: Vector | None) -> list[Form]:
    """Near texts whose scope is another one: they differ in more than the last user text."""
    if vector is None:
        return []
    found = await caching.cache.nearest(vector, NEAR, 2 * SHOWN)
    others = [(entry, similarity) for entry, similarity in found if entry.scope != query.scope]
    return [_entry(entry, similarity, query.now) for entry, similarity in others[:SHOWN]]


def _entry(entry: Entry, similarity: float, now: float) -> Form:
    return {
        "id": entry.id,
        "category": entry.category,
        "tenant": entry.tenant,
        "pool": entry.pool or None,
        "text": entry.text[:_TEXT] or None,
        "similarity": round(min(1.0, similarity), 4),
        "age": round(max(0.0, now - entry.created), 3),
    }
