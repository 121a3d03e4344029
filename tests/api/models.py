"""Small modules for the tests of the API."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(torch.tanh(self.norm(self.linear(x))))


class Net(nn.Module):
    """Returns a dict, has batch statistics and dropout: modes matter."""

    def __init__(self, width: int = 4, depth: int = 2) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor, scale: Tensor | None = None) -> dict[str, Tensor]:
        for block in self.blocks:
            x = block(x)
        if scale is not None:
            x = x * scale
        return {"features": x, "logits": self.head(x)}


class OwnDict(nn.Module):
    """Its one positional argument is a dict."""

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return batch["a"] * batch["b"]


class Nested(nn.Module):
    """Structured inputs and outputs, with None and numbers among them."""

    def forward(self, x: Tensor, extra: dict[str, Any], flag: bool = True) -> tuple[Tensor, dict[str, Any], None]:
        y = x * extra["scale"] if extra.get("scale") is not None else x
        return y if flag else x, {"pair": [y + 1, extra["terms"][0] + y], "nothing": None}, None


class Failing(nn.Module):
    """A module whose forward refuses to be captured."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            raise RuntimeError("not to be exported")
        return self.linear(x)
