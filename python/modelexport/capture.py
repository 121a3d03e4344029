"""From an ``nn.Module`` to a program: by a trace, or by ``torch.export``."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch._dynamo.exc import UserError, UserErrorType
from torch.export import ExportedProgram

from modelexport.attempts import Attempt, another_way, message, module_path, summary, traced
from modelexport.attributes import attributes_preserved
from modelexport.captured import TORCH_EXPORT, CapturedProgram, CapturedTrace
from modelexport.containers import register_containers
from modelexport.dynamic import DynamicAxis, DynamicPlan, plan_dynamic
from modelexport.exceptions import CaptureError, InvalidInputError, ModelExportError
from modelexport.inputs import CallInputs, call_inputs, describe
from modelexport.naming import module_rows
from modelexport.options import ExportOptions
from modelexport.specialised import SIZE, Specialisation, confined, pinned, recorded
from modelexport.state import preserved, run_on_copies
from modelexport.tracing import NotTraceableError, Trace

logger = logging.getLogger("modelexport")


def capture(model: torch.nn.Module, inputs: Any, options: ExportOptions) -> CapturedProgram | CapturedTrace:
    """Captures ``model`` and leaves it as it was: by a trace where ``options.capture`` allows it and it is sound.

    Raises:
        InvalidInputError: the inputs do not fit the model (its own forward refuses them).
        CaptureError: ``torch.export`` cannot capture the model, or an axis cannot be dynamic.
    """
    model = unwrapped(model)
    call = call_inputs(model, inputs, options.kwargs, options.input_names)
    names = [leaf.name for leaf in call.leaves() if leaf.is_tensor]
    check_count("input_names", options.input_names, names)
    plan = plan_dynamic(call, options)
    untraced: dict[str, str] = {}
    if options.capture != "export":
        try:
            return _recorded(model, plan, names, options)
        except NotTraceableError as error:
            untraced = {"untraced": str(error)}
            log = logger.warning if options.capture == "trace" else logger.info
            log("captured by torch.export, not by a trace: %s", error)
    with preserved(model, options.training), attributes_preserved(model):
        program, how = _export(model, call, plan, retry=options.fallback)
        _check_dtypes(model, call)
    symbols = _symbol_names(program, plan)
    return CapturedProgram(program, module_rows(model), names, symbols, tuple(plan.output_axes), how | untraced)


def _recorded(model: torch.nn.Module, plan: DynamicPlan, names: list[str], options: ExportOptions) -> CapturedTrace:
    if plan.dynamic_shapes is not None:
        raise NotTraceableError("a trace knows the sizes of the example only, and some axes are to be dynamic")
    with preserved(model, options.training):
        trace = Trace(model, plan.call, options.trace_data_dependent == "specialise")
    return CapturedTrace(trace, module_rows(model), names, tuple(plan.output_axes))


def from_program(program: ExportedProgram, inputs: Any, options: ExportOptions) -> CapturedProgram:
    """An already captured program; ``inputs`` may be None, and are otherwise checked against it.

    Raises:
        InvalidInputError: an option that only a capture can obey, or inputs of another structure.
    """
    for name in ("dynamic_axes", "dynamic_shapes", "kwargs"):
        if getattr(options, name):
            raise InvalidInputError(f"{name} cannot be given for an ExportedProgram: it was captured without")
    user_inputs = [str(name) for name in program.graph_signature.user_inputs if isinstance(name, str)]
    check_count("input_names", options.input_names, user_inputs)
    if inputs is not None:
        args, kwargs = ((), dict(inputs)) if isinstance(inputs, Mapping) else (inputs, {})
        args = tuple(args) if isinstance(args, tuple | list) else (args,)
        try:
            program._get_flat_args_with_check(args, kwargs)  # type: ignore[no-untyped-call]
        except Exception as error:
            raise InvalidInputError(f"the inputs do not fit the captured program: {summary(error)}") from None
    return CapturedProgram(program, [], user_inputs, {}, how={"by": "the caller"})


def check_count(keyword: str, names: Any, actual: list[str]) -> None:
    """Refuses a list of names that is not as long as what it names."""
    if names and len(names) != len(actual):
        raise InvalidInputError(
            f"{keyword} gives {len(names)} names, but there are {len(actual)}: {', '.join(actual) or 'none'}"
        )


def unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    """The module that torch.compile or a data-parallel wrapper holds."""
    while True:
        if isinstance(model, torch._dynamo.OptimizedModule):
            model = model._orig_mod
        elif isinstance(model, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
            model = model.module
        else:
            return model


def _export(
    model: torch.nn.Module, given: CallInputs, plan: DynamicPlan, *, retry: bool
) -> tuple[ExportedProgram, dict[str, Any]]:
    """The program, and how it was captured: ``by``, and for what could not be traced ``why``, ``module``, ``assumed``.

    Raises:
        ModelExportError: why the capture failed, in every way that was tried.
    """
    # torch.export takes the outputs apart right after forward: what it would not know is registered in between.
    hook = model.register_forward_hook(lambda _module, _inputs, outputs: register_containers(outputs))
    with _named_keywords(model, plan.call):
        try:
            with recorded(model) as fixed:
                program = traced(model, plan)
            _check_axes(program, plan, fixed)
            return program, {"by": TORCH_EXPORT}
        except ModelExportError:
            raise
        except Exception as error:
            mistake = _mistake(error, model, given, plan, fixed)
            if mistake is not None:
                raise mistake from error
            reason = _Reason.of(error, model)
            cause = error
        finally:
            hook.remove()
        with recorded(model) as fixed:
            attempt, reasons = another_way(model, plan) if retry else (None, [])
    if attempt is None:
        text = "; ".join([f"torch.export cannot capture {reason}", *reasons])
        raise CaptureError(_axes_named(text, plan)) from cause
    _check_axes(attempt.program, plan, fixed)
    return attempt.program, _told(attempt, reason)


@dataclasses.dataclass(frozen=True)
class _Reason:
    """Why a model could not be traced: torch's words, and the module whose forward was running."""

    model: str
    module: str | None
    kind: str
    text: str
    short: str

    @staticmethod
    def of(error: Exception, model: torch.nn.Module) -> _Reason:
        path = module_path(model, error)
        return _Reason(type(model).__name__, path, type(error).__name__, message(error), summary(error))

    def __str__(self) -> str:
        where = "" if self.module is None else f" in {self.module or 'the root module'}"
        return f"{self.model}: {self.kind}{where}: {self.text}"


