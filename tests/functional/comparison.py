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
    **options: Any,
) -> onnx.ModelProto:
    """Exports with ``args`` and runs on ``args`` and all ``others``; returns the file's model."""
    program = torch.export.export(
        copy.deepcopy(model), clones(args), dynamic_shapes=options.pop("dynamic_shapes", None)
    )
    modelexport.export(program, None, str(path), fallback=False, **options)
    proto = assert_valid(path)
    runner = session(path)
    for given in (args, *others):
        actual = runner.run(None, {name: np.array(array) for name, array in feeds(runner, given, {}).items()})
        expected = eager(copy.deepcopy(model), clones(given), {})
        assert len(actual) == len(expected)
        for got, want in zip(actual, expected, strict=True):
            close(np.asarray(got), want)
    return proto
