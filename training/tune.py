"""Stage 2: the student learns the signals' tasks, and stays where its teacher is.

    python -m training.tune --data DATA --wordnet DIR --student student.pt --out tuned.pt

Sentence vectors (the mean of the hidden states) are held to the teacher's; what the tasks need goes into the first
token's state, which their heads read beside the mean, and into the tokens that the tagger reads.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pointsman.signals.domain import LABELS as DOMAINS
from pointsman.signals.encoder.encoding import excerpt
from pointsman.signals.encoder.onnx import kept_tokens
from pointsman.signals.feedback import LABELS as FEEDBACK
from pointsman.signals.modality import LABELS as MODALITIES
from training import distil, tasks
from training import model as m
from training.corpus import sentences
from training.tools import Pair, tool_pairs

BATCH_TOKENS = 1536
HIDDEN = 384
PROJECTED = 256
TAGS = ("O", "B-PERSON", "I-PERSON", "B-ADDRESS", "I-ADDRESS")


class Row(NamedTuple):
    ids: list[int]
    target: Any


class Task(NamedTuple):
    name: str
    rows: list[Row]
    outputs: int
    weight: float
    epochs: int


def read_ids(texts: Sequence[str]) -> list[list[int]]:
    """The tokens that the encoder reads at run time."""
    found = m.tokenizer().encode_batch([excerpt(text) for text in texts])
    return [[tokens.ids[place] for place in kept_tokens(len(tokens.ids))] for tokens in found]


def text_rows(examples: Iterator[tasks.Example]) -> list[Row]:
    chosen = [example for example in examples if not example.held_out]
    ids = read_ids([example.text for example in chosen])
    return [Row(i, example.target) for i, example in zip(ids, chosen, strict=True)]


def all_tasks(data: Path) -> list[Task]:
    from training.jailbreak import crops
    from training.tags import tag_rows

    return [
        Task("domain", text_rows(tasks.domain(data)), len(DOMAINS), 1.0, 3),
        Task("complexity", text_rows(tasks.complexity(data)), 1, 1.0, 2),
        Task("fact_check", text_rows(tasks.fact_check(data)), 1, 0.5, 3),
        Task("feedback", text_rows(tasks.feedback(data)), len(FEEDBACK), 0.5, 4),
        Task("modality", text_rows(tasks.modality(data)), len(MODALITIES), 0.5, 3),
        Task("jailbreak", text_rows(crops(data)), 1, 1.0, 3),
        Task("tags", [Row(*row) for row in tag_rows(data)], len(TAGS), 1.0, 2),
    ]


def batches(rows: Sequence[Row], rng: random.Random) -> Iterator[list[Row]]:
    order = sorted(rows, key=lambda row: len(row.ids) + 6 * rng.random())
    group: list[Row] = []
    for row in order:
        if group and len(row.ids) * (len(group) + 1) > BATCH_TOKENS:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def features(hidden: Tensor, mask: Tensor) -> Tensor:
    """What heads read: the sentence's vector, and the first token's state."""
    return torch.cat((m.mean_pool(hidden, mask), hidden[:, 0]), -1)


def task_loss(name: str, hidden: Tensor, mask: Tensor, rows: list[Row], head: nn.Module) -> Tensor:
    if name == "tags":
        targets = torch.full(mask.shape, -100)
        for index, row in enumerate(rows):
            targets[index, : len(row.target)] = torch.tensor(row.target)
        return nn.functional.cross_entropy(head(hidden).flatten(0, 1), targets.flatten())
    logits = head(features(hidden, mask))
    targets = torch.tensor([row.target for row in rows])
    if logits.shape[-1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], targets.float())
    return nn.functional.cross_entropy(logits, targets.long(), label_smoothing=0.05)


class Tuning(nn.Module):
    def __init__(self, student: Any, outputs: dict[str, int]) -> None:
        super().__init__()
        self.student = student
        size = {name: HIDDEN if name == "tags" else 2 * HIDDEN for name in outputs}
        self.heads = nn.ModuleDict(
            {name: nn.Sequential(nn.Dropout(0.1), nn.Linear(size[name], n)) for name, n in outputs.items()}
        )
        self.tools = nn.Linear(2 * HIDDEN, PROJECTED, bias=False)

    def hidden(self, ids: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = self.student(ids, attention_mask=mask).last_hidden_state
        found: Tensor = states.float()
        return found


def tool_loss(model: Tuning, pairs: Sequence[Pair]) -> Tensor:
    """Queries find their tool among those of the batch (InfoNCE); pairs of one tool do not push each other off."""
    sides = []
    for side in (0, 1):
        ids, mask = m.pad([pair[side] for pair in pairs])
        sides.append(nn.functional.normalize(model.tools(features(model.hidden(ids, mask), mask)), dim=-1))
    scores = sides[0] @ sides[1].T * 20
    same = torch.tensor([[a.tool == b.tool for b in pairs] for a in pairs])
    scores = scores.masked_fill(same & ~torch.eye(len(pairs), dtype=torch.bool), -1e4)
    wanted = torch.arange(len(pairs))
    return (nn.functional.cross_entropy(scores, wanted) + nn.functional.cross_entropy(scores.T, wanted)) / 2


def plan(
    chosen: Sequence[Task], pairs: Sequence[Pair], texts: list[str], hold: float, seed: int
) -> list[tuple[str, Any]]:
    """All steps in random order: those of the tasks, of the tools, and `hold` times as many that hold the student."""
    rng = random.Random(seed)
    steps: list[tuple[str, Any]] = []
    for task in chosen:
        for _ in range(task.epochs):
            steps += [(task.name, batch) for batch in batches(task.rows, rng)]
    for _ in range(2):
        shuffled = rng.sample(list(pairs), len(pairs))
        steps += [("tools", shuffled[start : start + 48]) for start in range(0, len(shuffled) - 47, 48)]
    held = list(distil.batches(distil.token_ids(texts), seed))
    rng.shuffle(held)
    steps += [("hold", batch) for batch in held[: int(hold * len(steps))]]
    rng.shuffle(steps)
    return steps


def run(given: argparse.Namespace) -> None:
    teacher = m.teacher()
    student = m.student(teacher)
    m.freeze_words(student)
    chosen = all_tasks(given.data)
    model = Tuning(student, {task.name: task.outputs for task in chosen}).train()
    state = torch.load(given.student)
    if any(name.startswith("heads.") for name in state):  # a further round
        model.load_state_dict(state)
    else:
        student.load_state_dict(state)
    for module in student.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.05
    weights = {task.name: task.weight for task in chosen}
    steps = plan(chosen, list(tool_pairs(given.data)), sentences(given.data, given.wordnet), given.hold, given.seed)
    groups = [
        {"params": [p for p in student.parameters() if p.requires_grad], "lr": given.rate},
        {"params": [*model.heads.parameters(), *model.tools.parameters()], "lr": 10 * given.rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
    rates = [group["lr"] for group in groups]
    shown: dict[str, float] = {}
    start = time.monotonic()
    for step, (name, batch) in enumerate(steps):
        done = max(step / len(steps), (time.monotonic() - start) / (60 * given.minutes))
        if done >= 1:
            break
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, (step + 1) / 100) * max(0.02, 0.5 * (1 + math.cos(math.pi * done)))
        loss = step_loss(model, teacher, name, batch, weights)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        shown[name] = 0.95 * shown.get(name, loss.item()) + 0.05 * loss.item()
        if step % 200 == 0:
            report(f"{step}/{len(steps)} {time.monotonic() - start:.0f} s", shown)
            torch.save(model.state_dict(), given.out)
    torch.save(model.state_dict(), given.out)


def step_loss(model: Tuning, teacher: Any, name: str, batch: Any, weights: dict[str, float]) -> Tensor:
    if name == "tools":
        return 0.5 * tool_loss(model, batch)
    if name == "hold":
        ids, mask = m.pad(batch)
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            target = teacher(ids, attention_mask=mask).last_hidden_state.float()
        return hold_loss(model.hidden(ids, mask), target, mask)
    ids, mask = m.pad([row.ids for row in batch])
    return weights[name] * task_loss(name, model.hidden(ids, mask), mask, batch, model.heads[name])


def hold_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """As in stage 1, without the first token's state, which is the tasks' now."""
    inner = mask.clone()
    inner[:, 0] = 0
    weights = inner.unsqueeze(-1).float()
    tokens = ((student - teacher).pow(2) * weights).sum() / weights.sum() / student.shape[-1]
    ours, theirs = m.mean_pool(student, mask), m.mean_pool(teacher, mask)
    vectors = (1 - (ours * theirs).sum(-1)).mean()
    relations = (ours @ ours.T - theirs @ theirs.T).pow(2).mean()
    return 0.5 * tokens / teacher.pow(2).mean() + 10 * vectors + 40 * relations


def report(where: str, values: dict[str, float]) -> None:
    listed = " ".join(f"{name} {value:.3f}" for name, value in sorted(values.items()))
    print(f"{where} {listed}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--wordnet", type=Path)
    parser.add_argument("--student", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop then, with the schedule fitted to it")
    parser.add_argument("--hold", type=float, default=0.5, help="steps that hold the student for each step of a task")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    run(given)


if __name__ == "__main__":
    main()