def _told(attempt: Attempt, reason: _Reason) -> dict[str, Any]:
    """The result's ``capture``, which one line of warning says."""
    where = "" if reason.module is None else f" in {reason.module or 'the root module'}"
    assumed = f"; it holds only where {'; '.join(attempt.assumed)}" if attempt.assumed else ""
    logger.warning(
        "captured by %s, since tracing failed%s (%s: %s)%s", attempt.by, where, reason.kind, reason.short, assumed
    )
    return {
        "by": attempt.by,
        "why": f"{reason.kind}: {reason.short}",
        "module": reason.module,
        "assumed": list(attempt.assumed),
    }


@contextlib.contextmanager
def _named_keywords(model: torch.nn.Module, call: CallInputs) -> Iterator[None]:
    """Gives forward, for the capture, a parameter for each entry of its ``**kwargs``.

    torch.export mixes up names and dynamic shapes of such entries.
    """
    parameters = list(call.signature.parameters.values())
    known = {parameter.name for parameter in parameters}
    extra = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in call.kwargs if name not in known]
    if not extra:
        yield
        return
    forward = model.forward

    @functools.wraps(forward)
    def named(*args: Any, **kwargs: Any) -> Any:
        return forward(*args, **kwargs)

    named.__signature__ = call.signature.replace(parameters=parameters[:-1] + extra)  # type: ignore[attr-defined]
    own = model.__dict__.get("forward")
    model.__dict__["forward"] = named
    try:
        yield
    finally:
        if own is None:
            del model.__dict__["forward"]
        else:
            model.__dict__["forward"] = own


def _mistake(
    error: Exception, model: torch.nn.Module, given: CallInputs, plan: DynamicPlan, fixed: Sequence[Specialisation]
) -> ModelExportError | None:
    """What the caller can mend: inputs that forward refuses too, or a dynamic axis. None: torch.export is at fault."""
    refused = _refusal(model, given)
    if refused is not None:
        return InvalidInputError(refused)
    if plan.axes:
        refused = _refusal(model, plan.call)
        if refused is not None:
            return CaptureError(f"these dynamic axes leave others behind that must change with them: {refused}")
    kind = error.error_type if isinstance(error, UserError) else None
    if kind is UserErrorType.INVALID_INPUT:
        return InvalidInputError(message(error))
    text = _axes_named(message(error), plan)
    if kind is UserErrorType.CONSTRAINT_VIOLATION or text != message(error):
        why = "; ".join(dict.fromkeys(_axes_named(str(one), plan) for one in fixed))
        return CaptureError(f"{type(model).__name__} cannot be exported with these dynamic axes: {text} {why}".rstrip())
    return None


