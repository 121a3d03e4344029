"""Modules that a model holds in several places, told apart: each place but the first gets an object of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch

from modelexport.naming import named_modules


@contextlib.contextmanager
def told_apart(model: torch.nn.Module) -> Iterator[list[tuple[str, torch.nn.Module]]]:
    """Inside, a module that is a child in several places is a different object in each, with the attributes in common.
    Gives the modules that ``model`` then has, with their paths.

    What one sets on itself the others have, hooks and children included; only ``is`` sees the difference, as it does
    under torch.export, which wraps modules to know by which attribute they were reached.
    """
    modules = named_modules(model)
    unique = {id(module): module for _, module in modules}
    places = _further_places(unique.values()) if len(unique) < len(modules) else []
    for children, name, module in places:
        children[name] = _stand_in(module)
    try:
        yield named_modules(model) if places else modules
    finally:
        for children, name, module in places:
            children[name] = module


def _further_places(
    modules: Iterable[torch.nn.Module],
) -> list[tuple[dict[str, torch.nn.Module | None], str, torch.nn.Module]]:
    """Where modules are held that are held before: the children of the parent, the name among them, the module."""
    places = []
    seen: set[int] = set()
    for parent in modules:
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
