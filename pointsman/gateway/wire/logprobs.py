"""Probabilities of tokens, asked for by the gateway and taken out again for clients that did not ask."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.rewrite import set_members
from pointsman.signals.facts import Route

_ASKS: Mapping[Route, Mapping[str, Any]] = {
    Route.CHAT: {"logprobs": True, "top_logprobs": 2},
    Route.COMPLETIONS: {"logprobs": 2},
}
"""Two of each token: what its margin takes."""

# In a string the quotes would be escaped, so this is a key.
_KEY = re.compile(r'"logprobs"\s*:\s*(?=[\[{])')
_decode = json.JSONDecoder().raw_decode  # tells where a value ends


def asking(inbound: Inbound) -> Inbound | None:
    """With the probabilities asked for; None if the client has asked for them itself, or its wire has none."""
    members, given = _ASKS.get(inbound.route), inbound.body.get("logprobs")
    if members is None or (given is not None and given is not False):  # 0 is a wish of text completions
        return None
    return inbound._replace(raw=set_members(inbound.raw, inbound.body, members), body={**inbound.body, **members})


def without_logprobs(data: bytes) -> bytes:
    """A JSON answer, or whole events, with null where the probabilities are; not another byte is changed."""
    if b'"logprobs"' not in data:
        return data
    text = data.decode("utf-8", "surrogateescape")
    parts, at = [], 0
    while (key := _KEY.search(text, at)) is not None:
        try:
            _, end = _decode(text, key.end())
        except json.JSONDecodeError:
            break
        parts += [text[at : key.end()], "null"]
        at = end
    return "".join([*parts, text[at:]]).encode("utf-8", "surrogateescape")
