"""Modules that a model holds in several places, told apart: each place but the first gets an object of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from modelexport.naming import named_modules


@contextlib.contextmanager
def told_apart(model: torch.nn.Module) -> Iterator[None]:
    """Inside, a module that is a child in several places is a different object in each, with the attributes in common.

    What one sets on itself the others have, hooks and children included; only ``is`` sees the difference, as it does
    under torch.export, which wraps modules to know by which attribute they were reached.
    """
    places = _further_places(model)
    for children, name, module in places:
        children[name] = _stand_in(module)
    try:
        yield
    finally:
        for children, name, module in places:
            children[name] = module


def _further_places(model: torch.nn.Module) -> list[tuple[dict[str, torch.nn.Module | None], str, torch.nn.Module]]:
    """Where modules are held that are held before: the children of the parent, the name among them, the module."""
    places = []
    seen: set[int] = set()
    for parent in {id(module): module for _, module in named_modules(model)}.values():
        for name, child in parent._modules.items():
            if child is None:
                continue
            # What has an end of its own must not have it twice.
            if id(child) in seen and not hasattr(child, "__del__"):
                places.append((parent._modules, name, child))
            seen.add(id(child))
    return places


def _stand_in(module: torch.nn.Module) -> torch.nn.Module:
    stand_in: torch.nn.Module = object.__new__(type(module))
    object.__setattr__(stand_in, "__dict__", module.__dict__)
    return stand_in
