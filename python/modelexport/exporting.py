"""One export from call to result: options, capture, core, and the document's dictionary."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, OutputKind

from modelexport import _core
from modelexport.capture import Captured, capture, check_count, from_program
from modelexport.exceptions import InvalidInputError, OutputError
from modelexport.monitor import MemoryPeak
from modelexport.naming import output_names
from modelexport.options import ExportOptions, parse_options

logger = logging.getLogger("modelexport")

STRATEGY = "htp_builtin"


def run_export(
    model: torch.nn.Module | ExportedProgram,
    inputs: Any,
    path: str | os.PathLike[str],
    keywords: Mapping[str, Any],
    *,
    monitoring: bool = False,
) -> dict[str, Any]:
    """Exports ``model`` to ``path`` and its tags to ``<stem>_hierarchy.json``; see :func:`modelexport.export`."""
    start = time.perf_counter()
    memory = MemoryPeak() if monitoring else None
    options = parse_options(keywords)
    target = _checked_path(path)
    with _logging(options.verbose):
        captured = _captured(model, inputs, options)
        capture_seconds = time.perf_counter() - start
        logger.info("captured %s in %.2f s", type(model).__name__, capture_seconds)
        report = _lowered(captured, target, options)
        export_time = time.perf_counter() - start
        logger.info(
            "wrote %s: %d operations, %.1f MB, in %.2f s",
            target,
            report["total_operations"],
            report["file_bytes"] / 2**20,
            export_time,
        )
    result = _core_fields(str(target), options, report)
    if memory is not None:
        result |= _enhanced_metrics(report, export_time, capture_seconds, memory.megabytes())
    return result


def _captured(model: torch.nn.Module | ExportedProgram, inputs: Any, options: ExportOptions) -> Captured:
    if isinstance(model, ExportedProgram):
        return from_program(model, inputs, options)
    if isinstance(model, torch.nn.Module):
        return capture(model, inputs, options)
    raise InvalidInputError(
        f"the model must be a torch.nn.Module or a torch.export.ExportedProgram, not a {type(model).__name__}"
    )


def _lowered(captured: Captured, target: Path, options: ExportOptions) -> dict[str, Any]:
    program = captured.program
    names = output_names(program.call_spec.out_spec)
    specs = [spec for spec in program.graph_signature.output_specs if spec.kind is OutputKind.USER_OUTPUT]
    written = [name for name, spec in zip(names, specs, strict=True) if _is_written(spec.arg)]
    if not written:
        raise InvalidInputError("the model returns no tensor and no number, so there is nothing to export")
    check_count("output_names", options.output_names, written)
    for name in set(options.output_names or ()) & set(options.input_names or captured.input_names):
        raise InvalidInputError(f"output_names holds {name!r}, which is the name of an input")
    _check_output_axes(captured, options.output_names or written)
    return _core.export_exported_program(
        program, str(target), options.for_core(STRATEGY), captured.modules, names, dict(captured.symbol_names)
    )


def _is_written(argument: Any) -> bool:
    """Whether an output has a place in an ONNX model: tensors and numbers have, None and strings have not."""
    return not isinstance(argument, ConstantArgument) or isinstance(argument.value, int | float)


def _check_output_axes(captured: Captured, outputs: Any) -> None:
    """A name in ``dynamic_axes`` that is no input must be an output, whose dynamic axes follow from the inputs'."""
    for name in captured.output_axes:
        if name not in outputs:
            raise InvalidInputError(
                f"dynamic_axes names {name!r}, which is no input of the model and none of its outputs: "
                f"{', '.join(outputs)}"
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


@contextlib.contextmanager
def _logging(verbose: bool) -> Iterator[None]:
    """With ``verbose``, the logger ``modelexport`` speaks from INFO up, on stderr where no handler is installed."""
    if not verbose:
        yield
        return
    level = logger.level
    handler = None if logger.hasHandlers() else logging.StreamHandler()
    if handler is not None:
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        logger.addHandler(handler)
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        if handler is not None:
            logger.removeHandler(handler)


def _core_fields(path: str, options: ExportOptions, report: Mapping[str, Any]) -> dict[str, Any]:
    target = Path(path)
    return {
        "output_path": path,
        "onnx_path": path,
        "hierarchy_path": str(target.with_name(f"{target.stem}_hierarchy.json")),
        "strategy": STRATEGY,
        "total_operations": report["total_operations"],
        "tagged_operations": report["tagged_operations"],
        "operation_trace_length": report["operation_trace_length"],
        "native_op_regions": report["native_op_regions"],
        "builtin_tracking_enabled": True,
        "opset_version": options.opset_version,
        "file_bytes": report["file_bytes"],
        "mutated": report["mutated"],
    }


def _enhanced_metrics(
    report: Mapping[str, Any], export_time: float, capture_seconds: float, memory_mb: int
) -> dict[str, Any]:
    auxiliary = report["auxiliary_operations"]
    unrecorded = report["unrecorded_operations"]
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
            "graph_context_building_time": report["context_seconds"],
            "context_inheritance_time": report["inheritance_seconds"],
            "fallback_strategy_time": report["fallback_seconds"],
            "memory_peak_usage": memory_mb,
            "capture_time": capture_seconds,
            "read_time": report["read_seconds"],
            "lowering_time": report["functionalize_seconds"] + report["lower_seconds"] + report["passes_seconds"],
            "tagging_time": report["tag_seconds"],
            "writing_time": report["write_seconds"],
        },
    }
