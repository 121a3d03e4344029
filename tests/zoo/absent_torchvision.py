"""Lets timm be imported without torchvision, whose wheels do not load beside every build of torch.

timm's models use one class of torchvision, in ``isinstance``; its data loading, which no zoo uses, takes the rest.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

PACKAGE = "torchvision"


class _Nothing(type):
    """A class that has every public attribute: another such class, with no instances."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing(name, (), {})


class _NothingModule(types.ModuleType):
    __path__: Sequence[str] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(_Nothing(self.__name__, (), {}), name)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name.split(".")[0] == PACKAGE else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _NothingModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """There is nothing to run."""


@contextmanager
def torchvision_imports() -> Iterator[None]:
    """Inside, ``import torchvision`` gives names that mean nothing; outside it is as absent as before."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
            del sys.modules[name]
