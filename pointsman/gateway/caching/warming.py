"""Answers that nobody asked for yet: kept as if a model had just given them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pointsman.cache.entry import Entry
from pointsman.cache.index import quantised
from pointsman.gateway import canned
from pointsman.gateway.caching.admission import admit, refuse, refuse_text
from pointsman.gateway.caching.asking import candidates_of, epoch_of, query_of
from pointsman.gateway.caching.placing import place, vector_of, wanted
from pointsman.gateway.caching.said import read_said
from pointsman.gateway.caching.service import Caching
from pointsman.gateway.caching.stored import keep
from pointsman.gateway.errors import BadRequest
from pointsman.gateway.observe.outcome import Uncached, Usage
from pointsman.gateway.runtime import Runtime
from pointsman.policies.types import Respond

LONGEST = 2 * 1024**2
"""Bytes of an answer."""
NO_CATEGORY, OLD, KNOWN = "no_category", "too_old", "known"
"""Why a line is not kept, beyond what is said of requests."""


class Line(BaseModel):
    """An answer, and the question that it is for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: str | None = None
    request: dict[str, Any] | None = None
    answer: str | dict[str, Any]
    path: str | None = None
    category: str | None = None
    decision: str | None = None
    tenant: str | None = None
    headers: dict[str, str] = {}
    created: float | None = Field(default=None, ge=0)
    cost: float | None = Field(default=None, ge=0)
    seconds: float = Field(default=0.0, ge=0)


def read_line(raw: bytes) -> Line:
    """BadRequest with what is wrong."""
    try:
        return Line.model_validate(orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The line is not JSON: {error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"][:1]))[:64] or "line"
        raise BadRequest(f"`{key}`: {first['msg']}.", param=key) from None


async def warm(runtime: Runtime, caching: Caching, line: Line) -> str | None:
    """Why it was not kept; None if it was. RequestError if the request cannot be read, or goes nowhere."""
    asked = wanted(runtime, line.prompt, line.request, line.path, line.tenant, line.headers)
    placed = await place(runtime, asked, line.decision, line.category)
    category, said, now = placed.category, read_said(asked.inbound), caching.clock()
    if category is None:
        return NO_CATEGORY
    admitted = admit(asked.inbound, asked.facts, said, category, runtime.signals, placed.values)
    if not admitted.keeps or said is None:
        return admitted.why or Uncached.NO_TEXT
    if (why := refuse_text(said.text, category)) is not None:
        return why
    candidates, epoch = candidates_of(runtime, placed.candidates), epoch_of(runtime)
    query = query_of(caching, category, asked.inbound, asked.facts, said, candidates, epoch, now)
    if isinstance(query, Uncached):
        return query
    created = now if line.created is None else min(now, line.created)
    if now - created > category.ttl:
        return OLD
    known = caching.cache.equal(query)
    if known is not None and known.created >= created and line.created is not None:
        return KNOWN
    model = runtime.pools[placed.candidates[0]].config.model
    body = orjson.dumps(_whole(line.answer, asked.inbound, model))
    kept = keep(asked.inbound.route, False, body) if len(body) <= LONGEST else None
    if kept is None:
        return Uncached.UNREADABLE if len(body) <= LONGEST else Uncached.LARGE
    if (why := refuse(kept.answer, category, "")) is not None:
        return why
    vector = await vector_of(runtime, asked, said.text) if admitted.similar else None
    entry = Entry(
        id=uuid4().hex,
        scope=query.scope,
        exact=query.exact,
        category=query.category,
        tenant=asked.facts.tenant,
        text="" if vector is None else said.text,
        vector=None if vector is None else quantised(vector),
        created=created,
        size=len(kept.document),
        cost=_cost(runtime, placed.candidates[0], line, kept.answer.text),
        seconds=line.seconds,
        pool=placed.candidates[0],
    )
    return None if caching.cache.insert(entry, kept.document) else Uncached.LARGE


def _whole(answer: str | Mapping[str, Any], inbound: Any, model: str) -> Mapping[str, Any]:
    if not isinstance(answer, str):
        return answer
    whole: dict[str, Any] = orjson.loads(canned.render(Respond(200, answer), inbound, uuid4().hex))
    return whole | {"model": model}


def _cost(runtime: Runtime, pool: str, line: Line, text: str) -> float:
    """What is worth nothing would be the first to go: without a word about it, what such an answer takes."""
    if line.cost is not None:
        return line.cost
    price = runtime.pools[pool].config.price
    told = line.answer.get("usage") if isinstance(line.answer, dict) else None
    counts = told if isinstance(told, dict) else {}
    usage = Usage.read(
        counts.get("prompt_tokens", counts.get("input_tokens")),
        counts.get("completion_tokens", counts.get("output_tokens")),
    ) or Usage(0, len(text) // 4)
    return usage.cost(price.input, price.output)
