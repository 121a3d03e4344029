"""torch.cond, while_loop, scan and map become If, Loop and Scan, with tags inside their bodies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import Tensor, nn
from torch._higher_order_ops import map as torch_map
from torch._higher_order_ops import scan, while_loop

import modelexport
from tests.functional.comparison import assert_same_as_eager
from tests.models.parity import assert_valid, feeds, session


class Branches(nn.Module):
    """One of two layers, by the sum of the input; a buffer and both layers' weights are captured."""

    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.register_buffer("offset", torch.arange(4.0))

    def forward(self, x: Tensor) -> Any:
        return torch.cond(
            x.sum() > 0,
            lambda x: (self.first(x) + self.offset, x + 1),
            lambda x: (self.second(x), x * 2),
            (x,),
        )


class NestedBranches(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        def inner(x: Tensor, y: Tensor) -> Tensor:
            return torch.cond(y.sum() > 0, lambda x, y: x + y, lambda x, y: x - y, (x, y))

        return torch.cond(x.sum() > 0, inner, lambda x, y: x * y, (x, y)) * 2


class BranchInPlace(nn.Module):
    """Views and writes inside of a branch."""

    def forward(self, x: Tensor) -> Tensor:
        def write(x: Tensor) -> Tensor:
            z = x.clone()
            z[:, 0] = 1
            z.view(-1)[2:5].add_(10)
            return z

        return torch.cond(x.sum() > 0, write, lambda x: x.sin(), (x,))


class BranchOfConstant(nn.Module):
    """A branch that gives what it was given, and one that gives a constant."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda x: x.clone(), lambda x: torch.zeros(3, 4), (x,))


class Powers(nn.Module):
    """Doubles until large enough; how often is known at run time only."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor, limit: Tensor) -> Any:
        return while_loop(
            lambda i, x: (i < limit) & (x.abs().sum() < 1e6),
            lambda i, x: (i + 1, self.layer(x) * 2),
            (torch.tensor(0), x),
        )


class CountedLoop(nn.Module):
    """Carries a Python integer, compared with a size."""

    def forward(self, x: Tensor) -> Any:
        return while_loop(lambda i, x: i < x.shape[0], lambda i, x: (i + 1, x + i), (0, x))[1]


class LoopInBranch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        def loop(x: Tensor) -> Tensor:
            count, x = while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 1.5), (torch.tensor(0), x))
            return x + count

        return torch.cond(x.sum() > 0, loop, lambda x: x - 1, (x,))


class RunningSum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, start: Tensor, xs: Tensor) -> Any:
        return scan(lambda total, x: (total + self.layer(x), total * x), start, xs)


class ReversedScan(nn.Module):
    def forward(self, start: Tensor, xs: Tensor) -> Any:
        return scan(lambda total, x: (total + x, total.clone()), start, xs, reverse=True)


class Mapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, xs: Tensor, y: Tensor) -> Any:
        return torch_map(lambda x, y: self.layer(x).relu() + y, xs, y)


def signed(*shape: int) -> tuple[Tensor, Tensor]:
    """An example that sums to more than zero and one that does not."""
    x = torch.rand(*shape)
    return x, -x


