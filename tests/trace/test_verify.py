"""verify=True compares the written file with the model, and removes it where they differ."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import modelexport
from modelexport.verification import drawn_like
from tests.trace.adversaries.data import branch_on_data
from tests.trace.adversaries.tricky import Tricky


@pytest.mark.parametrize("capture", ["trace", "export"])
def test_what_is_right_passes(capture: str, tmp_path: Path) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(10, 4)
            self.norm = nn.BatchNorm1d(4)

        def forward(self, ids: Tensor, mask: Tensor, scale: Tensor) -> dict[str, Tensor | None]:
            y = self.norm(self.embed(ids)) * scale
            return {"y": torch.where(mask[:, None], y, torch.nan), "none": None, "ids": ids + 1}

    inputs = (torch.arange(6), torch.arange(6) % 2 == 0, torch.tensor(0.5, dtype=torch.float64))
    path = tmp_path / "net.onnx"
    modelexport.export(Net(), inputs, str(path), capture=capture, verify=True)
    assert path.exists()


def test_what_holds_for_the_example_alone_is_found(tmp_path: Path) -> None:
    x = torch.full((2, 4), 1.0)
    x[0, 0] = -6.5  # positive in sum, which other draws of this range are not
    model = Tricky(branch_on_data).eval()
    options = {"capture": "trace", "trace_data_dependent": "specialise"}
    with pytest.raises(modelexport.VerificationError, match="for the random inputs"):
        modelexport.export(model, x, str(tmp_path / "net.onnx"), verify=True, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64, torch.uint8, torch.bool])
def test_draws_have_the_example_s_shape_dtype_and_range(dtype: torch.dtype) -> None:
    example = (torch.rand(4, 25) * 9).to(dtype)
    drawn = drawn_like(example, torch.Generator().manual_seed(1))
    assert (drawn.shape, drawn.dtype) == (example.shape, example.dtype)
    assert example.min() <= drawn.min()
    assert drawn.max() <= example.max()
    assert not torch.equal(drawn, example) or dtype is torch.bool


def test_a_captured_program_cannot_be_verified(tmp_path: Path) -> None:
    program = torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),))
    with pytest.raises(modelexport.InvalidInputError, match="verify"):
        modelexport.export(program, None, str(tmp_path / "net.onnx"), verify=True)
