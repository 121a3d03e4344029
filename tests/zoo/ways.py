"""The ways in which a zoo's model is tried. Each is a list of stages; the first that fails ends it.

A way is a generator: it yields the name of a stage, and then goes through it.
"""

from __future__ import annotations

import importlib
import logging
import os
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import torch

import modelexport
from modelexport.region_check import check_regions
from tests.models.parity import assert_parity, assert_valid, feeds, session

Inputs = dict[str, torch.Tensor]
BATCH, LENGTH = 2, 7
OTHER_SIZES = ((3, 11), (4, 5), (1, 9))
PASSED = "passed"
NOT_CAPTURED = ("build", "eager", "capture")


class Zoo(Protocol):
    """A module of models: their names, a model with random weights in eval mode, keyword inputs for its forward."""

    def names(self) -> list[str]: ...
    def build(self, name: str) -> torch.nn.Module: ...
    def inputs(self, model: torch.nn.Module, batch: int, length: int) -> Inputs: ...


@dataclass(frozen=True)
class Outcome:
    """The stage that failed, or ``passed``, and why; what was counted on the way."""

    stage: str
    reason: str
    regions: int = 0


Way = Callable[[Zoo, str, Path], Iterator[str | int]]


def static(zoo: Zoo, name: str, path: Path) -> Iterator[str | int]:
    """Fixed sizes: valid, equal to eager on two sets of inputs, every module call that owns nodes tagged right."""
    yield "build"
    model = zoo.build(name)
    given = _inputs(zoo, model, 0)
    yield "eager"
    _eager(model, given)
    yield from _export(model, given, path, {})
    yield "check"
    assert_valid(path)
    yield "parity"
    assert_parity(model, path, (), given)
    other = _inputs(zoo, model, 1)
    assert_parity(model, path, (), other)
    yield "regions"
    report = check_regions(model, (), other, path, feeds(session(path), (), other))
    for (module, call), why in report.failures.items():
        raise AssertionError(f"{len(report.failures)} of {report.checked} calls, first {module}@{call}: {why}")
    yield report.checked


def dynamic(zoo: Zoo, name: str, path: Path) -> Iterator[str | int]:
    """Batch and sequence dynamic: valid, and equal to eager at sizes other than the captured ones."""
    yield "build"
    model = zoo.build(name)
    given = _inputs(zoo, model, 0)
    axes = _dynamic_axes(zoo, model)
    yield "eager"
    for batch, length in OTHER_SIZES:
        _eager(model, _inputs(zoo, model, 0, batch, length))
    yield from _export(model, given, path, axes)
    yield "check"
    assert_valid(path)
    for batch, length in OTHER_SIZES:
        yield f"parity at {batch} x {length}"
        assert_parity(model, path, (), _inputs(zoo, model, 1, batch, length))


WAYS: dict[str, Way] = {"static": static, "dynamic": dynamic}


def attempt(zoo_module: str, way: str, name: str) -> Outcome:
    """How far the model ``name`` of a zoo gets."""
    zoo = cast(Zoo, importlib.import_module(zoo_module))
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    stage, regions = "build", 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            for step in WAYS[way](zoo, name, Path(folder) / "model.onnx"):
                if isinstance(step, int):
                    regions = step
                else:
                    stage = step
            return Outcome(PASSED, "", regions)
        except Exception as problem:
            if os.environ.get("ZOO_TRACEBACK"):
                traceback.print_exc()
            return Outcome(stage, f"{type(problem).__name__}: {' '.join(str(problem).split())[:600]}")


def _inputs(zoo: Zoo, model: torch.nn.Module, seed: int, batch: int = BATCH, length: int = LENGTH) -> Inputs:
    torch.manual_seed(seed)
    return zoo.inputs(model, batch, length)


def _eager(model: torch.nn.Module, given: Inputs) -> None:
    with torch.no_grad():
        model(**given)


def _export(model: torch.nn.Module, given: Inputs, path: Path, axes: dict[str, dict[int, str]]) -> Iterator[str]:
    """Our export; where it says that torch.export cannot capture the model, torch.export itself has the word."""
    yield "export"
    try:
        modelexport.export(model, given, str(path), dynamic_axes=axes or None, fallback=False)
    except modelexport.CaptureError:
        yield "capture"
        shapes = {name: dict.fromkeys(axes.get(name, {}), torch.export.Dim.DYNAMIC) for name in given}
        with torch.no_grad():
            torch.export.export(model, (), given, dynamic_shapes=shapes, strict=False)
        yield "export"
        raise


def _dynamic_axes(zoo: Zoo, model: torch.nn.Module) -> dict[str, dict[int, str]]:
    """The axes that change with the batch or with the length that inputs are asked for.

    Raises:
        AssertionError: no input has a sequence.
    """
    here = _inputs(zoo, model, 0)
    axes: dict[str, dict[int, str]] = {name: {} for name in here}
    for dim, other in (
        ("batch", _inputs(zoo, model, 0, BATCH + 1, LENGTH)),
        ("sequence", _inputs(zoo, model, 0, BATCH, LENGTH + 1)),
    ):
        for name, tensor in here.items():
            changed = [axis for axis in range(tensor.dim()) if tensor.shape[axis] != other[name].shape[axis]]
            axes[name] |= dict.fromkeys(changed, dim)
    assert any("sequence" in dims.values() for dims in axes.values()), "no input has a sequence"
    return axes
