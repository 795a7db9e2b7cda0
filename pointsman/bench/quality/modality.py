from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from pointsman.bench.quality import labels
from pointsman.bench.quality.figures import Bench, Measured, Target
from pointsman.bench.quality.labels import Labelled
from pointsman.bench.quality.metrics import accuracy
from pointsman.bench.quality.sets import PROMPTS, Row, every_other, thin
from pointsman.signals.modality import LABELS

CAPTIONS = "parti_modality/image_prompts.dev.jsonl"
FILES = (CAPTIONS, PROMPTS)
_PHRASES = (
    "draw {}", "Generate an image of {}.", "can you make a picture of {}?", "I'd like an illustration of {}",
    "{} -- as an oil painting please", "create a photorealistic render of {}", "sketch {} for me", "Image: {}",
)  # fmt: skip


def measure(bench: Bench) -> Measured:
    train, test = bench.sets.parts(CAPTIONS)
    others, benign = bench.sets.benign()
    test = thin(test, bench.effort.rows)
    benign = thin(benign, len(test))
    known, asked = _labelled(train, thin(others, len(train))), _labelled(test, benign)
    answers = labels.ask(bench, asked, LABELS, type="modality")
    none = [False] * len(benign)
    wrapped = [every_other(row["id"]) for row in test]
    parts = (
        ("bare captions", [*(not is_wrapped for is_wrapped in wrapped), *none]),
        ("captions in a phrase", [*wrapped, *none]),
        ("prompts for text", [*(False for _ in test), *(True for _ in benign)]),
    )
    floors = labels.floors(known, asked, LABELS, accuracy)
    figures = [answers.figure(bench, "modality: accuracy", accuracy, Target(0.95), floors)]
    figures += [answers.within(chosen).figure(bench, f"modality, {name}: accuracy", accuracy) for name, chosen in parts]
    return Measured(tuple(figures))


def _labelled(captions: Iterable[Row], prompts: Iterable[Row]) -> Labelled:
    images, texts = [_asked(row) for row in captions], [row["prompt"] for row in prompts]
    return Labelled(images + texts, ["image"] * len(images) + ["text"] * len(texts))


def _asked(row: Row) -> str:
    """Half of the captions as they are, half in a phrase."""
    if not every_other(row["id"]):
        return str(row["text"])
    return _PHRASES[crc32(f"phrase {row['id']}".encode()) % len(_PHRASES)].format(row["text"])
