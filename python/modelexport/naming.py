"""Names from Python's structures: the outputs' from their keys, the modules' from ``named_modules()``."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from modelexport import _core


def output_names(spec: pytree.TreeSpec) -> list[str]:
    """A name for every leaf of the model's outputs, from the keys and field names that lead to it."""
    return _core.output_names(json.dumps([1, _structure(spec)]))


def _structure(spec: pytree.TreeSpec) -> dict[str, Any]:
    """As ``pytree.treespec_dumps`` has it, but for any registered type and with the contexts as plain values."""
    return {
        "type": None if spec.is_leaf() else qualified_class_name(spec.type),
        "context": _plain(spec.context),
        "children_spec": [_structure(child) for child in spec.children()],
    }


def _plain(context: Any) -> Any:
    """What JSON can hold of a context; a namedtuple's is its class, of which the fields count."""
    if hasattr(context, "_fields"):
        return list(context._fields)
    if isinstance(context, tuple | list):
        return [_plain(item) for item in context]
    return context if isinstance(context, str | int) else None


def placeholder_names(names: Sequence[str]) -> list[str]:
    """The names that torch.export gives the inputs ``names``: lower case, letters and digits, no two the same."""
    taken: set[str] = set()
    result = []
    for name in names:
        plain = re.sub(r"[^a-z0-9]", "_", name.lower())
        numbers = (f"{plain}_{number}" for number in itertools.count(1))
        unique = plain if plain not in taken else next(text for text in numbers if text not in taken)
        taken.add(unique)
        result.append(unique)
    return result


def named_modules(model: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    """(path, module) for every path that leads to a module, the root first, as ``named_modules()`` orders them.

    ``model.named_modules(remove_duplicate=False)`` gives the same, more slowly in a deep model.
    """
    return _core.named_modules(model)


def module_rows(model: torch.nn.Module) -> list[tuple[str, str, int]]:
    """(path, qualified class, elements of the parameters it owns itself) of every module, the root first."""
    return [
        (path, qualified_class_name(type(module)), sum(p.numel() for p in module._parameters.values() if p is not None))
        for path, module in model.named_modules()
    ]


def qualified_class_name(cls: type) -> str:
    """``transformers.models.bert.modeling_bert.BertLayer``."""
    return f"{cls.__module__}.{cls.__qualname__}"
