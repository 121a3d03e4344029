"""Are the tags right?  Each module call's nodes must compute what that module computed.

The check runs the model in eager mode with forward hooks, runs the ONNX file in onnxruntime with every intermediate
tensor exposed and optimisation off, and compares.  For each module call that owns nodes it asks two things:

* the nodes tagged with the call, or with a call made inside it, produce its outputs;
* they read nothing but its inputs, its own parameters, constants, and small integer tensors (shapes).

A node that a pass merged from those of several calls makes values for each of them, and may read what each reads.

It needs the packages ``onnx`` and ``onnxruntime``, which the exporter itself does not.
"""

from __future__ import annotations

import ast
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree as pytree

from modelexport.eager_calls import Call, SeenCall, calls_around, record_calls
from modelexport.region_values import TensorValues, in_batches
from modelexport.regions import Region, find_borders

SHAPE_TENSOR_ELEMENTS = 16
"""An integer tensor of at most this many elements counts as a shape."""

PROBE_ELEMENTS = 64
"""Elements compared before two large tensors are compared whole."""

ROOT: Call = ("", 0)


@dataclass
class RegionReport:
    """What :func:`check_regions` found."""

    checked: int = 0
    """Module calls that own nodes and were compared."""
    failures: dict[Call, str] = field(default_factory=dict)
    """For each wrong call, what is wrong, in one line."""

    @property
    def ok(self) -> bool:
        return self.checked > 0 and not self.failures


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


def _same(a: torch.Tensor, b: torch.Tensor, rtol: float, atol: float) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not a.dtype.is_floating_point:
        return bool(torch.equal(a, b))
    # Most comparisons are between different tensors: a few elements tell.
    few_a, few_b = a.reshape(-1)[:PROBE_ELEMENTS], b.reshape(-1)[:PROBE_ELEMENTS]
    if a.numel() > PROBE_ELEMENTS and not torch.allclose(few_a, few_b, rtol=0.1, atol=0.1, equal_nan=True):
        return False
    # Sums over many terms differ in the last bits in proportion to the largest of them.
    finite = b[torch.isfinite(b)]
    scale = float(finite.abs().max()) if finite.numel() else 0.0
    return bool(torch.allclose(a, b, rtol=rtol, atol=atol * max(1.0, scale), equal_nan=True))


def _forms(tensor: torch.Tensor) -> list[list[torch.Tensor]]:
    """The ways in which a file may have a tensor: complex ones as pairs along a last axis, or as two tensors."""
    if not tensor.is_complex():
        return [[tensor]]
    pairs = torch.view_as_real(tensor.resolve_conj())
    return [[pairs], [pairs[..., 0], pairs[..., 1]]]


def _without(forms: list[list[torch.Tensor]], candidates: list[torch.Tensor], close: Any) -> list[list[torch.Tensor]]:
    """What is left of ``forms`` without those that are among the candidates."""
    return [[part for part in form if not any(close(value, part) for value in candidates)] for form in forms]


def _is_near(a: torch.Tensor, b: torch.Tensor, noise: float) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype or not a.dtype.is_floating_point:
        return False
    return bool((a - b).norm() <= noise * b.norm())


def _owners(model: torch.nn.Module) -> dict[str, tuple[torch.Tensor, list[str]]]:
    """For every parameter and buffer name, the tensor and the names under which the same memory is known."""
    groups: dict[tuple[int, tuple[int, ...]], list[str]] = defaultdict(list)
    named: list[tuple[str, torch.Tensor]] = list(model.named_parameters(remove_duplicate=False))
    named += list(model.named_buffers(remove_duplicate=False))
    for name, tensor in named:
        groups[(tensor.data_ptr(), tuple(tensor.shape))].append(name)
    return {name: (tensor.detach(), groups[(tensor.data_ptr(), tuple(tensor.shape))]) for name, tensor in named}


