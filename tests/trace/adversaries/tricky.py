"""A module with one trick, and what must become of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

Forward = Callable[[Any, Tensor], Any]


class Adversary(NamedTuple):
    """``forward`` of a module with a Linear ``lin``, a buffer ``count`` and a constant ``table``; x has sizes 2, 4.

    ``how`` is what must become of it: "trace", or a part of the reason why it is not traced.
    """

    forward: Forward
    how: str


ADVERSARIES: dict[str, Adversary] = {}


def adversary(how: str) -> Callable[[Forward], Forward]:
    """Adds a forward to ``ADVERSARIES`` by its name."""

    def add(forward: Forward) -> Forward:
        ADVERSARIES[forward.__name__] = Adversary(forward, how)
        return forward

    return add


class Notes:
    """A plain object that a module holds."""

    def __init__(self) -> None:
        self.steps = 0
        self.tensors: list[Tensor] = []


class Tricky(nn.Module):
    instances = 0
    shared: ClassVar[list[Tensor]] = []

    def __init__(self, body: Forward) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("count", torch.zeros(4))
        self.table = torch.arange(4.0)
        self.cache: dict[str, Tensor] = {}
        self.calls = 0
        self.notes = (Notes(), {"more": Notes()})
        self.body = body

    def forward(self, x: Tensor) -> Any:
        return self.body(self, x)

    def double(self, x: Tensor) -> Tensor:
        return self.lin(x) * 2
