"""``torch.export`` in all its ways: tracing, then what to try where a model cannot be traced."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
from typing import Any
from unittest import mock

import torch
from torch._subclasses import meta_utils
from torch.export import ExportedProgram, draft_export
from torch.fx.experimental import _config as fx_config

from modelexport.dynamic import DynamicPlan
from modelexport.export_branches import without_argument_checks, without_fast_path
from modelexport.quiet import quiet
from modelexport.recurrent import recurrent_shapes
from modelexport.state import run_on_copies
from modelexport.symbolic_calls import sizes_stay_symbolic

logger = logging.getLogger("modelexport")

STRICT = "torch.export with strict=True"
DRAFT = "torch.export.draft_export"


@dataclasses.dataclass(frozen=True)
class Attempt:
    """A program that was captured in another way; ``assumed`` lists what holds for the example inputs alone."""

    program: ExportedProgram
    by: str
    assumed: tuple[str, ...] = ()


def traced(model: torch.nn.Module, plan: DynamicPlan) -> ExportedProgram:
    """The capture, with dynamic axes in torch's size-oblivious mode where that works.

    That mode makes no use of an axis being larger than 1 in the example, so that the program holds for 1 as well.
    """
    if plan.dynamic_shapes is not None:
        try:
            with fx_config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
                return _exported(model, plan)
        except Exception as error:
            logger.debug("capturing anew without torch's size-oblivious mode: %s", summary(error))
    return _exported(model, plan)


def another_way(model: torch.nn.Module, plan: DynamicPlan) -> tuple[Attempt | None, list[str]]:
    """The first way that captures what cannot be traced, and why the ways before it failed.

    torch's bytecode analysis (strict mode) is as sound as tracing is. A draft export follows the example inputs where
    the data decide, so that its program holds for inputs that decide alike.
    """
    reasons: list[str] = []
    for way in (_strict, _drafted):
        try:
            with quiet():
                return way(model, plan), reasons
        except Exception as error:
            reasons.append(f"{way.__name__.strip('_')}: {type(error).__name__}: {summary(error)}")
            logger.info("capture fails, %s", reasons[-1])
    return None, reasons


def _exported(model: torch.nn.Module, plan: DynamicPlan, strict: bool = False) -> ExportedProgram:
    args, kwargs = plan.call.args, plan.call.kwargs
    is_static = strict or plan.dynamic_shapes is None
    symbolic_calls = contextlib.nullcontext() if is_static else sizes_stay_symbolic()
    with without_fast_path(), without_argument_checks(), recurrent_shapes(), symbolic_calls:
        return torch.export.export(model, args, kwargs, dynamic_shapes=plan.dynamic_shapes, strict=strict)


def _strict(model: torch.nn.Module, plan: DynamicPlan) -> Attempt:
    return Attempt(_exported(model, plan, strict=True), STRICT)


def _drafted(model: torch.nn.Module, plan: DynamicPlan) -> Attempt:
    """The draft, refused where its own assertions fail on the example inputs."""
    # torch 2.13 computes along with the example's values, but leaves those of parameters unset: it copies plain tensors
    # alone.
    with without_fast_path(), without_argument_checks(), mock.patch.object(meta_utils, "_safe_copy", _copy_values):
        program = draft_export(model, plan.call.args, plan.call.kwargs, dynamic_shapes=plan.dynamic_shapes)
    run_on_copies(program.module(), plan.call)
    report: Any = program._report  # type: ignore[attr-defined]
    return Attempt(program, DRAFT, tuple(dict.fromkeys(_assumption(f, report) for f in report.failures)))


def _copy_values(target: torch.Tensor, source: torch.Tensor | None) -> None:
    if source is not None and type(source) in (torch.Tensor, torch.nn.Parameter):
        target.copy_(source)


def _assumption(failure: Any, report: Any) -> str:
    """One line: what a draft export took for granted, and the line of the model that asked."""
    data = failure.data
    if "expr" not in data:
        return f"{failure.failure_type.name.lower().replace('_', ' ')} of {data.get('op', 'an operator')}"
    text = f"{data['expr']} is {data['result']}"
    stack = data.get("user_stack")
    if not stack:
        return text
    frame = stack[-1]
    # torch writes a file's name and a line's text only once in a process.
    file = report.str_to_filename.get(frame["filename"])
    code = frame.get("loc", "").strip()
    where = f"{file + ', ' if file else ''}line {frame['line']} of {frame['name']}"
    return f"{text} ({where}{': ' + code if code else ''})"


def module_path(model: torch.nn.Module, error: BaseException) -> str | None:
    """The innermost module of ``model`` whose forward was running when ``error`` was raised; '' is the root."""
    paths = {id(module): path for path, module in model.named_modules()}
    innermost = None
    frame = error.__traceback__
    while frame is not None:
        innermost = paths.get(id(frame.tb_frame.f_locals.get("self")), innermost)
        frame = frame.tb_next
    return innermost


# What torch tells and advises its own developers.
_ADVICE = re.compile(
    r"The error above occurred.*|For more information about this error.*|Exception raised from .*"
    r'|For more information, run with TORCH_LOGS="\+dynamic"\.'
    r"|If you're using mark_dynamic.*?Dim\.AUTO\."
    r'|For more information, run with TORCH_LOGS="dynamic".*?(?=The following call raised|$)',
    re.DOTALL,
)


def message(error: BaseException) -> str:
    """torch's message in one line, without its advice on logging and draft exports."""
    return " ".join(_ADVICE.sub("", str(error)).split())[:2000] or type(error).__name__


def summary(error: BaseException) -> str:
    """The first line of torch's message."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
