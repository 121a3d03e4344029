"""The ways in which a zoo's model is tried. Each is a list of stages; the first that fails ends it.

A way is a generator: it yields the name of a stage, and then goes through it.
"""

from __future__ import annotations

import copy
import functools
import importlib
import logging
import os
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import onnx
import torch
from onnxruntime import GraphOptimizationLevel

import modelexport
from modelexport.eager_calls import record_calls
from modelexport.region_check import check_regions
from tests.models.parity import assert_parity, assert_valid, feeds, results, session
from tests.ops.harness import run
from tests.trace.comparison import described

Inputs = dict[str, torch.Tensor]
InputMaker = Callable[[int, int], Inputs]
BATCH, LENGTH = 2, 7
# So many elements, two pictures of 1000 x 1000, make activations that do not fit into memory twice.
MANY_ELEMENTS = 6_000_000
OTHER_SIZES = ((3, 11), (4, 5), (1, 9))
PASSED = "passed"
NOT_CAPTURED = ("build", "eager", "capture")


class Zoo(Protocol):
    """A module of models: their names; a model with random weights in eval mode and a maker of keyword inputs."""

    def names(self) -> list[str]: ...
    def make(self, name: str) -> tuple[torch.nn.Module, InputMaker]: ...


@dataclass(frozen=True)
class Outcome:
    """The stage that failed, or ``passed``, and why, or what is to be said; what was counted on the way."""

    stage: str
    reason: str
    regions: int = 0


@dataclass(frozen=True)
class Remark:
    """What is to be said of a model that passes."""

    text: str


Way = Callable[[Zoo, str, Path], Iterator[str | int | Remark]]


def static(zoo: Zoo, name: str, path: Path) -> Iterator[str | int | Remark]:
    """Fixed sizes: valid, equal to eager on other inputs, every module call that owns nodes tagged right."""
    yield "build"
    model, inputs = zoo.make(name)
    given = _drawn(inputs, 0)
    yield "eager"
    _eager(model, given)
    yield from _export(model, given, path, {})
    yield "check"
    assert_valid(path)
    yield from _compared(model, inputs, path)


def dynamic(zoo: Zoo, name: str, path: Path) -> Iterator[str | int]:
    """Batch and sequence dynamic: valid, and equal to eager at sizes other than the captured ones."""
    yield "build"
    model, inputs = zoo.make(name)
    given = _seeded(inputs, 0)
    axes = _dynamic_axes(inputs)
    yield "eager"
    for batch, length in OTHER_SIZES:
        _eager(model, _seeded(inputs, 0, batch, length))
    yield from _export(model, given, path, axes)
    yield "check"
    assert_valid(path)
    for batch, length in OTHER_SIZES:
        yield f"parity at {batch} x {length}"
        assert_parity(model, path, (), _seeded(inputs, 1, batch, length))


def half(dtype: torch.dtype, zoo: Zoo, name: str, path: Path) -> Iterator[str | int]:
    """Weights and inputs in 16 bits: valid, and as near to the exact results as eager mode is.

    Exact are the results of the same rounded weights and inputs in float32. Where eager rounds and where onnxruntime
    does differs (it keeps a fused operation's inside in float32, or casts around a kernel it lacks), so that the
    results differ from each other by what each differs from the exact ones: twice eager's largest error is allowed,
    and two units in the last place of the largest element, which is what rounding the result itself can cost.
    """
    yield "build"
    model, inputs = zoo.make(name)
    given = {
        key: tensor.to(dtype) if tensor.is_floating_point() else tensor for key, tensor in _seeded(inputs, 0).items()
    }
    model = model.to(dtype)
    yield "eager"
    eager = _eager(model, given)
    yield from _export(model, given, path, {})
    yield "check"
    assert_valid(path)
    yield "run"
    actual = run(path, list(given.values()), GraphOptimizationLevel.ORT_ENABLE_ALL)
    yield "parity"
    exact = _eager(model.float(), {key: t.float() if t.is_floating_point() else t for key, t in given.items()})
    assert [(t.shape, t.dtype) for t in actual] == [(t.shape, t.dtype) for t in eager]
    for ours, theirs, true in zip(actual, eager, exact, strict=True):
        if not theirs.is_floating_point():
            assert torch.equal(ours, theirs)
            continue
        rounding = 2 * torch.finfo(dtype).eps * float(true.abs().max())
        allowed = 2 * float((theirs.float() - true).abs().max()) + rounding
        error = float((ours.float() - true).abs().max())
        assert error <= allowed, f"off by {error:.2e}, allowed {allowed:.2e}"


