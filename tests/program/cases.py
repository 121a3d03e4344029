"""Modules that exercise what a .pt2 file can hold.

    python -m tests.program.cases FOLDER

saves each as the torch that runs it does, with inputs and eager's results beside it: tests/program/saved holds those of
earlier versions. It needs torch alone.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.utils._pytree import _register_namedtuple, tree_leaves


class Pair(NamedTuple):
    """A result with field names."""

    left: Tensor
    right: Tensor


_register_namedtuple(Pair, serialized_type_name="tests.program.cases.Pair")  # torch.export.save needs its name


class Weights(nn.Module):
    """Tied, shared, strided and offset weights, non-persistent buffers, constants, a scalar and an empty tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = self.first
        self.convolution = nn.Conv2d(3, 4, 2).to(memory_format=torch.channels_last)
        base = torch.randn(10)
        self.register_buffer("middle", base[3:7])
        self.register_buffer("odd", base[1::2])
        self.register_buffer("transposed", torch.randn(3, 5).t())
        self.register_buffer("scalar", torch.tensor(1.5))
        self.register_buffer("transient", torch.arange(3.0), persistent=False)
        self.register_buffer("nothing", torch.empty(0, 4))
        self.narrow = nn.Parameter(torch.randn(4).to(torch.bfloat16))
        self.constant = torch.ones(2, 3, dtype=torch.int64)

    def forward(self, x: Tensor, image: Tensor) -> dict[str, Any]:
        y = self.second(self.first(x)) + self.middle + self.odd.sum() + self.transposed.sum(dim=0).sum()
        y = torch.cat([y * self.scalar + self.transient.sum(), self.nothing]) + torch.tensor([1.0, 2.0, 3.0, 4.0])
        return {"y": y, "image": self.convolution(image), "half": self.narrow * 2, "constant": self.constant + 1}


class Structures(nn.Module):
    """Nested outputs with None and numbers among them; unused and list results."""

    def forward(self, x: Tensor, extra: dict[str, Tensor], flag: bool = True, scale: float = 2.0) -> dict[str, Any]:
        a, _, c = x.split([1, 2, 1], dim=1)
        largest, _ = x.max(dim=1)
        pair = Pair(a * scale, c + extra["one"])
        return {"pair": pair, "none": None, "list": [largest, {"deep": x.unbind(1)[0]}], "flag": x if flag else a}


class Sizes(nn.Module):
    """Arithmetic on symbolic sizes."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, int]:
        batch, length = x.shape
        halves = x.reshape(batch * 2, length // 2)
        return halves, x.new_zeros(batch + length, 3), batch * length - 1


class Writes(nn.Module):
    """In-place operations, on views and buffers too."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.count.add_(1)
        y = x.clone()
        y[:, 0] = 1
        y.view(-1)[::2].mul_(2)
        return torch.relu_(y) + self.count


class Branches(nn.Module):
    """A sub-graph for each branch, and regions without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.layers[0](x)
        y = torch.cond(x.sum() > 0, lambda t: t + 1, lambda t: t - 1, (x,))
        return self.layers[1](self.layers[1](y))


class Literals(nn.Module):
    """Arguments of every kind: infinities, strings, types, devices, layouts, optional tensors, complex shapes."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.clamp(min=float("-inf"), max=1e30).to(torch.float64, memory_format=torch.contiguous_format)
        y = y + torch.zeros(3, dtype=torch.float64, device="cpu", layout=torch.strided)
        y = torch.nn.functional.gelu(y, approximate="tanh") + torch.arange(0, 3, 1)
        y = torch.nn.functional.pad(y, (1, 1), value=0.5)
        return torch.nn.functional.interpolate(y[None, None], scale_factor=[2.0, 1.5], mode="nearest").sum(dim=[0, -1])


BATCH = Dim("batch", min=2, max=64)
CASES: dict[str, tuple[nn.Module, tuple[Any, ...], Any]] = {
    "weights": (Weights(), (torch.randn(2, 4), torch.randn(1, 3, 5, 5)), None),
    "structures": (Structures(), (torch.randn(3, 4), {"one": torch.ones(1)}), None),
    "sizes": (Sizes(), (torch.randn(3, 8),), ({0: BATCH, 1: 2 * Dim("half", min=2, max=32)},)),
    "writes": (Writes(), (torch.randn(3, 4),), ({0: BATCH},)),
    "branches": (Branches(), (torch.randn(3, 4),), ({0: BATCH},)),
    "literals": (Literals(), (torch.randn(2, 3),), None),
}


def captured(name: str) -> ExportedProgram:
    """The program of a case, in evaluation mode."""
    module, inputs, dynamic_shapes = CASES[name]
    return torch.export.export(module.eval(), inputs, dynamic_shapes=dynamic_shapes, strict=False)


def save(program: ExportedProgram, path: Path) -> Path:
    """``program`` as a .pt2 file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, path)
    return path


def leaves(value: Any) -> list[Tensor]:
    """What an ONNX model has as inputs or outputs; numbers as scalars of the dtype that torch gives them."""
    return [torch.as_tensor(leaf).detach() for leaf in tree_leaves(value) if isinstance(leaf, Tensor | int | float)]


def main() -> None:
    folder = Path(sys.argv[1]) / torch.__version__.split("+")[0]
    folder.mkdir(parents=True)
    for name, (module, inputs, _) in CASES.items():
        save(captured(name), folder / f"{name}.pt2")
        given = [tensor.clone() for tensor in leaves(inputs)]
        torch.save({"inputs": given, "outputs": leaves(module(*inputs))}, folder / f"{name}.pt")


if __name__ == "__main__":
    main()
