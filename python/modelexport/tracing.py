"""From an ``nn.Module`` to a program at the speed of one forward pass: its operators are recorded as they run.

Sound, or not at all: a trace holds for other inputs only where no Python code looked at the elements of a tensor.
Whatever a trace cannot vouch for raises :class:`NotTraceableError` with the reason.
"""

from __future__ import annotations

import contextlib
import dis
import gc
import sys
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import _ops
from torch.autograd.grad_mode import _unsafe_preserve_version_counter
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from modelexport import _core, pre_dispatch
from modelexport.attributes import Attributes
from modelexport.containers import register_containers
from modelexport.data_guards import guarded, memory_of
from modelexport.exceptions import ModelExportError
from modelexport.export_branches import export_branches
from modelexport.inputs import CallInputs
from modelexport.naming import placeholder_names, qualified_class_name
from modelexport.stand_ins import told_apart


class NotTraceableError(Exception):
    """Why a model cannot be traced soundly; one line."""


class _Stop(BaseException):
    """Ends a forward; no ``except Exception`` of the model's own swallows it."""


# What a trace replaces in torch, all threads see.
_ONE_AT_A_TIME = threading.RLock()

Modules = Sequence[tuple[str, torch.nn.Module]]

_DATA_TAGS = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)
_ADDRESS = torch._C.TensorBase.data_ptr
_OURS = str(Path(__file__).parent)
_TORCH = str(Path(torch.__file__).parent)


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Whether a composite operator looks at data of ``dependent`` tensors, from the operators that it is made of.

    Followed is the memory: where that of a tensor which was let go of is used again, too much is taken for dependent.
    """

    def __init__(self, dependent: Iterable[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reads = False
        self._dependent = {memory_of(tensor) for tensor in dependent}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = _tensors((args, kwargs))
        if not any(memory_of(tensor) in self._dependent for tensor in given):
            return func(*args, **kwargs)
        if func is torch.ops.aten.index.Tensor:
            self.reads |= any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1])
        elif any(tag in func.tags for tag in _DATA_TAGS):
            self.reads = True
        result = func(*args, **kwargs)
        written = given if func._schema.is_mutable else []
        self._dependent.update(memory_of(tensor) for tensor in (*_tensors(result), *written))
        return result


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


class Trace:
    """One recorded forward. ``recorder`` holds the program, ``outputs`` the leaves of the results.

    With ``specialise``, data that reaches Python is accepted: the branch taken is the one that the file has, and
    ``specialised`` says where.

    Raises:
        NotTraceableError: the trace would not hold for other inputs.
    """

    def __init__(self, model: torch.nn.Module, call: CallInputs, specialise: bool) -> None:
        self.specialised: list[str] = []
        self._specialise = specialise
        self._reason: str | None = None
        self._thread = threading.get_ident()
        self.recorder = _core.TraceRecorder(
            {
                "stop": self._stop,
                "read": self._read,
                "is_constant": self._is_constant,
                "describe": _describe,
                "storage": memory_of,
                "watch": self._watched,
                "surroundings": _SURROUNDINGS,
            }
        )
        with _ONE_AT_A_TIME, _finished(self.recorder), told_apart(model) as modules:
            _check_process()
            reason = self.recorder.add_modules(modules)
            if reason:
                raise NotTraceableError(reason)
            self._name_inputs(call)
            self._add_outputs(self._run(model, modules))
            self._build()

    # ---- what tensors and modules are --------------------------------------------------------------------------------

    def _name_inputs(self, call: CallInputs) -> None:
        """The leaves as the program's inputs; those that share memory with others are copied first."""
        leaves = call.leaves()
        taken: set[int] = set()
        values = []
        for leaf in leaves:
            value = leaf.value
            if leaf.is_tensor:
                reason = self.recorder.state.why_not_plain(value)
                if reason:
                    raise NotTraceableError(f"input.{leaf.name} {reason}")
                if memory_of(value) in taken or self._shares_state(value):
                    value = value.detach().clone()
                taken.add(memory_of(value))
            values.append(value)
        for name, value in zip(placeholder_names([leaf.name for leaf in leaves]), values, strict=True):
            self.recorder.add_input(value, name)
        self.call = call.replace(values)

    def _shares_state(self, tensor: torch.Tensor) -> bool:
        memory = tensor.untyped_storage()
        return self.recorder.state.has_address_in(memory.data_ptr(), memory.data_ptr() + memory.nbytes())

    # ---- the run -----------------------------------------------------------------------------------------------------

    @property
    def _is_elsewhere(self) -> bool:
        """Whether what is told happens in another thread, or inside an operator: neither is the forward's doing."""
        return self.recorder.running or threading.get_ident() != self._thread

    def _run(self, model: torch.nn.Module, modules: Modules) -> Any:
        state = self.recorder.state
        attributes = Attributes(modules)
        results = None
        try:
            with _frozen_heap(), export_branches(), _module_calls(self.recorder), guarded(self):
                try:
                    with pre_dispatch.calls_go_to(self.recorder.call):
                        results = model(*self.call.args, **self.call.kwargs)
                except _Stop:
                    pass
                except Exception as error:
                    self._reason = self._reason or f"forward fails under the trace: {type(error).__name__}: {error}"
        finally:
            is_assigned = state.is_assigned()
            attributes.restore()
            for tensor, copy in state.saved:
                with torch.no_grad(), _unsafe_preserve_version_counter(tensor):
                    tensor.copy_(copy)
        if is_assigned:  # torch.export says of a buffer's new value what it is
            self._reason = self._reason or "forward assigns a parameter or buffer"
        if state.is_changed():
            self._reason = self._reason or "forward changes a parameter or buffer by other means than its operators"
        if self._reason is not None:
            raise NotTraceableError(" ".join(self._reason.split())[:500])
        return results

    def _add_outputs(self, results: Any) -> None:
        register_containers(results)
        self.outputs, self.output_spec = pytree.tree_flatten(results)
        try:
            for leaf in self.outputs:
                self.recorder.add_output(leaf)
        except _Stop:
            raise NotTraceableError(f"{self._reason} and is returned") from None

    def _build(self) -> None:
        try:
            self.recorder.build()
        except ModelExportError as error:
            raise NotTraceableError(str(error)) from None

    # ---- what the recorder and the guards say ------------------------------------------------------------------------

    def _stop(self, reason: str) -> None:
        self._reason = self._reason or f"{reason} ({self._place()})"
        raise _Stop

    def _read(self, what: str) -> None:
        if not self._specialise:
            self._stop(f"{what}, which depends on the inputs")
        place = f"{what} ({self._place()})"
        if place not in self.specialised:
            self.specialised.append(place)

    def reads(self, tensor: Any, what: str) -> None:
        """An observer's; see :class:`modelexport.data_guards.Observer`."""
        if not self._is_elsewhere and self.recorder.depends(tensor):
            self._read(f"{what} reads data")

    def shares(self, what: str) -> None:
        """An observer's."""
        if not self._is_elsewhere:
            self._read(f"{what} hands out memory")

    def assigns(self, tensor: torch.Tensor, value: torch.Tensor, is_sole: bool) -> bool:
        """An observer's: what nobody can tell from a copy is one, and recorded as such."""
        if self._is_elsewhere:
            return False
        lies_alike = _lies_like(tensor, value)
        if lies_alike and _ADDRESS(tensor) == _ADDRESS(value):
            return True
        if not (lies_alike and is_sole):
            self.shares("setting Tensor.data")
            return False
        with torch.no_grad():
            tensor.detach().copy_(value)
        return True

    def leaves(self, what: str) -> None:
        """An observer's."""
        if not self._is_elsewhere:
            self._stop(f"{what} runs")

    @contextlib.contextmanager
    def lifting(self) -> Iterator[None]:
        """An observer's."""
        if self._is_elsewhere:
            yield
            return
        before = self.recorder.lifting
        self.recorder.lifting = True
        try:
            yield
        finally:
            self.recorder.lifting = before

    def made(self, tensor: torch.Tensor) -> None:
        """An observer's."""
        if not self._is_elsewhere:
            self.recorder.add_constant(tensor)

    def _watched(self, operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, bool]:
        watch = _Watch(filter(self.recorder.depends, _tensors((args, kwargs))))
        with watch:
            result = operator(*args, **kwargs)
        return result, watch.reads

    def _is_constant(self, tensor: torch.Tensor, is_lifted: bool) -> bool:
        """Whether nothing in a tensor that no recorded call made can come from the inputs.

        It was there before the run (what is younger is not in the frozen part of the heap), or it is a number that is
        being assigned to elements of a tensor, which torch lifts.
        """
        if is_lifted and tensor.dim() == 0 and _is_assigning(sys._getframe(1)):
            return True
        return not any(other is tensor for other in gc.get_objects())

    def _place(self) -> str:
        """The module that runs and the line of the model's source."""
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.startswith((_OURS, _TORCH, "<")):
            frame = frame.f_back
        module = self.recorder.module_path or "the root module"
        return f"{module}, {frame.f_code.co_filename}:{frame.f_lineno}"


