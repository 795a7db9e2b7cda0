"""Stage 1: the student learns to embed as its teacher does, token by token and sentence by sentence.

python -m training.distil --data DATA --wordnet DIR --out student.pt
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import BertModel

from training import model as m
from training.corpus import sentences

BATCH_TOKENS = 2048


def token_ids(texts: list[str]) -> list[list[int]]:
    """Cut to what the encoder reads, head and tail."""
    tokenizer = m.tokenizer()
    found = []
    for encoding in tokenizer.encode_batch(texts):
        ids = encoding.ids
        found.append(ids if len(ids) <= m.MAX_TOKENS else ids[: m.MAX_TOKENS - 1] + ids[-1:])
    return found


def batches(sequences: list[list[int]], seed: int) -> Iterator[list[list[int]]]:
    """Of similar length, in random order."""
    rng = random.Random(seed)
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]) + rng.random() * 4)
    groups: list[list[list[int]]] = [[]]
    for index in order:
        sequence = sequences[index]
        if len(sequence) * (len(groups[-1]) + 1) > BATCH_TOKENS:
            groups.append([])
        groups[-1].append(sequence)
    rng.shuffle(groups)
    yield from groups


def loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Hidden states, sentence vectors, and how the sentences of the batch lie to each other."""
    weights = mask.unsqueeze(-1).float()
    tokens = ((student - teacher).pow(2) * weights).sum() / weights.sum() / student.shape[-1]
    ours, theirs = m.mean_pool(student, mask), m.mean_pool(teacher, mask)
    vectors = (1 - (ours * theirs).sum(-1)).mean()
    relations = (ours @ ours.T - theirs @ theirs.T).pow(2).mean()
    return tokens / teacher.pow(2).mean() + 5 * vectors + 20 * relations


def run(texts: list[str], epochs: int, rate: float, out: Path, minutes: float) -> BertModel:
    teacher = m.teacher()
    student = m.student(teacher)
    m.freeze_words(student)
    student.train()
    for module in student.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    sequences = token_ids(texts)
    plan = [batch for epoch in range(epochs) for batch in batches(sequences, epoch)]
    optimiser = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], lr=rate, weight_decay=0.01)
    start, shown = time.monotonic(), 0.0
    for step, batch in enumerate(plan):
        done = max(step / len(plan), (time.monotonic() - start) / (60 * minutes))
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        ids, mask = m.pad(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with torch.no_grad():
                target = teacher(ids, attention_mask=mask).last_hidden_state
            hidden = student(ids, attention_mask=mask).last_hidden_state
        value = loss(hidden.float(), target.float(), mask)
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        shown = 0.98 * shown + 0.02 * value.item()
        if step % 200 == 0:
            print(f"{step}/{len(plan)} {time.monotonic() - start:.0f} s, loss {shown:.4f}", flush=True)
            torch.save(student.state_dict(), out)
    torch.save(student.state_dict(), out)
    return student


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--wordnet", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop then, with the schedule fitted to it")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    run(sentences(given.data, given.wordnet), given.epochs, given.rate, given.out, given.minutes)


if __name__ == "__main__":
    main()
