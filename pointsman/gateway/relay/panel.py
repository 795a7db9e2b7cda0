"""Carries out `select: {by: parallel}`: several models answer at once, the client gets one whole answer."""

from __future__ import annotations

import time

from pointsman.gateway.observe.outcome import Chosen, PanelEnding, Phase
from pointsman.gateway.relay.errand import Errand
from pointsman.gateway.relay.panel_session import Draft, Session
from pointsman.gateway.relay.relay import Relay
from pointsman.gateway.wire.chat_form import chat_form, render
from pointsman.gateway.wire.reply import EVENT_STREAM, JSON
from pointsman.policies.select.parallel import Panel


async def run_panel(errand: Errand) -> None:
    panel = errand.choice.procedure
    assert isinstance(panel, Panel)
    chat = chat_form(errand.line.inbound)
    if chat is None:
        await _in_order(errand, PanelEnding.UNFIT)
        return
    session = Session(errand, panel, chat)
    journal = errand.line.journal
    journal.waiting = Phase.HEADERS
    journal.asked()
    best = None
    try:
        best, ending = await session.answer()
    finally:
        journal.answered()
        session.book(best)
    if best is None:
        await _in_order(errand, PanelEnding.FAILED, f"; answers={session.answers}; usd={session.purse.spent:.6g}")
    else:
        await _deliver(errand, best, ending, session)


async def _in_order(errand: Errand, ending: PanelEnding, details: str = "") -> None:
    line = errand.line
    line.journal.panel = ending
    line.journal.notes.append((b"x-pointsman-panel", f"{ending}{details}".encode()))
    await Relay(line, errand.pools, errand.claim, errand.random, errand.hedge).run(errand.session)


async def _deliver(errand: Errand, best: Draft, ending: PanelEnding, session: Session) -> None:
    line, journal = errand.line, errand.line.journal
    body = render(best.told.body, line.inbound)
    first = journal.chosen
    assert first is not None
    journal.panel, journal.usage, journal.finish = ending, best.told.usage, best.told.finish
    journal.chosen = Chosen(best.pool.name, best.pool.config.model, best.told.endpoint, first.by, first.propensity)
    details = f"{ending}; answers={session.answers}; usd={session.purse.spent:.6g}"
    journal.notes.append((b"x-pointsman-panel", details.encode()))
    if line.inbound.stream:
        journal.first_event = journal.last_event = time.perf_counter()
        journal.events = body.count(b"\n\n")
    await line.watch.finish(line.reply.whole(200, EVENT_STREAM if line.inbound.stream else JSON, body))
