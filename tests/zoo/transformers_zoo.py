"""Tiny models of every transformers architecture, from the library's own configuration classes.

Nothing is named: sizes are shrunk by what a configuration's fields are called, inputs are made from what ``forward``
takes. Several ways to shrink and several sets of inputs are tried; the first that forward accepts is taken.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModel
from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

Inputs = dict[str, torch.Tensor]
InputMaker = Callable[[int, int], Inputs]

VOCABULARY = 99
# Wider models than this are not built with their usual widths.
LARGEST_WIDTH = 1024

# Field names, by what they end in -> small value; the first row that fits is taken.
DEPTHS: tuple[tuple[tuple[str, ...], int], ...] = (
    (("num_hidden_layers", "num_layers", "n_layer", "encoder_layers", "decoder_layers", "num_blocks"), 2),
    (("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"), 4),
    (("experts_per_tok", "experts_per_token", "moe_topk", "moe_top_k", "moe_k", "num_experts_per_token"), 2),
    (("n_group", "topk_group"), 1),
    (("vocab_size",), VOCABULARY),
    (("max_position_embeddings", "n_positions", "max_target_positions"), 64),
)


def widths(hidden: int, heads: int, key_value_heads: int) -> tuple[tuple[tuple[str, ...], int], ...]:
    """Rows for the fields that say how wide a model is."""
    return (
        (("num_key_value_heads", "num_kv_heads", "multi_query_group_num"), key_value_heads),
        (("num_attention_heads", "num_heads", "n_head", "n_heads", "attention_heads"), heads),
        (("encoder_heads", "decoder_heads"), heads),
        (("head_dim", "d_kv", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"), hidden // heads),
        (("intermediate_size", "ffn_dim", "d_ff", "d_inner", "n_inner", "ffn_hidden_size", "mlp_dim"), 2 * hidden),
        (("hidden_size", "d_model", "n_embd", "embed_dim", "embedding_size", "dim"), hidden),
        (("image_size",), 32),
        (("patch_size",), 8),
    )


PICTURES: tuple[tuple[tuple[str, ...], int], ...] = ((("image_size",), 224),)
# Grouped heads; a key head for every query head and room for the rotary parts that configurations fix; usual widths,
# of pictures of a usual size if that can be.
RECIPES = (DEPTHS + widths(32, 4, 2), DEPTHS + widths(256, 4, 4), DEPTHS + PICTURES, DEPTHS)
# Fields whose names hold one of the above but mean something else.
KEPT = ("hidden_act", "group_size", "dropout", "rank", "num_mel", "type_vocab", "scale", "ratio", "groups")


def shrink(config: Any, recipe: Sequence[tuple[tuple[str, ...], int]], depth: int = 0) -> None:
    """Makes the integers of a configuration, and of those inside it, small."""
    for field, value in list(vars(config).items()):
        if hasattr(value, "to_dict") and depth < 3:
            shrink(value, recipe, depth + 1)
            continue
        if isinstance(value, bool) or not isinstance(value, int) or any(kept in field for kept in KEPT):
            continue
        for names, small in recipe:
            if any(field == name or field.endswith("_" + name) for name in names) and value > small:
                setattr(config, field, small)
                break
    for field in ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"):
        value = getattr(config, field, None)
        if isinstance(value, int) and value >= VOCABULARY:
            setattr(config, field, 1)


def names() -> list[str]:
    """The model types that have a base model."""
    return sorted(set(MODEL_MAPPING_NAMES))


def make(name: str) -> tuple[torch.nn.Module, InputMaker]:
    """A tiny model with random weights, in eval mode, and a maker of inputs for batch and length.

    Raises:
        Exception: whatever the last of all attempts ended in.
    """
    problem: Exception | None = None
    for recipe in RECIPES:
        try:
            model = build(name, recipe)
        except Exception as error:
            problem = problem or error
            continue
        for inputs in input_makers(model):
            try:
                with torch.no_grad():
                    model(**inputs(2, 7))
                return model, inputs
            except Exception as error:
                problem = problem or error
    assert problem is not None
    raise problem


def build(model_type: str, recipe: Sequence[tuple[tuple[str, ...], int]]) -> torch.nn.Module:
    """A model of the sizes that ``recipe`` gives."""
    config = CONFIG_MAPPING[model_type]()
    shrink(config, recipe)
    parts = (config, *(value for value in vars(config).values() if hasattr(value, "to_dict")))
    widest = max(getattr(part, "hidden_size", None) or 0 for part in parts)
    if isinstance(widest, int) and widest > LARGEST_WIDTH:
        raise ValueError(f"a hidden size of {widest} is too large for this zoo")
    for part in parts:
        if hasattr(part, "use_cache"):
            part.use_cache = False
    torch.manual_seed(0)
    model = AutoModel.from_config(config).eval()
    vary_constants(model)
    return model


def vary_constants(model: torch.nn.Module) -> None:
    """Makes the weights that start as all zeros or all ones differ, so that no two experts score the same."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.is_floating_point() and weight.numel() > 0 and bool((weight == weight.flatten()[0]).all()):
                weight.add_(0.1 * torch.randn_like(weight))


