"""Calls whose arguments torch takes as plain numbers, said otherwise where an argument is a dynamic size.

torch.export would fix the size to that of the example: ``linspace`` takes its steps so, pooling its window,
``math.sqrt`` its argument, and ``len`` gives it.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

import torch
from torch.fx.experimental.symbolic_shapes import statically_known_true
from torch.overrides import TorchFunctionMode

Call = Callable[..., Any]


# What is replaced in Python, all threads see.
_ONE_AT_A_TIME = threading.RLock()
_SYMBOLS = (torch.SymInt, torch.SymFloat)


@contextlib.contextmanager
def sizes_stay_symbolic() -> Iterator[None]:
    """Runs its body, a capture with dynamic axes, without what fixes them for no need.

    Beside the calls of the table, those are Python's own ``len`` and ``math.sqrt``, which know no symbols, and the
    package opt_einsum: it orders the products of an ``einsum`` by sizes.
    """
    with (
        _ONE_AT_A_TIME,
        SymbolicCalls(),
        mock.patch.object(torch.backends.opt_einsum, "enabled", False),
        mock.patch.object(builtins, "len", _length),
        mock.patch.object(math, "sqrt", _square_root),
    ):
        yield


def _length(of: Any, /, *, plain: Callable[[Any], int] = len) -> Any:
    return of.shape[0] if isinstance(of, torch.Tensor) and of.dim() > 0 else plain(of)


def _square_root(of: Any, /, *, plain: Callable[[Any], float] = math.sqrt) -> Any:
    return torch.sym_sqrt(of) if isinstance(of, _SYMBOLS) else plain(of)


class SymbolicCalls(TorchFunctionMode):
    """While it lasts, the calls of the table may have dynamic sizes where torch has plain numbers."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        replace = _REPLACED.get(func)
        if replace is not None and _has_symbol((*args, *kwargs.values())):
            result = replace(*args, **kwargs)
            if result is not NotImplemented:
                return result
        return func(*args, **kwargs)


def _has_symbol(arguments: Sequence[Any]) -> bool:
    return any(
        _has_symbol(item) if isinstance(item, tuple | list) else isinstance(item, torch.SymInt) for item in arguments
    )


def _linspace(start: Any, end: Any, steps: Any, **options: Any) -> Any:
    """As torch computes it: the first half of the points from the start, the other from the end."""
    if isinstance(start, torch.Tensor) or isinstance(end, torch.Tensor) or "out" in options:
        return NotImplemented
    dtype = options.pop("dtype", None) or torch.get_default_dtype()
    options.pop("requires_grad", None)
    if not dtype.is_floating_point:
        return NotImplemented
    place = torch.arange(steps, **options)
    step = (end - start) / _at_least_one(steps - 1)
    from_start, from_end = start + step * place, end - step * (steps - 1 - place)
    return torch.where(place < _at_least_one(steps // 2), from_start, from_end).to(dtype)


def _at_least_one(size: Any) -> Any:
    return torch.sym_max(size, 1)  # type: ignore[no-untyped-call]


def _pool(reduce: Call, input: torch.Tensor, kernel_size: Any, stride: Any = None, **options: Any) -> Any:
    """A window as long as an axis has one place on it, where what it holds is reduced; on the others it must be 1."""
    n_axes = input.dim() - 2 if not isinstance(kernel_size, tuple | list) else len(kernel_size)
    window = list(kernel_size) if isinstance(kernel_size, tuple | list) else [kernel_size] * n_axes
    whole = [i for i in range(-n_axes, 0) if statically_known_true(window[i] == input.shape[i])]
    moves = stride is not None and len(whole) < n_axes
    others = [window[i] for i in range(-n_axes, 0) if i not in whole]
    if moves or any(size != 1 for size in others) or any(options.get(name, value) != value for name, value in _NEUTRAL):
        return NotImplemented
    return reduce(input, whole, keepdim=True)


_NEUTRAL = (("padding", 0), ("dilation", 1), ("return_indices", False), ("divisor_override", None))
_functional = torch.nn.functional
_REPLACED: dict[Any, Call] = {
    torch.linspace: _linspace,
    **dict.fromkeys(
        (_functional.max_pool1d, _functional.max_pool2d, _functional.max_pool3d), functools.partial(_pool, torch.amax)
    ),
    **dict.fromkeys(
        (_functional.avg_pool1d, _functional.avg_pool2d, _functional.avg_pool3d), functools.partial(_pool, torch.mean)
    ),
}
