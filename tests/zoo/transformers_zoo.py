"""Tiny models of every transformers architecture, from the library's own configuration classes.

Nothing is named: sizes are shrunk by what a configuration's fields are called, inputs are made from the model's
``main_input_name`` and ``forward`` signature.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch

VOCABULARY = 99

# Field name -> small value, tried in this order by substring.
SHRUNK: tuple[tuple[tuple[str, ...], int], ...] = (
    (("num_key_value_heads", "num_kv_heads", "multi_query_group_num"), 2),
    (("num_attention_heads", "num_heads", "n_head", "attention_heads", "encoder_heads", "decoder_heads"), 4),
    (("num_hidden_layers", "num_layers", "n_layer", "encoder_layers", "decoder_layers", "num_blocks"), 2),
    (("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"), 4),
    (("vocab_size",), VOCABULARY),
    (("head_dim", "d_kv", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "attention_head_dim"), 8),
    (("intermediate_size", "ffn_dim", "d_ff", "d_inner", "n_inner", "ffn_hidden_size", "mlp_dim"), 64),
    (("hidden_size", "d_model", "n_embd", "embed_dim", "embedding_size", "dim"), 32),
    (("max_position_embeddings", "n_positions", "max_target_positions"), 64),
    (("image_size",), 32),
    (("patch_size",), 8),
)
# Fields whose names hold one of the above but mean something else.
KEPT = ("hidden_act", "per_tok", "topk", "top_k", "group", "dropout", "rank", "num_mel", "type_vocab", "scale", "ratio")


def shrink(config: Any, depth: int = 0) -> None:
    """Makes the integers of a configuration, and of those inside it, small."""
    for field, value in list(vars(config).items()):
        if hasattr(value, "to_dict") and depth < 3:
            shrink(value, depth + 1)
            continue
        if isinstance(value, bool) or not isinstance(value, int) or any(kept in field for kept in KEPT):
            continue
        for names, small in SHRUNK:
            if any(field == name or field.endswith("_" + name) for name in names) and value > small:
                setattr(config, field, small)
                break
    for field in ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"):
        value = getattr(config, field, None)
        if isinstance(value, int) and value >= VOCABULARY:
            setattr(config, field, 1)


def names() -> list[str]:
    """The model types that have a base model."""
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    return sorted(set(MODEL_MAPPING_NAMES))


def build(model_type: str) -> torch.nn.Module:
    """A tiny model with random weights, in eval mode."""
    from transformers import CONFIG_MAPPING, AutoModel

    config = CONFIG_MAPPING[model_type]()
    shrink(config)
    for part in (config, *(value for value in vars(config).values() if hasattr(value, "to_dict"))):
        if hasattr(part, "use_cache"):
            part.use_cache = False
    torch.manual_seed(0)
    return AutoModel.from_config(config).eval()


def _image_size(config: Any) -> tuple[int, int]:
    for part in (config, getattr(config, "vision_config", None)):
        size = getattr(part, "image_size", None)
        if isinstance(size, int):
            return size, size
        if isinstance(size, (list, tuple)) and len(size) == 2:
            return int(size[0]), int(size[1])
    return 64, 64


def _channels(config: Any) -> int:
    for part in (config, getattr(config, "vision_config", None)):
        channels = getattr(part, "num_channels", None)
        if isinstance(channels, int):
            return channels
    return 3


def inputs(model: torch.nn.Module, batch: int, length: int) -> dict[str, torch.Tensor]:
    """Keyword inputs for ``forward``: tokens, pixels or sound, and what goes with them."""
    config: Any = model.config
    names = inspect.signature(model.forward).parameters
    result: dict[str, torch.Tensor] = {}
    if "input_ids" in names:
        result["input_ids"] = torch.randint(3, VOCABULARY, (batch, length))
        if "attention_mask" in names:
            result["attention_mask"] = torch.ones(batch, length, dtype=torch.int64)
        if "decoder_input_ids" in names:
            result["decoder_input_ids"] = torch.randint(3, VOCABULARY, (batch, length))
    if "pixel_values" in names and (
        "input_ids" not in names
        or model.main_input_name == "pixel_values"
        or names["pixel_values"].default is inspect.Parameter.empty
    ):
        result["pixel_values"] = torch.randn(batch, _channels(config), *_image_size(config))
    if "input_values" in names:
        result["input_values"] = torch.randn(batch, 2000)
    if "input_features" in names and "input_ids" not in names:
        mels = getattr(config, "num_mel_bins", None) or getattr(config, "feature_size", 80)
        frames = 2 * getattr(config, "max_source_positions", 50)
        result["input_features"] = torch.randn(batch, int(mels), int(frames))
        if "decoder_input_ids" in names:
            result["decoder_input_ids"] = torch.randint(3, VOCABULARY, (batch, length))
    return result
