"""Calls made to write through views belong to the module in which eager does the writing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import modelexport
from modelexport.region_check import check_regions
from tests.models.parity import feeds, session


class Rectify(nn.Module):
    """Writes to what it is given."""

    def forward(self, x: Tensor) -> Tensor:
        return x.relu_()


class WriteColumn(nn.Module):
    """Makes a view, writes through it and gives the whole."""

    def forward(self, x: Tensor) -> Tensor:
        x[:, 0] = 1
        x.view(-1)[3:6].add_(2)
        return x


class Half(nn.Module):
    """Gives a view of its input."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :2]


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([2.0, -3.0, 0.5, 1.0]))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class ChildWritesItsInput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.rectify, self.after = Scale(), Rectify(), Scale()

    def forward(self, x: Tensor) -> Tensor:
        z = self.scale(x)
        self.rectify(z[1:])
        return self.after(z)


class ChildWritesThroughItsViews(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.write, self.after = Scale(), WriteColumn(), Scale()

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.write(self.scale(x))) + 1


class ParentWritesTheChildsView(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.part, self.after = Scale(), Half(), Scale()

    def forward(self, x: Tensor) -> Tensor:
        z = self.scale(x)
        self.part(z).mul_(3)
        return self.after(z)


class InPlaceActivations(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 4), nn.SiLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        x += self.body(x)
        return self.body(x)


MODELS = [ChildWritesItsInput, ChildWritesThroughItsViews, ParentWritesTheChildsView, InPlaceActivations]


@pytest.mark.parametrize("build", MODELS)
def test_regions_hold_what_modules_compute(build: type[nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build().eval()
    args = (torch.randn(3, 4),)
    path = tmp_path / "model.onnx"
    modelexport.export(model, args, str(path), do_constant_folding=False)
    report = check_regions(model, args, {}, path, feeds(session(path), args, {}))
    assert report.checked > 0
    assert not report.failures, report.failures
