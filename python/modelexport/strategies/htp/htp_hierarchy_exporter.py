"""``HierarchyExporter``: the API reference's way to export."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch.export import ExportedProgram

from modelexport.exceptions import InvalidInputError
from modelexport.exporting import NATIVE, Job, Strategy, run_export
from modelexport.torch_onnx import export_projected, exporters_for


def _project(job: Job) -> dict[str, Any]:
    return export_projected(job, strategy="htp", exporters=exporters_for(job.options.opset_version))


PROJECTED = Strategy("htp", False, _project)


class HierarchyExporter:
    """Exports modules with a hierarchy tag on every operation.

    Args:
        strategy: ``"htp"``.
        builtin_tracking: lower torch's own graph, whose records say the module of each operation. False:
            ``torch.onnx.export`` writes the file, and scopes are projected onto its nodes afterwards.
        enable_performance_monitoring: add the enhanced metrics to the result.
        verbose: log the stages to the logger ``modelexport``.

    Raises:
        InvalidInputError: another strategy.
    """

    def __init__(
        self,
        strategy: str = "htp",
        builtin_tracking: bool = True,
        enable_performance_monitoring: bool = False,
        verbose: bool = False,
    ) -> None:
        if strategy != "htp":
            raise InvalidInputError(f"the strategy {strategy!r} is unknown; HierarchyExporter has 'htp'")
        self.strategy = strategy
        self.builtin_tracking = builtin_tracking
        self.enable_performance_monitoring = enable_performance_monitoring
        self.verbose = verbose

    def export(
        self,
        model: torch.nn.Module | ExportedProgram,
        example_inputs: Any,
        output_path: str | os.PathLike[str],
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Write ``model`` to ``output_path``; arguments, keywords, result and errors as :func:`modelexport.export`."""
        keywords = {"verbose": self.verbose, **kwargs}
        monitoring = self.enable_performance_monitoring
        strategy = NATIVE if self.builtin_tracking else PROJECTED
        return run_export(model, example_inputs, output_path, keywords, monitoring=monitoring, strategy=strategy)
