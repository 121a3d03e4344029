"""Models that fail in every way that a batch has to survive."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

import torch
from torch import Tensor, nn


class Good(nn.Module):
    """Exports well; appends a line to ``seen`` each time it is captured, and waits there."""

    def __init__(self, seen: Path | None = None, seconds: float = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.seen = seen
        self.seconds = seconds

    def forward(self, x: Tensor) -> Tensor:
        if self.seen is not None:
            with self.seen.open("a") as file:
                file.write(f"{os.getpid()}\n")
        time.sleep(self.seconds)
        return torch.relu(self.linear(x))


class Raising(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ArithmeticError("no such luck")


class Crashing(nn.Module):
    """Reads memory that is not there."""

    def forward(self, x: Tensor) -> Tensor:
        ctypes.string_at(0)
        return x


class Killed(nn.Module):
    """Ends as it would when the kernel runs out of memory."""

    def forward(self, x: Tensor) -> Tensor:
        os.kill(os.getpid(), signal.SIGKILL)
        return x


class Endless(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        time.sleep(3600)
        return x


class Greedy(nn.Module):
    """Holds a gigabyte for a while."""

    def forward(self, x: Tensor) -> Tensor:
        held = b"x" * 2**30
        time.sleep(2)
        return x + held[0]
