"""One interface over the strategies."""

from __future__ import annotations

import enum
import os
from typing import Any

import torch
from torch.export import ExportedProgram

from modelexport.exceptions import InvalidInputError
from modelexport.strategies.htp.htp_hierarchy_exporter import HierarchyExporter


class ExportStrategy(enum.Enum):
    """How operations get their modules."""

    HTP = "htp"


class UnifiedExporter:
    """Exports with the strategy that it is given, by name or as an ``ExportStrategy``.

    Raises:
        InvalidInputError: an unknown strategy.
    """

    def __init__(
        self,
        strategy: ExportStrategy | str = ExportStrategy.HTP,
        enable_monitoring: bool = False,
        verbose: bool = False,
    ) -> None:
        try:
            self.strategy = ExportStrategy(strategy)
        except ValueError:
            names = ", ".join(repr(known.value) for known in ExportStrategy)
            raise InvalidInputError(f"the strategy {strategy!r} is unknown; there are {names}") from None
        self._exporter = HierarchyExporter(enable_performance_monitoring=enable_monitoring, verbose=verbose)

    def export(
        self,
        model: torch.nn.Module | ExportedProgram,
        example_inputs: Any,
        output_path: str | os.PathLike[str],
        **kwargs: Any,
    ) -> dict[str, Any]:
        """As :func:`modelexport.export`."""
        return self._exporter.export(model, example_inputs, output_path, **kwargs)


def export_model(
    model: torch.nn.Module | ExportedProgram,
    example_inputs: Any,
    output_path: str | os.PathLike[str],
    strategy: ExportStrategy | str = "htp",
    optimize: bool = False,
    verbose: bool = False,
    enable_monitoring: bool = False,
    **kwargs: Any,
) -> dict[str, Any]:
    """As :func:`modelexport.export`, with a strategy by name; ``optimize`` folds across modules."""
    exporter = UnifiedExporter(strategy, enable_monitoring=enable_monitoring, verbose=verbose)
    return exporter.export(model, example_inputs, output_path, optimize=optimize, **kwargs)
