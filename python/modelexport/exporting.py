"""One export from call to result: options, a strategy that writes the file, and the document's dictionary."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from modelexport import _core
from modelexport.capture import capture, check_count, from_program, unwrapped
from modelexport.captured import Captured, CapturedTrace
from modelexport.environment import read_environment
from modelexport.exceptions import InvalidInputError, OutputError, UnsupportedOperatorError, VerificationError
from modelexport.fallback import with_fallback
from modelexport.inputs import call_inputs
from modelexport.monitor import MemoryPeak
from modelexport.options import ExportOptions, parse_options
from modelexport.progress import Stages
from modelexport.verification import verify

logger = logging.getLogger("modelexport")


@dataclasses.dataclass(frozen=True)
class Job:
    """What a strategy is given: the model, where it goes, and what watches the work."""

    model: torch.nn.Module | ExportedProgram
    inputs: Any
    target: Path
    options: ExportOptions
    stages: Stages
    watching: Mapping[str, Any]  # the core's options explain and on_stage


@dataclasses.dataclass(frozen=True)
class Strategy:
    """A way to export: ``write`` puts model and sidecar in place and returns the core's counts and times."""

    name: str
    builtin_tracking: bool
    write: Callable[[Job], dict[str, Any]]


def run_export(
    model: torch.nn.Module | ExportedProgram,
    inputs: Any,
    path: str | os.PathLike[str],
    keywords: Mapping[str, Any],
    *,
    monitoring: bool = False,
    strategy: Strategy | None = None,
) -> dict[str, Any]:
    """Exports ``model`` to ``path`` and its tags to ``<stem>_hierarchy.json``; see :func:`modelexport.export`.

    ``strategy`` is the native one where none is given.
    """
    start = time.perf_counter()
    strategy = strategy or NATIVE
    environment = read_environment()
    monitoring = monitoring or environment.profiling
    memory = MemoryPeak() if monitoring else None
    options = parse_options(keywords)
    _check_model(model)
    target = _checked_path(path)
    with Stages(options.verbose or environment.explain_auxiliary) as stages:
        watching = {"explain": environment.explain_auxiliary, "on_stage": stages.begin}
        report = strategy.write(Job(model, inputs, target, options, stages, watching))
        if options.verify:
            with stages.stage("verify"):
                _verify(model, inputs, target, options)
        export_time = time.perf_counter() - start
        stages.end_current()
        for decision in report["decisions"]:
            logger.info("auxiliary %s", decision)
        size = report["file_bytes"] / 2**20
        logger.info(
            "wrote %s: %d operations, %.1f MB, in %.2f s", target, report["total_operations"], size, export_time
        )
    result = _core_fields(str(target), options, strategy, report)
    if memory is not None:
        result |= _enhanced_metrics(report, export_time, stages, memory.megabytes())
    if environment.profiling:
        trace = _core.trace_path(str(target))
        _core.write_trace(trace, ("export", start, export_time), [*stages.times, *report["stages"]])
    return result


def write_native(job: Job) -> dict[str, Any]:
    """The captured graph, lowered by the core."""
    with job.stages.stage("capture"):
        captured = _captured(job.model, job.inputs, job.options)
    if isinstance(captured, CapturedTrace):
        return _write_trace(captured, job)
    if job.options.fallback:
        report = with_fallback(captured.program, lambda program: _lowered(captured.of(program), job), job)
    else:
        report = _lowered(captured, job)
    return report | {"capture": captured.how}


def _write_trace(captured: CapturedTrace, job: Job) -> dict[str, Any]:
    try:
        return _lowered(captured, job) | {"capture": captured.how}
    except UnsupportedOperatorError as error:
        if not job.options.fallback:
            raise
        # torch.export has more to offer: its programs can be decomposed.
        logger.info("captured by torch.export, not by a trace: %s", error)
        report = write_native(dataclasses.replace(job, options=dataclasses.replace(job.options, capture="export")))
        return report | {"capture": {**report["capture"], "untraced": str(error)}}


NATIVE = Strategy("htp_builtin", True, write_native)


def _captured(model: torch.nn.Module | ExportedProgram, inputs: Any, options: ExportOptions) -> Captured:
    if isinstance(model, ExportedProgram):
        return from_program(model, inputs, options)
    return capture(model, inputs, options)


def _lowered(captured: Captured, job: Job) -> dict[str, Any]:
    options = job.options
    written = captured.written_outputs
    if not written:
        raise InvalidInputError("the model returns no tensor and no number, so there is nothing to export")
    check_count("output_names", options.output_names, written)
    for name in set(options.output_names or ()) & set(options.input_names or captured.input_names):
        raise InvalidInputError(f"output_names holds {name!r}, which is the name of an input")
    _check_output_axes(captured, options.output_names or written)
    said = {"specialised": captured.how.get("specialised", captured.how.get("assumed", []))}
    if not isinstance(job.model, ExportedProgram):
        said["capture"] = captured.how["by"]
    return captured.write(job.target, {**options.for_core(NATIVE.name), **job.watching, **said})


