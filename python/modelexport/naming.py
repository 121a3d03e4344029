"""Names from Python's structures: the outputs' from their keys, the modules' from ``named_modules()``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils import _pytree as pytree


def output_names(spec: pytree.TreeSpec) -> list[str]:
    """A name for every leaf of the model's outputs.

    Keys and field names are joined by ``_``, and so are the positions in a tuple or list below them
    (``past_key_values_0``). A model that returns one tensor has ``output``, a plain tuple ``output_0``, ``output_1``.
    """
    if spec.is_leaf():
        return ["output"]
    return [name if not name[0].isdigit() else f"output_{name}" for name in _leaf_names(spec)]


def _leaf_names(spec: pytree.TreeSpec) -> Iterator[str]:
    for key, child in zip(_keys(spec), spec.children(), strict=True):
        if child.is_leaf():
            yield key
        else:
            yield from (f"{key}_{name}" for name in _leaf_names(child))


def _keys(spec: pytree.TreeSpec) -> list[str]:
    """The keys of a node's children: strings of its context where they match in number, else positions."""
    context = spec.context
    if hasattr(context, "_fields"):  # a namedtuple's context is its class
        context = context._fields
    count = len(spec.children())
    for keys in (context, *(context if isinstance(context, tuple | list) else ())):
        if isinstance(keys, list | tuple) and len(keys) == count and all(isinstance(key, str | int) for key in keys):
            return [str(key) for key in keys]
    return [str(i) for i in range(count)]


def module_rows(model: torch.nn.Module) -> list[tuple[str, str, int]]:
    """(path, qualified class, elements of the parameters it owns itself) of every module, the root first."""
    return [
        (path, qualified_class(module), sum(p.numel() for p in module._parameters.values() if p is not None))
        for path, module in model.named_modules()
    ]


def qualified_class(module: Any) -> str:
    """``transformers.models.bert.modeling_bert.BertLayer``."""
    return f"{type(module).__module__}.{type(module).__qualname__}"
