"""Exports a function of tensors and compares onnxruntime's results with eager's, on inputs that both may write to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

import modelexport
from tests.models.parity import assert_valid, close, eager, feeds, session


class Function(torch.nn.Module):
    """A module whose forward is a plain function of tensors."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(*args)


def clones(args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(arg.clone() for arg in args)


def assert_same_as_eager(
    model: torch.nn.Module,
    args: tuple[torch.Tensor, ...],
    path: Path,
    others: tuple[tuple[torch.Tensor, ...], ...] = (),
    *,
    traced: bool = False,
    **options: Any,
) -> onnx.ModelProto:
    """Exports by torch.export or a trace with ``args`` and runs on ``args`` and ``others``; returns the file's model.

    With ``buffer_outputs``, the outputs behind the results must be the buffers that eager changed, and may be others.
    """
    if traced:
        made = modelexport.export(copy.deepcopy(model), clones(args), str(path), fallback=False, **options)
        assert made["capture"]["by"] == "trace"
    else:
        shapes = options.pop("dynamic_shapes", None)
        program = torch.export.export(copy.deepcopy(model), clones(args), dynamic_shapes=shapes)
        modelexport.export(program, None, str(path), fallback=False, **options)
    proto = assert_valid(path)
    runner = session(path)
    for given in (args, *others):
        actual = runner.run(None, {name: np.array(array) for name, array in feeds(runner, given, {}).items()})
        called = copy.deepcopy(model)
        expected = eager(called, clones(given), {})
        buffers = dict(called.named_buffers())
        written = [output.name for output in runner.get_outputs()[len(expected) :]]
        changed = {name for name, buffer in model.named_buffers() if not buffer.equal(buffers[name])}
        assert changed <= set(written) if options.get("buffer_outputs") else not written
        for got, want in zip(actual, [*expected, *(buffers[name].numpy() for name in written)], strict=True):
            close(np.asarray(got), want)
    return proto
