"""Random programs of views and writes, compared with eager.

Every tensor that a program made is an output, and what it made of its buffers.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.functional.comparison import assert_same_as_eager

# A step takes a tensor (and another one to read from) and small integers that choose among its possibilities.
Step = Callable[[Tensor, Tensor, Sequence[int]], Any]


def pick(n: int, choice: int) -> int:
    """One of 0 .. n-1; 0 when there are none."""
    return choice % max(n, 1)


def axis(x: Tensor, choice: int) -> int:
    """An axis of x, counted from the front or from the back."""
    chosen = pick(2 * x.dim(), choice)
    return chosen - x.dim()


def divisor(n: int, choice: int) -> int:
    divisors = [d for d in range(1, n + 1) if n % d == 0]
    return divisors[pick(len(divisors), choice)]


def sliced(x: Tensor, y: Tensor, c: Sequence[int]) -> Tensor:
    d = axis(x, c[0])
    start = pick(x.shape[d], c[1])
    return torch.ops.aten.slice.Tensor(x, d, start, start + 1 + pick(x.shape[d] - start, c[2]), 1 + c[3] % 2)


def narrowed(x: Tensor, y: Tensor, c: Sequence[int]) -> Tensor:
    d = axis(x, c[0])
    start = pick(x.shape[d], c[1])
    return x.narrow(d, start, 1 + pick(x.shape[d] - start, c[2]))


def windows(x: Tensor, y: Tensor, c: Sequence[int]) -> Tensor:
    d = axis(x, c[0])
    size = 1 + pick(x.shape[d], c[1])
    return x.unfold(d, size, size + c[2] % 2)


def factored(x: Tensor, y: Tensor, c: Sequence[int]) -> Tensor:
    d = axis(x, c[0])
    return x.unflatten(d, (divisor(x.shape[d], c[1]), -1))


def every_other(x: Tensor, y: Tensor, c: Sequence[int]) -> Tensor:
    """Every first or second element in memory, where memory has no gaps."""
    if not x.is_contiguous():
        raise ValueError("as_strided of a tensor with gaps")
    step = 1 + c[0] % 2
    return x.as_strided(((x.numel() + step - 1) // step,), (step,))


def permuted(x: Tensor, y: Tensor, c: Sequence[int]) -> Tensor:
    order = sorted(range(x.dim()), key=lambda i: (c[i % len(c)] + i) % 4)
    return x.permute(order)


VIEWS: list[Step] = [
    sliced,
    sliced,
    narrowed,
    windows,
    factored,
    every_other,
    permuted,
    lambda x, y, c: x.select(axis(x, c[0]), pick(x.shape[axis(x, c[0])], c[1])),
    lambda x, y, c: x.transpose(axis(x, c[0]), axis(x, c[1])),
    lambda x, y, c: x.movedim(axis(x, c[0]), axis(x, c[1])),
    lambda x, y, c: x.unsqueeze(pick(x.dim() + 1, c[0])),
    lambda x, y, c: x.squeeze(),
    lambda x, y, c: x.squeeze(axis(x, c[0])),
    lambda x, y, c: x.diagonal(c[0] % 2, axis(x, c[1]), axis(x, c[2])),
    lambda x, y, c: x.reshape(divisor(x.numel(), c[0]), -1),
    lambda x, y, c: x.view(-1, divisor(x.numel(), c[0])),
    lambda x, y, c: x.flatten(),
    lambda x, y, c: x.T if x.dim() == 2 else x.mT,
    lambda x, y, c: x.detach(),
    lambda x, y, c: x.contiguous(),
    lambda x, y, c: x.to(torch.float32),
    lambda x, y, c: x.view_as(x),
    lambda x, y, c: x.split(1 + c[1] % 2, axis(x, c[0])),
    lambda x, y, c: x.chunk(1 + c[1] % 3, axis(x, c[0])),
    lambda x, y, c: x.tensor_split(1 + c[1] % 3, axis(x, c[0])),
    lambda x, y, c: x.unbind(axis(x, c[0])),
]

WRITES: list[Step] = [
    lambda x, y, c: x.add_(c[0] + 1),
    lambda x, y, c: x.mul_(y.sum() * 0.1),
    lambda x, y, c: x.sub_(y.clone()),
    lambda x, y, c: x.relu_(),
    lambda x, y, c: x.zero_(),
    lambda x, y, c: x.fill_(c[0] - 4),
    lambda x, y, c: x.copy_(y.clone()),
    lambda x, y, c: x.copy_(torch.arange(float(x.numel())).view(x.shape)),
    lambda x, y, c: x.masked_fill_(x > 0, c[0]),
    lambda x, y, c: x.clamp_(-c[0], c[1]),
    lambda x, y, c: torch.mul(x, 0.5, out=x),
    lambda x, y, c: torch.add(x, y.sum(), out=x),
    lambda x, y, c: x.index_put_((torch.tensor([0, 0]),), torch.tensor(float(c[0])), accumulate=True),
    lambda x, y, c: x.index_put_((torch.tensor([0, -1]),), y.sum()),
    lambda x, y, c: x.index_fill_(axis(x, c[0]), torch.tensor([-1]), c[1]),
]

# Writes that change how the tensor itself is seen; torch.export refuses them on inputs and buffers.
RESHAPING_WRITES: list[Step] = [
    lambda x, y, c: x.transpose_(axis(x, c[0]), axis(x, c[1])),
    lambda x, y, c: x.squeeze_(),
    lambda x, y, c: x.unsqueeze_(0),
]

PURE: list[Step] = [lambda x, y, c: x + 1, lambda x, y, c: x.clone(), lambda x, y, c: x * y.sum()]

STEPS = VIEWS + WRITES + RESHAPING_WRITES + PURE
# Sizes 1 .. 4, at most rank 5 and 24 outputs, keep programs small.
MAX_RANK = 5
MAX_TENSORS = 24


@dataclass(frozen=True)
class Choice:
    """One step of a program: which operation, on which tensors, with which integers."""

    step: int
    target: int
    source: int
    integers: tuple[int, ...]


choices = st.builds(
    Choice,
    st.one_of(
        st.integers(0, len(VIEWS) - 1),
        st.integers(len(VIEWS), len(VIEWS) + len(WRITES) - 1),
        st.integers(0, len(STEPS) - 1),
    ),
    st.integers(0, 30),
    st.integers(0, 30),
    st.tuples(*[st.integers(0, 7)] * 4),
)


class Memory(torch.nn.Module):
    state: Tensor

    def __init__(self, state: Tensor) -> None:
        super().__init__()
        self.register_buffer("state", state)


class Program(torch.nn.Module):
    """Runs steps on two inputs and two buffers; the result of each joins the tensors that later steps choose from."""

    state: Tensor

    def __init__(self, steps: Sequence[Choice], shape: Sequence[int]) -> None:
        super().__init__()
        self.steps = list(steps)
        numbers = torch.arange(float(math.prod(shape))).view(*shape)
        self.register_buffer("state", numbers - 2)
        self.inner = Memory(1 - numbers / 3)

    def forward(self, x: Tensor, y: Tensor) -> list[Tensor]:
        tensors = [x, y, self.state, self.inner.state, x.clone()]
        for choice in self.steps:
            apply(choice, tensors)
        return tensors


def apply(choice: Choice, tensors: list[Tensor]) -> None:
    step = STEPS[choice.step]
    # Inputs and buffers come first; contiguous() and to() may have given them again.
    own = [tensor for tensor in tensors if all(tensor is not given for given in tensors[:4])]
    usable = own if step in RESHAPING_WRITES else tensors
    target = usable[pick(len(usable), choice.target)]
    result = step(target, tensors[pick(len(tensors), choice.source)], choice.integers)
    tensors.extend(result if isinstance(result, (list, tuple)) else [result])


def runnable(steps: Sequence[Choice], x: Tensor, y: Tensor) -> list[Choice]:
    """The steps that eager accepts, left to right."""
    tensors = Program([], x.shape)(x.clone(), y.clone())
    kept = []
    for choice in steps:
        grown = list(tensors)
        try:
            apply(choice, grown)
        except (RuntimeError, IndexError, ValueError):
            continue
        if len(grown) > MAX_TENSORS or any(t.dim() > MAX_RANK or t.numel() == 0 for t in grown):
            # The step may have changed a tensor; a program that stops here is as good.
            break
        tensors = grown
        kept.append(choice)
    return kept


@pytest.mark.parametrize("traced", [False, True])
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(choices, min_size=2, max_size=10),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
)
def test_random_programs_equal_eager(steps: list[Choice], shape: list[int], traced: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator)
    y = torch.randn(shape, generator=generator)
    kept = runnable(steps, x, y)
    assume(any(len(VIEWS) <= choice.step < len(VIEWS) + len(WRITES) for choice in kept))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        assert_same_as_eager(Program(kept, shape), (x, y), path, traced=traced, buffer_outputs=True)
