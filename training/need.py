"""Stage 5: how much a prompt needs the stronger of two models, and the features that selectors learn on.

    python -m training.need --data DATA --models pointsman/signals/models

Adds the heads `need`, `steps` and `story` and the matrix `route` to heads.npz; the other heads stay as they are.

What is learned is the chance that a strong model is right where a weak one is wrong, as a mean over many pairs of the
models of MMLU-Pro and LLMRouter; for what those sets lack (`compound`) an estimate. Questions are written in many ways,
with and without options, because formats differ.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.linear_model import LogisticRegression, Ridge

from pointsman.signals.domain import LABELS as DOMAINS
from pointsman.signals.effort import AMOUNTS, LONG, SIZE, STORY, Effort, by_domain
from pointsman.signals.encoder.encoding import Encoding
from pointsman.signals.encoder.heads import softmax
from pointsman.signals.encoder.onnx import SHIPPED, OnnxEncoder, tokenizer
from pointsman.signals.prompt import FEATURES, passage_of
from training.compound import Row, compound
from training.data import examples, rows, train_rows
from training.heads import Fitted, bag
from training.tasks import SMALL_TALK

QUESTIONS, ANSWERS = "mmlu_pro/questions.dev.jsonl.gz", "mmlu_pro/correct.dev.csv"
SCORES = "llmrouter_9model/scores.dev.jsonl.gz"
SUMS = ("gsm8k", "agentverse-mgsm")
_WITH_SUMS = ("math", "business", "physics", "economics")
BROKEN = ("mmlu",)  # most models' answers were not understood there

_MMLU = (7179, 12032)  # questions of MMLU-Pro that are in the data, and all
_STRONG, _WEAK = 0.6, (0.22, 0.46)  # shares of MMLU-Pro that they get right
_LARGE = ("nemotron", "gemma-2", "llama-3.1-8b")
_SMALL = ("chatqa-1.5-70b", "mistral-7b", "codegemma")

Array = NDArray[np.float32]


# Sizes of the parts of MMLU's test set (Hendrycks et al. 2021). MMLU-Pro left out what most small models know: the
# share of a part that it kept tells how hard the part was.
_PARTS = {
    "abstract_algebra": 100, "anatomy": 135, "astronomy": 152, "business_ethics": 100, "clinical_knowledge": 265,
    "college_biology": 144, "college_chemistry": 100, "college_computer_science": 100, "college_mathematics": 100,
    "college_medicine": 173, "college_physics": 102, "computer_security": 100, "conceptual_physics": 235,
    "econometrics": 114, "electrical_engineering": 145, "elementary_mathematics": 378, "formal_logic": 126,
    "global_facts": 100, "high_school_biology": 310, "high_school_chemistry": 203,
    "high_school_computer_science": 100, "high_school_european_history": 165, "high_school_geography": 198,
    "high_school_government_and_politics": 193, "high_school_macroeconomics": 390, "high_school_mathematics": 270,
    "high_school_microeconomics": 238, "high_school_physics": 151, "high_school_psychology": 545,
    "high_school_statistics": 216, "high_school_us_history": 204, "high_school_world_history": 237,
    "human_aging": 223, "human_sexuality": 131, "international_law": 121, "jurisprudence": 108,
    "logical_fallacies": 163, "machine_learning": 112, "management": 103, "marketing": 234, "medical_genetics": 100,
    "miscellaneous": 783, "moral_disputes": 346, "nutrition": 306, "philosophy": 311, "prehistory": 324,
    "professional_accounting": 282, "professional_law": 1534, "professional_medicine": 272,
    "professional_psychology": 612, "public_relations": 110, "security_studies": 245, "sociology": 201,
    "us_foreign_policy": 100, "virology": 166, "world_religions": 171,
}  # fmt: skip


def kept(questions: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
    """By source, the share of its questions that MMLU-Pro kept; 1 for sources that are not MMLU."""
    counts = Counter(row["src"] for row in questions)
    sizes = {src: _PARTS.get(src.removeprefix("ori_mmlu-")) for src in counts}
    return {src: min(1.0, counts[src] * _MMLU[1] / _MMLU[0] / size) if size else 1.0 for src, size in sizes.items()}


def exam(data: Path) -> Iterator[Row]:
    questions = list(rows(data / QUESTIONS))
    shares, gains = kept(questions), _gains(data)
    rng = random.Random(11)
    for row in train_rows(data / QUESTIONS):
        strong, weak = gains[str(row["id"])]
        target = 0.5 * strong * (1 - weak) + 0.5 * (1 - weak) * shares[row["src"]]
        sums = None if row["category"] in _WITH_SUMS else False
        for text in (row["question"], lettered(row, rng, 4), lettered(row, rng, 10)):
            yield Row(text, target, sums=sums)


def _gains(data: Path) -> Mapping[str, tuple[float, float]]:
    """By question, the share of the strong models that are right, and that of the weak ones."""
    with (data / ANSWERS).open() as file:
        table = {row.pop("id"): {k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)}
    names = {name for answers in table.values() for name in answers}
    right = {name: np.mean([answers[name] for answers in table.values() if name in answers]) for name in names}
    strong = {name for name in names if right[name] >= _STRONG}
    weak = {name for name in names if _WEAK[0] <= right[name] <= _WEAK[1]}
    return {key: (_mean(answers, strong), _mean(answers, weak)) for key, answers in table.items()}


def _mean(answers: Mapping[str, float], names: set[str]) -> float:
    return float(np.mean([answers[name] for name in names if name in answers]))


_HEADS = ("", "", "", "Question: ", "Q: ", "Answer the following multiple choice question.\n\n",
          "The following are multiple choice questions (with answers) about {subject}.\n\n")  # fmt: skip
_OPTIONS = ("\n{letter}. {option}", "\n{letter}. {option}", "\n({letter}) {option}", "\n{letter}) {option}")
_ENDS = (
    "\nAnswer:",
    "\nAnswer:",
    "",
    "\n\nAnswer with the letter only.",
    "\nAnswer: Let's think step by step.",
    "\nA:",
)
_SUM_HEADS = ("", "", "Q: ", "Question: ", "Solve this problem. ")
_SUM_ENDS = ("", "", "\nA:", "\nAnswer:", "\nLet's think step by step.", "\nAnswer: Let's think step by step.",
             "\nGive the final answer as a number.")  # fmt: skip


def lettered(row: Mapping[str, Any], rng: random.Random, most: int) -> str:
    """The question with at most so many of its options."""
    right = row["answer_index"]
    others = [place for place in range(len(row["options"])) if place != right]
    places = sorted([right, *rng.sample(others, min(most - 1, len(others)))])
    form = rng.choice(_OPTIONS)
    options = (form.format(letter="ABCDEFGHIJ"[n], option=row["options"][place]) for n, place in enumerate(places))
    head = rng.choice(_HEADS).format(subject=row["category"])
    return f"{head}{row['question']}{''.join(options)}{rng.choice(_ENDS)}"


def mixed(data: Path) -> Iterator[Row]:
    """Other tasks, at less weight: they would teach which set is harder rather than which question."""
    rng = random.Random(12)
    for row in train_rows(data / SCORES):
        if row["task"] in BROKEN:
            continue
        weak = _named(row["scores"], _SMALL)
        prompt = row["prompt"].split("\nAfter careful thought")[0]
        if row["task"] in SUMS:
            for text in {prompt, f"{rng.choice(_SUM_HEADS)}{prompt}{rng.choice(_SUM_ENDS)}"}:
                yield Row(text, 0.9 * (1 - weak), 1.0, sums=True)
        else:
            yield Row(prompt, max(0.0, _named(row["scores"], _LARGE) - weak), 0.3)
    chat = [r["text"] for r in train_rows(data / "clinc150/intents.dev.jsonl.gz") if r["domain"] in SMALL_TALK]
    yield from (Row(text, 0.03, 0.3) for text in random.Random(6).sample(chat, 300))


def _named(scores: Mapping[str, float], parts: Sequence[str]) -> float:
    return float(np.mean([score for name, score in scores.items() if any(part in name for part in parts)]))


class Seen(NamedTuple):
    features: Array
    effort: Array
    words: csr_matrix
    domains: Array  # what `by_domain` makes of the effort

    def take(self, chosen: NDArray[np.bool_]) -> Seen:
        return Seen(
            self.features[chosen], self.effort[chosen], self.words[np.flatnonzero(chosen)], self.domains[chosen]
        )


def see(encoder: OnnxEncoder, texts: Sequence[str]) -> Seen:
    counter, domain = Effort(tokenizer(SHIPPED).get_vocab()), encoder.head("domain")
    passages = [passage_of(text) for text in texts]
    encodings: list[Encoding] = encoder.encode(passages)
    effort = [counter.of(e.words, passage) for e, passage in zip(encodings, passages, strict=True)]
    return Seen(
        np.stack([encoding.features for encoding in encodings]),
        np.stack(effort),
        bag([encoding.words for encoding in encodings]),
        np.stack([by_domain(x, softmax(domain.logits(e))) for x, e in zip(effort, encodings, strict=True)]),
    )


class Scale(NamedTuple):
    """What each part, standardised, is multiplied by before all are penalised alike."""

    features: float = 0.0
    words: float = 0.0
    effort: float = 0.0
    amounts: float = 0.0  # of the effort: the length and the number of quantities
    domains: float = 0.0  # is not standardised


NEED = Scale(features=0.02, words=0.6, effort=0.2, amounts=0.2, domains=0.3)
STEPS = Scale(effort=0.03, amounts=0.1)
STORIES = Scale(features=0.05, effort=1.0, amounts=1.0)
_SHARPER = 2.5
"""Times the logits of `story`: what is half taken for one would be ranked by what it is about."""


def regress(seen: Seen, targets: Array, weights: Array, scale: Scale) -> Fitted:
    """Logistic; a target may be a share: so much of the row is a yes, the rest a no."""
    effort = np.full(SIZE, scale.effort)
    effort[[LONG, AMOUNTS]] = scale.amounts
    dense = np.concatenate((seen.features, seen.effort), 1)
    spread = dense.std(0) + 0.02
    factor = np.concatenate((np.full(seen.features.shape[1], scale.features), effort)) / spread
    if scale.domains:
        dense = np.concatenate((dense, seen.domains), 1)
        factor = np.concatenate((factor, np.full(seen.domains.shape[1], scale.domains)))
    mean = dense.mean(0)
    parts = csr_matrix((dense - mean) * factor)
    given = hstack([parts, seen.words * scale.words]).tocsr() if scale.words else parts
    labels = np.repeat((1, 0), given.shape[0])
    counted = np.concatenate((targets * weights, (1 - targets) * weights))
    fitted = LogisticRegression(C=1.0, max_iter=400).fit(vstack((given, given)).tocsr(), labels, counted)
    inner = fitted.coef_[:, : dense.shape[1]] * factor
    words = fitted.coef_[:, dense.shape[1] :].T * scale.words if scale.words else np.zeros((0, 1))
    return Fitted(inner.astype(np.float32), fitted.intercept_ - inner @ mean, words)


def heads(given: Sequence[Row], seen: Seen) -> dict[str, NDArray[Any]]:
    targets = np.asarray([row.target for row in given], np.float32)
    weights = np.asarray([row.weight for row in given], np.float32)
    sums = np.asarray([row.sums is True for row in given])
    maybe = np.asarray([row.sums is None for row in given])
    unsure = maybe & (seen.effort[:, STORY] > 0.6)
    general = regress(seen.take(~sums), targets[~sums], weights[~sums], NEED)
    steps = regress(seen.take(sums), targets[sums], weights[sums], STEPS)
    sure = np.ones((~unsure).sum(), np.float32)
    story = regress(seen.take(~unsure), sums[~unsure].astype(np.float32), sure, STORIES)
    story = story._replace(weights=_SHARPER * story.weights, bias=_SHARPER * story.bias)
    return named("need", general) | named("steps", steps) | named("story", story)


def named(name: str, fitted: Fitted) -> dict[str, NDArray[Any]]:
    arrays = {
        f"{name}.labels": np.asarray([name]),
        f"{name}.weights": np.asarray(fitted.weights, np.float32),
        f"{name}.bias": np.asarray(fitted.bias, np.float32),
    }
    return arrays | ({f"{name}.words": np.asarray(fitted.words, np.float16)} if len(fitted.words) else {})


def route(encoder: OnnxEncoder, data: Path, texts: Sequence[str]) -> Array:
    """[FEATURES, features]: first the directions that tell best which models are right and what a text is about
    (reduced-rank regression), then those in which texts differ most; without the part that all texts share, and of
    about unit variance."""
    questions = list(train_rows(data / QUESTIONS))
    with (data / ANSWERS).open() as file:
        table = {row.pop("id"): row for row in csv.DictReader(file)}
    told = [
        [float(value) if value else 0.5 for value in table[str(row["id"])].values()]
        + [float(DOMAINS.index(row["category"].replace(" ", "_")) == place) for place in range(len(DOMAINS))]
        for row in questions
    ]
    scored = [row for row in train_rows(data / SCORES) if row["task"] not in BROKEN]
    scores = [list(row["scores"].values()) for row in scored]
    supervised = [
        _best(_features(encoder, [row["question"] for row in questions]), np.asarray(told, np.float32), 12),
        _best(_features(encoder, [row["prompt"] for row in scored]), np.asarray(scores, np.float32), 6),
    ]
    seen = _features(encoder, texts)
    mean = seen.mean(0)
    even = mean / np.linalg.norm(mean)
    found: list[Array] = []
    centred = seen - mean
    for direction in (*supervised[0], *supervised[1], *np.linalg.svd(centred, full_matrices=False)[2]):
        left = direction - even * (even @ direction)
        for other in found:
            left = left - other * (other @ left)
        size = float(np.linalg.norm(left))
        if size > 0.2 * float(np.linalg.norm(direction)) and len(found) < FEATURES:
            found.append(left / size)
    matrix = np.stack(found)
    scaled: Array = (matrix / (centred @ matrix.T).std(0)[:, None]).astype(np.float32)
    return scaled


def _best(features: Array, told: Array, count: int) -> Array:
    """[count, features]"""
    mean, spread = features.mean(0), features.std(0) + 1e-6
    given = (features - mean) / spread
    fitted = Ridge(alpha=2000).fit(given, (told - told.mean(0)) / (told.std(0) + 1e-6))
    _, _, axes = np.linalg.svd(fitted.predict(given), full_matrices=False)
    found: Array = (axes[:count] @ fitted.coef_) / spread
    return found


def _features(encoder: OnnxEncoder, texts: Sequence[str]) -> Array:
    return np.stack([encoding.features for encoding in encoder.encode([passage_of(text) for text in texts])])


def ordinary(data: Path) -> list[str]:
    """Half of it as people type, half exam questions and tasks: what unknown traffic is taken to be."""
    typed = [row["text"] for name in ("domain_a", "domain_b", "fact_check", "modality") for row in examples(name)]
    asked = [row["question"] for row in train_rows(data / QUESTIONS)]
    tasks = [row["prompt"] for row in train_rows(data / SCORES) if row["task"] not in BROKEN]
    rng = random.Random(13)
    return rng.sample(typed, 2000) + rng.sample(asked, 1000) + rng.sample(tasks, 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True, help="the folder with encoder.onnx and heads.npz")
    given = parser.parse_args()
    encoder = OnnxEncoder(given.models)
    out = given.models / "heads.npz"
    with np.load(out) as file:
        arrays = {name: file[name] for name in file.files}
    found = [*exam(given.data), *mixed(given.data), *compound()]
    seen = see(encoder, [row.text for row in found])
    arrays |= heads(found, seen)
    arrays["route.matrix"] = route(encoder, given.data, ordinary(given.data))
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    main()
