"""What a forward leaves behind on its modules, their classes and what they hold, beside tensors: seen and undone."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator, Sequence

import torch

from modelexport import _core
from modelexport.naming import named_modules, qualified_class_name

_MISSING = object()
# state.preserved() restores the hooks of a forward; nothing else adds any.
_HOOKS = frozenset(name for name in vars(torch.nn.Module()) if "hooks" in name)
# Values that are as good as the same when they are equal.
_PLAIN = (int, float, complex, str, bytes, bool, torch.Size, torch.dtype, torch.device, type(None))
# What has attributes that are no forward's own: modules are looked at one by one, the others belong to all.
_OPAQUE = (torch.Tensor, torch.nn.Module, type, types.ModuleType, types.FunctionType, types.MethodType)
# So far into objects that hold objects is looked.
_DEPTH = 4


class Attributes:
    """The attributes of a model's modules and of their classes as they are now, and what the objects in them hold."""

    def __init__(self, modules: Sequence[tuple[str, torch.nn.Module]]) -> None:
        self._snapshot = _core.ObjectSnapshot(_HOOKS, _OPAQUE, _PLAIN)
        self._classes = [(cls, dict(vars(cls))) for cls in _classes(modules)]
        for _, attributes in self._classes:
            self._snapshot.add_values(attributes, _DEPTH)
        for _, module in modules:
            self._snapshot.add_attributes(vars(module), _DEPTH)

    def restore(self) -> None:
        """Puts everything back that was set since."""
        for cls, before in self._classes:
            after = dict(vars(cls))
            for name in after.keys() | before.keys():
                value = before.get(name, _MISSING)
                if name.startswith("__") or self._snapshot.is_same(after.get(name, _MISSING), value):
                    continue
                delattr(cls, name) if value is _MISSING else setattr(cls, name, value)
        self._snapshot.restore()


@contextlib.contextmanager
def attributes_preserved(model: torch.nn.Module) -> Iterator[None]:
    """Puts the attributes of ``model`` back that forward sets."""
    attributes = Attributes(named_modules(model))
    try:
        yield
    finally:
        attributes.restore()


def _classes(modules: Sequence[tuple[str, torch.nn.Module]]) -> list[type]:
    """The classes of ``modules`` and their bases, without those that all modules have."""
    bases = {cls for kind in {type(module) for _, module in modules} for cls in kind.__mro__}
    return sorted(bases - set(torch.nn.Module.__mro__), key=qualified_class_name)
