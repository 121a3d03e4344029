"""Operators on pictures in the floating types for which onnxruntime has fewer kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from .harness import check

GRID = torch.randint(-8, 9, (2, 3, 3, 2)) / 8  # exact in every type
CALLS: dict[str, Callable[[Tensor], Tensor]] = {
    "nearest": partial(F.interpolate, scale_factor=2.0, mode="nearest"),
    "bilinear": partial(F.interpolate, size=(9, 4), mode="bilinear", align_corners=False),
    "bicubic": partial(F.interpolate, scale_factor=1.5, mode="bicubic", align_corners=True),
    "convolution": lambda x: F.conv2d(x, x[:, :, :2, :2], padding=1),
    "transposed convolution": lambda x: F.conv_transpose2d(x, x[:2, :, :2, :2].transpose(0, 1), stride=2),
    "average": partial(F.avg_pool2d, kernel_size=2),
    "largest": partial(F.max_pool2d, kernel_size=2),
    "adaptive": partial(F.adaptive_avg_pool2d, output_size=3),
    "grid": lambda x: F.grid_sample(x, GRID.to(x.dtype), align_corners=False),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", CALLS)
def test_types(name: str, dtype: torch.dtype) -> None:
    picture = torch.rand(2, 2, 6, 6, generator=torch.Generator().manual_seed(1)).to(dtype)
    check(CALLS[name], picture, opsets=(16, 20))
