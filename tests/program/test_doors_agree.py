"""A program gives the same model whether it comes from memory or from a .pt2 file."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    MixtralConfig,
    MixtralModel,
    PretrainedConfig,
    PreTrainedModel,
    T5Config,
    T5Model,
    ViTConfig,
    ViTModel,
)

from tests.program import doors


def assert_agree(program: torch.export.ExportedProgram, folder: Path) -> None:
    saved = doors.save(program, folder / "saved.pt2")
    (folder / "memory").mkdir()
    (folder / "file").mkdir()
    expected = doors.through_memory(program, folder / "memory" / "model.onnx")
    actual = doors.through_file(saved, folder / "file" / "model.onnx")
    if actual != expected:  # the bytes of a large model say nothing to a reader
        pytest.fail(_difference(onnx.load_from_string(expected), onnx.load_from_string(actual)))
    onnx.checker.check_model(onnx.load_from_string(actual), full_check=True)
    assert _sidecar(folder / "file") == _sidecar(folder / "memory")


def _difference(expected: onnx.ModelProto, actual: onnx.ModelProto) -> str:
    ours, theirs = str(actual).splitlines(), str(expected).splitlines()
    for line, (a, b) in enumerate(zip(ours, theirs, strict=False)):
        if a != b:
            return f"line {line}: {a!r} from the file, {b!r} from memory, after {ours[max(0, line - 8) : line]}"
    return f"{len(ours)} lines from the file, {len(theirs)} from memory"


def _sidecar(folder: Path) -> dict[str, object]:
    content = json.loads((folder / "model_hierarchy.json").read_text())
    del content["generated_at"]
    return content


@pytest.mark.parametrize("name", doors.CASES)
def test_on_what_a_file_can_hold(name: str, tmp_path: Path) -> None:
    assert_agree(doors.captured(name), tmp_path)


TOKENS = torch.arange(12).reshape(2, 6)
MODELS: dict[str, tuple[type[PreTrainedModel], PretrainedConfig, dict[str, torch.Tensor]]] = {
    "bert": (
        BertModel,
        BertConfig(num_hidden_layers=2, hidden_size=32, intermediate_size=64, num_attention_heads=4, vocab_size=50),
        {"input_ids": TOKENS},
    ),
    "gpt2": (GPT2LMHeadModel, GPT2Config(n_layer=2, n_embd=32, n_head=4, vocab_size=50), {"input_ids": TOKENS}),
    "mixtral": (
        MixtralModel,
        MixtralConfig(
            num_hidden_layers=2,
            hidden_size=32,
            intermediate_size=64,
            num_attention_heads=4,
            num_key_value_heads=2,
            vocab_size=50,
            num_local_experts=4,
        ),
        {"input_ids": TOKENS},
    ),
    "t5": (
        T5Model,
        T5Config(num_layers=2, d_model=32, d_ff=64, d_kv=8, num_heads=4, vocab_size=50),
        {"input_ids": TOKENS, "decoder_input_ids": TOKENS},
    ),
    "vit": (
        ViTModel,
        ViTConfig(num_hidden_layers=2, hidden_size=32, intermediate_size=64, num_attention_heads=4, image_size=32),
        {"pixel_values": torch.randn(1, 3, 32, 32)},
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_on_transformers(name: str, tmp_path: Path) -> None:
    kind, config, inputs = MODELS[name]
    config.use_cache = False
    program = torch.export.export(kind(config).eval(), (), inputs, strict=False)
    assert_agree(program, tmp_path)