def trace(zoo: Zoo, name: str, path: Path) -> Iterator[str | int | Remark]:
    """Traced: as right as a static export on inputs other than the traced ones, and the same as torch.export's program.

    The remark says why a model was not traced, or that torch.export cannot capture what was traced.
    """
    yield "build"
    model, inputs = zoo.make(name)
    given = _drawn(inputs, 0)
    yield "eager"
    _eager(model, given)
    yield "trace"
    try:
        how = modelexport.export(model, given, str(path), capture="trace", fallback=False)["capture"]
    except modelexport.CaptureError:
        yield "capture"
        raise
    yield "check"
    assert_valid(path)
    yield from _compared(model, inputs, path)
    if how["by"] != "trace":
        yield Remark(f"sent on: {how['untraced']}")
        return
    yield "same"
    other = path.with_name("export.onnx")
    try:
        modelexport.export(model, given, str(other), capture="export", fallback=False)
    except modelexport.ModelExportError as error:
        yield Remark(f"only traced: {' '.join(str(error).split())[:200]}")
        return
    mine, theirs = described(onnx.load(path)), described(onnx.load(other))
    for part in mine:
        assert mine[part] == theirs[part], _difference(part, mine[part], theirs[part])
    yield from _compared(model, inputs, other)


def _difference(part: str, mine: list[Any], theirs: list[Any]) -> str:
    only = [str(item) for item in mine if item not in theirs], [str(item) for item in theirs if item not in mine]
    return f"{part}: {len(only[0])} only in the trace, {len(only[1])} only in the export: {only[0][:1]}, {only[1][:1]}"


WAYS: dict[str, Way] = {
    "static": static,
    "dynamic": dynamic,
    "float16": functools.partial(half, torch.float16),
    "bfloat16": functools.partial(half, torch.bfloat16),
    "trace": trace,
}


def attempt(zoo_module: str, way: str, name: str) -> Outcome:
    """How far the model ``name`` of a zoo gets."""
    zoo = cast(Zoo, importlib.import_module(zoo_module))
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    stage, regions = "build", 0
    remarks = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for step in WAYS[way](zoo, name, Path(folder) / "model.onnx"):
                if isinstance(step, int):
                    regions = step
                elif isinstance(step, Remark):
                    remarks.append(step.text)
                else:
                    stage = step
            return Outcome(PASSED, "; ".join(remarks), regions)
        except Exception as problem:
            if os.environ.get("ZOO_TRACEBACK"):
                traceback.print_exc()
            return Outcome(stage, f"{type(problem).__name__}: {' '.join(str(problem).split())[:600]}")


def _seeded(inputs: InputMaker, seed: int, batch: int = BATCH, length: int = LENGTH) -> Inputs:
    torch.manual_seed(seed)
    return inputs(batch, length)


def _drawn(inputs: InputMaker, seed: int) -> Inputs:
    """Inputs of fixed sizes; of large pictures one."""
    given = _seeded(inputs, seed)
    return _seeded(inputs, seed, batch=1) if sum(t.numel() for t in given.values()) >= MANY_ELEMENTS else given