def _is_assigning(frame: types.FrameType | None) -> bool:
    """Whether the innermost frame of the model's code, or of torch's Python code, executes ``a[b] = c``."""
    while frame is not None and (
        frame.f_code.co_filename.startswith(_OURS) or frame.f_code.co_filename == _ops.__file__
    ):
        frame = frame.f_back
    return frame is not None and dis.opname[frame.f_code.co_code[frame.f_lasti]] == "STORE_SUBSCR"


# ---- surroundings ----------------------------------------------------------------------------------------------------


# Questions whose answer says that calls cannot be recorded, and why.
_SURROUNDINGS = {
    torch._C._functorch.peek_interpreter_stack: "a functorch transform (vmap, grad, ...) runs",
    torch._C._is_any_autocast_enabled: "autocast is on",
}


def _check_process() -> None:
    reason = pre_dispatch.unavailable()
    if reason is not None:
        raise NotTraceableError(reason)
    if gc.get_freeze_count():
        raise NotTraceableError(
            "the process has frozen its heap (gc.freeze), so that new tensors cannot be told from old"
        )


def _describe(kind: type) -> tuple[str, str]:
    """The name of a class of modules, and why they cannot be traced, if so."""
    reason = ""
    if issubclass(kind, torch.jit.ScriptModule):
        reason = "is a scripted module"
    elif issubclass(kind, torch._dynamo.OptimizedModule):
        reason = "is compiled"
    return qualified_class_name(kind), reason


def _lies_like(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    return all(getattr(tensor, of)() == getattr(other, of)() for of in ("type", "size", "stride"))


@contextlib.contextmanager
def _finished(recorder: _core.TraceRecorder) -> Iterator[None]:
    """Breaks the circle of the recorder and what it tells, also after an error."""
    try:
        yield
    finally:
        recorder.finish()


@contextlib.contextmanager
def _frozen_heap() -> Iterator[None]:
    """Objects made from here on can be told from older ones: these are in the collector's permanent generation."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def _module_calls(recorder: _core.TraceRecorder) -> Iterator[None]:
    """Tells ``recorder`` when modules are entered and left, their hooks included, as torch.export counts it."""
    # Not __call__ itself, which has a slot in C in every subclass.
    original: Callable[..., Any] = torch.nn.Module._call_impl
    enter, leave = recorder.enter, recorder.leave
    thread = threading.get_ident()

    def call(module: torch.nn.Module, /, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return original(module, *args, **kwargs)
        enter(module)
        try:
            return original(module, *args, **kwargs)
        finally:
            leave()

    torch.nn.Module._call_impl = call  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        torch.nn.Module._call_impl = original  # type: ignore[method-assign]
