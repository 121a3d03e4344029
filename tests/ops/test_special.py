"""Special functions where their formulas meet, at poles and at infinity."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from .harness import OPSETS, check

EVERYWHERE = torch.cat([torch.linspace(-12, 12, 241), torch.tensor([-0.0, math.inf, -math.inf, math.nan])])
POSITIVE = torch.cat([torch.linspace(0, 12, 241), torch.tensor([1e-6, 60.0, math.nan])])
PROBABILITY = torch.cat([torch.linspace(0, 1, 101), torch.tensor([1e-30, 1e-7, 0.075, 0.925, 1 - 1e-7, -0.1, 1.1])])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("name", ["lgamma", "digamma", "erfinv", "i0", "erfc"])
def test_everywhere(name: str, dtype: torch.dtype) -> None:
    check(getattr(torch, name), EVERYWHERE.to(dtype), opsets=(OPSETS[0], OPSETS[-1]))


@pytest.mark.parametrize(
    "name", ["i0e", "i1", "i1e", "erfcx", "log_ndtr", "bessel_j0", "bessel_j1", "spherical_bessel_j0"]
)
def test_special_everywhere(name: str) -> None:
    x = EVERYWHERE if name == "log_ndtr" else EVERYWHERE[EVERYWHERE.isinf().logical_not()]
    check(getattr(torch.special, name), x, opsets=(OPSETS[0], OPSETS[-1]))


@pytest.mark.parametrize("name", ["bessel_y0", "bessel_y1", "modified_bessel_k0", "scaled_modified_bessel_k1"])
def test_from_zero(name: str) -> None:
    check(getattr(torch.special, name), POSITIVE, opsets=(OPSETS[0], OPSETS[-1]))


def test_quantiles() -> None:
    check(torch.special.ndtri, PROBABILITY)
    check(torch.erfinv, 2 * PROBABILITY - 1)


def test_multivariate_gamma() -> None:
    check(torch.mvlgamma, POSITIVE[40:] + 1, 4)


def test_relative_error() -> None:
    """Large and small values are as exact as those about 1."""
    check(torch.lgamma, torch.tensor([1e3, 1e10, 1e30, 1e-30]), tolerance={"atol": 0, "rtol": 1e-6})
    check(torch.special.erfcx, torch.linspace(0, 1e4, 100), tolerance={"atol": 0, "rtol": 1e-5})
    check(torch.special.log_ndtr, torch.linspace(-100, 5, 100), tolerance={"atol": 0, "rtol": 1e-5})
    check(torch.special.ndtri, torch.logspace(-37, -1, 50), tolerance={"atol": 0, "rtol": 1e-5})
    check(torch.special.i0e, torch.linspace(-500, 500, 101), tolerance={"atol": 0, "rtol": 1e-5})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("function", [torch.sign, torch.sgn])
def test_signs_of_what_is_no_number(function: Callable[[torch.Tensor], torch.Tensor], dtype: torch.dtype) -> None:
    """PyTorch says 0."""
    check(function, torch.tensor([math.nan, -math.nan, math.inf, -math.inf, 2, -3, 0, -0.0], dtype=dtype))
