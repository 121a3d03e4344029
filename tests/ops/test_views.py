"""Views: regrouping, permuting, expanding, slicing and splitting, with static and symbolic sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx
import pytest
import torch
from torch.export import Dim

import modelexport

from .harness import check
from .indexing_cases import check_sizes

X = torch.arange(2 * 3 * 4).reshape(2, 3, 4).float()
SQUARE = torch.arange(12).reshape(3, 4)

STATIC: dict[str, tuple[Callable[..., Any], torch.Tensor]] = {
    "view without elements": (lambda x: x.view(0, 5), torch.zeros(5, 0)),
    "reshape of a scalar": (lambda x: x.reshape(1, 1), torch.tensor(2.0)),
    "reshape to a scalar": (lambda x: x.reshape(()), torch.ones(1, 1)),
    "flatten of a scalar": (lambda x: x.flatten(), torch.tensor(2.0)),
    "unflatten": (lambda x: x.unflatten(-1, (2, -1)), X),
    "view as another integer type": (lambda x: x.view(torch.uint8), torch.tensor([1, -1], dtype=torch.int8)),
    "view of booleans as bytes": (lambda x: x.view(torch.uint8), torch.tensor([True, False])),
    "transpose of a scalar": (lambda x: x.transpose(0, -1), torch.tensor(2.0)),
    "numpy_T": (lambda x: x.permute(2, 1, 0), X),
    "movedim": (lambda x: x.movedim((0, -1), (1, 0)), X),
    "expand keeps": (lambda x: x.expand(-1, 3, -1), X),
    "expand grows": (lambda x: x.expand(5, -1, -1, 4), torch.rand(3, 1)[:, :, None].expand(3, 1, 1)),
    "expand of a scalar": (lambda x: x.expand(2, 3), torch.tensor(2.0)),
    "expand to nothing": (lambda x: x.expand(0, 3), torch.rand(1, 3)),
    "squeeze of a larger axis": (lambda x: x.squeeze(1), X),
    "squeeze of a scalar": (lambda x: x.squeeze(0), torch.tensor(2.0)),
    "squeeze of several": (lambda x: x.squeeze((0, 2)), torch.rand(1, 3, 1, 1)),
    "select from the end": (lambda x: x.select(1, -3), X),
    "slice with a step": (lambda x: x[:, 1::2, ::3], X),
    "slice beyond": (lambda x: x[:, -99:99, 3:2], X),
    "slice of booleans": (lambda x: x[1:, :2], X > 5),
    "narrow from the end": (lambda x: x.narrow(2, -2, 2), X),
    "split unevenly": (lambda x: x.split(3, dim=2), X),
    "chunk into fewer": (lambda x: x.chunk(5, dim=1), X),
    "tensor_split with empty pieces": (lambda x: x.tensor_split((1, 1, 9), dim=2), X),
    "unbind": (lambda x: x.unbind(-1), X),
    "unbind of one": (lambda x: x.unbind(0), X[:1]),
    "unfold overlapping": (lambda x: x.unfold(2, 3, 1), X),
    "unfold side by side": (lambda x: x.unfold(-1, 2, 2), X),
    "unfold with a rest": (lambda x: x.unfold(1, 2, 2), X),
    "diagonal above": (lambda x: x.diagonal(1, 2, 0), X),
    "diagonal below": (lambda x: x.diagonal(-2), SQUARE),
    "diagonal outside": (lambda x: x.diagonal(4), SQUARE),
    "diagonal of a tall one": (lambda x: x.diagonal(), SQUARE.T),
    "diag_embed": (lambda x: torch.diag_embed(x, -1, 0, 2), X[0]),
    "as_strided windows": (lambda x: x.as_strided((2, 3, 4), (3, 2, 1), 1), SQUARE),
    "as_strided of a transposed": (lambda x: x.as_strided((3,), (4,)), SQUARE.clone().T),
}


@pytest.mark.parametrize("name", STATIC)
def test_static(name: str) -> None:
    function, x = STATIC[name]
    check(function, x)


SYMBOLIC: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "heads": (lambda x: x.view(x.shape[0], x.shape[1], 2, 2).transpose(1, 2), (0, 1)),
    "merge the first": (lambda x: x.reshape(-1, x.shape[-1]), (0, 1)),
    "merge the last": (lambda x: x.reshape(x.shape[0], -1), (0, 1)),
    "merge all": (lambda x: x.reshape(-1), (0, 1)),
    "split from the middle": (lambda x: x.view(x.shape[0], 1, x.shape[1], 4), (0, 1)),
    "swap then merge": (lambda x: x.transpose(0, 1).reshape(x.shape[1], x.shape[0] * 4), (0, 1)),
    "merge across": (lambda x: x.permute(2, 0, 1).reshape(x.shape[0], -1), (0, 1)),
    "expand": (lambda x: x[:, :, None].expand(-1, -1, 3, -1), (0, 1)),
    "expand to sizes": (lambda x: x[:1, :1].expand(x.shape[0], x.shape[1], 4), (0, 1)),
    "expand_as": (lambda x: x[0, 0].expand_as(x), (0, 1)),
    "select": (lambda x: x[:, -1], (0, 1)),
    "select at a size": (lambda x: x[x.shape[0] - 1], (0, 1)),
    "slice": (lambda x: (x[:, 1:], x[:, :-1], x[-1:], x[:, :2]), (0, 1)),
    "slice by a size": (lambda x: x[:, x.shape[1] // 2 :], (0, 1)),
    "slice with a step": (lambda x: x[:, ::2], (0, 1)),
    "narrow": (lambda x: x.narrow(1, 1, x.shape[1] - 1), (0, 1)),
    "split": (lambda x: x.split([1, x.shape[1] - 1], dim=1), (0, 1)),
    "chunk": (lambda x: x.chunk(2, dim=-1), (0, 1)),
    "unfold": (lambda x: x.unfold(1, 2, 1), (0, 1)),
    "diagonal of the last": (lambda x: x.diagonal(0, 1, 2), (0, 1)),
    "diagonal across": (lambda x: x.diagonal(1, 0, 1), (0, 1)),
    "flatten": (lambda x: x.flatten(1), (0, 1)),
    "unflatten": (lambda x: x.unflatten(2, (2, 2)), (0, 1)),
}


@pytest.mark.parametrize("name", SYMBOLIC)
def test_symbolic(name: str) -> None:
    function, axes = SYMBOLIC[name]
    check_sizes(function, (torch.rand(3, 5, 4),), [axes], (torch.rand(6, 7, 4),))


def exported(tmp_path: Any, function: Callable[..., Any], x: torch.Tensor) -> onnx.GraphProto:
    class Module(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return function(x)

    shapes = ({0: Dim("batch"), 1: Dim("width", min=3)},)
    program = torch.export.export(Module(), (x,), dynamic_shapes=shapes)
    modelexport.export(program, None, tmp_path / "model.onnx")
    return onnx.load(tmp_path / "model.onnx").graph


@pytest.mark.parametrize(
    ("function", "nodes"),
    [
        (lambda x: x.view(x.shape[0], x.shape[1], 2, 2), ["Reshape"]),
        (lambda x: x.reshape(-1, 4), ["Reshape"]),
        (lambda x: x.reshape(x.shape[0], -1), ["Reshape"]),
        (lambda x: x[:, :, None].expand(-1, -1, 3, 4), ["Unsqueeze", "Expand"]),
        (lambda x: x[:, :].expand(-1, -1, 4) + 1, ["Add"]),
        (lambda x: x[:, 1], ["Gather"]),
        (lambda x: x[:, None, 0:, :].select(1, 0) + 1, ["Unsqueeze", "Squeeze", "Add"]),
    ],
)
def test_small_graphs(tmp_path: Any, function: Callable[..., Any], nodes: list[str]) -> None:
    """Symbolic sizes cost no shape arithmetic where a constant shape says the same."""
    graph = exported(tmp_path, function, torch.rand(3, 5, 4))
    assert [node.op_type for node in graph.node] == nodes
