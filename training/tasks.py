"""What is learned, and from what: texts with targets, by task.

`data` is the folder of public sets. Rows that `is_test` says are for reporting are never here, and of the others a
tenth (`held_out`) is kept for calibration.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from pointsman.signals.domain import LABELS as DOMAINS
from pointsman.signals.feedback import LABELS as FEEDBACK
from pointsman.signals.modality import LABELS as MODALITIES
from training.data import examples, rows, train_rows

NEEDS_FACTS = {"natural_qa": 1, "trivia_qa": 1, "gsm8k": 0, "agentverse-mgsm": 0, "math": 0}
SMALL_TALK = ("travel", "kitchen_and_dining", "small_talk", "home", "auto_and_commute", "utility", "meta")
_ASKS = (
    "draw {}", "generate an image of {}", "please make a picture of {}", "create an illustration: {}",
    "{}, digital art", "can you paint {} for me", "I need a photo of {}", "show me an image with {}", "render {}",
    "make me a poster of {}",
)  # fmt: skip


class Example(NamedTuple):
    text: str
    target: float  # a class, or a probability
    held_out: bool = False


def held_out(key: object) -> bool:
    return crc32(f"calibrate {key}".encode()) % 10 == 0


def own(name: str, labels: tuple[str, ...]) -> Iterator[Example]:
    for number, row in enumerate(examples(name)):
        yield Example(row["text"], labels.index(row["label"]), held_out(f"{name}/{number}"))


def domain(data: Path) -> Iterator[Example]:
    """Exam questions alone and with an answer, questions as people type them, and small talk as `other`."""
    for row in train_rows(data / "mmlu_pro/questions.dev.jsonl.gz"):
        label, aside = DOMAINS.index(row["category"].replace(" ", "_")), held_out(row["id"])
        yield Example(row["question"], label, aside)
        if not aside:
            yield Example(f"{row['question']} {row['options'][row['answer_index']]}", label)
    for name in ("domain_a", "domain_b"):
        yield from own(name, DOMAINS)
    other = DOMAINS.index("other")
    chat = [r["text"] for r in train_rows(data / "clinc150/intents.dev.jsonl.gz") if r["domain"] in SMALL_TALK]
    yield from (Example(text, other) for text in random.Random(1).sample(chat, 400))


def complexity(data: Path) -> Iterator[Example]:
    """The share of models that failed; small talk is what none fails at."""
    with (data / "mmlu_pro/correct.dev.csv").open() as file:
        failed = {row.pop("id"): _failures(row) for row in csv.DictReader(file)}
    for row in train_rows(data / "mmlu_pro/questions.dev.jsonl.gz"):
        yield Example(row["question"], failed[str(row["id"])], held_out(row["id"]))
    asked = list(train_rows(data / "llmrouter_9model/scores.dev.jsonl.gz"))
    for row in random.Random(7).sample(asked, 400):  # more would teach which set is harder, not which question
        yield Example(row["prompt"], 1 - sum(row["scores"].values()) / len(row["scores"]))
    chat = [r["text"] for r in train_rows(data / "clinc150/intents.dev.jsonl.gz") if r["domain"] in SMALL_TALK]
    yield from (Example(text, 0.03) for text in random.Random(6).sample(chat, 150))


def _failures(answers: dict[str, str]) -> float:
    given = [answer for answer in answers.values() if answer]
    return 1 - sum(map(float, given)) / len(given)


def fact_check(data: Path) -> Iterator[Example]:
    measured = {row["text"].strip() for row in rows(data / "factcheck_need/prompts.dev.jsonl")}
    for row in train_rows(data / "llmrouter_9model/scores.dev.jsonl.gz"):
        if row["task"] in NEEDS_FACTS and row["prompt"].strip() not in measured:
            yield Example(
                row["prompt"].split("\nAfter careful thought")[0], NEEDS_FACTS[row["task"]], held_out(row["id"])
            )
    yield from own("fact_check", ("not_needed", "needed"))
    prompts = [
        row for row in train_rows(data / "mmlu_pro/questions.dev.jsonl.gz") if row["category"] in ("math", "history")
    ]
    for row in random.Random(2).sample(prompts, 300):
        yield Example(row["question"], float(row["category"] == "history"))
    yield from (Example(row["text"], 0) for row in examples("modality")[::4])


def feedback(data: Path) -> Iterator[Example]:
    yield from own("feedback", FEEDBACK)
    none = FEEDBACK.index("none")
    asked = [row["text"] for name in ("domain_a", "domain_b") for row in examples(name)]
    yield from (Example(text, none) for text in random.Random(3).sample(asked, 150))


def modality(data: Path) -> Iterator[Example]:
    text, image = MODALITIES.index("text"), MODALITIES.index("image")
    rng = random.Random(4)
    for row in train_rows(data / "parti_modality/image_prompts.dev.jsonl"):
        if len(row["text"].split()) > 1:
            wrapped = rng.choice(_ASKS).format(row["text"]) if rng.random() < 0.5 else row["text"]
            yield Example(wrapped, image, held_out(row["id"]))
    yield from own("modality", MODALITIES)
    others = [row["text"] for name in ("domain_a", "domain_b", "fact_check", "feedback") for row in examples(name)]
    others += [row["text"] for row in train_rows(data / "clinc150/intents.dev.jsonl.gz")]
    yield from (Example(sample, text) for sample in rng.sample(others, 1200))
    questions = [row["question"] for row in train_rows(data / "mmlu_pro/questions.dev.jsonl.gz")]
    yield from (Example(sample, text) for sample in rng.sample(questions, 300))


def jailbreak(data: Path) -> Iterator[Example]:
    """Whole texts; what the signal reads of them is cut later."""
    for row in train_rows(data / "jailbreak_inthewild/jailbreaks.dev.jsonl"):
        yield Example(row["text"], 1, held_out(row["id"]))
    for name in ("giskard_injections/injections", "piguard_valid/piguard_valid"):
        for row in train_rows(data / f"{name}.dev.jsonl"):
            yield Example(row["text"], row["label"], held_out(row["id"]))
    for name in ("jailbreak_attacks", "jailbreak_benign"):
        for number, row in enumerate(examples(name)):
            yield Example(row["text"], row["label"], held_out(f"{name}/{number}"))
    yield from (Example(text, 0, held_out(text)) for text in _ordinary(data))


def _ordinary(data: Path) -> Iterator[str]:
    rng = random.Random(5)
    for name, count in (
        ("domain_a", 250),
        ("domain_b", 350),
        ("fact_check", 200),
        ("modality", 200),
        ("feedback", 150),
    ):
        own_texts = [row["text"] for row in examples(name)]
        yield from rng.sample(own_texts, min(count, len(own_texts)))
    long = [row["prompt"] for row in train_rows(data / "llmrouter_9model/scores.dev.jsonl.gz")]
    yield from rng.sample(long, 500)
    answers = [row["response"] for row in train_rows(data / "halueval_general/general.dev.jsonl.gz")]
    answers += [row["prompt"] for row in train_rows(data / "halueval_general/general.dev.jsonl.gz")]
    yield from rng.sample(answers, 500)
    yield from rng.sample([row["question"] for row in train_rows(data / "mmlu_pro/questions.dev.jsonl.gz")], 300)
    # Long texts of many parts: length must not give an attack away.
    for _ in range(400):
        yield "\n\n".join(rng.sample(answers, rng.randint(2, 5)))
