"""The cache's bench: a generator that tells right from wrong, and figures that come of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

from pointsman.bench.cache import limits, lookup, pairs, plots, relief, run, streams, world
from pointsman.bench.cache.playing import Became, Judge, Policy, play
from pointsman.bench.cache.world import HOUR, Ask, Kind, Meaning
from pointsman.bench.report import markdown, write_json
from tests.support.cached import vector
from tests.support.encoders import LetterEncoder

NEAR = ("how do I open the big red door of the house", "how do I open the big red door of the shed")
OURS = Policy("ours")


def ask(text: str, when: float = 0.0, meaning: int = 0, scope: str = "s", version: int = 0, of: str = "general") -> Ask:
    return Ask(when, of, scope, meaning, text, version)


def played(*asks: Ask, policy: Policy = OURS) -> list[Became]:
    vectors = {one.text: vector(one.text) for one in asks}
    return [Became(one) for one in play(asks, vectors, policy, Judge()).became]


class TestPlaying:
    def test_what_became_of_each_question(self) -> None:
        text = NEAR[0]
        asks = ask(text), ask(text), ask(text, version=1), ask(text, scope="t")
        assert played(*asks) == [Became.MISS, Became.RIGHT, Became.OUTDATED, Became.MISS]

    def test_another_meaning_is_wrong_and_what_the_guard_is_for(self) -> None:
        asks = ask(NEAR[0]), ask(NEAR[1], meaning=1)
        alone = Policy("alone", threshold=0.7, guard=False)
        assert played(*asks, policy=alone) == [Became.MISS, Became.WRONG]
        assert played(*asks) == [Became.MISS, Became.MISS]

    def test_answers_expire_unless_the_policy_keeps_them(self) -> None:
        asks = ask(NEAR[0], of="finance"), ask(NEAR[0], when=HOUR, of="finance")
        assert played(*asks) == [Became.MISS, Became.MISS]
        assert played(*asks, policy=Policy("for ever", expires=False))[1] is Became.RIGHT

    def test_a_verified_cache_asks_first(self) -> None:
        asks = ask(NEAR[0]), ask(f"{NEAR[0]} please")
        assert played(*asks) == [Became.MISS, Became.RIGHT]
        assert played(*asks, policy=Policy("verified", verify=0.02)) == [Became.MISS, Became.MISS]


class TestWorld:
    def test_a_few_are_asked_all_the_time_and_answers_change(self) -> None:
        kind = Kind("docs", 1.2, HOUR, [Meaning("all", (f"a {n}", f"b {n}")) for n in range(100)])
        asks = world.asks([kind], 2000, 24 * HOUR)
        counts = np.sort(np.bincount([one.meaning for one in asks], minlength=100))[::-1]
        assert counts[0] > 10 * counts[50] > 0
        assert [one.when for one in asks] == sorted(one.when for one in asks)
        popular = [one.version for one in asks if one.meaning == asks[0].meaning]
        assert popular == sorted(popular)
        assert max(one.version for one in asks) > 5
        assert asks == world.asks([kind], 2000, 24 * HOUR)

    def test_every_meaning_of_the_templates_is_said_in_its_own_words(self) -> None:
        for kind in world.kinds(None, 10):
            by_place: dict[tuple[str, str], int] = {}
            for number, meaning in enumerate(kind.meanings):
                for text in meaning.texts:
                    assert by_place.setdefault((meaning.scope, text), number) == number


class TestRelief:
    def test_a_busy_pool_is_asked_less_by_a_looser_cache(self) -> None:
        texts = [(f"how do I open door {n}", f"how do I open door {n}?") for n in range(40)]
        kind = Kind("code", 1.1, 1e12, [Meaning(str(n), pair) for n, pair in enumerate(texts)])
        asks = world.asks([kind], 400, 6 * HOUR)
        one, other = np.eye(2, 64, dtype=np.float32)
        near = np.float32(0.89) * one + np.float32((1 - 0.89**2) ** 0.5) * other  # the threshold is 0.90, or 0.88
        vectors = {text: found for pair in texts for text, found in zip(pair, (one, near), strict=True)}
        found = relief.measure(asks, vectors, 6.0)
        assert found.loose.relief.max() > 0
        assert found.loose.called.sum() < found.stiff.called.sum()

    def test_peaks_come_closer_together(self) -> None:
        asks = [ask("a", when=float(n)) for n in range(900)]
        moved = np.histogram([one.when for one in relief.waves(asks, 900.0)], bins=9)[0]
        assert moved[1] > 1.5 * moved[0]


class TestLimits:
    def test_no_scope_leaks_and_nothing_is_stale(self) -> None:
        assert limits.leaks(400) == (0, 400)
        assert limits.stale(100) == 0

    def test_a_leak_would_be_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pointsman.cache.scope._listed", lambda parts: [parts.category])
        wrong, _ = limits.leaks(400)
        assert wrong > 0

    def test_it_pays_from_where_the_formula_says(self) -> None:
        table = limits.break_even(0.001, 0.3, 5000)
        assert "no" not in [row[-1] for row in table.rows]
        pays = [row[4] for row in table.rows]
        assert (pays[:2], pays[4:]) == (["no", "no"], ["yes"] * 5)


def test_of_what_did_not_happen_little_is_known() -> None:
    asks = [ask(NEAR[0]), ask(NEAR[0]), ask(NEAR[0], scope="t"), ask(NEAR[0], scope="t")]
    found = streams.measure(asks, {NEAR[0]: vector(NEAR[0])}, streams.QUICK, lambda line: None)
    wrong = next(figure for figure in streams.figures(found, streams.QUICK) if figure.name.startswith("wrong hits"))
    assert (wrong.value, wrong.interval) == (0.0, (0.0, 1.0))


def test_everything_without_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pointsman.gateway.encoders.build_encoder", lambda config: _Long())
    monkeypatch.setattr(pairs, "run", lambda *given: None)
    effort = run.Effort(
        streams.Effort(asks=20, thresholds=(0.8, 0.99), resamples=5), pairs.QUICK,
        limits.Effort(lookups=50, ages=20, seconds=0.0, prompts=3), (lookup.Shape(60, 2),), 5,
    )  # fmt: skip
    said: list[str] = []
    report = run.run(tmp_path, effort, tmp_path / "images", said.append, _Long())
    assert any("made-up questions alone" in line for line in said)
    write_json(report, {}, tmp_path)
    assert orjson.dumps(report.data)
    text = markdown(report.tables)
    for row in ("Pointsman, verify 2 %", "GPTCache-style 0.8", "equal texts only", "single threshold 0.8"):
        assert f"| {row} |" in text
    assert {path.name for path in (tmp_path / "images").iterdir()} == {"cache-precision.png", "cache-loosening.png"}


def test_plots_need_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    said: list[str] = []
    plots.draw(None, None, tmp_path, said.append)  # type: ignore[arg-type]
    assert "matplotlib" in said[0]


class _Long(LetterEncoder):
    """As long as the shipped one's vectors."""

    dimension = 384

    def encode(self, passages):  # type: ignore[no-untyped-def]
        found = super().encode(passages)
        return [one._replace(vector=np.resize(one.vector, 384) / np.float32(48**0.5)) for one in found]
