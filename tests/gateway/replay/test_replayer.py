from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsman.gateway.observe.entry import MAX_TEXT
from pointsman.gateway.observe.outcome import Usage
from pointsman.gateway.replay.entries import read_entry
from pointsman.gateway.replay.replayer import Missing, Replayed, Replayer
from pointsman.signals.facts import Message, PoolLoad, Route
from tests.support.encoders import LetterEncoder, head
from tests.support.logged import Logged, write_policy

POOLS = {
    "small": {"model": "s", "endpoints": ["http://127.0.0.1:9"], "price": {"input": 1.0, "output": 2.0}},
    "large": {"model": "l", "endpoints": ["http://127.0.0.1:9"], "price": {"input": 10.0, "output": 20.0}},
}
SIGNALS: dict[str, Any] = {
    "urgent": {"type": "keyword", "any": ["urgent"]},
    "legal": {"type": "keyword", "any": ["contract"]},
    "size": {"type": "context"},
}
DECISIONS: list[dict[str, Any]] = [
    {"name": "hurry", "when": "urgent", "models": ["small"]},
    {"name": "lawyer", "when": "legal", "models": ["large"]},
    {"name": "rest", "when": "size < 1000", "models": ["small", "large"]},
]
SMALL, LARGE = Usage(1000, 500).cost(1.0, 2.0), Usage(1000, 500).cost(10.0, 20.0)


def policy(*decisions: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"version": 1, "pools": POOLS, "signals": SIGNALS, "decisions": list(decisions) or DECISIONS, **parts}


