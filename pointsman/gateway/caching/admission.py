"""Which requests may have a kept answer, and which answers are kept. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pointsman.cache.categories import Category
from pointsman.gateway.caching.personal import is_personal
from pointsman.gateway.caching.said import Said
from pointsman.gateway.caching.volatile import is_volatile
from pointsman.gateway.observe.outcome import PanelEnding, Step, Uncached
from pointsman.gateway.wire.answer import Answer
from pointsman.gateway.wire.inbound import Inbound
from pointsman.policies.cascade import Verdict
from pointsman.signals.base import Signal, SignalValue
from pointsman.signals.encoder.encoding import MAX_CHARS
from pointsman.signals.facts import Facts, Route
from pointsman.signals.jailbreak.signal import Jailbreak
from pointsman.signals.pii.signal import Pii

ROUTES = frozenset((Route.CHAT, Route.COMPLETIONS, Route.RESPONSES, Route.MESSAGES))
"""Whose answers are texts."""

HOT = 1.0
"""Temperature above which a client wants to be surprised."""
LONGEST = 256 * 1024
"""Bytes of a request: what begins with so long a conversation is not asked again."""

_ALONE = frozenset(
    ("logprobs", "top_logprobs", "prompt_logprobs", "return_token_ids", "echo", "prediction", "web_search_options")
)
"""Members that ask for what only the model, or only this prompt, has."""
_KEPT_THERE = frozenset(("previous_response_id", "conversation", "background", "container", "mcp_servers"))
"""Members that mean something at the upstream, which a scope does not see."""

_CANNOT = r"(?:can['’]?t|cannot|can not|unable|not able)"
_REFUSAL = re.compile(
    rf"\W*(?:(?:i['’]?m|i am) (?:very |so |really )?(?:sorry|afraid)\b.{{0,40}}\b{_CANNOT}|sorry, (?:but )?i {_CANNOT}|"
    rf"i (?:{_CANNOT}|won['’]?t|am unable to|['’]?m unable to|must decline to) "
    r"(?:help|assist|provide|comply|fulfill|answer|do that|discuss)|"
    rf"as an ai\b.{{0,60}}\b{_CANNOT}|(?:es )?tut mir leid\b.{{0,40}}\bkann|je suis d[ée]sol[ée]|"
    r"lo siento\b.{0,40}\bno puedo|(?:desculpe|sinto muito)\b.{0,40}\bn[ãa]o posso|"
    r"mi dispiace\b.{0,40}\bnon posso|извините\b.{0,40}\bне могу|"
    r"很?(?:抱歉|对不起|對不起).{0,20}(?:无法|不能|無法)|申し訳.{0,30}(?:できません|お答え))",
    re.IGNORECASE | re.DOTALL,
)
"""How models begin an answer that is none. Another time they may answer."""
_BEGINNING = 200  # characters of an answer


class Admitted(NamedTuple):
    """What a request may have of the cache. `why` says what it may not."""

    looks: bool  # it may be answered with what is kept
    keeps: bool  # its answer may be kept
    similar: bool  # and stand for texts that are similar
    why: Uncached | None = None


def _not(why: Uncached) -> Admitted:
    return Admitted(looks=False, keeps=False, similar=False, why=why)


def admit(
    inbound: Inbound,
    facts: Facts,
    said: Said | None,
    category: Category,
    signals: Mapping[str, Signal[Any]],
    values: Mapping[str, SignalValue],
) -> Admitted:
    """`values` are those of the `signals` that the decision needed."""
    admitted = admit_form(inbound, facts, said, category, signals, values)
    why = refuse_text(said.text, category) if admitted.keeps and said is not None else None
    return admitted if why is None else _not(why)


def admit_form(
    inbound: Inbound,
    facts: Facts,
    said: Said | None,
    category: Category,
    signals: Mapping[str, Signal[Any]],
    values: Mapping[str, SignalValue],
) -> Admitted:
    """As `admit`, but the text itself has not been looked at: what is kept of an equal one has been admitted before."""
    if inbound.route not in ROUTES:
        return _not(Uncached.ROUTE)
    wish = _wish(inbound.headers)
    if wish is Uncached.NO_STORE:
        return _not(wish)
    why = _unfit(inbound, facts, category) or _unspoken(said) or _flagged(signals, values)
    if why is not None:
        return _not(why)
    assert said is not None
    similar = category.semantic and len(said.text) <= MAX_CHARS and not _offers_tools(inbound.body)
    return Admitted(wish is None, True, similar, wish)


def refuse_text(text: str, category: Category) -> Uncached | None:
    """Why its answer is for nobody else, or not for another time."""
    if not category.private and is_personal(text):
        return Uncached.PERSONAL
    return Uncached.VOLATILE if not category.volatile and is_volatile(text) else None


def _wish(headers: Mapping[str, str]) -> Uncached | None:
    """What the client asks for: `no-store` is neither answered from the cache nor kept, `no-cache` is answered anew."""
    control = headers.get("cache-control", "")
    own = headers.get("x-pointsman-cache", "")
    if not control and not own:
        return None
    asked = {word.strip().lower() for word in f"{control},{own}".split(",")}
    if "no-store" in asked:
        return Uncached.NO_STORE
    return Uncached.NO_CACHE if not asked.isdisjoint(("no-cache", "max-age=0")) else None


def _unfit(inbound: Inbound, facts: Facts, category: Category) -> Uncached | None:
    body = inbound.body
    if facts.choices > 1 or (isinstance(body.get("best_of"), int) and body["best_of"] > 1):
        return Uncached.CHOICES
    if facts.size > LONGEST:
        return Uncached.LONG
    if _offers_tools(body) and not category.tools:
        return Uncached.TOOLS
    if _beyond_text(body) or any(message.parts for message in facts.messages):
        return Uncached.MODALITY
    if _has(body, _ALONE) or _includes_logprobs(body):
        return Uncached.ALONE
    if _has(body, _KEPT_THERE):
        return Uncached.STATE
    temperature = body.get("temperature")
    if isinstance(temperature, int | float) and temperature > HOT:
        return Uncached.TEMPERATURE
    return None


def _has(body: Mapping[str, Any], members: frozenset[str]) -> bool:
    return not members.isdisjoint(body) and any(body.get(key) for key in members)


def _offers_tools(body: Mapping[str, Any]) -> bool:
    return bool(body.get("tools") or body.get("functions"))


def _beyond_text(body: Mapping[str, Any]) -> bool:
    return body.get("modalities") not in (None, ["text"]) or bool(body.get("audio"))


def _includes_logprobs(body: Mapping[str, Any]) -> bool:
    include = body.get("include")
    return isinstance(include, list) and "message.output_text.logprobs" in include


def _unspoken(said: Said | None) -> Uncached | None:
    return None if said is not None and said.text.strip() else Uncached.NO_TEXT


def _flagged(signals: Mapping[str, Signal[Any]], values: Mapping[str, SignalValue]) -> Uncached | None:
    for name, found in values.items():
        if found.value is True and isinstance(signals.get(name), Jailbreak | Pii):
            return Uncached.FLAGGED
    return None


def refuse(
    answer: Answer, category: Category, pool: str, steps: Iterable[Step] = (), panel: PanelEnding | None = None
) -> Uncached | None:
    """Why the pool's answer, which came whole, is not kept; None if it is."""
    if answer.finish in ("length", "content_filter"):
        return Uncached.TRUNCATED if answer.finish == "length" else Uncached.REFUSED
    if answer.calls or answer.finish == "tool_calls":
        if not category.tools:
            return Uncached.TOOL_CALL
    elif answer.finish != "stop":
        return Uncached.TRUNCATED
    elif not answer.text.strip():
        return Uncached.EMPTY
    if answer.refusal or _REFUSAL.match(answer.text[:_BEGINNING]):
        return Uncached.REFUSED
    if _unaccepted(pool, steps, panel):
        return Uncached.UNACCEPTED
    return Uncached.PERSONAL if not category.private and is_personal(answer.text) else None


def _unaccepted(pool: str, steps: Iterable[Step], panel: PanelEnding | None) -> bool:
    """What a cascade had to make do with, and the best of a panel that came to no verdict."""
    if panel in (PanelEnding.PARTIAL, PanelEnding.FAILED):
        return True
    verdicts = [step.verdict for step in steps if step.pool == pool] if panel is None else []
    return bool(verdicts) and verdicts[-1] is not Verdict.ACCEPTED
