"""Solutions, inverses and factors of matrices against eager, on torch's own samples."""

from __future__ import annotations

import pytest
import torch

from .harness import check
from .indexing_cases import check_sizes
from .opinfo import check_case

NAMES = [
    "linalg.inv",
    "linalg.solve",
    "linalg.solve_triangular",
    "linalg.cholesky",
    "cholesky",
    "cholesky_solve",
    "cholesky_inverse",
    "linalg.slogdet",
    "logdet",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:torch.cholesky is deprecated")
def test_samples(name: str) -> None:
    check_case(name, "float32", 8, opsets=(14, 20))


def test_rows_are_exchanged() -> None:
    swapped = torch.tensor([[0.0, 2.0, 1.0], [1.0, 0.0, 0.0], [4.0, 1.0, 0.0]])
    check(lambda a: (torch.linalg.inv(a), torch.linalg.slogdet(a)), swapped)


def test_sizes_known_at_run_time() -> None:
    def solve(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.linalg.solve(a, b)

    grown = torch.eye(7) * 3 + torch.rand(5, 7, 7), torch.rand(5, 7, 2)
    check_sizes(solve, (torch.eye(4) * 3 + torch.rand(3, 4, 4), torch.rand(3, 4, 2)), [(0, 1, 2), (0, 1)], grown)