def _foreign_read(
    call: Call,
    name: str,
    values: Mapping[str, torch.Tensor],
    seen: SeenCall,
    weights: Mapping[str, tuple[torch.Tensor, list[str]]],
    initializers: set[str],
    called: set[str],
    close: Any,
) -> str | None:
    """Why reading ``name`` from outside is wrong, or ``None``; ``called`` are the modules that run inside the call."""
    # Exporters name a copy of a parameter after the parameter.
    if name in initializers or name in weights:
        plain = name.removesuffix("_transposed").removesuffix("_folded_bias").removesuffix("_folded")
        if plain not in weights:
            return None
        tensor, owners = weights[plain]
        if _belongs(owners, called) or any(close(tensor, given) for given in seen.inputs):
            return None
        # Optimisers keep one of several equal weights.
        if any(close(tensor, other) for other, names in weights.values() if _belongs(names, called)):
            return None
        return f"reads the parameter {plain} of another module"
    value = values.get(name)
    if value is None:
        return None
    if not value.dtype.is_floating_point and value.numel() <= SHAPE_TENSOR_ELEMENTS:
        return None
    if any(close(value, part) for given in seen.inputs for form in _forms(given) for part in form):
        return None
    return f"reads {name}, which is none of the module's inputs"


def _belongs(names: Iterable[str], modules: Iterable[str]) -> bool:
    """Whether one of the names is that of a parameter of one of the modules, or of a module below it."""
    return any(not module or name.startswith(module + ".") for name in names for module in modules)


def _called_inside(seen: Mapping[Call, SeenCall]) -> dict[Call, set[str]]:
    """For every call the paths of the modules that ran in it, its own included."""
    called: dict[Call, set[str]] = defaultdict(set)
    for call in seen:
        for around in calls_around(call, seen):
            called[around].add(call[0])
    return called


def check_regions(
    model: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    onnx_path: str | Path,
    feeds: Mapping[str, Any],
    *,
    rtol: float = 1e-3,
    atol: float = 1e-4,
    noise: float = 0.0,
    optimised: bool = False,
    budget: int = 2 << 30,
) -> RegionReport:
    """Checks the tags of an exported file against the module that it came from.

    Args:
        model: the module, in the mode (training or not) that it was exported in.
        args: inputs for ``model.forward``; any dtypes and shapes that the file accepts.
        kwargs: the same by name.
        onnx_path: the file, written with its metadata.
        feeds: the same inputs as numpy arrays by ONNX input name.
        rtol: tolerance for floating point.
        atol: the same, relative to the largest element.
        noise: for quantised files, the root mean square of the error, relative to that of the tensor, at which two
            tensors still count as the same.
        optimised: for files that an optimiser made, which drops reshapes: tensors of the same elements in the same
            order count as the same, and in any order where onnxruntime's blocked layout (NCHWc) is used.
        budget: bytes that the tensors compared at a time may have; both sides run again for each batch.

    Returns:
        The calls compared and, for each wrong one, the reason.

    Raises:
        KeyError: a node has no ``modelexport.module`` metadata.
    """
    calls = record_calls(model, args, kwargs, keep=())
    values = TensorValues(Path(onnx_path), feeds, budget)
    graph = values.model.graph
    nodes = list(graph.node)
    is_blocked = any(node.domain == "com.microsoft.nchwc" for node in nodes)

    def close(a: torch.Tensor, b: torch.Tensor) -> bool:
        if optimised and a.numel() == b.numel() and (is_blocked or a.shape != b.shape):
            a, b = a.flatten(), b.flatten()
            if is_blocked:
                a, b = a.sort().values, b.sort().values
        return _same(a, b, rtol, atol) or (noise > 0 and _is_near(a, b, noise))

    def around(call: Call) -> list[Call]:
        return calls_around(as_recorded.get(call, call), calls)

    as_recorded = _as_recorded(nodes, calls)
    regions: dict[Call, Region] = defaultdict(Region)
    for node in nodes:
        for call in around(_call_of(node)):
            regions[call].nodes.append(node)
        sources = _sources_of(node)
        for call in itertools.chain.from_iterable(map(around, sources)):
            regions[call].merged.update(name for name in node.output if name)
            regions[call].passed += [other for other in sources if other in calls]
    regions = {call: region for call, region in regions.items() if region.nodes}
    initializers = {tensor.name for tensor in graph.initializer}
    weights = _owners(model)
    called = _called_inside(calls)
    find_borders(regions.values(), graph, weights)
    report = RegionReport()
    report.failures = {call: "tagged, but no such call was made" for call in regions if call not in calls}
    checked = [call for call in regions if call in calls]
    report.checked = len(checked)
    sizes = {call: calls[call].nbytes + values.bytes_to_run(regions[call].border) for call in checked}
    for batch in in_batches(checked, sizes, budget):
        kept = {ROOT, *batch, *(other for call in batch for other in regions[call].passed)}
        seen = record_calls(model, args, kwargs, keep=kept)
        known = values.of(name for call in batch for name in regions[call].border)
        for call in batch:
            region = regions[call]
            candidates = [known[name] for name in region.results if name in known]
            candidates += [given for other in region.passed for given in seen[other].inputs]
            unmade = _missing_outputs(seen[call], candidates, initializers, values.model, close)
            missing = _missing_inside(region, unmade, values, close, budget)
            # What nobody reads is not in the graph, and what is always the same is folded into what reads it.
            wrong = [
                index
                for index in missing
                if _is_used(model, args, kwargs, call, index, seen) and _varies(model, args, kwargs, call, index, seen)
            ]
            problem = f"no node of the region makes output {wrong[0]}: {_form(seen[call], wrong[0])}" if wrong else None
            for name in sorted(region.outside):
                if problem is None and call[0] != "":
                    problem = _foreign_read(call, name, known, seen[call], weights, initializers, called[call], close)
            if problem is not None:
                report.failures[call] = problem
        del seen, known, candidates  # before the next batch runs
    return report


