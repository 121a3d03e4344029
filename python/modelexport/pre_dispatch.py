"""Every operator that Python code calls, before composite ones are taken apart.

The only file that uses torch's private Python dispatcher: it asks, for each operator and dispatch key, which Python
function to call. The key before all others, which torch.export uses too, is switched on for the thread, and answered
here. :func:`unavailable` tries it on the installed torch.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch._dispatch.python import enable_python_dispatcher
from torch._ops import OpOverload

Call = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
"""``call(operator, args, kwargs)`` runs an operator and returns what it returns."""


_KEY = torch._C.DispatchKey.PreDispatch
_PYTHON = torch._C.DispatchKey.Python
_PYTHON_DISPATCHER = torch._C.DispatchKey.PythonDispatcher


@contextlib.contextmanager
def calls_go_to(call: Call) -> Iterator[None]:
    """Sends every operator that this thread calls to ``call``; what ``call`` itself calls runs as always."""
    thread = threading.get_ident()
    look_up = OpOverload._get_dispatch
    include = torch._C._dispatch_tls_set_dispatch_key_included
    exclude = torch._C._dispatch_tls_set_dispatch_key_excluded
    is_excluded = torch._C._dispatch_tls_is_dispatch_key_excluded
    changed: list[OpOverload[..., Any]] = []

    def kernel(operator: OpOverload[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if is_not_ours():
                operator._dispatch_cache.pop(_KEY, None)
                answer: Any = look_up(operator, _KEY)
                is_key = isinstance(answer, torch._C.DispatchKey)
                return operator._op_dk(answer, *args, **kwargs) if is_key else answer(*args, **kwargs)
            exclude(_PYTHON_DISPATCHER, True)
            exclude(_KEY, True)
            try:
                return call(operator, args, kwargs)
            finally:
                exclude(_KEY, False)
                exclude(_PYTHON_DISPATCHER, False)

        return run

    def is_not_ours() -> bool:
        # What torch calls with modes switched off (torch.tensor fills a tensor so) is not for us, nor are other threads
        # that use torch's Python dispatcher.
        return is_excluded(_PYTHON) or threading.get_ident() != thread

    def get_dispatch(operator: OpOverload[..., Any], key: torch._C.DispatchKey) -> Any:
        # torch asks this before dispatch where it has kept no answer; for this key it keeps none, but finds it anew at
        # each call, slowly.
        if key != _KEY or is_not_ours():
            return look_up(operator, key)
        operator._dispatch_cache[key] = kernel(operator)
        changed.append(operator)
        return operator._dispatch_cache[key]

    with enable_python_dispatcher():
        include(_KEY, True)
        OpOverload._get_dispatch = get_dispatch  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            OpOverload._get_dispatch = look_up  # type: ignore[method-assign]
            for operator in changed:
                operator._dispatch_cache.pop(_KEY, None)
            include(_KEY, False)


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
