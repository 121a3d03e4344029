"""Every operator that Python code calls, before composite ones are taken apart.

The only file that uses torch's private pre-dispatch modes. torch installs there only three classes of modes; a subclass
of one of them passes. :func:`unavailable` tries it on the installed torch.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import _ops
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.schema_check_mode import SchemaCheckMode

Call = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
"""``call(operator, args, kwargs)`` runs an operator and returns what it returns."""


class _Mode(SchemaCheckMode):  # type: ignore[no-untyped-call]
    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._call(func, args, kwargs or {})


@contextlib.contextmanager
def calls_go_to(call: Call) -> Iterator[None]:
    """Sends every operator that this thread calls to ``call``; what ``call`` itself calls runs as always."""
    mode = _Mode(call)
    dispatch = torch._library.utils.handle_dispatch_mode

    def direct(curr_mode: Any, op_overload: Any, *args: Any, **kwargs: Any) -> Any:
        # torch would look for tensor subclasses among the arguments first.
        if curr_mode is mode:
            return call(op_overload, args, kwargs)
        return dispatch(curr_mode, op_overload, *args, **kwargs)  # type: ignore[no-untyped-call]

    with enable_python_dispatcher():
        _ops._set_mode_pre_dispatch(mode)  # type: ignore[no-untyped-call]
        torch._library.utils.handle_dispatch_mode = direct
        try:
            yield
        finally:
            torch._library.utils.handle_dispatch_mode = dispatch
            _ops.unset_mode_pre_dispatch(None, schema_check=True)  # type: ignore[no-untyped-call]


@functools.cache
def unavailable() -> str | None:
    """Why the installed torch cannot show its calls; None when it can."""
    seen = []

    def call(operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        seen.append(str(operator))
        return operator(*args, **kwargs)

    try:
        with torch.no_grad(), calls_go_to(call):
            torch.nn.functional.linear(torch.ones(1, 2), torch.ones(1, 2)).relu_()
    except Exception as error:
        return f"torch {torch.__version__} has no pre-dispatch modes: {type(error).__name__}"
    if seen[-2:] != ["aten.linear.default", "aten.relu_.default"]:
        return f"torch {torch.__version__} takes calls apart before its pre-dispatch modes"
    return None
