"""Attacks and what resembles them: the texts on which the `jailbreak` signal is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pointsman.bench.quality.asking import Body, chat
from pointsman.bench.quality.sets import PROMPTS, Row, Sets, thin

IN_THE_WILD = "jailbreak_inthewild/jailbreaks.dev.jsonl"
GISKARD = "giskard_injections/injections.dev.jsonl"
INDIRECT = "bipia/attacks.dev.jsonl"
DOCUMENTS = "bipia/contexts.dev.jsonl.gz"
DEFENCES = "tensor_trust/defense_prompts.dev.jsonl"
SHORT = "piguard_valid/piguard_valid.dev.jsonl"
CASES = "vllm_sr_e2e/jailbreak_detection_cases.dev.json"
FILES = (PROMPTS, IN_THE_WILD, GISKARD, INDIRECT, DOCUMENTS, DEFENCES, SHORT, CASES)

PLACES = ("start", "middle", "end")
_LONG = 3000  # words


class Injected(NamedTuple):
    kind: str  # of the attack: text or code
    carrier: str
    body: Body


def documents(sets: Sets, count: int) -> list[Row]:
    rows = thin(list(sets.rows(DOCUMENTS)), count)
    return [row | {"context": _text(row["context"])} for row in rows]


def _text(context: Any) -> str:
    return "\n".join(context) if isinstance(context, list) else str(context)


def injected(attacks: Sequence[Row], contexts: Sequence[Row]) -> Iterator[Injected]:
    """Each attack in a document, at the start, in the middle or at the end by turns; the user pastes the document,
    or a tool returns it."""
    for number, attack in enumerate(attacks):
        document = put(attack["text"], contexts[number % len(contexts)]["context"], PLACES[number % 3])
        yield Injected(attack["kind"], "pasted", chat(f"Summarise this for me:\n\n{document}"))
        yield Injected(attack["kind"], "tool result", _from_tool(document))


def _from_tool(document: str) -> Body:
    call = {"id": "call_1", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}
    return {
        "model": "auto",
        "messages": [
            {"role": "user", "content": "Summarise the file for me."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": document},
        ],
    }


def put(attack: str, document: str, place: str) -> str:
    """On lines of its own; the middle is the border between words that is nearest to it."""
    if place == "start":
        return f"{attack}\n{document}"
    if place == "end":
        return f"{document}\n{attack}"
    middle = document.find(" ", len(document) // 2)
    middle = middle if middle >= 0 else len(document)
    return f"{document[:middle]}\n{attack}\n{document[middle:].lstrip(' ')}"


def long_texts(rows: Iterable[Row], count: int) -> list[str]:
    """Benign texts of some 3,000 words each, made of the passages of SQuAD."""
    passages = [row["prompt"] for row in rows if row["source"] == "squad"]
    return [_joined(passages, 3 * number) for number in range(count)] if passages else []


def _joined(passages: Sequence[str], first: int) -> str:
    chosen: list[str] = []
    words = 0
    while words < _LONG:
        chosen.append(passages[(first + len(chosen)) % len(passages)])
        words += len(chosen[-1].split())
    return "\n\n".join(chosen)


def as_long(attacks: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """For each attack benign text of its length."""
    prompts, texts, next_row = [row["prompt"] for row in rows], [], 0
    for attack in attacks:
        text = ""
        while len(text) < len(attack):
            text += prompts[next_row % len(prompts)] + "\n\n"
            next_row += 1
        texts.append(text[: len(attack)])
    return texts
