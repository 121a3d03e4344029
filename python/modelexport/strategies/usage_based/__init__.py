"""The usage-based strategy."""

from modelexport.strategies.usage_based.usage_based_exporter import UsageBasedExporter

__all__ = ["UsageBasedExporter"]
