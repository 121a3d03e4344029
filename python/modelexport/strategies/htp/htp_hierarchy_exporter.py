"""``HierarchyExporter``: the API reference's way to export."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch.export import ExportedProgram

from modelexport.exceptions import InvalidInputError
from modelexport.exporting import run_export


class HierarchyExporter:
    """Exports modules with a hierarchy tag on every operation.

    Args:
        strategy: ``"htp"``.
        builtin_tracking: take the module of each operation from what torch records of it.
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
        if not builtin_tracking:
            raise InvalidInputError("builtin_tracking=False is not available: torch's records are what tags come from")
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
        return run_export(model, example_inputs, output_path, keywords, monitoring=self.enable_performance_monitoring)
