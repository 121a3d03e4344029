"""Hierarchical Trace-and-Project."""

from modelexport.strategies.htp.htp_hierarchy_exporter import HierarchyExporter

__all__ = ["HierarchyExporter"]