POSITIVE, NEGATIVE = signed(3, 4)
CASES: dict[str, tuple[type[nn.Module], tuple[Tensor, ...], tuple[tuple[Tensor, ...], ...]]] = {
    "branches": (Branches, (POSITIVE,), ((NEGATIVE,),)),
    "nested branches": (
        NestedBranches,
        (POSITIVE, NEGATIVE),
        ((POSITIVE, POSITIVE), (NEGATIVE, POSITIVE), (NEGATIVE, NEGATIVE)),
    ),
    "branch in place": (BranchInPlace, (POSITIVE,), ((NEGATIVE,),)),
    "branch of constant": (BranchOfConstant, (POSITIVE,), ((NEGATIVE,),)),
    "powers": (Powers, (POSITIVE, torch.tensor(3)), ((NEGATIVE, torch.tensor(0)), (POSITIVE, torch.tensor(7)))),
    "counted loop": (CountedLoop, (POSITIVE,), ((NEGATIVE,),)),
    "loop in branch": (LoopInBranch, (POSITIVE,), ((NEGATIVE,),)),
    "running sum": (RunningSum, (torch.zeros(4), torch.randn(5, 4)), ((torch.ones(4), torch.randn(5, 4)),)),
    "reversed scan": (ReversedScan, (torch.zeros(4), torch.randn(5, 4)), ()),
    "mapped": (Mapped, (torch.randn(5, 3, 4), torch.randn(4)), ()),
}


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from nodes_of(attribute.g)


@pytest.mark.parametrize("opset", [14, 20, 23])
@pytest.mark.parametrize("name", CASES)
def test_same_as_eager(name: str, opset: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    build, args, others = CASES[name]
    proto = assert_same_as_eager(build().eval(), args, tmp_path / "model.onnx", others, opset_version=opset)
    nodes = list(nodes_of(proto.graph))
    names = [node.name for node in nodes]
    assert len(set(names)) == len(names)
    assert all(any(entry.key == "modelexport.tag" for entry in node.metadata_props) for node in nodes)
    assert {node.op_type for node in nodes} & {"If", "Loop", "Scan"}


def test_a_loop_runs_at_other_sizes(tmp_path: Path) -> None:
    rows = torch.export.Dim("rows", min=2)
    proto = assert_same_as_eager(
        CountedLoop(),
        (torch.randn(3, 4),),
        tmp_path / "model.onnx",
        ((torch.randn(2, 4),), (torch.randn(6, 4),)),
        dynamic_shapes=({0: rows},),
    )
    assert any(node.op_type == "Loop" for node in proto.graph.node)


def test_a_scan_runs_at_other_lengths(tmp_path: Path) -> None:
    steps = torch.export.Dim("steps", min=2)
    assert_same_as_eager(
        RunningSum(),
        (torch.zeros(4), torch.randn(5, 4)),
        tmp_path / "model.onnx",
        ((torch.zeros(4), torch.randn(3, 4)),),
        dynamic_shapes=(None, {0: steps}),
    )


class Block(nn.Module):
    """A module whose forward branches: what runs in a branch belongs to it."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = Branches()

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.branches(x + 1)
        return first + second


def test_nodes_in_bodies_belong_to_the_module_that_branches(tmp_path: Path) -> None:
    proto = assert_same_as_eager(Block(), (POSITIVE,), tmp_path / "model.onnx", ((NEGATIVE * 9,),))
    branch = next(node for node in proto.graph.node if node.op_type == "If")
    for attribute in branch.attribute:
        for node in attribute.g.node:
            metadata = {entry.key: entry.value for entry in node.metadata_props}
            assert metadata["modelexport.tag"] == "/Block/Branches"
            assert metadata["modelexport.module"] == "branches"
            assert node.name.startswith("/branches/")


class Regions(nn.Module):
    """Layers called under no_grad and autocast keep their own tags."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.low = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.inner(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            z = self.low(y)
        return z.float()


def test_layers_in_wrapped_regions_keep_their_tags_and_types(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = Regions().eval(), torch.randn(3, 4)
    path = tmp_path / "model.onnx"
    modelexport.export(torch.export.export(model, (x,)), None, str(path))
    graph = assert_valid(path).graph
    owners = {entry.value for node in graph.node for entry in node.metadata_props if entry.key == "modelexport.module"}
    assert {"inner", "low"} <= owners
    runner = session(path)
    (actual,) = runner.run(None, feeds(runner, (x,), {}))
    # bfloat16 has 8 bits of precision.
    torch.testing.assert_close(torch.from_numpy(actual), model(x), rtol=2**-7, atol=2**-7)
