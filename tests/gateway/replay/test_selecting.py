from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsman.gateway.observe.outcome import Usage
from pointsman.gateway.replay import selecting
from pointsman.gateway.replay.entries import read_entry
from pointsman.gateway.replay.replayer import Replayer
from pointsman.gateway.replay.selecting import Evaluated, Selecting
from pointsman.policies.offpolicy.estimate import Measured
from pointsman.policies.offpolicy.verdict import Answer
from pointsman.policies.select.base import Rewarded, Seen
from pointsman.policies.select.sums import total
from tests.support.encoders import LetterEncoder
from tests.support.logged import Logged, write_policy

POOLS = {
    "small": {"model": "s", "endpoints": ["http://127.0.0.1:9"], "price": {"input": 1.0, "output": 2.0}},
    "large": {"model": "l", "endpoints": ["http://127.0.0.1:9"], "price": {"input": 10.0, "output": 20.0}},
}
QUALITY = {"small": 0.5, "large": 0.9}
HALVES = {"by": "weighted", "weights": {"small": 1, "large": 1}}
FUSED = {"by": "fused", "weights": {"quality": 1, "cost": 0, "latency": 0, "load": 0}}


def policy(select: dict[str, Any], models: tuple[str, ...] = ("small", "large"), **parts: Any) -> dict[str, Any]:
    decision = {"name": "all", "when": True, "models": list(models), "select": select}
    return {"version": 1, "pools": POOLS, "decisions": [decision], **parts}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def filled(log: Logged, count: int = 600, told: float = 0.5, **asked: Any) -> Logged:
    """Rewarded as often as `told`, and as good as the pool that answered."""
    random = Random(0)
    for number in range(count):
        form = log.ask(f"text {number}", random=random, **asked)
        if random.random() < told:
            log.reward(form["id"], float(random.random() < QUALITY[form["choice"]["pool"]]))
    return log


def evaluate(folder: Path, lines: list[bytes], new: dict[str, Any], **options: Any) -> Evaluated:
    replayer = Replayer(write_policy(folder / "new.yaml", new))
    made = Selecting(replayer, **options)
    for form in map(orjson.loads, lines):
        if form.get("event") == "config":
            replayer.heard(form)
        elif form.get("event") == "reward":
            made.rewarded(form)
        else:
            made.add(replayer.replay(read_entry(form)))
    [found] = made.evaluate()
    return found


def of(found: Evaluated, name: str) -> Measured:
    measured = found.measures[name][0]
    assert measured is not None
    return measured


def answers(found: Evaluated) -> dict[str, Answer]:
    return {name: verdict.answer for name, (_, verdict) in found.measures.items()}


def test_what_another_selector_would_have_been_worth(folder: Path) -> None:
    log = filled(Logged(folder, policy(HALVES)))
    found = evaluate(folder, log.lines, policy({"by": "static"}, models=("large", "small")))
    assert (found.by, found.then, found.requests, found.evaluated) == ("static", {"weighted": 600}, 600, 600)
    assert found.rewarded == of(found, "quality").known == of(found, "utility").known
    quality, cost = of(found, "quality"), of(found, "cost")
    assert quality.logged.low < 0.7 < quality.logged.high
    assert quality.dr.low < 0.9 < quality.dr.high
    assert quality.effective == pytest.approx(found.rewarded / 2, rel=0.15)
    price = Usage(1000, 500).cost(10.0, 20.0) * 1000
    assert cost.snips.value == pytest.approx(price)
    assert cost.dr.value == pytest.approx(price, rel=0.001)
    assert cost.known == 600
    found_answers = answers(found)
    assert [found_answers[name] for name in ("quality", "cost", "latency")] == [
        Answer.BETTER, Answer.WORSE, Answer.SAME,
    ]  # fmt: skip
    assert found.utility.usd == pytest.approx(price / 1000)


def test_its_own_weights_say_what_counts(folder: Path) -> None:
    log = filled(Logged(folder, policy(HALVES)))
    found = evaluate(folder, log.lines, policy({**FUSED, "weights": {"quality": 0, "cost": 2, "latency": 0}}))
    worth, cost = of(found, "utility"), of(found, "cost")
    assert worth.logged.value == pytest.approx(-2 * cost.logged.value / 1000 / found.utility.usd)
    assert worth.known == 600


