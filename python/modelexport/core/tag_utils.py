"""Reading, querying and checking hierarchy tags of exported files.

Everything is read by the C++ core; weights are never touched. ``path`` is the ONNX file; where a sidecar suffices it
may be the sidecar itself (``*_hierarchy.json``). docs/tags.md describes tags and queries, docs/sidecar.md the sidecar.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from modelexport import _core

__all__ = [
    "check_coverage",
    "compare_tag_distributions",
    "export_tags_to_csv",
    "get_tag_statistics",
    "load_tags_from_onnx",
    "load_tags_from_sidecar",
    "query_operations_by_tag",
    "validate_tag_consistency",
]

StrPath = str | os.PathLike[str]


def load_tags_from_sidecar(path: StrPath) -> dict[str, Any]:
    """Return the sidecar of a model: its ``node_tags``, ``modules``, ``summary`` and so on.

    Raises:
        OutputError: there is no sidecar, or it cannot be read.
        InvalidInputError: it is not JSON, not a sidecar, of another version, or of another model than the one at
            ``path`` (its digest differs; docs/sidecar.md).
    """
    content: dict[str, Any] = _core.read_sidecar(os.fspath(path))
    return content


def load_tags_from_onnx(path: StrPath) -> dict[str, Any]:
    """Return ``{"node_tags": {name: {...}}, "tag_statistics": {tag: nodes}}`` from the metadata of an ONNX file.

    The entries have the sidecar's fields. A node whose name is empty or taken is listed under its first output.

    Raises:
        InvalidInputError: not an ONNX file, or no node of it has a tag.
    """
    node_tags: dict[str, dict[str, Any]] = {}
    for node in _core.load_tags(os.fspath(path), "onnx"):
        name = node.pop("name")
        if not name or name in node_tags:
            name = next(iter(node["outputs"]), name)
        node_tags[name] = node
    return {"node_tags": node_tags, "tag_statistics": dict(Counter(t for n in node_tags.values() for t in n["tags"]))}


def get_tag_statistics(path: StrPath) -> dict[str, int]:
    """Return the number of nodes of each tag, from the ONNX metadata or else the sidecar."""
    counts: dict[str, int] = _core.count_tags(os.fspath(path))
    return counts


def query_operations_by_tag(path: StrPath, query: str) -> list[dict[str, Any]]:
    """Return the nodes that match, in file order.

    Args:
        path: the model.
        query: a part of the tag (``"Attention"``), a role (``"auxiliary"``, ``"core"``), or a query such as
            ``"module:encoder.layer.*.attention.** op:MatMul and not role:auxiliary"``.

    Returns:
        One dict a node: ``name``, ``op_type``, ``tags``, ``module``, ``call``, ``provenance``, ``role``, ``aten``,
        ``sources``, ``domain``, ``graph``, ``inputs``, ``outputs``.

    Raises:
        InvalidInputError: the query does not parse (the message has the column), or the model has no tags.
    """
    nodes: list[dict[str, Any]] = _core.query_tags(os.fspath(path), query)
    return nodes


def validate_tag_consistency(path: StrPath, sidecar_path: StrPath | None = None) -> dict[str, Any]:
    """Compare the tags in an ONNX file with those in its sidecar, node by node.

    Returns:
        ``consistent``; and where they are not, ``tag_mismatches`` (``node``, ``onnx_tags``, ``sidecar_tags``),
        ``field_mismatches`` (``node``, ``field``, ``onnx``, ``sidecar``: what differs beside the tag),
        ``only_in_onnx``, ``only_in_sidecar`` and ``repeated_in_onnx`` (names). ``onnx_has_tags`` is False for a file
        written without metadata; then names and op types are compared. ``sidecar_is_of_this_model`` is False when the
        sidecar's digest is that of another model; that alone makes the two inconsistent.

    Raises:
        OutputError: one of the two cannot be read.
        InvalidInputError: one of the two is not what it should be.
    """
    found = _core.validate_tags(os.fspath(path), "" if sidecar_path is None else os.fspath(sidecar_path))
    mismatches = found.pop("mismatches")
    result: dict[str, Any] = {key: value for key, value in found.items() if isinstance(value, bool) or value}
    tags = [m for m in mismatches if m["field"] == "tag"]
    if tags:
        result["tag_mismatches"] = [
            {"node": m["node"], "onnx_tags": _tag_list(m["onnx"]), "sidecar_tags": _tag_list(m["sidecar"])}
            for m in tags
        ]
    fields = [m for m in mismatches if m["field"] != "tag"]
    if fields:
        result["field_mismatches"] = fields
    return result


def check_coverage(path: StrPath) -> int:
    """Return the number of nodes of an ONNX file, each of which has a tag and a name of its own.

    Raises:
        CoverageValidationError: some have not; the message counts them and names the first.
    """
    return _core.check_coverage(os.fspath(path))


def export_tags_to_csv(path: StrPath, csv_path: StrPath) -> None:
    """Write one line a node: name, op_type, domain, graph, tag, module, call, provenance, role, aten (RFC 4180)."""
    _core.export_csv(os.fspath(path), os.fspath(csv_path))


def compare_tag_distributions(first: StrPath, second: StrPath) -> dict[str, Any]:
    """Compare how many nodes each tag has in two models.

    Returns:
        ``identical``; ``only_in_first`` and ``only_in_second`` (tag to nodes); ``changed`` (tag to ``{"first": nodes,
        "second": nodes}``).
    """
    changes = _core.diff_tags(os.fspath(first), os.fspath(second))
    return {
        "identical": not changes,
        "only_in_first": {tag: before for tag, before, after in changes if not after},
        "only_in_second": {tag: after for tag, before, after in changes if not before},
        "changed": {tag: {"first": before, "second": after} for tag, before, after in changes if before and after},
    }


def _tag_list(tag: str) -> list[str]:
    return [tag] if tag else []