def decision(name: str, when: str, *models: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "when": when, **({"models": list(models)} if models else {}), **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def replayer(folder: Path, log: Logged, new: dict[str, Any]) -> Replayer:
    made = Replayer(write_policy(folder / "new.yaml", new))
    made.heard(log.config)
    return made


def replay(folder: Path, log: Logged, form: dict[str, Any], new: dict[str, Any]) -> Replayed:
    return replayer(folder, log, new).replay(read_entry(form))


def told(found: Replayed) -> tuple[str | None, bool | None]:
    return found.decided, found.changed


def test_the_same_policy_decides_the_same_without_text(folder: Path) -> None:
    log = Logged(folder, policy())
    for text, name in (("urgent!", "hurry"), ("a contract", "lawyer"), ("hello", "rest")):
        found = replay(folder, log, log.ask(text), policy())
        assert told(found) == (name, False)
        assert found.missing == ()


def test_other_decisions_over_the_same_signals(folder: Path) -> None:
    log = Logged(folder, policy())
    new = policy(decision("lawyer", "legal and not urgent", "large"), decision("rest", "true", "small", "large"))
    assert told(replay(folder, log, log.ask("a contract"), new)) == ("lawyer", False)
    assert told(replay(folder, log, log.ask("urgent!"), new)) == ("rest", True)


def test_a_signal_that_was_not_evaluated_needs_the_text(folder: Path) -> None:
    new = policy(decision("lawyer", "legal", "large"), decision("hurry", "urgent", "small"))
    log = Logged(folder, policy())
    found = replay(folder, log, log.ask("urgent!"), new)
    assert told(found) == (None, None)
    assert found.missing == (Missing("legal", "not evaluated then", "text"),)
    kept = Logged(folder, policy(), text=True)
    assert told(replay(folder, kept, kept.ask("urgent!"), new)) == ("hurry", False)
    assert told(replay(folder, kept, kept.ask("urgent contract"), new)) == ("lawyer", True)


def test_that_it_changes_can_be_sure_though_to_what_is_not(folder: Path) -> None:
    new = policy(decision("lawyer", "legal", "large"), decision("rest", "true", "small"))
    log = Logged(folder, policy())
    assert told(replay(folder, log, log.ask("urgent!"), new)) == (None, True)


@pytest.mark.parametrize(
    ("signals", "missing"),
    [
        ({"urgent": {"type": "keyword", "any": ["now"]}}, Missing("urgent", "declared otherwise", "text")),
        ({"soon": {"type": "keyword", "any": ["now"]}}, Missing("soon", "new", "text")),
        ({"soon": {"type": "header", "name": "x-soon", "any": ["yes"]}}, Missing("soon", "new", "headers")),
        ({"soon": {"type": "role", "any": ["admin"]}}, Missing("soon", "new", "roles")),
        ({"soon": {"type": "tools_offered", "any": ["x"]}}, Missing("soon", "new", "tools")),
    ],
)
def test_values_count_only_for_the_signal_that_gave_them(
    folder: Path, signals: dict[str, Any], missing: Missing
) -> None:
    log = Logged(folder, policy())
    form = log.ask("urgent!", read_tools=lambda: ["search"])
    new = policy(decision("hurry", missing.name, "small"), decision("rest", "true", "small"))
    found = replay(folder, log, form, {**new, "signals": {**SIGNALS, **signals}})
    assert (found.decided, found.missing) == (None, (missing,))


@pytest.mark.parametrize(
    ("declared", "when"),
    [
        ({"type": "context", "min": 3}, "fact"),
        ({"type": "tenant", "any": ["team"]}, "fact"),
        ({"type": "schedule", "hours": "12:00-13:00"}, "fact"),
        ({"type": "tools_offered"}, "not fact"),
        ({"type": "projection", "weights": {"size": 1}, "bias": 1}, "fact > 3"),
    ],
)
def test_new_signals_of_what_the_log_always_has(folder: Path, declared: dict[str, Any], when: str) -> None:
    log = Logged(folder, policy())
    form = log.ask("hello there you", tenant="team")
    new = policy(decision("rest", when, "small", "large"))
    found = replay(folder, log, form, {**new, "signals": {**SIGNALS, "fact": declared}})
    assert (told(found), found.missing) == (("rest", False), ())


def test_what_was_unknown_then_is_unknown(folder: Path) -> None:
    declared = {**SIGNALS, "app": {"type": "header", "name": "x-app"}}
    log = Logged(folder, policy(decision("app", "app.web", "large"), *DECISIONS, signals=declared))
    form = log.ask("urgent!")
    assert form["signals"]["app"]["value"] is None
    new = policy(decision("rest", "not app.web", "small"), signals=declared)
    assert replay(folder, log, form, new).decided == "rest"
    careful = {**declared, "app": {**declared["app"], "on_unknown": True}}
    assert replay(folder, log, form, {**new, "signals": careful}).decided == "404 no_route"


def test_of_a_configuration_that_the_log_does_not_explain_nothing_is_taken_for_granted(folder: Path) -> None:
    log = Logged(folder, policy())
    unheard = Replayer(write_policy(folder / "new.yaml", policy()))
    found = unheard.replay(read_entry(log.ask("urgent!")))
    assert found.missing[0] == Missing("urgent", "not known how it was declared", "text")
    assert unheard.replay(read_entry({**log.ask("urgent!"), "config": None})).decided is None


def test_pools_as_they_were(folder: Path) -> None:
    overflow = policy(decision("idle", "pool.small.load < 0.5", "small"), decision("busy", "true", "large"))
    log = Logged(folder, overflow)
    forms = [log.ask(loads={"small": PoolLoad(load=load)}) for load in (0.3, 0.7)]
    new = policy(decision("idle", "pool.small.load < 0.9", "small"), decision("busy", "true", "large"))
    assert [told(replay(folder, log, form, new)) for form in forms] == [("idle", False), ("idle", True)]
    other = policy(decision("idle", "pool.large.queue > 3", "small"), decision("busy", "true", "large"))
    found = replay(folder, log, forms[0], other)
    assert found.missing == (Missing("pool.large", "not read then", "the pool's state"),)


def test_the_list_of_the_model_that_was_asked_for(folder: Path) -> None:
    own = {
        "virtual_models": {
            "fast": {"decisions": [decision("quick", "urgent", "small"), decision("slow", "true", "large")]}
        }
    }
    guard = decision("stop", "legal", priority=9, respond={"status": 403, "message": "No."})
    log = Logged(folder, policy(guard, *DECISIONS, **own))
    asked = {model: log.ask("urgent!", model) for model in ("auto", "fast", "large", None)}
    assert {model: form["decision"] for model, form in asked.items()} == {
        "auto": "hurry", "fast": "quick", "large": "explicit", None: "hurry",
    }  # fmt: skip
    swapped = {"virtual_models": {"fast": {"decisions": [decision("slow", "not legal", "large")]}}}
    new = policy(guard, *DECISIONS, **swapped)
    assert {model: told(replay(folder, log, form, new)) for model, form in asked.items()} == {
        "auto": ("hurry", False), "fast": ("slow", True), "large": ("explicit", False), None: ("hurry", False),
    }  # fmt: skip
    gone = policy(guard, *DECISIONS)
    assert told(replay(folder, log, asked["fast"], gone)) == ("404 model_not_found", True)
    blocked = policy({**guard, "when": "not legal"}, *DECISIONS)
    assert told(replay(folder, log, asked["large"], blocked)) == ("stop", True)


def test_paths_that_are_passed_on_stay_explicit(folder: Path) -> None:
    log = Logged(folder, policy())
    form = log.ask("urgent!", "large")
    assert told(replay(folder, log, {**form, "route": Route.OTHER}, policy())) == ("explicit", False)
    aliased = {**form, "route": Route.OTHER, "facts": {**form["facts"], "model": "auto"}}
    assert told(replay(folder, log, aliased, policy())) == ("explicit", False)


def test_no_route_then_and_now(folder: Path) -> None:
    log = Logged(folder, policy(*DECISIONS[:2]))
    form = log.ask("hello")
    assert (form["decision"], form["error"]["code"]) == (None, "no_route")
    assert told(replay(folder, log, form, policy(*DECISIONS[:2]))) == ("404 no_route", False)
    assert told(replay(folder, log, form, policy(*DECISIONS[:2], decision("rest", "true", "small")))) == ("rest", True)


# Pools and cost


def test_the_new_pool_at_its_price(folder: Path) -> None:
    log = Logged(folder, policy())
    form = log.ask("a contract")
    cheaper = policy(DECISIONS[0], decision("lawyer", "legal", "small", "large"))
    found = replay(folder, log, form, cheaper)
    assert (told(found), found.asked, found.cost) == (("lawyer", True), "small", SMALL)
    assert (found.entry.asked, found.entry.cost) == ("large", LARGE)
    blocked = policy(DECISIONS[0], decision("lawyer", "legal", respond={"message": "Ask your own."}))
    found = replay(folder, log, form, blocked)
    assert (told(found), found.asked, found.cost) == (("lawyer", True), None, 0.0)


def test_what_does_not_change_stays_where_it_was(folder: Path) -> None:
    halves = decision("rest", "true", "small", "large", select={"by": "weighted", "weights": {"small": 1, "large": 1}})
    log = Logged(folder, policy(halves))
    forms = [log.ask() for _ in range(20)]
    same = replayer(folder, log, policy(decision("rare", "urgent and legal", "large"), halves))
    for form in forms:
        found = same.replay(read_entry({**form, "signals": {"urgent": {"value": False, "score": 0.0}}}))
        assert (told(found), found.asked, found.cost) == (("rest", False), form["choice"]["pool"], form["cost_usd"])


def test_a_failover_is_no_change(folder: Path) -> None:
    log = Logged(folder, policy())
    found = replay(folder, log, log.ask(failed_over="large"), policy())
    assert (found.changed, found.asked, found.entry.asked, found.cost) == (False, "small", "small", LARGE)


def test_weights_are_drawn_and_each_time_alike(folder: Path) -> None:
    log = Logged(folder, policy())
    entries = [read_entry(log.ask()) for _ in range(200)]
    split = decision("rest", "true", "small", "large", select={"by": "weighted", "weights": {"small": 3, "large": 1}})

    def pools() -> list[str | None]:
        again = replayer(folder, log, policy(split))
        return [again.replay(entry).asked for entry in entries]

    drawn = pools()
    assert 0.6 < drawn.count("small") / len(drawn) < 0.9
    assert pools() == drawn


def test_a_pool_that_is_too_small_is_passed_over(folder: Path) -> None:
    log = Logged(folder, policy(decision("rest", "true", "large")))
    form = log.ask("word " * 600, size=4000)
    new = policy(
        decision("rest", "true", "small", "large"), pools={**POOLS, "small": {**POOLS["small"], "context": 100}}
    )
    assert replay(folder, log, form, new).asked == "large"


def test_without_counted_tokens_there_is_no_cost(folder: Path) -> None:
    blocking = policy(decision("no", "true", respond={"status": 403, "message": "No."}))
    log = Logged(folder, blocking)
    found = replay(folder, log, log.ask(), policy(decision("rest", "true", "small")))
    assert (found.asked, found.cost) == ("small", None)


# Text


LETTERS = {"like": {"type": "fact_check"}}


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch) -> list[LetterEncoder]:
    made: list[LetterEncoder] = []

    def build(config: object) -> LetterEncoder:
        made.append(LetterEncoder({"fact_check": head(["yes"], ["s"])}))
        return made[-1]

    monkeypatch.setattr("pointsman.gateway.encoders.build_encoder", build)
    return made


