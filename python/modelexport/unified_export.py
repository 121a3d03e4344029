"""One interface over the strategies."""

from __future__ import annotations

import enum
import logging
import os
from typing import Any

import torch
from torch.export import ExportedProgram

from modelexport.exceptions import (
    AuxiliaryOperationError,
    CaptureError,
    ContextInheritanceError,
    CoverageValidationError,
    InternalError,
    InvalidInputError,
    UnsupportedOperatorError,
)
from modelexport.strategies.htp.htp_hierarchy_exporter import HierarchyExporter
from modelexport.strategies.usage_based import UsageBasedExporter

logger = logging.getLogger("modelexport")

# What another strategy may be able to do; wrong input, a full disk and a memory limit are the same for all.
_FALL_BACK = (
    AuxiliaryOperationError,
    CaptureError,
    ContextInheritanceError,
    CoverageValidationError,
    InternalError,
    UnsupportedOperatorError,
)


class ExportStrategy(enum.Enum):
    """How operations get their modules."""

    HTP = "htp"
    USAGE_BASED = "usage_based"
    AUTO = "auto"


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
        self.enable_monitoring = enable_monitoring
        self.verbose = verbose

    def export(
        self,
        model: torch.nn.Module | ExportedProgram,
        example_inputs: Any,
        output_path: str | os.PathLike[str],
        **kwargs: Any,
    ) -> dict[str, Any]:
        """As :func:`modelexport.export`.

        AUTO exports with HTP, and with USAGE_BASED where HTP cannot; the result then has the reason as
        ``fallback_reason``.
        """
        if self.strategy is ExportStrategy.USAGE_BASED:
            return self._usage_based().export(model, example_inputs, output_path, **kwargs)
        try:
            return self._htp().export(model, example_inputs, output_path, **kwargs)
        except _FALL_BACK as error:
            if self.strategy is not ExportStrategy.AUTO or isinstance(model, ExportedProgram):
                raise
            reason = f"{type(error).__name__}: {error}"
            logger.warning("falling back to usage_based: %s", reason)
        result = self._usage_based().export(model, example_inputs, output_path, **kwargs)
        return result | {"fallback_reason": reason}

    def _htp(self) -> HierarchyExporter:
        return HierarchyExporter(enable_performance_monitoring=self.enable_monitoring, verbose=self.verbose)

    def _usage_based(self) -> UsageBasedExporter:
        return UsageBasedExporter(enable_performance_monitoring=self.enable_monitoring, verbose=self.verbose)


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
