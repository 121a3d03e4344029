"""Every operator that Python code calls, before composite ones are taken apart.

The only file that uses torch's private pre-dispatch modes. torch installs there only three classes of modes; a subclass
of one of them passes. :func:`unavailable` tries it on the installed torch.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import _ops
from torch._dispatch.python import enable_python_dispatcher
from torch._ops import OpOverload
from torch._subclasses.schema_check_mode import SchemaCheckMode

Call = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
"""``call(operator, args, kwargs)`` runs an operator and returns what it returns."""


_KEY = torch._C.DispatchKey.PreDispatch
_PYTHON = torch._C.DispatchKey.Python


class _Mode(SchemaCheckMode):  # type: ignore[no-untyped-call]
    """Says to torch that there is something to do before dispatch; what it is, is said for each operator."""


@contextlib.contextmanager
def calls_go_to(call: Call) -> Iterator[None]:
    """Sends every operator that this thread calls to ``call``; what ``call`` itself calls runs as always."""
    thread = threading.get_ident()
    look_up = OpOverload._get_dispatch
    as_always = torch._C._DisablePythonDispatcher
    is_excluded = torch._C._dispatch_tls_is_dispatch_key_excluded
    kernels: dict[OpOverload[..., Any], Callable[..., Any]] = {}

    def kernel(operator: OpOverload[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            with as_always():
                return call(operator, args, kwargs)

        return run

    def get_dispatch(operator: OpOverload[..., Any], key: torch._C.DispatchKey) -> Any:
        # torch asks this at each call before dispatch; its own answer is slow, and pops and pushes the mode. What torch
        # calls with modes switched off (torch.tensor fills a tensor so) is not for us either.
        if key != _KEY or is_excluded(_PYTHON) or threading.get_ident() != thread:
            return look_up(operator, key)
        if operator not in kernels:
            kernels[operator] = kernel(operator)
        return kernels[operator]

    with enable_python_dispatcher():
        _ops._set_mode_pre_dispatch(_Mode())  # type: ignore[no-untyped-call]
        OpOverload._get_dispatch = get_dispatch  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            OpOverload._get_dispatch = look_up  # type: ignore[method-assign]
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
