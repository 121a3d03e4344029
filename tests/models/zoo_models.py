"""Models of real architectures at their usual sizes, with random weights, and inputs for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

Inputs = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A model, and a function that makes fresh inputs for it: args, kwargs."""

    build: Callable[[], torch.nn.Module]
    inputs: Callable[[], Inputs]


def tokens(vocabulary: int, *shape: int) -> torch.Tensor:
    return torch.randint(1, vocabulary, shape)


def padded_mask(batch: int, length: int) -> torch.Tensor:
    """An attention mask in which every row but the first ends in padding."""
    mask = torch.ones(batch, length, dtype=torch.int64)
    for row in range(1, batch):
        mask[row, length - 2 * row :] = 0
    return mask


def pixels(batch: int, size: int, channels: int = 3) -> Inputs:
    return (), {"pixel_values": torch.randn(batch, channels, size, size)}


def masked_text(vocabulary: int) -> Inputs:
    return (), {"input_ids": tokens(vocabulary, 2, 24), "attention_mask": padded_mask(2, 24)}


def bert() -> torch.nn.Module:
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig())


def gpt2() -> torch.nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(use_cache=False))


def distilbert() -> torch.nn.Module:
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    return DistilBertForSequenceClassification(DistilBertConfig())


def vit() -> torch.nn.Module:
    from transformers import ViTConfig, ViTForImageClassification

    return ViTForImageClassification(ViTConfig())


def resnet50() -> torch.nn.Module:
    from transformers import ResNetConfig, ResNetForImageClassification

    return ResNetForImageClassification(ResNetConfig())


def convnext() -> torch.nn.Module:
    from transformers import ConvNextConfig, ConvNextForImageClassification

    return ConvNextForImageClassification(ConvNextConfig())


def llama() -> torch.nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        num_hidden_layers=16,
        hidden_size=512,
        intermediate_size=1376,
        num_attention_heads=8,
        num_key_value_heads=4,
        use_cache=False,
    )
    return LlamaForCausalLM(config)


def t5() -> torch.nn.Module:
    from transformers import T5Config, T5ForConditionalGeneration

    return T5ForConditionalGeneration(T5Config(use_cache=False, decoder_start_token_id=0))


def t5_inputs() -> Inputs:
    return (), {
        "input_ids": tokens(32000, 2, 16),
        "attention_mask": padded_mask(2, 16),
        "decoder_input_ids": tokens(32000, 2, 8),
    }


def whisper() -> torch.nn.Module:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    return WhisperForConditionalGeneration(WhisperConfig(use_cache=False))


def whisper_inputs() -> Inputs:
    return (), {"input_features": torch.randn(1, 80, 3000), "decoder_input_ids": tokens(50000, 1, 8)}


def mixtral() -> torch.nn.Module:
    from transformers import MixtralConfig, MixtralForCausalLM

    config = MixtralConfig(
        vocab_size=1000,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=8,
        use_cache=False,
    )
    return MixtralForCausalLM(config)


def clip_vision() -> torch.nn.Module:
    from transformers import CLIPVisionConfig, CLIPVisionModel

    return CLIPVisionModel(CLIPVisionConfig())


REAL_MODELS: dict[str, Case] = {
    "bert-base": Case(bert, lambda: masked_text(30000)),
    "gpt2": Case(gpt2, lambda: masked_text(50000)),
    "distilbert": Case(distilbert, lambda: masked_text(30000)),
    "vit-base": Case(vit, lambda: pixels(1, 224)),
    "resnet-50": Case(resnet50, lambda: pixels(1, 224)),
    "convnext-tiny": Case(convnext, lambda: pixels(1, 224)),
    "llama-16": Case(llama, lambda: masked_text(32000)),
    "t5-small": Case(t5, t5_inputs),
    "whisper-tiny": Case(whisper, whisper_inputs),
    "mixtral-small": Case(mixtral, lambda: masked_text(1000)),
    "clip-vision": Case(clip_vision, lambda: pixels(1, 224)),
}
