"""What the jailbreak signal reads of texts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pointsman.bench.parts import is_test
from pointsman.signals.encoder.encoding import Encoder
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.jailbreak.signal import Jailbreak, JailbreakOptions
from pointsman.signals.jailbreak.windows import windows
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.readings import Readings
from training import tasks
from training.data import examples, rows

_CROP = 200  # characters, as the signal's windows have
_READ = 260  # characters; of a longer text the encoder may not read the line that attacks


def _veiled() -> set[str]:
    """Documents with an attack somewhere."""
    rows = examples("jailbreak_attacks")
    return {row["text"] for row in rows if row["kind"] == "indirect" and len(row["text"]) > _READ}


def crops(data: Path, seed: int = 0) -> Iterator[tasks.Example]:
    """Head and tail of each text, and two places of long ones, wherever they are."""
    rng, veiled = random.Random(seed), _veiled()
    for example in tasks.jailbreak(data):
        text = example.text
        if text in veiled:
            continue
        yield example
        for _ in range(2 if len(text) > 3 * _CROP else 0):
            start = rng.randrange(len(text) - _CROP)
            yield example._replace(text=text[start : start + _CROP].partition(" ")[2])


def passages(data: Path) -> Iterator[tasks.Example]:
    """Head and tail of each text, and its most suspicious windows."""
    veiled = _veiled()
    for example in tasks.jailbreak(data):
        if example.text not in veiled:
            yield example
        for window in windows(example.text):
            if len(window.text) < 0.8 * len(example.text):
                yield example._replace(text=window.text)


ORDINARY = ("squad", "code_ultra_feedback", "gsm8k", "lmsys", "unified_chip2", "dolly_15k", "sharegpt")
"""The benign sources of prompt_mix."""

_FALSE_ALARMS = 0.003


def strictness(data: Path, encoder: Encoder) -> float:
    """The logit above which lie three benign texts in a thousand: of our own that were held out, and of the ordinary
    prompts on which nothing is reported."""
    benign = [example.text for example in tasks.jailbreak(data) if example.held_out and not example.target]
    mixed = [row for row in rows(data / "prompt_mix/prompts.dev.jsonl") if row["source"] in ORDINARY]
    benign += [row["prompt"] for row in mixed if not is_test(row["id"])][:900]
    signal = Jailbreak("jailbreak", JailbreakOptions(type="jailbreak"))
    signal.prepare(encoder)
    scores = np.clip([_score(signal, encoder, text) for text in benign], 1e-6, 1 - 1e-6)
    cut = float(np.quantile(scores, 1 - _FALSE_ALARMS))
    print(f"jailbreak: {_FALSE_ALARMS:.1%} of {len(scores)} benign texts are above {cut:.3f}")
    return float(np.log(cut / (1 - cut)))


def _score(signal: Jailbreak, encoder: Encoder, text: str) -> float:
    readings = Readings({"it": signal}, Facts(Route.CHAT, read_messages=lambda: (Message("user", text),)))
    while True:
        try:
            return readings["it"].score or 0.0
        except NeedsEncoding as needed:
            readings.encoded(dict(zip(needed.passages, encoder.encode(needed.passages), strict=True)), 0.0)
