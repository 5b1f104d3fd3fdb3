"""Writes a trained encoder as the file that the desk works with: ONNX, 8-bit weights, the words of its heads inside.

Activations are scaled while it runs, over one text at a time (`encoder.session`), so a text's answer does not depend on
its neighbours.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from integrations.classifier.encoder.network import Encoder
from integrations.classifier.encoder.training import Trained
from integrations.classifier.fields import ALL, words_of


class _AllHeads(nn.Module):
    """The encoder with its heads side by side in one output."""

    def __init__(self, network: Encoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Tensor) -> Tensor:
        logits = self.network(ids, torch.ones_like(ids, dtype=torch.bool))
        return torch.cat([logits[field] for field in ALL], dim=1)


def export(trained: Trained, directory: Path, name: str, card: Mapping[str, Any]) -> None:
    """Write `encoder.onnx` and `pieces.json` into a directory."""
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole.onnx"
        torch.onnx.export(
            _AllHeads(trained.network.float().eval()),
            (torch.tensor([[1, 5, 6, 2]]),),
            str(whole),
            input_names=["ids"],
            output_names=["logits"],
            dynamic_axes={"ids": {0: "texts", 1: "pieces"}, "logits": {0: "texts"}},
            opset_version=17,
            dynamo=False,
        )
        small = Path(scratch) / "small.onnx"
        quantize_dynamic(whole, small, per_channel=True, weight_type=QuantType.QInt8)
        model = onnx.load(small)
    about = {"name": name, "fields": {field: list(words_of(field)) for field in ALL}, "card": dict(card)}
    onnx.helper.set_model_props(model, {"tanggap": json.dumps(about, sort_keys=True)})
    onnx.save(model, directory / "encoder.onnx")
    trained.tokenizer.save(str(directory / "pieces.json"), pretty=False)