def test_without_rewards_only_the_rest_can_be_told(folder: Path) -> None:
    log = filled(Logged(folder, policy(HALVES)), told=0)
    found = evaluate(folder, log.lines, policy({"by": "static"}))
    assert answers(found)["cost"] is Answer.BETTER
    assert found.measures["quality"] == (None, (Answer.CANNOT_TELL, "no outcomes are known"))
    assert answers(found)["utility"] is Answer.CANNOT_TELL


def test_a_log_without_chance_cannot_tell_of_another_model(folder: Path) -> None:
    log = filled(Logged(folder, policy({"by": "static"})))
    found = evaluate(folder, log.lines, policy({"by": "static"}, models=("large", "small")))
    assert found.measures["quality"][1].why == (
        "the log left nothing to chance, and 100% of its choices were never tried"
    )
    assert answers(evaluate(folder, log.lines, policy({"by": "static"})))["quality"] is Answer.SAME


def test_a_model_that_is_new(folder: Path) -> None:
    log = filled(Logged(folder, policy({"by": "static"}, models=("small",))))
    half = evaluate(folder, log.lines, policy(HALVES))
    assert half.measures["cost"][1].answer is Answer.CANNOT_TELL
    assert half.overlap.outside == pytest.approx(0.5)


def test_the_latest_reward_of_a_request_counts_whenever_it_comes(folder: Path) -> None:
    log = Logged(folder, policy(HALVES))
    names = [log.ask(random=Random(n))["id"] for n in range(4)]
    config, *asked = log.lines
    for name, reward in zip(names, (1.0, 1.0, 0.0, 0.5), strict=True):
        log.reward(name, reward)
    log.reward(names[0], 0.0)
    log.reward(names[1], 1.0, weight=0)
    log.reward("somebody else's", 1.0)
    rewards = log.lines[5:]
    for lines in ([config, *asked, *rewards], [config, *rewards, *asked]):
        found = evaluate(folder, lines, policy(HALVES))
        assert found.rewarded == 3
    changed = [orjson.loads(line) | {"reward": None} for line in rewards]
    none = evaluate(folder, [config, *asked, *map(orjson.dumps, changed)], policy(HALVES))
    assert none.rewarded == 0


def test_tenants_may_have_the_same_ids(folder: Path) -> None:
    log = Logged(folder, policy(HALVES))
    forms = [log.ask(tenant=tenant) | {"id": "same"} for tenant in ("a", "b")]
    reward = {"v": 1, "event": "reward", "id": "same", "tenant": "b", "reward": 1.0, "weight": 1.0}
    found = evaluate(folder, [log.lines[0], *map(orjson.dumps, [*forms, reward])], policy(HALVES))
    assert (found.evaluated, found.rewarded) == (2, 1)


@pytest.mark.parametrize("wrong", [{"id": 3}, {"reward": "good"}, {"reward": 2}, {"reward": True}])
def test_a_reward_that_is_none(folder: Path, wrong: dict[str, Any]) -> None:
    made = Selecting(Replayer(write_policy(folder / "new.yaml", policy(HALVES))))
    with pytest.raises(ValueError):
        made.rewarded({"v": 1, "event": "reward", "id": "r1", "reward": 1.0, **wrong})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"steps": [{}]}, selecting.SEVERAL),
        ({"selection": None, "choice": {"pool": "small", "by": "explicit"}}, selecting.NAMED),
        ({"selection": None, "choice": None, "attempts": []}, selecting.NO_MODEL),
    ],
)
def test_requests_that_no_selector_chose_for_are_left_out(folder: Path, changes: dict[str, Any], why: str) -> None:
    log = filled(Logged(folder, policy(HALVES)), 20)
    config, *lines = log.lines
    forms = [orjson.loads(line) for line in lines]
    made = [orjson.dumps(form if "event" in form else form | changes) for form in forms]
    found = evaluate(folder, [config, *made], policy(HALVES))
    assert (found.requests, found.evaluated, found.left_out) == (20, 0, {why: 20})
    assert answers(found)["cost"] is Answer.CANNOT_TELL


