"""Stage 3: the trained encoder as one int8 ONNX file.

python -m training.export --tuned tuned.pt --out pointsman/signals/models
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.optimizer import optimize_model
from torch import Tensor, nn
from transformers import BertModel

from training import model as m


class _Encoder(nn.Module):
    """Only what is asked of it at run time: one segment, and a mask of the padding."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden: Tensor = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden


_QUANTISED = ["MatMul", "Attention", "EmbedLayerNormalization"]


def export(bert: BertModel, out: Path) -> None:
    """Fused, with int8 weights for each output channel."""
    bert.set_attn_implementation("eager")
    sample = torch.ones(2, 8, dtype=torch.long)
    inputs, outputs = ["input_ids", "attention_mask"], ["last_hidden_state"]
    with tempfile.TemporaryDirectory() as folder:
        plain, fused = Path(folder) / "plain.onnx", Path(folder) / "fused.onnx"
        torch.onnx.export(
            _Encoder(bert.eval()),
            (sample, sample),
            plain,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in (*inputs, *outputs)},
            opset_version=17,
            dynamo=False,
        )
        optimised = optimize_model(str(plain), "bert", num_heads=12, hidden_size=384, opt_level=1)
        optimised.save_model_to_file(str(fused))
        quantize_dynamic(
            fused,
            out,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=_QUANTISED,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
        )


def load_student(path: Path) -> BertModel:
    """From stage 1 or from stage 2."""
    bert = m.student(m.teacher())
    state = torch.load(path)
    prefix = "student."
    inner = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    bert.load_state_dict(inner or state)
    return bert


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tuned", type=Path, required=True, help="weights of stage 2 (or of stage 1)")
    parser.add_argument("--out", type=Path, required=True, help="the folder for encoder.onnx and tokenizer.json")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    export(load_student(given.tuned), given.out / "encoder.onnx")
    shutil.copy(m.teacher_folder() / "tokenizer.json", given.out)


if __name__ == "__main__":
    main()
