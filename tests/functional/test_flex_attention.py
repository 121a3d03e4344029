"""flex_attention, whose score and mask functions torch captures for one place, computes what eager mode does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from tests.functional.comparison import assert_same_as_eager

B, H, N, E = 2, 4, 16, 8


class Bias(nn.Module):
    """A learnt bias of relative positions, under a causal mask that forward makes."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(H, 2 * N))

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Any:
        mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, q.shape[2], k.shape[2], device="cpu")
        return flex_attention(q, k, v, lambda score, b, h, i, j: score + self.bias[h, i - j + N - 1], mask)


class Grouped(nn.Module):
    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Any:
        return flex_attention(q, k[:, :2], v[:, :2], enable_gqa=True, scale=0.3)


class Window(nn.Module):
    """A mask that was made before."""

    def __init__(self) -> None:
        super().__init__()
        self.mask = create_block_mask(lambda b, h, i, j: (i >= j) & (i - j < 5), None, None, N, N, device="cpu")

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Any:
        return flex_attention(q, k, v, block_mask=self.mask)


class Documents(nn.Module):
    """A mask of the inputs' data that leaves some queries without a key, capped scores, and the other results."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Any:
        document = (q[:, 0, :, 0] > 0).long().cumsum(-1)

        def mask(b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
            return (document[b, i] == document[b, j]) & (i != j)

        def score(score: Tensor, b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
            return torch.tanh(score / 20) * 20 + (j - i) / (h + 1.0)

        block_mask = create_block_mask(mask, q.shape[0], None, N, N, device="cpu")
        return flex_attention(q, k, v, score, block_mask, return_lse=True)


@pytest.fixture(autouse=True)
def nothing_compiled() -> None:
    """torch compiles the call for the sizes that it saw before, and counts how often."""
    torch._dynamo.reset()


def qkv(batch: int = B, length: int = N, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    return tuple(torch.randn(batch, H, length, E, dtype=dtype) for _ in range(3))


@pytest.mark.parametrize("kind", [Bias, Grouped, Window, Documents])
def test_same_as_eager(kind: type[nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    proto = assert_same_as_eager(kind(), qkv(), tmp_path / "model.onnx", (qkv(),))
    assert not {"Loop", "Scan"} & {node.op_type for node in proto.graph.node}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_scores_have_the_precision_of_eager(dtype: torch.dtype, tmp_path: Path) -> None:
    torch.manual_seed(0)
    assert_same_as_eager(Window().to(dtype), qkv(dtype=dtype), tmp_path / "model.onnx")


def test_other_sizes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {0: Dim("batch", min=2), 2: Dim("length", min=2)}
    assert_same_as_eager(
        Grouped(), qkv(), tmp_path / "model.onnx", (qkv(3, 21),), dynamic_shapes=dict.fromkeys("qkv", sizes)
    )


def test_queries_without_a_key_give_zeros(tmp_path: Path) -> None:
    class First(nn.Module):
        def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Any:
            mask = create_block_mask(lambda b, h, i, j: (i > 0) & (j < i), None, None, N, N, device="cpu")
            return flex_attention(q, k, v, block_mask=mask, return_lse=True)

    inputs = qkv()
    with torch.no_grad():
        out, lse = First()(*inputs)
    assert not out[:, :, 0].any() and (lse[:, :, 0] == -math.inf).all()
    assert_same_as_eager(First(), inputs, tmp_path / "model.onnx")
