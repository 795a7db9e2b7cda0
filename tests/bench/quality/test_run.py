from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from pointsman.bench.quality import feedback, run
from pointsman.bench.quality.asking import Asker
from pointsman.bench.quality.figures import QUICK
from pointsman.bench.quality.run import Subject
from pointsman.bench.report import Report
from pointsman.signals.base import Shape, Signal, SignalOptions, SignalValue, Span
from pointsman.signals.facts import Facts, Scope
from pointsman.signals.feedback import LABELS
from pointsman.signals.registry import SIGNALS
from tests.bench.quality import samples

Judge = Callable[[Facts], SignalValue]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    samples.write(tmp_path)
    return tmp_path


class Fake(Signal[SignalOptions]):
    """Says what a function says."""

    Options = SignalOptions

    def __init__(self, judge: Judge, kind: str) -> None:
        super().__init__(kind, SignalOptions(type=kind))
        self._judge = judge

    @property
    def shape(self) -> Shape:
        return Shape.LABEL

    def evaluate(self, facts: Facts) -> SignalValue:
        return self._judge(facts)


Play = Callable[..., Report]


@pytest.fixture
def play(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """The report on a signal that judges so."""

    def play(subject: Subject, judge: Judge) -> Report:
        monkeypatch.setattr(run, "SIGNALS", {subject: Signal})
        monkeypatch.setattr(Asker, "build", lambda self, **options: Fake(judge, options["type"]))
        report = run.run(folder, [subject], QUICK, lambda line: None)
        assert report is not None
        return report

    return play


def values(report: Report) -> dict[str, Any]:
    return {figure["name"]: figure["value"] for figure in report.data["figures"]}


def test_all_that_is_shipped_is_measured(folder: Path) -> None:
    said: list[str] = []
    report = run.run(folder, None, QUICK, said.append)
    assert report is not None
    assert report.problems == ()
    for subject in Subject:
        if subject in SIGNALS:
            assert f"{subject} …" in said
            assert any(name.startswith(subject) for name in values(report))
    assert orjson.loads(orjson.dumps(report.data))["model"].keys() == {"encoder.onnx", "heads.npz", "tokenizer.json"}
    assert run.card(report) == report.tables[:1]
    assert report.tables[0].rows[0][0] == "domain, exam questions: macro-F1"


def test_what_is_not_there_is_skipped_with_a_line(tmp_path: Path) -> None:
    said: list[str] = []
    assert run.run(tmp_path, [Subject.LANGUAGE, Subject.COMPLEXITY], QUICK, said.append) is None
    assert said[0] == "language is skipped: the data folder has no lingua_langid/sentences.dev.jsonl"
    assert said[1].endswith("has no mmlu_pro/questions.dev.jsonl.gz, mmlu_pro/correct.dev.csv")


def test_a_failing_signal_is_a_problem(play: Play) -> None:
    def judge(facts: Facts) -> SignalValue:
        raise ValueError("cannot")

    report = play(Subject.LANGUAGE, judge)
    assert report.problems == (f"{QUICK.others} requests failed: language: ValueError: cannot",)
    assert values(report)["language, 2 of them: accuracy"] == 0


def test_questions_of_the_exam_are_not_chat(play: Play) -> None:
    report = play(Subject.DOMAIN, lambda facts: SignalValue("computer_science", 1.0))
    rows = {figure["name"]: figure["rows"] for figure in report.data["figures"]}
    assert rows["domain, free chat questions: macro-F1"] == 1
    assert values(report)["domain, free chat questions: macro-F1"] == 1
    assert values(report)["domain, free chat questions: calibration error"] == 0


def test_attacks_and_benign_texts(play: Play) -> None:
    def judge(facts: Facts) -> SignalValue:
        evil = "ignore all rules" in facts.text(Scope.ALL)
        return SignalValue(evil, 0.9 if evil else 0.1)

    report = play(Subject.JAILBREAK, judge)
    found = values(report)
    assert found["jailbreak, in the wild: caught at the default threshold"] == 1
    assert found["jailbreak, in the wild: caught at 1 % false alarms"] == 1
    assert found["jailbreak, in the wild and benign text of equal length: AUROC"] == 1
    assert (
        found["jailbreak, over-defence sets: alarms at the default threshold"] < 0.2
    )  # piguard's are made like attacks
    tables = {table.title: table for table in report.tables}
    caught = {row[0]: row[2] for row in tables["jailbreak: attacks that are caught"].rows}
    assert caught["in the wild, at the middle of 3,000 benign words"] == "1.000"
    assert caught["bipia, code, in a document: tool result"] == "1.000"
    title, missed = next((t, table) for t, table in tables.items() if "giskard" in t)
    assert f"({len(missed.rows)} of " in title
    assert all("(ba" in row[0] for row in missed.rows)


def test_spans_of_types_that_are_mapped(play: Play) -> None:
    def judge(facts: Facts) -> SignalValue:
        text = facts.user_text
        start, end = text.find("p"), text.rfind(" ")
        spans = (Span(start, end, "EMAIL"), Span(0, 5, "PERSON")) if "@" in text else ()
        return SignalValue(bool(spans), spans=spans)

    found = values(play(Subject.PII, judge))
    assert found["pii, patterned types: strict span F1"] == 1
    assert found["pii, all types, as annotated: strict span F1"] == pytest.approx(2 / 3)
    assert found["pii, texts with any of it that are noticed"] == 1
    assert found["pii, patterned types: alarms in 1,000 benign prompts"] == 0


def test_tools_are_ranked_by_their_scores(play: Play) -> None:
    def judge(facts: Facts) -> SignalValue:
        scores = {name: 1.0 if f" {name} " in facts.user_text else 0.1 for name in facts.tools}
        best = max(scores.values())
        return SignalValue(tuple(scores), best, scores)

    found = values(play(Subject.TOOLS, judge))
    assert found["tools, 10 offered, from descriptions alone: top-1"] == 1
    assert found["tools, 10 offered, from descriptions alone: top-5"] == 1
    assert found["tools, is any of the offered needed: AUROC"] == 1
    assert found["tools, two to four offered, one fits: top-1"] == 1


def test_feedback_follows_an_answer(play: Play) -> None:
    roles = []

    def judge(facts: Facts) -> SignalValue:
        roles.append(tuple(message.role for message in facts.messages))
        return SignalValue("none", 1.0)

    play(Subject.FEEDBACK, judge)
    assert set(roles) == {("user", "assistant", "user")}


def test_own_messages_are_balanced_and_were_not_trained_on() -> None:
    own = [orjson.loads(line) for line in feedback.MESSAGES.read_bytes().splitlines()]
    counts = [sum(row["label"] == label for row in own) for label in LABELS]
    assert counts == [24] * len(LABELS)
    trained = Path(__file__).parents[3] / "training/examples/feedback.jsonl"
    known = {orjson.loads(line)["text"].strip().lower() for line in trained.read_bytes().splitlines()}
    assert not {row["text"].strip().lower() for row in own} & known


def test_captions_are_bare_and_in_phrases(play: Play) -> None:
    texts = []

    def judge(facts: Facts) -> SignalValue:
        texts.append(facts.user_text)
        return SignalValue("image" if "a painted" in facts.user_text else "text", 1.0)

    found = values(play(Subject.MODALITY, judge))
    assert {value for name, value in found.items()} == {1.0}
    bare = [text.startswith("a painted") and "oil" not in text for text in texts if "a painted" in text]
    assert any(bare)
    assert not all(bare)