def test_neural_signals_read_what_was_kept(folder: Path, encoders: list[LetterEncoder]) -> None:
    log = Logged(folder, policy(), text=True)
    forms = [log.ask(text) for text in ("ssssss", "a data bazaar")]
    assert not encoders
    new = policy(decision("facts", "like", "large"), DECISIONS[2], signals={**SIGNALS, **LETTERS})
    again = replayer(folder, log, new)
    assert not encoders
    assert [told(again.replay(read_entry(form))) for form in forms] == [("facts", True), ("rest", False)]
    assert len(encoders) == 1


def test_no_encoder_is_loaded_where_there_is_no_text(folder: Path, encoders: list[LetterEncoder]) -> None:
    log = Logged(folder, policy())
    new = policy(decision("facts", "like", "large"), DECISIONS[2], signals={**SIGNALS, **LETTERS})
    found = replay(folder, log, log.ask("ssssss"), new)
    assert found.missing == (Missing("like", "new", "text"),)
    assert not encoders


def test_signals_read_what_the_messages_held(folder: Path) -> None:
    log = Logged(folder, policy(), text=True)
    turns = [Message("system", "Be brief."), Message("user", "Look", ("image",)), Message("tool", "contract")]
    form = log.ask(messages=turns)
    new = {
        "image": {"type": "parts", "any": ["image"]},
        "turns": {"type": "conversation", "count": "turns"},
        "tool": {"type": "keyword", "any": ["contract"], "in": "tool"},
    }
    all_of_it = decision("seen", "image and turns == 1 and tool", "large")
    assert replay(folder, log, form, policy(all_of_it, signals={**SIGNALS, **new})).decided == "seen"


