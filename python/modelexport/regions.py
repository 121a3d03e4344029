"""The nodes of a module call in an ONNX file, and the tensors at their border."""

from __future__ import annotations

import ast
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelexport.eager_calls import Call, SeenCall, calls_around


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


def find_regions(graph: Any, calls: Mapping[Call, SeenCall], weights: Iterable[str]) -> dict[Call, Region]:
    """The regions of the calls that nodes are tagged with, and of the calls around those.

    Args:
        graph: the onnx.GraphProto.
        calls: what eager mode saw.
        weights: names of the parameters.

    Raises:
        KeyError: a node has no ``modelexport.module`` metadata.
    """
    as_recorded = _as_recorded(graph.node, calls)

    def around(call: Call) -> list[Call]:
        return calls_around(as_recorded.get(call, call), calls)

    regions: dict[Call, Region] = defaultdict(Region)
    for node in graph.node:
        for call in around(_call_of(node)):
            regions[call].nodes.append(node)
        sources = _sources_of(node)
        for call in itertools.chain.from_iterable(map(around, sources)):
            regions[call].merged.update(name for name in node.output if name)
            regions[call].passed += [other for other in sources if other in calls]
    found = {call: region for call, region in regions.items() if region.nodes}
    _find_borders(found.values(), graph, weights)
    return found


def _find_borders(regions: Iterable[Region], graph: Any, weights: Iterable[str]) -> None:
    """Says of each region which tensors enter, leave and stay."""
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


def _parsed(name: str) -> Call:
    """A call as metadata writes it, its index after an ``@``."""
    path, _, index = name.partition("@")
    return path, int(index or 0)


def _metadata(node: Any) -> dict[str, str]:
    return {item.key: item.value for item in node.metadata_props}


def _call_of(node: Any) -> Call:
    """The module call that a node's metadata names."""
    metadata = _metadata(node)
    return metadata["modelexport.module"], int(metadata.get("modelexport.call", 0))


def _sources_of(node: Any) -> list[Call]:
    """The module calls that a merged node was made from."""
    return [_parsed(source) for source in ast.literal_eval(_metadata(node).get("modelexport.sources", "[]"))]


def _as_recorded(nodes: Iterable[Any], seen: Mapping[Call, SeenCall]) -> dict[Call, Call]:
    """For calls of modules known under several names, the call that hooks saw.

    torch names such a call after the attribute through which the module was reached, which a hook cannot know; the
    calls of one module are matched in their order.
    """
    recorded: dict[tuple[str, ...], list[Call]] = defaultdict(list)
    for call, what in seen.items():
        if len(what.names) > 1:
            recorded[what.names].append(call)
    owner = {name: names for names in recorded for name in names}
    tagged: dict[tuple[str, ...], dict[Call, None]] = defaultdict(dict)
    for node in nodes:
        for call in (_call_of(node), *_sources_of(node)):
            if call[0] in owner:
                tagged[owner[call[0]]].setdefault(call)
    pairs: dict[Call, Call] = {}
    for names, calls in recorded.items():
        if len(tagged[names]) == len(calls):
            pairs |= dict(zip(tagged[names], calls, strict=True))
    return pairs
