"""``torch.onnx.export`` with tags: torch writes the file, the core projects scopes onto its nodes.

The only place that calls ``torch.onnx.export``.
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

from modelexport import _core
from modelexport.capture import check_count, unwrapped
from modelexport.containers import register_containers
from modelexport.dynamic import DynamicPlan, plan_dynamic
from modelexport.environment import check_memory_for_weights
from modelexport.exceptions import CaptureError, InvalidInputError, MemoryLimitError, described
from modelexport.exporting import Job
from modelexport.inputs import CallInputs, call_inputs, describe
from modelexport.naming import module_rows, output_names
from modelexport.options import ExportOptions
from modelexport.quiet import quiet
from modelexport.state import preserved, run_on_copies

logger = logging.getLogger("modelexport")

# The TorchScript exporter writes these; the dynamo exporter starts at 18 and can convert downwards.
TORCHSCRIPT_OPSETS = range(14, 21)
DYNAMO_MIN_OPSET = 18

Exporter = Literal["dynamo", "torchscript"]
# What projection may use: all that the file holds, or only the names of its nodes and weights.
Evidence = Literal["all", "names"]


@dataclasses.dataclass(frozen=True)
class Run:
    """One forward run: how often each module was called, and the outputs' names."""

    calls: Mapping[str, int]
    output_names: Sequence[str]


def exporters_for(opset: int) -> tuple[Exporter, ...]:
    """Torch's exporters to try for an opset, in order."""
    return ("dynamo",) if opset >= DYNAMO_MIN_OPSET else ("torchscript", "dynamo")


def export_projected(
    job: Job, *, strategy: str, exporters: Sequence[Exporter], evidence: Evidence = "all"
) -> dict[str, Any]:
    """Writes the job's model with the first of ``exporters`` that can, and tags the nodes of its file.

    With evidence "names", only modules that ran can be on a tag.

    Returns:
        The core's counts and times as of ``_core.tag_file``, and ``torch_exporter``, ``operation_trace_length`` (module
        calls of one forward run) and ``file_bytes``.

    Raises:
        InvalidInputError: inputs or options that do not fit the model, or that torch's exporters do not have.
        CaptureError: none of the exporters can export the model; the message has each one's reason.
    """
    options, target = job.options, job.target
    _check_options(options)
    with tempfile.TemporaryDirectory(prefix=".modelexport-", dir=target.parent) as folder:
        draft = Path(folder) / target.name
        with job.stages.stage("capture"):
            work = _work(job)
            exporter = _first_working(work, draft, exporters, options.opset_version)
        calls = sum(work.run.calls.values())
        report = _core.tag_file(
            str(draft),
            str(draft),
            [row for row in work.modules if evidence == "all" or row[0] in work.run.calls],
            strategy,
            False,
            {
                "metadata": options.metadata,
                "evidence": evidence,
                "operation_trace_length": calls,
                "require_context": options.require_context,
                **job.watching,
            },
        )
        files = list(Path(folder).iterdir())
        report["file_bytes"] = sum(file.stat().st_size for file in files if file.suffix != ".json")
        # The model comes last: where it is, everything is.
        for file in sorted(files, key=lambda file: file == draft):
            file.replace(target.parent / file.name)
    return report | {"torch_exporter": exporter, "operation_trace_length": calls, "mutated": []}


def _check_options(options: ExportOptions) -> None:
    for name, default in (("buffer_outputs", False), ("custom_ops", "refuse"), ("weights", "copy")):
        if getattr(options, name) != default:
            raise InvalidInputError(f"{name} is not available with torch's own exporters")


def _work(job: Job) -> _ModuleWork | _ProgramWork:
    if isinstance(job.model, ExportedProgram):
        return _ProgramWork(job.model, job.options)
    return _ModuleWork(job.model, job.inputs, job.options)


def _first_working(
    work: _ModuleWork | _ProgramWork, draft: Path, exporters: Sequence[Exporter], opset: int
) -> Exporter:
    reasons = []
    cause = None
    for exporter in exporters:
        try:
            with quiet():
                work.export(draft, exporter)
            written = _core.opset_of(str(draft))
            if written == opset:
                return exporter
            reasons.append(f"{exporter}: wrote opset {written} instead of {opset}")
        except (InvalidInputError, MemoryLimitError):
            raise
        except Exception as error:
            cause = error
            reasons.append(f"{exporter}: {described(error)}")
            logger.info("torch.onnx.export cannot: %s", reasons[-1])
    raise CaptureError(f"torch.onnx.export cannot export {work.name}: {'; '.join(reasons)}") from cause


