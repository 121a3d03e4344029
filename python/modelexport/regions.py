"""The nodes of a module call in an ONNX file, and the tensors at their border."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from modelexport.eager_calls import Call


@dataclass
class Region:
    """The nodes of a call, those of calls inside it included, and the tensors at their border."""

    nodes: list[Any] = field(default_factory=list)
    merged: set[str] = field(default_factory=set)
    """Tensors made by nodes that a pass merged from those of several calls."""
    passed: list[Call] = field(default_factory=list)
    """Calls whose inputs go from one to the other inside such a node."""
    results: list[str] = field(default_factory=list)
    """Tensors made here that are read elsewhere."""
    inner: list[str] = field(default_factory=list)
    """The other tensors made here."""
    outside: set[str] = field(default_factory=set)
    """Tensors read here that are made elsewhere, those aside that are always the same."""

    @property
    def border(self) -> list[str]:
        return [*self.results, *self.outside]


def find_borders(regions: Iterable[Region], graph: Any, weights: Iterable[str]) -> None:
    """Says of each region which tensors enter, leave and stay; ``weights`` are the names of the parameters."""
    constants = _constants(graph, weights)
    reads = {id(node): _reads(node) for region in regions for node in region.nodes}
    readers = Counter(name for node in graph.node for name in _reads(node))
    readers.update(output.name for output in graph.output)
    quantized = _quantized(graph.node)
    for region in regions:
        made = dict.fromkeys(name for node in region.nodes for name in node.output if name)
        inside = Counter(name for node in region.nodes for name in reads[id(node)])
        region.results = [name for name in made if readers[name] > inside[name]] + sorted(region.merged)
        region.inner = [name for name in made if readers[name] == inside[name]]
        region.outside = {quantized.get(name, name) for name in inside if name not in made}
        region.outside -= {*made, *region.merged, *constants}


def _reads(node: Any) -> set[str]:
    """Names that a node reads, those of its bodies from outside included."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        if attribute.HasField("g"):
            made = {name for inner in attribute.g.node for name in inner.output} | {i.name for i in attribute.g.input}
            for inner in attribute.g.node:
                names |= _reads(inner) - made
            names |= {output.name for output in attribute.g.output} - made
    return names


def _constants(graph: Any, weights: Iterable[str]) -> set[str]:
    """Tensors that nodes compute from neither inputs nor parameters."""
    varying = {given.name for given in graph.input} | set(weights)
    constants: set[str] = set()
    for node in graph.node:
        (varying if _reads(node) & varying else constants).update(node.output)
    return constants


def _quantized(nodes: Iterable[Any]) -> dict[str, str]:
    """For each tensor that is another one in 8 bits, and for its scale and zero point, the other one."""
    makers = [node for node in nodes if node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear")]
    return {output: node.input[0] for node in makers for output in node.output}
