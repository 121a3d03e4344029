"""Scaled dot product attention is one Attention node from opset 23 on, in every form that it can say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import modelexport
from tests.api.running import assert_same, checked, run
from tests.functional.comparison import assert_same_as_eager

B, H, L, S, E = 2, 4, 5, 7, 8


class Attends(nn.Module):
    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.options = options

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        return nn.functional.scaled_dot_product_attention(q, k, v, mask, **self.options)


def rand(*sizes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*sizes, dtype=dtype)


def qkv(
    *front: int, key_front: tuple[int, ...] | None = None, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, ...]:
    key_front = key_front or front
    return rand(*front, L, E, dtype=dtype), rand(*key_front, S, E, dtype=dtype), rand(*key_front, S, 6, dtype=dtype)


FORMS: dict[str, tuple[tuple[Tensor, ...], dict[str, Any]]] = {
    "plain": (qkv(B, H), {}),
    "scale": (qkv(B, H), {"scale": 0.3}),
    "causal, more keys": (qkv(B, H), {"is_causal": True}),
    "causal, more queries": ((rand(B, H, S, E), rand(B, H, L, E), rand(B, H, L, E)), {"is_causal": True}),
    "grouped": (qkv(B, H, key_front=(B, 2)), {"enable_gqa": True}),
    "grouped, causal": (qkv(B, H, key_front=(B, 2)), {"enable_gqa": True, "is_causal": True}),
    "grouped, mask": ((*qkv(B, H, key_front=(B, 2)), rand(B, H, L, S)), {"enable_gqa": True}),
    "mask of positions": ((*qkv(B, H), rand(L, S)), {}),
    "mask of heads": ((*qkv(B, H), rand(H, L, S)), {}),
    "mask of keys": ((*qkv(B, H), rand(B, 1, 1, S)), {}),
    "bool mask": ((*qkv(B, H), rand(B, 1, L, S) > 0), {}),
    "nothing to attend to": ((*qkv(B, H), torch.zeros(B, 1, L, S, dtype=torch.bool)), {}),
    "keys of one batch": (qkv(B, H, key_front=(1, H)), {}),
    "keys of one head": (qkv(B, H, key_front=(B, 1)), {}),
    "queries of one head": (qkv(B, 1, key_front=(B, H)), {}),
    "values of other heads": ((rand(B, H, L, E), rand(B, 1, S, E), rand(B, H, S, E)), {}),
    "no heads": (qkv(B), {}),
    "no heads, causal": (qkv(B), {"is_causal": True}),
    "no heads, mask": ((*qkv(B), rand(B, L, S)), {}),
    "no batch": (qkv(), {}),
    "double": (qkv(B, H, dtype=torch.float64), {}),
}


@pytest.mark.parametrize("opset", [23, 28])
@pytest.mark.parametrize("name", FORMS)
def test_one_node(name: str, opset: int, tmp_path: Path) -> None:
    args, options = FORMS[name]
    proto = assert_same_as_eager(Attends(options), args, tmp_path / "model.onnx", opset_version=opset)
    assert [node.op_type for node in proto.graph.node].count("Attention") == 1
    assert "MatMul" not in {node.op_type for node in proto.graph.node}


@pytest.mark.parametrize("name", ["plain", "causal, more keys", "grouped", "mask of keys", "no heads"])
def test_one_node_with_dynamic_sizes(name: str, tmp_path: Path) -> None:
    args, options = FORMS[name]
    shapes = [{0: "batch", x.dim() - 2: "keys" if i else "queries"} for i, x in enumerate(args[:3])]
    axes = {key: dict(shape) for key, shape in zip("qkv", shapes, strict=True)}
    if len(args) > 3:
        axes["mask"] = {0: "batch", 3: "keys"}
    path = tmp_path / "model.onnx"
    result = modelexport.export(Attends(options).eval(), args, path, opset_version=23, dynamic_axes=axes)
    assert result["fallbacks"] == []
    more = tuple(torch.cat([x, x]) for x in args)
    assert "Attention" in {node.op_type for node in checked(path).graph.node}
    names = ["q", "k", "v", "mask"]
    for given in (args, more):
        assert_same(run(path, dict(zip(names, given, strict=False))), Attends(options)(*given))


def test_five_axes_are_computed_step_by_step(tmp_path: Path) -> None:
    proto = assert_same_as_eager(Attends({}), qkv(3, B, H), tmp_path / "model.onnx", opset_version=23)
    assert "Attention" not in {node.op_type for node in proto.graph.node}