class _ModuleWork:
    """An ``nn.Module`` for torch's exporters: inputs, dynamic axes and names as the native path has them."""

    def __init__(self, model: torch.nn.Module, inputs: Any, options: ExportOptions) -> None:
        self.model = unwrapped(model)
        self.name = type(self.model).__name__
        self.options = options
        call = call_inputs(self.model, inputs, options.kwargs, options.input_names)
        self.input_names = [leaf.name for leaf in call.leaves() if leaf.is_tensor]
        check_count("input_names", options.input_names, self.input_names)
        self.plan = plan_dynamic(call, options)
        with preserved(self.model, options.training):
            self.run = record_run(self.model, self.plan.call)
        check_count("output_names", options.output_names, list(self.run.output_names))
        self.modules = module_rows(self.model)

    def export(self, draft: Path, exporter: Exporter) -> None:
        call = self.plan.call
        common: dict[str, Any] = {
            "input_names": list(self.options.input_names or self.input_names),
            "output_names": list(self.options.output_names or self.run.output_names),
            "opset_version": self.options.opset_version,
            "export_params": self.options.export_params,
            "keep_initializers_as_inputs": self.options.keep_initializers_as_inputs,
        }
        if exporter == "dynamo":
            own: dict[str, Any] = {
                "dynamo": True,
                "custom_translation_table": _translation_table(self.options),
                "dynamic_shapes": _named_shapes(self.plan, self.options),
                "external_data": _needs_external_data(self.model, self.options),
                "optimize": self.options.do_constant_folding,
                "verbose": False,
            }
        elif self.options.custom_translation_table:
            raise InvalidInputError("custom_translation_table is not available with torch's TorchScript exporter")
        else:
            own = {
                "dynamo": False,
                "dynamic_axes": _torchscript_axes(self.plan, common["input_names"]),
                "do_constant_folding": self.options.do_constant_folding,
                "training": torch.onnx.TrainingMode.PRESERVE,
            }
        if not own.get("external_data"):
            check_memory_for_weights(_weights(self.model))
        with preserved(self.model, self.options.training):
            torch.onnx.export(self.model, call.args, str(draft), kwargs=call.kwargs, **common, **own)


class _ProgramWork:
    """An ``ExportedProgram`` for torch's dynamo exporter; its modules are those that its nodes name."""

    def __init__(self, program: ExportedProgram, options: ExportOptions) -> None:
        for name in ("dynamic_axes", "dynamic_shapes", "kwargs"):
            if getattr(options, name):
                raise InvalidInputError(f"{name} cannot be given for an ExportedProgram: it was captured without")
        self.program = program
        self.name = "the ExportedProgram"
        self.options = options
        self.modules: list[tuple[str, str, int]] = []
        calls = {
            path: 1 for node in program.graph.nodes for path, _ in (node.meta.get("nn_module_stack") or {}).values()
        }
        self.run = Run(calls, output_names(program.call_spec.out_spec))

    def export(self, draft: Path, exporter: Exporter) -> None:
        if exporter != "dynamo":
            raise ValueError("an ExportedProgram cannot be traced")
        if not self.options.external_data:
            check_memory_for_weights(list(self.program.state_dict.values()))
        torch.onnx.export(
            self.program,
            (),
            str(draft),
            dynamo=True,
            custom_translation_table=_translation_table(self.options),
            input_names=self.options.input_names,
            output_names=list(self.options.output_names or self.run.output_names),
            opset_version=self.options.opset_version,
            external_data=self.options.external_data,
            optimize=self.options.do_constant_folding,
            verbose=False,
        )


def record_run(model: torch.nn.Module, call: CallInputs) -> Run:
    """Runs ``model`` once on copies of the inputs, with hooks on every module.

    Raises:
        InvalidInputError: forward fails on the inputs.
    """
    calls: dict[str, int] = {}
    handles = []

    def counter(path: str) -> Callable[..., None]:
        def count(*_: Any) -> None:
            calls[path] = calls.get(path, 0) + 1

        return count

    try:
        handles = [m.register_forward_pre_hook(counter(path)) for path, m in model.named_modules()]
        outputs = run_on_copies(model, call)
    except Exception as error:
        raise InvalidInputError(
            f"{type(model).__name__}.forward fails on the inputs ({describe(call)}): {described(error)}"
        ) from None
    finally:
        for handle in handles:
            handle.remove()
    register_containers(outputs)
    leaves, spec = pytree.tree_flatten(outputs)
    names = [name for name, leaf in zip(output_names(spec), leaves, strict=True) if isinstance(leaf, torch.Tensor)]
    return Run(calls, names)


def _named_shapes(plan: DynamicPlan, options: ExportOptions) -> Any:
    """``dynamic_shapes`` for ``torch.onnx.export``: the user's own, or the planned axes with their names."""
    if options.dynamic_shapes is not None or not plan.axes:
        return options.dynamic_shapes
    leaves = plan.call.leaves()
    shapes: dict[int, dict[int, Any]] = {}
    for axis in plan.axes:
        shapes.setdefault(id(leaves[axis.leaf].value), {})[axis.axis] = axis.name or Dim.DYNAMIC
    return pytree.tree_map(lambda value: shapes.get(id(value)), plan.call.arguments())


def _torchscript_axes(plan: DynamicPlan, names: Sequence[str]) -> dict[str, dict[int, str]]:
    tensors = [i for i, leaf in enumerate(plan.call.leaves()) if leaf.is_tensor]
    by_leaf = dict(zip(tensors, names, strict=True))
    axes: dict[str, dict[int, str]] = {}
    for axis in plan.axes:
        name = by_leaf[axis.leaf]
        axes.setdefault(name, {})[axis.axis] = axis.name or f"{name}_dynamic_axes_{axis.axis}"
    return axes


def _translation_table(options: ExportOptions) -> dict[Any, Callable[..., Any]] | None:
    return dict(options.custom_translation_table) if options.custom_translation_table else None


def _needs_external_data(model: torch.nn.Module, options: ExportOptions) -> bool:
    return options.external_data or sum(w.nbytes for w in _weights(model)) > 2**31 - 2**24


def _weights(model: torch.nn.Module) -> list[torch.Tensor]:
    return [*model.parameters(), *model.buffers()]
