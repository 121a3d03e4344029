"""Are the tags right?  Each module call's nodes must compute what that module computed.

The check runs the model in eager mode with forward hooks, runs the ONNX file in onnxruntime with every intermediate
tensor exposed and optimisation off, and compares.  For each module call that owns nodes it asks two things:

* the nodes tagged with the call, or with a call made inside it, produce its outputs;
* they read nothing but its inputs, its own parameters, what an earlier call of it made, constants, and small integer
  tensors (shapes).

A node that a pass merged from those of several calls makes values for each of them, and may read what each reads.

It needs the packages ``onnx`` and ``onnxruntime``, which the exporter itself does not.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from modelexport.eager_calls import ROOT, Call, EagerRuns, SeenCall, calls_around
from modelexport.region_values import TensorValues, in_batches
from modelexport.regions import Region, find_regions

SHAPE_TENSOR_ELEMENTS = 16
"""An integer tensor of at most this many elements counts as a shape."""

PROBE_ELEMENTS = 64
"""Elements compared before two large tensors are compared whole."""


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
    runs = EagerRuns(model, args, kwargs)
    calls = runs.calls(keep=())
    values = TensorValues(Path(onnx_path), feeds, budget)
    is_blocked = any(node.domain == "com.microsoft.nchwc" for node in values.model.graph.node)

    def close(a: torch.Tensor, b: torch.Tensor) -> bool:
        if optimised and a.numel() == b.numel() and (is_blocked or a.shape != b.shape):
            a, b = a.flatten(), b.flatten()
            if is_blocked:
                a, b = a.sort().values, b.sort().values
        return _same(a, b, rtol, atol) or (noise > 0 and _is_near(a, b, noise))

    weights = _owners(model)
    regions = find_regions(values.model.graph, calls, weights)
    check = _Check(runs, values, regions, weights, _called_inside(calls), close, budget)
    checked = [call for call in regions if call in calls]
    report = RegionReport(len(checked))
    report.failures = {call: "tagged, but no such call was made" for call in regions if call not in calls}
    sizes = {call: calls[call].nbytes + values.bytes_to_run(regions[call].border) for call in checked}
    for batch in in_batches(checked, sizes, budget):
        report.failures |= check.failures(batch)
    return report


@dataclass(frozen=True)
class _Check:
    """Both sides of a check: ``called`` has the modules that run inside each call, ``close`` compares two tensors."""

    runs: EagerRuns
    values: TensorValues
    regions: Mapping[Call, Region]
    weights: Mapping[str, tuple[torch.Tensor, list[str]]]
    called: Mapping[Call, set[str]]
    close: Callable[[torch.Tensor, torch.Tensor], bool]
    budget: int

    def failures(self, batch: list[Call]) -> dict[Call, str]:
        """What is wrong with calls whose tensors fit into memory together."""
        passed = {other for call in batch for other in self.regions[call].passed}
        seen = self.runs.calls(keep={ROOT, *batch, *passed})
        known = self.values.of(name for call in batch for name in self.regions[call].border)
        missing = {call: found for call in batch if (found := self._missing_outputs(call, known, seen))}
        wrong = self._missing_inside(missing)
        # What is always the same is folded into what reads it, and what nobody reads is not in the graph.
        wrong = self.runs.varying(wrong, seen) if wrong else wrong
        problems = {call: self._problem(call, wrong.get(call, ()), known, seen) for call in batch}
        return {call: problem for call, problem in problems.items() if problem is not None}

    def _problem(
        self, call: Call, unmade: Iterable[int], known: Mapping[str, torch.Tensor], seen: Mapping[Call, SeenCall]
    ) -> str | None:
        """What is wrong with a call of which the nodes do not make the outputs ``unmade``."""
        for index in unmade:
            if self.runs.is_used(call, index, seen):
                output = seen[call].outputs[index]
                return f"no node of the region makes output {index}: shape {tuple(output.shape)}, {output.dtype}"
        if not call[0]:
            return None
        reads = (self._foreign_read(call, name, known, seen) for name in sorted(self.regions[call].outside))
        return next(filter(None, reads), None)

    def _missing_outputs(
        self, call: Call, known: Mapping[str, torch.Tensor], seen: Mapping[Call, SeenCall]
    ) -> dict[int, list[list[torch.Tensor]]]:
        """The outputs that do not leave the region, by number, and what is missing of them in each of their forms.

        What is passed through, or was constant, has no node.
        """
        region = self.regions[call]
        candidates = [known[name] for name in region.results if name in known]
        candidates += [given for other in region.passed for given in seen[other].inputs]
        missing = {}
        for index, output in enumerate(seen[call].outputs):
            if any(self.close(given, output) for given in seen[call].inputs):
                continue
            forms = _without(_forms(output), candidates, self.close)
            if not any(all(map(self._is_constant, form)) for form in forms):
                missing[index] = forms
        return missing

    def _missing_inside(
        self, missing: Mapping[Call, dict[int, list[list[torch.Tensor]]]]
    ) -> Mapping[Call, Iterable[int]]:
        """For each call the numbers of its ``missing`` outputs that no tensor is that stays in its region."""
        left = dict(missing)
        inner = {call: self._alike(self.regions[call].inner, forms) for call, forms in missing.items()}
        names = dict.fromkeys(itertools.chain.from_iterable(inner.values()))
        for batch in in_batches(names, self.values.nbytes, self.budget):
            known = self.values.of(batch)
            for call, own in inner.items():
                candidates = [known[name] for name in batch if name in own and name in known]
                left[call] = {index: _without(forms, candidates, self.close) for index, forms in left[call].items()}
        wrong = {call: [index for index, forms in outputs.items() if all(forms)] for call, outputs in left.items()}
        return {call: numbers for call, numbers in wrong.items() if numbers}

    def _alike(self, names: Iterable[str], missing: Mapping[int, list[list[torch.Tensor]]]) -> dict[str, None]:
        """Those of the tensors that may, by the number of their elements, be one of the outputs ``missing``."""
        sizes = {None, *(part.numel() for forms in missing.values() for form in forms for part in form)}
        return dict.fromkeys(name for name in names if self.values.numel(name) in sizes)

    def _is_constant(self, output: torch.Tensor) -> bool:
        from onnx import numpy_helper

        return any(
            self.close(torch.from_numpy(numpy_helper.to_array(tensor).copy()), output)
            for tensor in self.values.model.graph.initializer
            if list(tensor.dims) == list(output.shape) and not tensor.external_data
        )

    def _was_kept(self, call: Call, name: str) -> bool:
        """Whether an earlier call of the same module made a tensor: modules may keep things on themselves."""
        earlier = (self.regions.get((call[0], index)) for index in range(call[1]))
        return any(name in region.results for region in earlier if region is not None)

    def _foreign_read(
        self, call: Call, name: str, known: Mapping[str, torch.Tensor], seen: Mapping[Call, SeenCall]
    ) -> str | None:
        """Why reading ``name`` from outside is wrong, or ``None``."""
        inputs = seen[call].inputs
        # Exporters name a copy of a parameter after the parameter.
        plain = name.removesuffix("_transposed").removesuffix("_folded_bias").removesuffix("_folded")
        if plain in self.weights and (name in self.weights or name in self.values.initializers):
            tensor, owners = self.weights[plain]
            if _belongs(owners, self.called[call]) or any(self.close(tensor, given) for given in inputs):
                return None
            # Optimisers keep one of several equal weights.
            own = (other for other, names in self.weights.values() if _belongs(names, self.called[call]))
            if any(self.close(tensor, other) for other in own):
                return None
            return f"reads the parameter {plain} of another module"
        value = known.get(name)
        if name in self.values.initializers or value is None or self._was_kept(call, name):
            return None
        if not value.dtype.is_floating_point and value.numel() <= SHAPE_TENSOR_ELEMENTS:
            return None
        if any(self.close(value, part) for given in inputs for form in _forms(given) for part in form):
            return None
        return f"reads {name}, which is none of the module's inputs"
