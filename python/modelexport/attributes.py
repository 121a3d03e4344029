"""What a forward leaves behind on its modules, their classes and what they hold, beside tensors: seen and undone."""

from __future__ import annotations

import collections
import operator
import types
from collections.abc import Sequence
from typing import Any

import torch

from modelexport.naming import qualified_class_name

_MISSING = object()
_CONTAINERS = (list, dict, set, collections.deque)
# state.preserved() restores the hooks of a forward; nothing else adds any.
_HOOKS = frozenset(name for name in vars(torch.nn.Module()) if "hooks" in name)
# Values that are as good as the same when they are equal.
_PLAIN = (int, float, complex, str, bytes, bool, torch.Size, torch.dtype, torch.device, type(None))
# What has attributes that are no forward's own: modules are looked at one by one, the others belong to all.
_OTHERS = (torch.Tensor, torch.nn.Module, type, types.ModuleType, types.FunctionType, types.MethodType)
# So far into objects that hold objects is looked.
_DEPTH = 4


class Attributes:
    """The attributes of a model's modules and of their classes as they are now, and what the objects in them hold."""

    def __init__(self, modules: Sequence[tuple[str, torch.nn.Module]]) -> None:
        self._objects: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self._contents: list[tuple[str, Any, Any]] = []
        self._seen: dict[int, Any] = {}  # by id, which nothing else gets meanwhile
        self._holds: dict[type, bool] = {}
        self._classes = [(cls, dict(vars(cls))) for cls in _classes(modules)]
        for cls, attributes in self._classes:
            self._add_items(cls.__name__, attributes, _DEPTH)
        for path, module in modules:
            self._add_attributes(path, vars(module), _DEPTH)

    def restore(self) -> str | None:
        """Puts everything back; the name of an attribute that was another, None when all were the same."""
        changed = self._restore_classes()
        for path, container, content in self._contents:
            if not _same_items(container, content):
                container.clear()
                (container.update if isinstance(container, dict | set) else container.extend)(content)
                changed = changed or path
        for path, after, before in self._objects:
            if len(after) == len(before) and all(map(operator.is_, after.values(), before.values())):
                continue
            for name in after.keys() | before.keys():
                if not _same(after.get(name, _MISSING), before.get(name, _MISSING)):
                    changed = changed or f"{path}.{name}"
            after.clear()
            after.update(before)
        return None if changed is None else changed.lstrip(".")

    def _restore_classes(self) -> str | None:
        changed = None
        for cls, before in self._classes:
            after = dict(vars(cls))
            for name in after.keys() | before.keys():
                value = before.get(name, _MISSING)
                if name.startswith("__") or _same(after.get(name, _MISSING), value):
                    continue
                changed = changed or f"{cls.__name__}.{name}"
                delattr(cls, name) if value is _MISSING else setattr(cls, name, value)
        return changed

    def _add_attributes(self, path: str, attributes: dict[str, Any], depth: int) -> None:
        self._objects.append((path, attributes, dict(attributes)))
        self._add_items(path, attributes, depth)

    def _add_items(self, path: str, attributes: dict[str, Any], depth: int) -> None:
        for name, value in attributes.items():
            if name not in _HOOKS and self._holds_more(value):
                self._add(f"{path}.{name}", value, depth)

    def _add(self, path: str, value: Any, depth: int) -> None:
        if depth == 0 or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, _CONTAINERS):
            self._contents.append((path, value, value.copy()))
        elif not isinstance(value, tuple):
            self._add_attributes(path, vars(value), depth - 1)
            return
        for item in value.values() if isinstance(value, dict) else value:
            if self._holds_more(item):
                self._add(path, item, depth - 1)

    def _holds_more(self, value: Any) -> bool:
        kind = type(value)
        if kind not in self._holds:
            has_attributes = isinstance(getattr(value, "__dict__", None), dict) and not issubclass(kind, _OTHERS)
            self._holds[kind] = has_attributes or issubclass(kind, (*_CONTAINERS, tuple))
        return self._holds[kind]


def _classes(modules: Sequence[tuple[str, torch.nn.Module]]) -> list[type]:
    """The classes of ``modules`` and their bases, without those that all modules have."""
    bases = {cls for kind in {type(module) for _, module in modules} for cls in kind.__mro__}
    return sorted(bases - set(torch.nn.Module.__mro__), key=qualified_class_name)


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
