"""What a forward leaves behind on its modules, beside parameters and buffers: seen and undone."""

from __future__ import annotations

from typing import Any

import torch

_MISSING = object()
# Values that are as good as the same when they are equal.
_PLAIN = (int, float, complex, str, bytes, bool, torch.Size, torch.dtype, torch.device, type(None))


class Attributes:
    """The attributes of a model's modules as they are now; containers among them with what they hold."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._modules = [(path, module, dict(vars(module))) for path, module in model.named_modules()]
        self._contents = [
            (f"{path}.{name}".lstrip("."), value, value.copy())
            for path, _, before in self._modules
            for name, value in before.items()
            if type(value) in (list, dict, set) and name not in _HOOKS
        ]

    def changed(self) -> str | None:
        """The name of an attribute that is another than before; None when all are the same."""
        for path, module, before in self._modules:
            after = vars(module)
            for name in before.keys() | after.keys():
                if not _same(before.get(name, _MISSING), after.get(name, _MISSING)):
                    return f"{path}.{name}".lstrip(".")
        for name, container, content in self._contents:
            if not _same_content(container, content):
                return name
        return None

    def restore(self) -> None:
        """Puts everything back."""
        for _, container, content in self._contents:
            if not _same_content(container, content):
                container.clear()
                (container.extend if isinstance(container, list) else container.update)(content)
        for _, module, before in self._modules:
            after = vars(module)
            for name, value in before.items():
                if after.get(name, _MISSING) is not value:
                    after[name] = value
            for name in after.keys() - before.keys():
                del after[name]


# state.preserved() restores these.
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, _PLAIN) and a == b)


def _same_content(container: Any, content: Any) -> bool:
    if isinstance(container, set):
        return bool(container == content)
    if len(container) != len(content):
        return False
    if isinstance(container, dict):
        return all(name in container and _same(container[name], value) for name, value in content.items())
    return all(_same(a, b) for a, b in zip(container, content, strict=True))
