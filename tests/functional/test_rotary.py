"""Rotary position embeddings become one node from opset 23 on, where that is exact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

import modelexport
from tests.api.running import assert_same, checked, run

Turn = Callable[[Tensor, Tensor, Tensor], Tensor]


class Tables(nn.Module):
    """Cosines and sines of every position, [1, positions, size]; ``twice`` makes both halves equal."""

    def __init__(self, size: int, join: Callable[[Tensor], Tensor], scale: float) -> None:
        super().__init__()
        self.register_buffer("frequencies", 10.0 ** -torch.arange(0, size, 2).float().div(size))
        self.join, self.scale = join, scale

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        positions = torch.arange(x.shape[2]).float()
        angles = self.join(positions[None, :, None] * self.frequencies)  # type: ignore[operator]
        return (angles.cos() * self.scale).to(x.dtype), (angles.sin() * self.scale).to(x.dtype)


class Turned(nn.Module):
    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self.turn = turn

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        return self.turn(x, cos.unsqueeze(1), sin.unsqueeze(1))


class Model(nn.Module):
    def __init__(self, turn: Turn, join: Callable[[Tensor], Tensor], scale: float = 1.0) -> None:
        super().__init__()
        self.tables = Tables(8, join, scale)
        self.turned = Turned(turn)

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        cos, sin = self.tables(q)
        return self.turned(q, cos, sin), self.turned(k, cos, sin)


def twice(angles: Tensor) -> Tensor:
    return torch.cat((angles, angles), dim=-1)


def halves(x: Tensor) -> Tensor:
    h = x.shape[-1] // 2
    return torch.cat((-x[..., h:], x[..., :h]), dim=-1)


def by_slices(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return x * cos + halves(x) * sin


def by_chunks(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat((-b, a), -1) * sin + cos * x


def export(model: nn.Module, args: tuple[Tensor, ...], path: Path, dynamic: bool, opset: int) -> onnx.ModelProto:
    axes = {name: {0: "batch", 2: "positions"} for name in ("q", "k")} if dynamic else None
    result = modelexport.export(model, args, path, opset_version=opset, dynamic_axes=axes)
    assert result["tagged_operations"] == result["total_operations"]
    return checked(path)


def nodes(proto: onnx.ModelProto, op_type: str) -> list[str]:
    """The modules of the nodes of a type."""
    entries = [node.metadata_props for node in proto.graph.node if node.op_type == op_type]
    return [entry.value for props in entries for entry in props if entry.key == "modelexport.module"]


def inputs(batch: int, positions: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    return torch.randn(batch, 4, positions, 8).to(dtype), torch.randn(batch, 2, positions, 8).to(dtype)


@pytest.mark.parametrize("opset", [23, 28])
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("turn", [by_slices, by_chunks])
@pytest.mark.parametrize("batch", [1, 3])
def test_one_node(turn: Turn, dynamic: bool, batch: int, opset: int, tmp_path: Path) -> None:
    path, model, args = tmp_path / "model.onnx", Model(turn, twice, 1.5), inputs(batch, 5)
    proto = export(model, args, path, dynamic, opset)
    assert nodes(proto, "RotaryEmbedding") == ["turned", "turned"]
    assert not nodes(proto, "Neg")
    assert nodes(proto, "Cos") == (["tables"] if dynamic else [])
    for given in [args, *([inputs(2, 7), inputs(1, 1)] if dynamic else [])]:
        assert_same(run(path, dict(zip("qk", given, strict=True))), model(*given))


def test_in_half_precision(tmp_path: Path) -> None:
    path, model, args = tmp_path / "model.onnx", Model(by_slices, twice), inputs(2, 5, torch.float16)
    proto = export(model, args, path, True, 23)
    assert nodes(proto, "RotaryEmbedding") == ["turned", "turned"]
    got = run(path, dict(zip("qk", args, strict=True)))
    for actual, expected in zip(got.values(), model(*args), strict=True):
        torch.testing.assert_close(torch.from_numpy(actual), expected, rtol=4e-3, atol=4e-3)


def interleaved(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    turned = torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)
    return x * cos + turned * sin


def unsigned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    h = x.shape[-1] // 2
    return x * cos + torch.cat((x[..., h:], x[..., :h]), -1) * sin


def swapped(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    h = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., :h], x[..., h:]), -1) * sin


def of_another(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return (x + 1) * cos + halves(x) * sin


def uneven(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return x * cos + torch.cat((-x[..., 5:], x[..., :5]), -1) * sin


def different_halves(angles: Tensor) -> Tensor:
    return torch.cat((angles, angles * 2), -1)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(
    ("turn", "join", "opset"),
    [
        (interleaved, twice, 23),
        (unsigned, twice, 23),
        (swapped, twice, 23),
        (of_another, twice, 23),
        (uneven, twice, 23),
        (by_slices, different_halves, 23),
        (by_slices, twice, 22),
    ],
)
def test_what_is_no_rotary_embedding_stays(
    turn: Turn, join: Callable[[Tensor], Tensor], opset: int, dynamic: bool, tmp_path: Path
) -> None:
    path, model, args = tmp_path / "model.onnx", Model(turn, join), inputs(2, 5)
    proto = export(model, args, path, dynamic, opset)
    assert not nodes(proto, "RotaryEmbedding")
    assert_same(run(path, dict(zip("qk", args, strict=True))), model(*args))


def test_doubles_stay(tmp_path: Path) -> None:
    """The operator takes no float64."""
    path, model, args = tmp_path / "model.onnx", Model(by_slices, twice), inputs(2, 5, torch.float64)
    assert not nodes(export(model, args, path, False, 23), "RotaryEmbedding")
    assert_same(run(path, dict(zip("qk", args, strict=True))), model(*args))


def test_a_result_that_is_read_elsewhere_stays(tmp_path: Path) -> None:
    class Both(Model):
        def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
            cos, sin = self.tables(q)
            turned = halves(q) * sin.unsqueeze(1)
            return q * cos.unsqueeze(1) + turned, turned + k.sum()

    path, model, args = tmp_path / "model.onnx", Both(by_slices, twice), inputs(2, 5)
    assert not nodes(export(model, args, path, False, 23), "RotaryEmbedding")
    assert_same(run(path, dict(zip("qk", args, strict=True))), model(*args))
