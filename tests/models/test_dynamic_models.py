"""Real models with dynamic axes, captured from a batch of one, run at several sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import modelexport
from tests.models.parity import assert_parity, assert_valid
from tests.models.zoo_models import REAL_MODELS, padded_mask, pixels, tokens

Inputs = dict[str, torch.Tensor]
TEXT_AXES = {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "sequence"}}
IMAGE_AXES = {"pixel_values": {0: "batch"}}


def text(vocabulary: int) -> Callable[[int, int], Inputs]:
    return lambda batch, length: {
        "input_ids": tokens(vocabulary, batch, length),
        "attention_mask": padded_mask(batch, length),
    }


def images(batch: int, length: int) -> Inputs:
    return pixels(batch, 224)[1]


def translation(batch: int, length: int) -> Inputs:
    return {**text(32000)(batch, length), "decoder_input_ids": tokens(32000, batch, 5)}


def sound(batch: int, length: int) -> Inputs:
    return {"input_features": torch.randn(batch, 80, 3000), "decoder_input_ids": tokens(50000, batch, length)}


CASES: dict[str, tuple[Callable[[int, int], Inputs], dict[str, dict[int, str]]]] = {
    "bert-base": (text(30000), TEXT_AXES),
    "gpt2": (text(50000), TEXT_AXES),
    "llama-16": (text(32000), TEXT_AXES),
    "mixtral-small": (text(1000), TEXT_AXES),
    "t5-small": (translation, {**TEXT_AXES, "decoder_input_ids": {0: "batch"}}),
    "vit-base": (images, IMAGE_AXES),
    "resnet-50": (images, IMAGE_AXES),
    "whisper-tiny": (sound, {"input_features": {0: "batch"}, "decoder_input_ids": {0: "batch", 1: "sequence"}}),
}


@pytest.mark.parametrize("name", CASES)
def test_runs_at_other_sizes(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    make, axes = CASES[name]
    model = REAL_MODELS[name].build().eval()
    path = tmp_path / "model.onnx"
    modelexport.export(model, make(1, 9), str(path), dynamic_axes=axes, fallback=False)
    assert_valid(path)
    for batch, length in ((1, 9), (2, 17), (5, 12)):
        assert_parity(model, path, (), make(batch, length))