def test_the_same_id_counts_once(folder: Path) -> None:
    log = Logged(folder, policy(HALVES))
    log.ask()
    found = evaluate(folder, [*log.lines, log.lines[1]], policy(HALVES))
    assert (found.requests, found.evaluated, found.left_out) == (2, 1, {selecting.TWICE: 1})


def test_a_target_that_asks_several_models_cannot_be_told(folder: Path) -> None:
    log = filled(Logged(folder, policy(HALVES)), 20)
    found = evaluate(folder, log.lines, policy({"by": "parallel", "max_cost": 1}))
    assert (found.evaluated, found.left_out) == (0, {selecting.SEVERAL_NOW: 20})


def test_a_long_log_is_sampled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selecting, "MAX_ROWS", 200)
    log = filled(Logged(folder, policy(HALVES)))
    found = evaluate(folder, log.lines, policy({"by": "static"}))
    assert (found.requests, found.evaluated, found.sampled) == (600, 200, True)
    assert found.rewarded == pytest.approx(100, abs=25)
    assert of(found, "cost").snips.value == pytest.approx(2.0)


def test_an_old_log_without_selections(folder: Path) -> None:
    config, *lines = filled(Logged(folder, policy(HALVES))).lines
    forms = [orjson.loads(line) for line in lines]
    for form in forms:
        form.pop("selection", None)
    found = evaluate(folder, [config, *map(orjson.dumps, forms)], policy({"by": "static"}))
    assert answers(found)["cost"] is Answer.BETTER


def test_who_left_did_not_fail(folder: Path) -> None:
    config, *lines = filled(Logged(folder, policy(HALVES)), 300, told=0).lines
    forms = [orjson.loads(line) for line in lines]
    for form in forms[:50]:
        form |= {"disconnect": "body", "status": 499}
    for form in forms[50:100]:
        form |= {"status": 502, "error": {"source": "upstream", "code": "upstream_error"}}
    found = evaluate(folder, [config, *map(orjson.dumps, forms)], policy(HALVES))
    assert of(found, "failed").known == of(found, "latency").known == 250
    assert of(found, "failed").logged.value == pytest.approx(50 / 250, abs=0.01)


# Selectors that read prompts


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch) -> list[LetterEncoder]:
    made: list[LetterEncoder] = []

    def build(config: object) -> LetterEncoder:
        made.append(LetterEncoder())
        return made[-1]

    monkeypatch.setattr("pointsman.gateway.encoders.build_encoder", build)
    return made


def needy(form: dict[str, Any], need: float) -> dict[str, Any]:
    prompt = {"features": [0.0] * 32, "need": need, "difficulty": 0.4, "domains": {}}
    return form | {"selection": form["selection"] | prompt}


def test_prompts_are_what_the_log_says(folder: Path, encoders: list[LetterEncoder]) -> None:
    """With no need at all the models do equally well, so that the cheaper one is chosen."""
    log = filled(Logged(folder, policy(HALVES)), 400)
    forms = [orjson.loads(line) for line in log.lines]
    needs = [needy(f, 0.0 if n % 2 else 0.9) if "selection" in f else f for n, f in enumerate(forms)]
    new = policy({**FUSED, "weights": {"quality": 1, "cost": 0.1, "latency": 0, "load": 0}})
    found = evaluate(folder, [*map(orjson.dumps, needs)], new)
    assert found.evaluated == 400
    assert not encoders
    assert 5 < of(found, "cost").dr.value < 17
    assert "the endpoints count as idle: the log does not have their load" in found.notes


def test_prompts_are_read_again_where_there_is_text(folder: Path, encoders: list[LetterEncoder]) -> None:
    log = filled(Logged(folder, policy(HALVES), text=True), 5)
    found = evaluate(folder, log.lines, policy(FUSED))
    assert (found.evaluated, found.left_out) == (5, {})
    assert [text for asked in encoders[-1].asked for text in asked] == [f"text {n}" for n in range(5)]


def test_without_either_it_cannot_be_told(folder: Path, encoders: list[LetterEncoder]) -> None:
    log = filled(Logged(folder, policy(HALVES)), 5)
    found = evaluate(folder, log.lines, policy(FUSED))
    assert (found.evaluated, found.left_out) == (0, {selecting.NO_PROMPT: 5})
    assert not encoders


