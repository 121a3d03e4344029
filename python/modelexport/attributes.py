"""What a forward leaves behind on its modules, beside parameters and buffers: seen and undone."""

from __future__ import annotations

import collections
import operator
from collections.abc import Sequence
from typing import Any

import torch

_MISSING = object()
_CONTAINERS = (list, dict, set, collections.deque)
# state.preserved() restores the hooks of a forward; nothing else adds any.
_HOOKS = frozenset(name for name in vars(torch.nn.Module()) if "hooks" in name)
# Values that are as good as the same when they are equal.
_PLAIN = (int, float, complex, str, bytes, bool, torch.Size, torch.dtype, torch.device, type(None))


class Attributes:
    """The attributes of a model's modules as they are now; containers among them with what they hold."""

    def __init__(self, modules: Sequence[tuple[str, torch.nn.Module]]) -> None:
        self._modules = [(path, vars(module), dict(vars(module))) for path, module in modules]
        self._contents = [
            (path, name, value, value.copy())
            for path, _, before in self._modules
            for name, value in before.items()
            if isinstance(value, _CONTAINERS) and name not in _HOOKS
        ]

    def restore(self) -> str | None:
        """Puts everything back; the name of an attribute that was another, None when all were the same."""
        changed = None
        for path, name, container, content in self._contents:
            if not _same_items(container, content):
                container.clear()
                (container.update if isinstance(container, dict | set) else container.extend)(content)
                changed = changed or f"{path}.{name}"
        for path, after, before in self._modules:
            if len(after) == len(before) and all(map(operator.is_, after.values(), before.values())):
                continue
            for name in after.keys() | before.keys():
                if not _same(after.get(name, _MISSING), before.get(name, _MISSING)):
                    changed = changed or f"{path}.{name}"
            after.clear()
            after.update(before)
        return None if changed is None else changed.lstrip(".")


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, _PLAIN) and a == b)


def _same_items(container: Any, content: Any) -> bool:
    if isinstance(container, set):
        return bool(container == content)
    if len(container) != len(content):
        return False
    if isinstance(container, dict) and not all(map(_same, container.values(), content.values())):
        return False
    return all(map(_same, container, content))