def _form(seen: SeenCall, index: int) -> str:
    output = seen.outputs[index]
    return f"shape {tuple(output.shape)}, {output.dtype}"


def _is_used(
    model: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    call: Call,
    index: int,
    seen: Mapping[Call, SeenCall],
) -> bool:
    """Whether the model's results depend on an output: they change, or the run fails, when it is spoiled."""
    if call == ROOT:
        return True
    try:
        results = record_calls(model, args, kwargs, (call, index), keep={ROOT})[ROOT].outputs
    except Exception:
        return True
    return not all(
        a.shape == b.shape and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
        for a, b in zip(results, seen[ROOT].outputs, strict=True)
    )


def _varies(
    model: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    call: Call,
    index: int,
    seen: Mapping[Call, SeenCall],
) -> bool:
    """Whether an output changes, or the run fails, when every input has its elements in another order."""
    other_args, other_kwargs = pytree.tree_map_only(
        torch.Tensor, lambda given: given.flatten().roll(1).reshape(given.shape), (args, dict(kwargs))
    )
    try:
        varied = record_calls(model, other_args, other_kwargs, keep={call})
    except Exception:
        return True
    return call not in varied or not torch.equal(varied[call].outputs[index], seen[call].outputs[index])


def _missing_outputs(
    seen: SeenCall,
    candidates: list[torch.Tensor],
    initializers: set[str],
    model: Any,
    close: Any,
) -> dict[int, list[list[torch.Tensor]]]:
    """The outputs that no node makes, by number, and what is missing of them in each of their forms.

    What is passed through, or was constant, has no node.
    """
    missing = {}
    for index, output in enumerate(seen.outputs):
        if any(close(given, output) for given in seen.inputs):
            continue
        forms = _without(_forms(output), candidates, close)
        if not any(all(_is_constant(part, initializers, model, close) for part in form) for form in forms):
            missing[index] = forms
    return missing


def _missing_inside(
    region: Region,
    missing: dict[int, list[list[torch.Tensor]]],
    values: TensorValues,
    close: Any,
    budget: int,
) -> list[int]:
    """Numbers of the outputs ``missing`` that none of the tensors is that stay in the region."""
    sizes = {None, *(part.numel() for forms in missing.values() for form in forms for part in form)}
    names = [name for name in region.inner if values.numel(name) in sizes] if missing else []
    for batch in in_batches(names, values.nbytes, budget):
        known = values.of(batch)
        candidates = [known[name] for name in batch if name in known]
        missing = {index: _without(forms, candidates, close) for index, forms in missing.items()}
    return [index for index, forms in missing.items() if all(forms)]


def _is_constant(output: torch.Tensor, initializers: set[str], model: Any, close: Any) -> bool:
    from onnx import numpy_helper

    for tensor in model.graph.initializer:
        if list(tensor.dims) != list(output.shape) or tensor.external_data:
            continue
        if close(torch.from_numpy(numpy_helper.to_array(tensor).copy()), output):
            return True
    return False