def _check_dtypes(model: torch.nn.Module, call: CallInputs) -> None:
    """Refuses inputs of a floating type that forward cannot take.

    torch's shape functions let some pass that the kernels refuse (a double into a float Linear); only forward itself
    knows. It is asked where an input has a floating type that nothing in the model has.

    Raises:
        InvalidInputError: forward fails.
    """
    types = {tensor.dtype for tensor in (*model.parameters(), *model.buffers()) if tensor.is_floating_point()}
    inputs = {leaf.value.dtype for leaf in call.leaves() if leaf.is_tensor and leaf.value.is_floating_point()}
    if types and not inputs <= types:
        refused = _refusal(model, call)
        if refused is not None:
            raise InvalidInputError(refused)


def _refusal(model: torch.nn.Module, call: CallInputs) -> str | None:
    """What forward itself says of the inputs; what it writes are copies."""
    try:
        run_on_copies(model, call)
    except Exception as error:
        return (
            f"{type(model).__name__}.forward fails on the inputs ({describe(call)}): "
            f"{type(error).__name__}: {summary(error)}"
        )
    return None


def _axes_named(text: str, plan: DynamicPlan) -> str:
    """torch's message with its ``L['x'].size()[0]`` as ``axis 0 ('batch') of input 'x'``."""
    leaves = plan.call.leaves()

    def replace(match: re.Match[str]) -> str:
        parts = [match["name"], *re.findall(r"\['?(\w+)'?\]", match["rest"])]
        name = "_".join(parts[1:] if match["name"] in ("args", "kwargs") and len(parts) > 1 else parts)
        axis = int(match["axis"])
        given = [a.name for a in plan.axes if a.axis == axis and leaves[a.leaf].name == name and a.name]
        return f"axis {axis} {f'({given[0]!r}) ' if given else ''}of input {name!r}"

    return SIZE.sub(replace, text)


def _check_axes(program: ExportedProgram, plan: DynamicPlan, fixed: Sequence[Specialisation]) -> None:
    """Refuses a program in which an axis that was to be dynamic is not.

    Raises:
        CaptureError: names the axis, its size, and where in the model it became fixed.
    """
    limits = {_axes_named(one.axis, plan): one for one in pinned(program)}
    causes = {_axes_named(one.axis, plan): one for one in fixed} | limits
    for axis in plan.axes:
        name = _axis_text(axis, plan)
        size = _recorded_size(program, plan, axis)
        if axis.required and (isinstance(size, int) or name in limits):
            why = f": it {causes[name].fact()}" if name in causes else f": it becomes {size}"
            raise CaptureError(f"{name} cannot be dynamic{why}")
    for size, sizes in confined(program):
        logger.warning("the file is right for sizes of %s %s", _axes_named(size, plan), sizes)


def _symbol_names(program: ExportedProgram, plan: DynamicPlan) -> dict[str, str]:
    """The user's name of each symbol, found where torch put it: in the placeholders' shapes."""
    names: dict[str, str] = {}
    for axis in plan.axes:
        size = _recorded_size(program, plan, axis)
        if axis.name is None or isinstance(size, int) or not size.node.expr.is_Symbol:
            continue
        symbol = str(size.node.expr)
        if names.setdefault(symbol, axis.name) != axis.name:
            logger.warning(
                "axes %r and %r are always equal; both are called %r", names[symbol], axis.name, names[symbol]
            )
    return names


def _recorded_size(program: ExportedProgram, plan: DynamicPlan, axis: DynamicAxis) -> Any:
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    user_inputs = placeholders[len(placeholders) - len(plan.call.leaves()) :]
    return user_inputs[axis.leaf].meta["val"].shape[axis.axis]


def _axis_text(axis: DynamicAxis, plan: DynamicPlan) -> str:
    name = f"({axis.name!r}) " if axis.name else ""
    return f"axis {axis.axis} {name}of input {plan.call.leaves()[axis.leaf].name!r}"