def _eager(model: torch.nn.Module, given: Inputs) -> list[torch.Tensor]:
    with torch.no_grad():
        return results(model(**given))


def _export(model: torch.nn.Module, given: Inputs, path: Path, axes: dict[str, dict[int, str]]) -> Iterator[str]:
    """Our export; where it says that torch.export cannot capture the model, torch.export itself has the word."""
    yield "export"
    try:
        modelexport.export(model, given, str(path), dynamic_axes=axes or None, capture="export", fallback=False)
    except modelexport.CaptureError:
        yield "capture"
        shapes = {name: dict.fromkeys(axes.get(name, {}), torch.export.Dim.DYNAMIC) for name in given}
        with torch.no_grad():
            torch.export.export(model, (), given, dynamic_shapes=shapes, strict=False)
        yield "export"
        raise


def _compared(model: torch.nn.Module, inputs: InputMaker, path: Path) -> Iterator[str | int | Remark]:
    """Equal to eager on two draws of inputs, and tagged right; of a model that draws random numbers, equal in form.

    Where eager mode itself is far from the exact values, as in networks of random weights whose attention is nearly
    hard, as much is allowed as that explains.
    """
    yield "parity"
    given = _drawn(inputs, 1)
    if _is_random(model, given):
        made = run(path, list(given.values()), GraphOptimizationLevel.ORT_ENABLE_ALL)
        assert [(t.shape, t.dtype) for t in made] == [(t.shape, t.dtype) for t in _eager(model, given)]
        yield Remark("draws random numbers: shapes and dtypes compared")
        return
    for draw in (given, _drawn(inputs, 2)):
        try:
            assert_parity(model, path, (), draw)
        except AssertionError:
            assert_parity(model, path, (), draw, noise=4 * _rounding_error(model, draw))
    yield "regions"
    fed = feeds(session(path), (), given)
    report = check_regions(model, (), given, path, fed)
    if report.failures:
        report = check_regions(model, (), given, path, fed, noise=4 * _rounding_error(model, given))
    for (module, call), why in report.failures.items():
        raise AssertionError(f"{len(report.failures)} of {report.checked} calls, first {module}@{call}: {why}")
    yield report.checked


def _is_random(model: torch.nn.Module, given: Inputs) -> bool:
    draws = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        draws.append(_eager(model, given))
    return not all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(*draws, strict=True))


def _rounding_error(model: torch.nn.Module, given: Inputs) -> float:
    """The largest distance of a module's outputs in eager mode from those in float64, relative to their norm.

    It is 0 for a model that does not run in float64.
    """
    exact_inputs = {key: t.double() if t.is_floating_point() else t for key, t in given.items()}
    try:
        exact = record_calls(copy.deepcopy(model).double(), (), exact_inputs)
    except RuntimeError:
        return 0.0
    errors = [
        float((ours - true).norm() / true.norm())
        for call, seen in record_calls(model, (), given).items()
        for ours, true in zip(seen.outputs, exact[call].outputs, strict=True)
        if true.is_floating_point() and float(true.norm()) > 0
    ]
    return max(errors, default=0.0)


def _dynamic_axes(inputs: InputMaker) -> dict[str, dict[int, str]]:
    """The axes that change with the batch or with the length that inputs are asked for.

    Raises:
        AssertionError: no input has a sequence.
    """
    here = _seeded(inputs, 0)
    axes: dict[str, dict[int, str]] = {name: {} for name in here}
    for dim, other in (
        ("batch", _seeded(inputs, 0, BATCH + 1, LENGTH)),
        ("sequence", _seeded(inputs, 0, BATCH, LENGTH + 1)),
    ):
        for name, tensor in here.items():
            changed = [axis for axis in range(tensor.dim()) if tensor.shape[axis] != other[name].shape[axis]]
            axes[name] |= dict.fromkeys(changed, dim)
    assert any("sequence" in dims.values() for dims in axes.values()), "no input has a sequence"
    return axes
