"""Optimisers and quantizers of others, and how right the tags are that are carried over to what they make."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch

from modelexport.cli import main as command
from modelexport.region_check import Call, check_regions
from tests.models.parity import feeds, session

Optimise = Callable[[Path, Path], None]


def onnxruntime_at(level: str) -> Optimise:
    def run(source: Path, target: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{level}")
        options.optimized_model_filepath = str(target)
        options.log_severity_level = 3
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])

    return run


def onnxsim(source: Path, target: Path) -> None:
    import onnxsim

    simplified, _ = onnxsim.simplify(onnx.load(source))
    onnx.save(simplified, target)


def onnxscript(source: Path, target: Path) -> None:
    from onnxscript import optimizer

    onnx.save(optimizer.optimize(onnx.load(source)), target)


def quantize_dynamic(source: Path, target: Path) -> None:
    from onnxruntime import quantization

    quantization.quantize_dynamic(source, target)


TOOLS: dict[str, Optimise] = {
    "onnxruntime basic": onnxruntime_at("ENABLE_BASIC"),
    "onnxruntime extended": onnxruntime_at("ENABLE_EXTENDED"),
    "onnxruntime all": onnxruntime_at("ENABLE_ALL"),
    "onnxsim": onnxsim,
    "onnxscript": onnxscript,
    "quantize_dynamic": quantize_dynamic,
}
# Int8 weights and activations: what a module computes is only near what it computed.
NOISE = {"quantize_dynamic": 0.2}


def text(vocabulary: int) -> dict[str, Any]:
    mask = torch.ones(2, 12, dtype=torch.int64)
    mask[1, 8:] = 0
    return {"input_ids": torch.randint(1, vocabulary, (2, 12)), "attention_mask": mask}


def bert() -> tuple[torch.nn.Module, dict[str, Any]]:
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 128}
    return BertModel(BertConfig(**sizes, vocab_size=200)), text(200)


def gpt2() -> tuple[torch.nn.Module, dict[str, Any]]:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(n_embd=64, n_layer=3, n_head=4, vocab_size=200, use_cache=False)), text(200)


def llama() -> tuple[torch.nn.Module, dict[str, Any]]:
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = LlamaConfig(**sizes, intermediate_size=128, vocab_size=200, use_cache=False)
    return LlamaForCausalLM(config), text(200)


def resnet() -> tuple[torch.nn.Module, dict[str, Any]]:
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(embedding_size=16, hidden_sizes=[16, 32, 64, 64], depths=[1, 2, 2, 1], layer_type="basic")
    return ResNetForImageClassification(config), {"pixel_values": torch.randn(1, 3, 64, 64)}


def convnext() -> tuple[torch.nn.Module, dict[str, Any]]:
    from transformers import ConvNextConfig, ConvNextForImageClassification

    config = ConvNextConfig(hidden_sizes=[16, 32, 32, 64], depths=[1, 1, 2, 1])
    return ConvNextForImageClassification(config), {"pixel_values": torch.randn(1, 3, 64, 64)}


def vit() -> tuple[torch.nn.Module, dict[str, Any]]:
    from transformers import ViTConfig, ViTForImageClassification

    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 128}
    config = ViTConfig(**sizes, image_size=64, patch_size=16)
    return ViTForImageClassification(config), {"pixel_values": torch.randn(1, 3, 64, 64)}


MODELS: dict[str, Callable[[], tuple[torch.nn.Module, dict[str, Any]]]] = {
    "bert": bert,
    "gpt2": gpt2,
    "llama": llama,
    "resnet": resnet,
    "convnext": convnext,
    "vit": vit,
}


@dataclasses.dataclass(frozen=True)
class Measured:
    """Nodes with a right tag, nodes by provenance, and what is wrong with which module call."""

    right: int
    provenance: Counter[str]
    failures: dict[Call, str]

    @property
    def nodes(self) -> int:
        return self.provenance.total()


def measure(model: torch.nn.Module, inputs: dict[str, Any], path: Path, tool: str | None = None) -> Measured:
    """Checks the tags of a file that ``tool`` made, if any."""
    given = feeds(session(path, optimise=False), (), inputs)
    noise = NOISE.get(tool or "", 0.0)
    report = check_regions(model, (), inputs, path, given, noise=noise, optimised=tool is not None)
    nodes = onnx.load(str(path), load_external_data=False).graph.node
    metadata = [{item.key: item.value for item in node.metadata_props} for node in nodes]
    calls = [(entry["modelexport.module"], int(entry.get("modelexport.call", 0))) for entry in metadata]
    return Measured(
        right=sum(call not in report.failures for call in calls),
        provenance=Counter(entry.get("modelexport.provenance", "exact") for entry in metadata),
        failures=report.failures,
    )


def carried(tagged: Path, tool: str) -> Path:
    """What `tool` makes of a tagged file, with the tags carried over to it."""
    target = tagged.with_name(f"{tagged.stem}-{tool.replace(' ', '-')}.onnx")
    TOOLS[tool](tagged, target)
    code = command(["carry", str(tagged), str(target), "--in-place"])
    assert code == 0, f"carry ended with exit code {code}"
    return target