def test_of_a_text_that_was_cut_the_last_message_is_enough_for_those_that_read_only_it(folder: Path) -> None:
    log = Logged(folder, policy(), text=True)
    form = log.ask(
        messages=[Message("user", "urgent"), Message("assistant", "a" * MAX_TEXT), Message("user", "contract")]
    )
    last = policy(decision("lawyer", "legal", "large"))
    assert replay(folder, log, form, last).decided == "lawyer"
    whole = {"whole": {"type": "keyword", "any": ["urgent"], "in": "all"}}
    found = replay(folder, log, form, policy(decision("all", "whole", "large"), signals={**SIGNALS, **whole}))
    assert found.missing == (Missing("whole", "new", "all of the text"),)


@pytest.mark.parametrize(
    "signals",
    [
        {"urgent": {"value": "yes"}},
        {"urgent": 1},
        {"urgent": {"value": False}, "legal": {"value": 3}},
        {"urgent": {"value": False, "score": "high"}},
    ],
)
def test_values_that_no_signal_gives_are_no_entry(folder: Path, signals: dict[str, Any]) -> None:
    log = Logged(folder, policy())
    with pytest.raises(ValueError):
        replay(folder, log, {**log.ask("hello"), "signals": signals}, policy())


# Selectors that read prompts


def prompted(form: dict[str, Any], need: float) -> dict[str, Any]:
    told = {"features": [0.0] * 32, "need": need, "difficulty": 0.4, "domains": {"math": 1.0}}
    return {**form, "selection": {**form["selection"], **told}}