# ---- inputs ----------------------------------------------------------------------------------------------------------


def input_makers(model: torch.nn.Module) -> Iterator[InputMaker]:
    """What forward might want, from little to much."""
    for extra, frames_first in itertools.product(((), ("pixel_values",), ("input_features", "input_values")), (0, 1)):

        def maker(batch: int, length: int, extra: Any = extra, frames_first: Any = frames_first) -> Inputs:
            return _inputs(model, batch, length, extra, bool(frames_first))

        yield maker


def _inputs(model: Any, batch: int, length: int, extra: Sequence[str], frames_first: bool) -> Inputs:
    """Tokens where forward takes them, else what it is mainly for; what it cannot do without; and ``extra``."""
    parameters = inspect.signature(model.forward).parameters
    wanted = {name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty}
    wanted |= {model.main_input_name, "input_ids", "attention_mask", "decoder_input_ids", *extra}
    if "input_ids" not in parameters:
        wanted |= {"pixel_values", "input_values", "input_features", "padding_mask"}
        wanted -= {"attention_mask"}
    config = model.config
    hidden = int(getattr(config, "hidden_size", None) or 32)
    mels = int(_setting(config, ("num_mel_bins", "input_feat_per_channel", "feature_size"), 80))
    frames = 2 * int(_setting(config, ("max_source_positions",), 50))
    mask = torch.ones(batch, length, dtype=torch.int64)
    mask[-1:, length - 2 :] = 0  # the last row ends in padding
    made: dict[str, Callable[[], torch.Tensor]] = {
        "input_ids": lambda: torch.randint(3, VOCABULARY, (batch, length)),
        "attention_mask": lambda: mask,
        "decoder_input_ids": lambda: torch.randint(3, VOCABULARY, (batch, length)),
        "pixel_values": lambda: torch.randn(batch, _channels(config), *_image_size(config)),
        "input_values": lambda: torch.randn(batch, 2000 + 100 * length),
        "padding_mask": lambda: torch.ones(batch, 2000 + 100 * length, dtype=torch.bool),
        "input_features": lambda: torch.randn(*((batch, frames, mels) if frames_first else (batch, mels, frames))),
        "input_features_mask": lambda: torch.ones(batch, frames, dtype=torch.int64),
        "query_embeds": lambda: torch.randn(batch, length, hidden),
        "inputs_embeds": lambda: torch.randn(batch, length, hidden),
        "bbox": lambda: torch.arange(8).unfold(0, 4, 1)[:1].expand(batch, length, 4).contiguous(),
    }
    return {name: made[name]() for name in parameters if name in wanted and name in made}


def _parts(config: Any) -> Iterator[Any]:
    yield config
    for name in ("vision_config", "audio_config", "encoder_config", "backbone_config"):
        if getattr(config, name, None) is not None:
            yield getattr(config, name)


def _setting(config: Any, fields: Sequence[str], default: int) -> Any:
    for part, field in itertools.product(_parts(config), fields):
        if isinstance(getattr(part, field, None), int):
            return getattr(part, field)
    return default


def _image_size(config: Any) -> tuple[int, int]:
    for part in _parts(config):
        size = getattr(part, "image_size", None)
        if isinstance(size, int):
            return size, size
        if isinstance(size, (list, tuple)) and len(size) == 2:
            return int(size[0]), int(size[1])
    return 64, 64


def _channels(config: Any) -> int:
    return int(_setting(config, ("num_channels",), 3))
