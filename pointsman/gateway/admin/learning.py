"""`/admin/learning`: what was learned about each decision, and having it forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.params import Depends

from pointsman.cache.effect import Effect
from pointsman.gateway.errors import NotFound
from pointsman.gateway.learning.learner import Learner
from pointsman.gateway.learning.lessons import Lesson, Notebook, arms_of
from pointsman.gateway.runtime import Runtime
from pointsman.policies.nearest import did_you_mean
from pointsman.policies.select.context import Context
from pointsman.signals.facts import Facts, Route

if TYPE_CHECKING:
    from pointsman.gateway.app import Gateway


def add_learning_routes(app: FastAPI, gateway: Gateway, guard: Sequence[Depends]) -> None:
    @app.get("/admin/learning", dependencies=guard)
    async def learned() -> dict[str, Any]:
        learner = gateway.learner
        await learner.fold()
        return {
            "requests": len(learner.requests),
            "conversations": len(learner.conversations),
            "dropped": learner.requests.dropped,
            "decisions": [_subject(gateway.runtime, learner, notebook) for notebook in learner.notebooks()],
            "examples": [_effect(effect) for effect in gateway.reusing.effects()],
        }

    @app.delete("/admin/learning/{decision}", dependencies=guard)
    async def forget(decision: str) -> dict[str, str]:
        forgotten = [gateway.reusing.forget(decision), gateway.learner.forget(decision)]
        if not any(forgotten):
            names = [notebook.subject[0] for notebook in gateway.learner.notebooks()]
            raise NotFound(f"Nothing was learned of a decision {decision[:64]!r}{did_you_mean(decision[:64], names)}.")
        return {"status": "forgotten", "decision": decision}


def _subject(runtime: Runtime, learner: Learner, notebook: Notebook) -> dict[str, Any]:
    decision, by = notebook.subject
    form: dict[str, Any] = {
        "decision": decision,
        "by": by,
        "choices": notebook.turns,
        "outcomes": notebook.sums.count,
        "arms": arms_of(notebook.arms),
    }
    lesson = learner.teacher(notebook.subject)
    return form if lesson is None else form | _scores(runtime, lesson)


def _effect(effect: Effect) -> dict[str, Any]:
    """What examples do to the answers of one pool."""
    found = effect.difference
    return {
        "decision": effect.decision,
        "pool": effect.pool,
        "given": {"rewards": effect.given.rewards, "mean": effect.given.mean},
        "withheld": {"rewards": effect.without.rewards, "mean": effect.without.mean},
        "difference": None if found is None else found._asdict(),
        "off_for": round(effect.off_for, 1),
    }


def _scores(runtime: Runtime, lesson: Lesson) -> dict[str, Any]:
    """Of a request of which nothing is known."""
    facts = Facts(Route.CHAT, pools=runtime.load)
    context = Context(facts, runtime.load, turn=lesson.turns, forecast=runtime.forecast, fleet=runtime.fleet)
    choice = lesson.selector.choose(context, lesson.view, None)
    return {"scores": dict(choice.scores), "quality": dict(choice.quality)}