FUSED = {"by": "fused", "weights": {"quality": 1, "cost": 0.1, "latency": 0, "load": 0}}


def test_a_selector_is_told_the_prompt_that_was_read_then(folder: Path, encoders: list[LetterEncoder]) -> None:
    log = Logged(folder, policy())
    new = replayer(folder, log, policy(decision("rest", "true", "small", "large", select=FUSED)))
    forms = [prompted(log.ask(), need) for need in (0.0, 0.9)]
    assert [new.replay(read_entry(form)).asked for form in forms] == ["small", "large"]
    assert not encoders


def test_without_the_prompt_it_cannot_be_told_which_pool(folder: Path, encoders: list[LetterEncoder]) -> None:
    new = policy(decision("rest", "true", "small", "large", select=FUSED))
    log = Logged(folder, policy())
    found = replay(folder, log, log.ask(), new)
    assert (told(found), found.asked, found.cost) == (("rest", False), None, None)
    assert found.missing == (Missing("select of rest", "the prompt was not read then", "text"),)
    unheard = Replayer(write_policy(folder / "new.yaml", new))
    assert unheard.replay(read_entry(prompted(log.ask(), 0.9))).asked is None
    assert not encoders


def test_the_prompt_is_read_again_where_there_is_text(folder: Path, encoders: list[LetterEncoder]) -> None:
    log = Logged(folder, policy(), text=True)
    new = policy(decision("rest", "true", "small", "large", select=FUSED))
    assert replay(folder, log, log.ask("a question"), new).asked is not None
    assert encoders[0].asked == [["a question"]]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ODD = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=5)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_entry_holds_it_is_replayed_or_none(data: st.DataObject, readable: tuple[Replayer, Any]) -> None:
    again, form = readable
    inside = [form[key] for key in ("facts", "signals", "pools", "choice", "usage", "messages")]
    inside += [*form["signals"].values(), *form["pools"].values(), form["attempts"][0], form["messages"][0]]
    holder = data.draw(st.sampled_from([form, *(each for each in inside if isinstance(each, dict))]))
    key = data.draw(st.sampled_from(sorted(holder)))
    before, holder[key] = holder[key], data.draw(ODD)
    try:
        with suppress(ValueError):
            again.replay(read_entry(form))
    finally:
        holder[key] = before


@pytest.fixture
def readable(folder: Path) -> tuple[Replayer, dict[str, Any]]:
    loaded = policy(decision("idle", "pool.small.load < 0.5 and urgent and size > 1", "small"), *DECISIONS)
    log = Logged(folder, loaded, text=True)
    image = {"image": {"type": "parts", "any": ["image"]}}
    new = policy(*loaded["decisions"][:1], decision("seen", "image or legal", "large"), signals={**SIGNALS, **image})
    form = log.ask(messages=[Message("user", "urgent", ("image",), 1)], loads={"small": PoolLoad(load=0.1)})
    return replayer(folder, log, new), form
