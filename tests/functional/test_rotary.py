"""Rotary position embeddings become one node from opset 23 on, where that is exact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

import modelexport
from modelexport.region_check import check_regions
from tests.api.running import assert_same, checked, run
from tests.models.parity import feeds, session

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


def pairs(first: Tensor, second: Tensor) -> Tensor:
    return torch.stack((first, second), dim=-1).flatten(-2)


def in_turns(angles: Tensor) -> Tensor:
    return torch.repeat_interleave(angles, 2, -1)


def every_second(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return x * cos + pairs(-x[..., 1::2], x[..., ::2]) * sin


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
@pytest.mark.parametrize(("turn", "join"), [(by_slices, twice), (by_chunks, twice), (every_second, in_turns)])
@pytest.mark.parametrize("batch", [1, 3])
def test_one_node(
    turn: Turn, join: Callable[[Tensor], Tensor], dynamic: bool, batch: int, opset: int, tmp_path: Path
) -> None:
    path, model, args = tmp_path / "model.onnx", Model(turn, join, 1.5), inputs(batch, 5)
    proto = export(model, args, path, dynamic, opset)
    assert nodes(proto, "RotaryEmbedding") == ["turned", "turned"]
    assert not nodes(proto, "Neg")
    assert nodes(proto, "Cos") == (["tables"] if dynamic else [])
    for given in [args, *([inputs(2, 7), inputs(1, 1)] if dynamic else [])]:
        assert_same(run(path, dict(zip("qk", given, strict=True))), model(*given))


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize(("turn", "join"), [(by_slices, twice), (every_second, in_turns)])
def test_modules_read_what_they_read_before(
    turn: Turn, join: Callable[[Tensor], Tensor], optimize: bool, tmp_path: Path
) -> None:
    """Tables come from another module: half of them is cut out here, or only computed there when optimising."""
    path, model, args = tmp_path / "model.onnx", Model(turn, join), inputs(2, 5)
    axes = {name: {0: "batch", 2: "positions"} for name in ("q", "k")}
    modelexport.export(model, args, path, opset_version=23, dynamic_axes=axes, optimize=optimize)
    proto = checked(path)
    assert nodes(proto, "RotaryEmbedding") == ["turned", "turned"]
    assert ("turned" in nodes(proto, "Slice")) is not optimize
    if not optimize:
        report = check_regions(model, args, {}, path, feeds(session(path), args, {}))
        assert report.checked == 4 and not report.failures


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


def pairs_of_products(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x[..., ::2], x[..., 1::2]
    return pairs(a * cos - b * sin, b * cos + a * sin)


def halves_of_products(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)


def repeated_here(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return every_second(x, in_turns(cos), in_turns(sin))


def half_of_table(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    h = cos.shape[-1] // 2
    return repeated_here(x, cos[..., :h], sin[..., :h])


def same(angles: Tensor) -> Tensor:
    return angles


class Attention(nn.Module):
    """Turns the first ``size`` elements of each head; the heads are axis ``heads`` of the tables and of x."""

    def __init__(self, turn: Turn, join: Callable[[Tensor], Tensor], heads: int, size: int) -> None:
        super().__init__()
        self.turn, self.join, self.heads, self.size = turn, join, heads, size
        angles = torch.arange(64)[:, None] * 10.0 ** -torch.arange(0, size, 2).float().div(size)
        self.register_buffer("angles", angles)
        self.project = nn.Linear(24, 24)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        angles = self.join(self.angles[positions])  # type: ignore[index]
        cos, sin = (table.to(x.dtype).unsqueeze(self.heads) for table in (angles.cos(), angles.sin()))
        x = self.project(x).unflatten(-1, (3, 8))
        x = x.transpose(1, 2) if self.heads == 1 else x
        if self.size == 8:
            return self.turn(x, cos, sin)
        return torch.cat((self.turn(x[..., : self.size], cos, sin), x[..., self.size :]), -1)


FORMS: dict[tuple[Turn, Callable[[Tensor], Tensor]], int] = {
    (by_slices, twice): 0,
    (halves_of_products, same): 0,
    (every_second, in_turns): 1,
    (pairs_of_products, same): 1,
    (repeated_here, same): 1,
    (half_of_table, twice): 1,
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("size", [8, 4])
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize(("turn", "join"), FORMS)
def test_every_form(
    turn: Turn, join: Callable[[Tensor], Tensor], heads: int, size: int, dynamic: bool, tmp_path: Path
) -> None:
    """Halves and pairs, heads before and behind positions, all of a head and a part of it, in one node."""
    path, model = tmp_path / "model.onnx", Attention(turn, join, heads, size)
    args = torch.randn(2, 5, 24), torch.randint(64, (2, 5))
    axes = {name: {0: "batch", 1: "positions"} for name in ("x", "positions")} if dynamic else None
    modelexport.export(model, args, path, opset_version=23, dynamic_axes=axes)
    proto = checked(path)
    (node,) = [node for node in proto.graph.node if node.op_type == "RotaryEmbedding"]
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    assert attributes.get("interleaved", 0) == FORMS[turn, join]
    assert attributes.get("rotary_embedding_dim", 8) == size
    assert attributes.get("num_heads") == (3 if heads == 2 else None)
    assert not [node for node in proto.graph.node if node.op_type in ("Neg", "Sub")]
    more = [(torch.randn(3, 1, 24), torch.randint(64, (3, 1)))] if dynamic else []
    for given in [args, *more]:
        assert_same(run(path, dict(zip(("x", "positions"), given, strict=True))), model(*given))


def mixed_up(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    turned = torch.stack((-x[..., 1::2], x[..., ::2]), dim=-2).flatten(-2)
    return x * cos + turned * sin


def wrong_product(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x[..., ::2], x[..., 1::2]
    return pairs(a * cos - b * sin, a * cos + b * sin)


def first_alone(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return x * cos + pairs(-x[..., ::2], x[..., ::2]) * sin


def second_alone(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return x * cos + pairs(-x[..., 1::2], x[..., 1::2]) * sin


def second_alone_in_products(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    b = x[..., 1::2]
    return pairs(b * cos - b * sin, b * cos + b * sin)


def halves_from_pairs(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return pairs(a * cos - b * sin, b * cos + a * sin)


@pytest.mark.parametrize(
    ("turn", "join"),
    [
        (mixed_up, in_turns),
        (every_second, twice),
        (by_slices, in_turns),
        (wrong_product, same),
        (first_alone, in_turns),
        (second_alone, in_turns),
        (second_alone_in_products, same),
        (halves_from_pairs, same),
    ],
)
def test_what_is_almost_a_rotary_embedding_stays(turn: Turn, join: Callable[[Tensor], Tensor], tmp_path: Path) -> None:
    path, model = tmp_path / "model.onnx", Attention(turn, join, 1, 8)
    args = torch.randn(2, 5, 24), torch.randint(64, (2, 5))
    modelexport.export(model, args, path, opset_version=23)
    assert not nodes(checked(path), "RotaryEmbedding")
    assert_same(run(path, dict(zip(("x", "positions"), args, strict=True))), model(*args))


@pytest.mark.parametrize("rest", [slice(3, None), slice(5, None), slice(4, 7), slice(4, None, 2), slice(2, 6)])
def test_a_part_that_is_not_followed_by_the_rest_is_turned_alone(rest: slice, tmp_path: Path) -> None:
    class Partial(nn.Module):
        def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
            return torch.cat((pairs_of_products(x[..., :4], cos, sin), x[..., rest]), -1)

    path, model = tmp_path / "model.onnx", Partial()
    args = torch.randn(2, 3, 5, 8), torch.randn(1, 5, 2), torch.randn(5, 2)
    modelexport.export(model, args, path, opset_version=23)
    (node,) = [node for node in checked(path).graph.node if node.op_type == "RotaryEmbedding"]
    assert [attribute.name for attribute in node.attribute] == ["interleaved"]
    assert_same(run(path, dict(zip(("x", "cos", "sin"), args, strict=True))), model(*args))