def _check_output_axes(captured: Captured, outputs: Any) -> None:
    """A name in ``dynamic_axes`` that is no input must be an output, whose dynamic axes follow from the inputs'."""
    for name in captured.output_axes:
        if name not in outputs:
            raise InvalidInputError(
                f"dynamic_axes names {name!r}, which is no input of the model and none of its outputs: "
                f"{', '.join(outputs)}"
            )


def _verify(model: torch.nn.Module | ExportedProgram, inputs: Any, target: Path, options: ExportOptions) -> None:
    """Compares the file with the model, and removes it where they differ."""
    if isinstance(model, ExportedProgram):
        raise InvalidInputError("verify cannot be given for an ExportedProgram: the model itself is needed")
    plain = unwrapped(model)
    try:
        verify(plain, call_inputs(plain, inputs, options.kwargs, options.input_names), target, options)
    except VerificationError:
        for path in (target, sidecar_path(target), target.with_name(target.name + ".data")):
            path.unlink(missing_ok=True)
        raise


def _check_model(model: object) -> None:
    if not isinstance(model, ExportedProgram | torch.nn.Module):
        raise InvalidInputError(
            f"the model must be a torch.nn.Module or a torch.export.ExportedProgram, not a {type(model).__name__}"
        )


def _checked_path(path: str | os.PathLike[str]) -> Path:
    """``path``, refused before the capture where nothing could be written."""
    target = Path(os.fspath(path))
    folder = target.parent
    if target.is_dir():
        raise OutputError(f"{target} is a folder; give the path of a file")
    if not folder.is_dir():
        raise OutputError(f"the folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"the folder {folder} cannot be written to")
    return target


def sidecar_path(target: Path) -> Path:
    """Where the hierarchy of the model ``target`` is written."""
    return Path(_core.sidecar_path(str(target)))


def _core_fields(path: str, options: ExportOptions, strategy: Strategy, report: Mapping[str, Any]) -> dict[str, Any]:
    target = Path(path)
    return {
        "output_path": path,
        "onnx_path": path,
        "hierarchy_path": str(sidecar_path(target)),
        "strategy": strategy.name,
        "total_operations": report["total_operations"],
        "tagged_operations": report["tagged_operations"],
        "operation_trace_length": report["operation_trace_length"],
        "native_op_regions": report["native_op_regions"],
        "builtin_tracking_enabled": strategy.builtin_tracking,
        "opset_version": options.opset_version,
        "file_bytes": report["file_bytes"],
        "mutated": report["mutated"],
        "fallbacks": report.get("fallbacks", []),
        "linked_bytes": report.get("linked_bytes", 0),
        "torch_exporter": report.get("torch_exporter"),
        "capture": report.get("capture", {"by": "torch.onnx.export"}),
    }


def _enhanced_metrics(report: Mapping[str, Any], export_time: float, stages: Stages, memory_mb: int) -> dict[str, Any]:
    auxiliary = report["auxiliary_operations"]
    unrecorded = report["inherited_operations"] + report["fallback_operations"]

    def seconds(*names: str) -> float:
        times = [*stages.times, *report["stages"]]
        return float(sum(duration for name, _, duration in times if name in names))

    return {
        "export_time": export_time,
        "auxiliary_operations_coverage": report["tagged_auxiliary"] / auxiliary if auxiliary else 1.0,
        "context_inheritance_success_rate": report["inherited_operations"] / unrecorded if unrecorded else 1.0,
        "fallback_strategy_usage": report["fallback_operations"],
        "auxiliary_operations_analysis": {
            "total_auxiliary_ops": auxiliary,
            "tagged_auxiliary_ops": report["tagged_auxiliary"],
            "context_inherited": report["inherited_auxiliary"],
            "fallback_tagged": report["fallback_auxiliary"],
            "operation_types": report["auxiliary_types"],
        },
        "performance_profile": {
            "graph_context_building_time": seconds("context"),
            "context_inheritance_time": seconds("inheritance"),
            "fallback_strategy_time": seconds("fallback"),
            "memory_peak_usage": memory_mb,
            "capture_time": seconds("capture"),
            "read_time": seconds("read"),
            "lowering_time": seconds("functionalize", "lower", "passes"),
            "tagging_time": seconds("tag"),
            "writing_time": seconds("write"),
        },
    }
