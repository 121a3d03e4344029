"""Transpositions around an operator, which onnxruntime's optimizer moves through it or takes into it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from .harness import check

RANDOM = torch.Generator().manual_seed(1)
PICTURE = torch.rand(2, 6, 5, 3, generator=RANDOM)
MATRICES = torch.rand(3, 4, 6, generator=RANDOM)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", [{"size": (4, 7)}, {"scale_factor": 1.7}], ids=["size", "scale"])
def test_resizing_channels_that_stand_last(mode: str, size: dict[str, object], dynamic: bool) -> None:
    def resized(x: Tensor) -> Tensor:
        return F.interpolate(x.permute(0, 3, 1, 2), mode=mode, **size).permute(0, 2, 3, 1)  # type: ignore[arg-type]

    check(resized, PICTURE, opsets=(17, 18, 20), dynamic=dynamic)


@pytest.mark.parametrize("matrices", [MATRICES, MATRICES[0]], ids=["batch", "matrix"])
def test_a_transposed_matrix_times_a_vector(matrices: Tensor) -> None:
    vector = torch.rand(4, generator=RANDOM)
    check(lambda x, y: x.mT @ y, matrices, vector, opsets=(14, 20))
    check(lambda x, y: y @ x, matrices, vector, opsets=(14, 20))


def test_a_transposed_matrix_times_a_vector_and_more() -> None:
    matrix, vector = MATRICES[0], torch.rand(4, generator=RANDOM)
    check(lambda x, y: torch.mv(x.t(), y), matrix, vector, opsets=(20,))
    check(lambda a, x, y: torch.addmv(a, x.t(), y, alpha=2), torch.rand(6), matrix, vector, opsets=(20,))
    check(lambda x, y: F.linear(x.mT, y), matrix, vector, opsets=(20,))
    check(lambda x, y: torch.linalg.multi_dot([x, x.t(), y]), matrix, vector, opsets=(20,))
