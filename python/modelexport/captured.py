"""What a capture gives: a program that the core can write, and what the options are checked against."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, OutputKind

from modelexport import _core
from modelexport.naming import output_names
from modelexport.tracing import Trace

TORCH_EXPORT = "torch.export"
TRACE = "trace"

ModuleRows = list[tuple[str, str, int]]


Captured: TypeAlias = "CapturedProgram | CapturedTrace"
"""A captured model.

``output_names`` are those of all leaves of the results, ``written_outputs`` those of them that have a place in an ONNX
model: tensors and numbers have, None and strings have not. ``output_axes`` are the names in ``dynamic_axes`` that no
input has. ``how`` is the result's ``capture``. ``write(target, options)`` writes model and sidecar with the core's
options and returns its counts and times.
"""


@dataclasses.dataclass(frozen=True)
class CapturedProgram:
    """A program of torch.export, the module tree it came from (empty when unknown), and the user's names of symbols.

    ``how["untraced"]`` says why it was not traced, where that was asked for.
    """

    program: ExportedProgram
    modules: ModuleRows
    input_names: list[str]
    symbol_names: Mapping[str, str]
    output_axes: tuple[str, ...] = ()
    how: Mapping[str, Any] = dataclasses.field(default_factory=lambda: {"by": TORCH_EXPORT})

    def of(self, program: ExportedProgram) -> CapturedProgram:
        """The same capture with its program in another form."""
        return dataclasses.replace(self, program=program)

    @property
    def output_names(self) -> list[str]:
        return output_names(self.program.call_spec.out_spec)

    @property
    def written_outputs(self) -> list[str]:
        specs = [spec for spec in self.program.graph_signature.output_specs if spec.kind is OutputKind.USER_OUTPUT]
        return [name for name, spec in zip(self.output_names, specs, strict=True) if _is_written(spec.arg)]

    def write(self, target: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        return _core.export_exported_program(
            self.program, str(target), dict(options), self.modules, self.output_names, dict(self.symbol_names)
        )


@dataclasses.dataclass(frozen=True)
class CapturedTrace:
    """One recorded forward; it can be written once."""

    trace: Trace
    modules: ModuleRows
    input_names: list[str]
    output_axes: tuple[str, ...] = ()

    @property
    def how(self) -> Mapping[str, Any]:
        """``specialised`` lists where the example's data decided, and which branch they took in the file."""
        return {"by": TRACE, "specialised": self.trace.specialised}

    @property
    def output_names(self) -> list[str]:
        return output_names(self.trace.output_spec)

    @property
    def written_outputs(self) -> list[str]:
        return [
            name
            for name, leaf in zip(self.output_names, self.trace.outputs, strict=True)
            if isinstance(leaf, torch.Tensor | int | float)
        ]

    def write(self, target: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        return _core.export_trace(self.trace.recorder, str(target), dict(options), self.modules, self.output_names)


def _is_written(argument: Any) -> bool:
    return not isinstance(argument, ConstantArgument) or isinstance(argument.value, int | float)