def test_prompts_of_another_encoder_are_not_compared(folder: Path, encoders: list[LetterEncoder]) -> None:
    log = filled(Logged(folder, policy(HALVES)), 5)
    lines = [orjson.dumps(needy(f, 0.5) if "selection" in f else f) for f in map(orjson.loads, log.lines)]
    other = policy(FUSED, encoder={"model": "another"})
    assert evaluate(folder, lines, other).left_out == {selecting.NO_PROMPT: 5}
    assert evaluate(folder, lines, policy(FUSED)).left_out == {}


# Selectors that learn

LINUCB = {"by": "linucb", "weights": {"quality": 1, "cost": 0, "latency": 0}, "explore": 0.02}


@pytest.fixture
def surprising(folder: Path, encoders: list[LetterEncoder]) -> list[bytes]:
    """The model that seems to be the worse one, because it is cheaper, is much better."""
    log, random = Logged(folder, policy(HALVES)), Random(0)
    for _ in range(800):
        form = log.ask(random=random)
        log.reward(form["id"], float(random.random() < (0.9 if form["choice"]["pool"] == "small" else 0.2)))
    return [orjson.dumps(needy(f, 0.25) if "selection" in f else f) for f in map(orjson.loads, log.lines)]


def test_it_can_learn_as_it_goes(folder: Path, surprising: list[bytes]) -> None:
    fresh = evaluate(folder, surprising, policy(LINUCB))
    taught = evaluate(folder, surprising, policy(LINUCB), learn=True)
    assert fresh.measures["quality"][1].answer is Answer.WORSE
    assert taught.measures["quality"][1].answer is Answer.BETTER
    assert of(taught, "quality").dr.value > 0.75
    assert any("it has learned nothing" in note for note in fresh.notes)
    assert not taught.notes


def test_it_can_have_learned_before(folder: Path, surprising: list[bytes]) -> None:
    config = write_policy(folder / "taught.yaml", policy(LINUCB))
    [decision] = Replayer(config).decisions
    assert decision.selector is not None
    known = total(
        decision.selector.learn(Rewarded(arm, Seen(prior=0.6), 1.0, good))
        for arm, good in (("small", 0.9), ("large", 0.2)) * 100
    )
    found = evaluate(folder, surprising, policy(LINUCB), learned={("all", "linucb"): known})
    assert found.measures["quality"][1].answer is Answer.BETTER
    assert any("of these very outcomes" in note for note in found.notes)
    other = evaluate(folder, surprising, policy(LINUCB), learned={("all", "thompson"): known})
    assert other.measures["quality"][1].answer is Answer.WORSE


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ODD = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=5)


@pytest.fixture
def odd(folder: Path) -> Callable[[dict[str, Any]], None]:
    log = Logged(folder, policy(HALVES))
    form = log.ask()
    previous = {"pool": "small", "turns": 1, "tokens": 5, "seconds": 1.0, "tool_loop": False}
    form = needy(form, 0.5)
    form["selection"] |= {"previous": previous, "budget": 1.0, "shares": {"small": 0.5, "large": 0.5}}
    replayer = Replayer(write_policy(folder / "new.yaml", policy(FUSED)))
    replayer.heard(log.config)

    def play(selection: dict[str, Any]) -> None:
        made = Selecting(replayer)
        with suppress(ValueError):
            made.add(replayer.replay(read_entry(form | {"selection": selection})))
        made.evaluate()

    play.form = form  # type: ignore[attr-defined]
    return play


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_whatever_a_selection_holds(data: st.DataObject, odd: Any) -> None:
    selection = orjson.loads(orjson.dumps(odd.form["selection"]))
    holder = (
        selection[data.draw(st.sampled_from(["previous", "shares", "domains"]))] if data.draw(st.booleans()) else {}
    )
    holder = holder or selection
    holder[data.draw(st.sampled_from(sorted(holder)))] = data.draw(ODD)
    odd(selection)


def test_the_same_log_says_the_same(folder: Path) -> None:
    log = filled(Logged(folder, policy(HALVES)), 200)
    found = [evaluate(folder, log.lines, policy({"by": "static"})) for _ in range(2)]
    assert found[0] == found[1]
    assert np.isfinite(of(found[0], "utility").dr.value)
