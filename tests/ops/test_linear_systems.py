"""Solutions, inverses and factors of matrices against eager, on torch's own samples."""

from __future__ import annotations

import pytest
import torch

from .harness import check
from .indexing_cases import check_sizes
from .opinfo import SUMS, check_case

NAMES = [
    "linalg.inv",
    "linalg.inv_ex",
    "linalg.solve",
    "linalg.solve_ex",
    "linalg.tensorinv",
    "linalg.tensorsolve",
    "triangular_solve",
    "matrix_exp",
    "linalg.solve_triangular",
    "linalg.cholesky",
    "linalg.cholesky_ex",
    "cholesky",
    "cholesky_solve",
    "cholesky_inverse",
    "linalg.slogdet",
    "logdet",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_samples(name: str) -> None:
    check_case(name, "float32", 8, opsets=(14, 20), tolerance={"normwise": name.startswith(SUMS)})


def test_rows_are_exchanged() -> None:
    swapped = torch.tensor([[0.0, 2.0, 1.0], [1.0, 0.0, 0.0], [4.0, 1.0, 0.0]])
    check(lambda a: (torch.linalg.inv(a), torch.linalg.slogdet(a)), swapped)


def test_singular_matrices_are_reported() -> None:
    singular = torch.tensor([[[1.0, 2, 3], [2, 4, 6], [0, 1, 5]], [[0, 1, 0], [1, 0, 0], [0, 0, 2]]])
    check(lambda a: torch.linalg.inv_ex(a).info, singular)
    check(lambda a, b: torch.linalg.solve_ex(a, b).info, singular, torch.rand(2, 3, 1))
    indefinite = torch.tensor([[[1.0, 2, 0], [2, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1], [0, 1, 1]]])
    check(lambda a: torch.linalg.cholesky_ex(a).info, torch.cat([indefinite, torch.eye(3)[None], -torch.eye(3)[None]]))


def test_negative_powers() -> None:
    check(torch.linalg.matrix_power, torch.rand(2, 3, 3) + 2 * torch.eye(3), -2)


def test_exponentials_of_small_and_large_matrices() -> None:
    matrices = torch.stack([torch.zeros(3, 3), torch.rand(3, 3) / 100, torch.rand(3, 3) * 4 - 2])
    check(torch.linalg.matrix_exp, matrices)
    check(torch.linalg.matrix_exp, matrices.double())


def test_sizes_known_at_run_time() -> None:
    def solve(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.linalg.solve(a, b) + torch.linalg.matrix_power(a, 0) @ b + torch.linalg.matrix_exp(a / 9) @ b

    grown = torch.eye(7) * 3 + torch.rand(5, 7, 7), torch.rand(5, 7, 2)
    check_sizes(solve, (torch.eye(4) * 3 + torch.rand(3, 4, 4), torch.rand(3, 4, 2)), [(0, 1, 2), (0, 1)], grown)
