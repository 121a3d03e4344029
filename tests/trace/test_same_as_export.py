"""A trace gives the file that torch.export's program gives: the same operators, tags, names and weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import nn

import modelexport
from tests.models.handmade import HANDMADE
from tests.models.parity import assert_parity, assert_valid
from tests.trace.comparison import described


class Side(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.block(x) * self.block(x + 1)


class Shared(nn.Module):
    """A block below two modules, which call it twice each."""

    def __init__(self) -> None:
        super().__init__()
        block = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.left, self.right = Side(block), Side(block)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.left(x) - self.right(2 * x)


def test_a_module_below_two_others(tmp_path: Path) -> None:
    assert_same(Shared().eval(), lambda: ((torch.randn(2, 4),), {}), tmp_path)


class Tied(nn.Module):
    """One caller's modules under several names: a layer, an activation, a block, a norm with buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = self.second = nn.Linear(4, 4)
        activation = nn.GELU()
        self.block = nn.Sequential(self.first, activation, nn.Linear(4, 4), activation, self.first)
        self.stack = nn.ModuleList([self.block, activation, self.block])
        self.before = self.after = nn.BatchNorm1d(4)
        self.unregistered = [self.first]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.before(self.first(x) + self.second(2 * x))
        for layer in self.stack:
            x = layer(x)
        return self.after(self.block(x) - self.unregistered[0](x))


def test_modules_of_one_caller_under_several_names(tmp_path: Path) -> None:
    model = Tied().eval()
    children = [child for _, child in model.named_modules(remove_duplicate=False)]
    assert_same(model, lambda: ((torch.randn(2, 4),), {}), tmp_path)
    after = [child for _, child in model.named_modules(remove_duplicate=False)]
    assert all(a is b for a, b in zip(children, after, strict=True))


@pytest.mark.parametrize("name", HANDMADE)
def test_handmade(name: str, tmp_path: Path) -> None:
    case = HANDMADE[name]
    assert_same(case.build().eval(), case.inputs, tmp_path)


def assert_same(model: nn.Module, inputs: Callable[[], tuple[tuple[Any, ...], dict[str, Any]]], tmp_path: Path) -> None:
    """Both captures' files say the same, and that of the trace computes what eager does for other inputs."""
    args, kwargs = inputs()
    files = {}
    for capture in ("trace", "export"):
        path = tmp_path / f"{capture}.onnx"
        result = modelexport.export(model, args or kwargs, str(path), capture=capture, fallback=False)
        assert result["capture"]["by"] == {"trace": "trace", "export": "torch.export"}[capture]
        files[capture] = described(onnx.load(str(path)))
    assert files["trace"] == files["export"]
    assert_valid(tmp_path / "trace.onnx")
    torch.manual_seed(3)
    assert_parity(model, tmp_path / "trace.onnx", *inputs())
