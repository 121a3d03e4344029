"""``UsageBasedExporter``: the simple strategy, by which modules run and what names say."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch.export import ExportedProgram

from modelexport.exceptions import InvalidInputError
from modelexport.exporting import Job, Strategy, run_export
from modelexport.torch_onnx import TORCHSCRIPT_OPSETS, export_projected


def _write(job: Job) -> dict[str, Any]:
    if not isinstance(job.model, torch.nn.Module):
        raise InvalidInputError("the strategy usage_based runs the model, so it needs a torch.nn.Module")
    # The TorchScript exporter names nodes after modules, which is what this strategy reads.
    has_names = job.options.opset_version in TORCHSCRIPT_OPSETS
    return export_projected(
        job, strategy="usage_based", exporters=("torchscript", "dynamo") if has_names else ("dynamo",), evidence="names"
    )


USAGE_BASED = Strategy("usage_based", False, _write)


class UsageBasedExporter:
    """Exports with ``torch.onnx.export`` and tags by names.

    Forward hooks record which modules run. Torch writes the file: its TorchScript exporter where that can, since it
    names nodes after modules, else its dynamo exporter. Names of nodes, names of weights and data-flow neighbours, in
    this order, decide which of the recorded modules a node belongs to.

    Args:
        enable_performance_monitoring: add the enhanced metrics to the result.
        verbose: log the stages to the logger ``modelexport``.
    """

    def __init__(self, enable_performance_monitoring: bool = False, verbose: bool = False) -> None:
        self.strategy = USAGE_BASED.name
        self.enable_performance_monitoring = enable_performance_monitoring
        self.verbose = verbose

    def export(
        self,
        model: torch.nn.Module | ExportedProgram,
        example_inputs: Any,
        output_path: str | os.PathLike[str],
        **kwargs: Any,
    ) -> dict[str, Any]:
        """As :func:`modelexport.export`; the result also says which of torch's exporters wrote (``torch_exporter``)."""
        monitoring = self.enable_performance_monitoring
        keywords = {"verbose": self.verbose, **kwargs}
        return run_export(model, example_inputs, output_path, keywords, monitoring=monitoring, strategy=USAGE_BASED)
