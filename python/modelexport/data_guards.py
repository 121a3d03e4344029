"""Notices where tensors' data reaches Python by ways that call no operator, and where tensors come from Python's data.

Operators that give Python a number (``item``, ``is_nonzero``, ``equal``) are seen as calls; what is here is not:
torch runs it with its dispatcher switched off, or hands out the memory itself.
"""

from __future__ import annotations

import contextlib
import functools
import math
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import torch
from torch._ops import HigherOrderOperator
from torch.utils import _pytree as pytree


class Observer(Protocol):
    """What is told of each event; to raise there prevents it."""

    def reads(self, tensor: Any, what: str) -> None:
        """The elements of ``tensor`` are about to become Python's."""

    def shares(self, what: str) -> None:
        """The memory of a tensor is about to be reachable without torch."""

    def assigns(self, tensor: torch.Tensor, value: torch.Tensor, is_sole: bool) -> bool:
        """``tensor.data = value`` is about to happen; whether that has been seen to. ``is_sole`` says that nobody else
        knows ``value``, and that no other tensor lies in its memory or in what ``tensor`` has had so far."""

    def leaves(self, what: str) -> None:
        """Something is about to run whose operators cannot be seen one by one."""

    def lifting(self) -> contextlib.AbstractContextManager[None]:
        """While it lasts, the tensors that torch lifts out of Python are made of data that was looked at."""

    def made(self, tensor: torch.Tensor) -> None:
        """``tensor`` was made of Python's data."""


# Methods of Tensor that copy elements into Python objects.
READERS = ("tolist", "__repr__", "__format__", "apply_", "map_", "map2_")
# Those that hand out the memory, to read or to write.
SHARERS = (
    "numpy",
    "__array__",
    "__dlpack__",
    "data_ptr",
    "storage",
    "untyped_storage",
    "_typed_storage",
    "__reduce_ex__",
    "__deepcopy__",
    "share_memory_",
)
# Functions that make tensors of Python's data, and of tensors in it.
MAKERS = ("tensor", "as_tensor", "asarray", "from_numpy", "frombuffer")
_INHERITED = object()
_NUMBERS = (int, float, complex, type(None))
_STORAGE = torch._C.TensorBase.untyped_storage


def memory_of(tensor: torch.Tensor) -> int:
    """The same number for all tensors that share memory while it lives, also while its methods are watched."""
    number: int = _STORAGE(tensor)._cdata
    return number


@contextlib.contextmanager
def guarded(observer: Observer) -> Iterator[None]:
    """Tells ``observer`` of every event on any tensor of this process while it lasts.

    Special methods with a slot of their own in C (``__getitem__``) must not be replaced: the class would not be the
    same afterwards.
    """
    replacements = _replacements(observer)
    before = [(owner, name, vars(owner).get(name, _INHERITED)) for owner, name, _ in replacements]
    try:
        for owner, name, value in replacements:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            delattr(owner, name) if value is _INHERITED else setattr(owner, name, value)


def _replacements(observer: Observer) -> list[tuple[Any, str, Any]]:
    """The owner of each attribute to replace, its name and what takes its place."""
    tensor = torch.Tensor
    return [
        *((tensor, name, _reader(name, observer)) for name in READERS if hasattr(tensor, name)),
        *((tensor, name, _sharer(name, observer)) for name in SHARERS),
        (tensor, "data", _data(observer)),
        (tensor, "new_tensor", _maker(tensor.new_tensor, 1, observer)),
        *((torch, name, _maker(getattr(torch, name), 0, observer)) for name in MAKERS),
        *((m, "to_dlpack", _sharing_function(m.to_dlpack, observer)) for m in (torch, torch.utils.dlpack)),
        *(
            (owner, name, _leaver(getattr(owner, name), what, observer))
            for owner, name, what in (
                (HigherOrderOperator, "__call__", "a higher-order operator"),
                (torch._C.ScriptFunction, "__call__", "a scripted function"),
                (threading.Thread, "start", "a thread"),
                (ThreadPoolExecutor, "submit", "a thread"),
            )
        ),
    ]


def _reader(name: str, observer: Observer) -> Callable[..., Any]:
    original = getattr(torch.Tensor, name)

    def method(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        observer.reads(self, f"Tensor.{name}()")
        return original(self, *args, **kwargs)

    return method


def _sharer(name: str, observer: Observer) -> Callable[..., Any]:
    original = getattr(torch.Tensor, name)

    def method(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        observer.shares(f"Tensor.{name}()")
        return original(self, *args, **kwargs)

    return method


def _sharing_function(original: Callable[..., Any], observer: Observer) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        observer.shares(f"{original.__name__}()")
        return original(*args, **kwargs)

    return function


def _leaver(original: Callable[..., Any], what: str, observer: Observer) -> Callable[..., Any]:
    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        observer.leaves(f"{what} {getattr(self, '__name__', '')}")
        return original(self, *args, **kwargs)

    return method


def _data(observer: Observer) -> property:
    """``tensor.data`` as the operator detach(), which is seen; setting it swaps memory that others may know."""
    setter = torch._C.TensorBase.data.__set__  # type: ignore[attr-defined]
    references, memory_references = _of_a_temporary_tensor()

    def swap(self: torch.Tensor, value: torch.Tensor) -> None:
        is_sole = sys.getrefcount(value) == references and all(
            _memory_references(tensor) == memory_references for tensor in (self, value)
        )
        if not observer.assigns(self, value, is_sole):
            setter(self, value)

    return property(lambda self: self.detach(), swap)


@functools.cache
def _of_a_temporary_tensor() -> tuple[int, float]:
    """The references that Python counts to a tensor that was just made when it is being assigned to a property, and
    those to its memory."""
    counted = []

    class Owner:
        def _count(self, value: torch.Tensor) -> None:
            counted.append((sys.getrefcount(value), _memory_references(value)))

        data = property(None, _count)

    Owner().data = torch.empty(0)
    return counted[0]


def _memory_references(tensor: torch.Tensor) -> float:
    """Not a number where this torch does not count them."""
    count = getattr(torch._C, "_storage_Use_Count", None)
    return math.nan if count is None else count(memory_of(tensor))


def _maker(original: Callable[..., Any], position: int, observer: Observer) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        data = args[position] if len(args) > position else kwargs.get("data", kwargs.get("obj"))
        if isinstance(data, torch.Tensor):
            return original(*args, **kwargs)
        _read_inside(data, f"{original.__name__}()", observer)
        with observer.lifting():
            made = original(*args, **kwargs)
        observer.made(made)
        return made

    return function


def _read_inside(data: Any, what: str, observer: Observer) -> None:
    for leaf in pytree.tree_leaves(data):
        if isinstance(leaf, torch.Tensor):
            observer.reads(leaf, what)
        elif not isinstance(leaf, _NUMBERS) and type(leaf).__module__ != "numpy":
            observer.shares(f"{what} of a {type(leaf).__name__}")
