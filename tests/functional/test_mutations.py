"""In-place operations through views, by hand, and what becomes of buffers that are written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import modelexport
from tests.functional.comparison import Function, assert_same_as_eager
from tests.functional.mutations import CASES
from tests.models.parity import session


@pytest.mark.parametrize("name", CASES)
def test_same_as_eager(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    args = (torch.randn(3, 4), torch.randn(3, 4))
    other = (torch.randn(3, 4), torch.randn(3, 4))
    assert_same_as_eager(Function(CASES[name]), args, tmp_path / "model.onnx", (other,))


@pytest.mark.parametrize("name", ["column_set", "view_taken_before_write", "split_pieces", "halves", "dynamic_rows"])
def test_same_as_eager_at_other_sizes(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    rows = torch.export.Dim("rows", min=3)
    others = tuple((torch.randn(n, 4), torch.randn(n, 4)) for n in (4, 7))
    assert_same_as_eager(
        Function(CASES[name]),
        (torch.randn(5, 4), torch.randn(5, 4)),
        tmp_path / "model.onnx",
        others,
        dynamic_shapes={"args": ({0: rows}, {0: rows})},
    )


class Counter(torch.nn.Module):
    """Counts its calls and keeps a running sum, both buffers written in place."""

    count: Tensor
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.tensor(2))
        self.register_buffer("total", torch.ones(3, 4))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.total[0].add_(x[0])
        return x * self.count + self.total


def test_written_buffers(tmp_path: Path) -> None:
    proto = assert_same_as_eager(Counter(), (torch.randn(3, 4),), tmp_path / "model.onnx")
    assert len(proto.graph.output) == 1


@pytest.mark.parametrize("decomposed", [False, True])
def test_new_values_of_buffers_are_outputs_when_asked(decomposed: bool, tmp_path: Path) -> None:
    x = torch.randn(3, 4)
    program = torch.export.export(Counter(), (x,))
    if decomposed:
        program = program.run_decompositions({})
    path = tmp_path / "model.onnx"
    modelexport.export(program, None, str(path), buffer_outputs=False)
    assert len(session(path).get_outputs()) == 1
    modelexport.export(program, None, str(path), buffer_outputs=True)
    runner = session(path)
    eager = Counter()
    expected = eager(x)
    results = dict(
        zip([output.name for output in runner.get_outputs()], runner.run(None, {"x": x.numpy()}), strict=True)
    )
    assert set(results) >= {"count", "total"}
    torch.testing.assert_close(torch.from_numpy(results.pop("count")), eager.count)
    torch.testing.assert_close(torch.from_numpy(results.pop("total")), eager.total)
    (output,) = results.values()
    torch.testing.assert_close(torch.from_numpy(output), expected)


def test_a_write_to_expanded_memory_is_refused(tmp_path: Path) -> None:
    def write(x: Tensor) -> Tensor:
        z = x.clone()
        z.expand(2, 3, 4)[0].add_(1)
        return z

    program = torch.export.export(Function(write), (torch.randn(3, 4),))
    with pytest.raises(modelexport.UnsupportedOperatorError, match=r"more than one element.*clone\(\)"):
        modelexport.export(program, None, str(tmp_path / "model.onnx"))
    assert not list(tmp_path.iterdir())


def test_a_write_through_another_type_is_refused(tmp_path: Path) -> None:
    def write(x: Tensor) -> Tensor:
        z = x.clone()
        z.view(torch.int32).add_(1)
        return z

    program = torch.export.export(Function(write), (torch.randn(3, 4),))
    with pytest.raises(modelexport.UnsupportedOperatorError, match="as another type"):
        modelexport.export(program, None, str(tmp_path / "model.onnx"))
