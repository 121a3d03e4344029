"""Complex numbers, which a model holds as pairs of reals: arithmetic, functions, layout, and what makes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.export import Dim

import modelexport

from .harness import Operation, capture, check, check_program, flat_results
from .indexing_cases import check_sizes

Z = torch.tensor([[1 + 2j, -0.5 + 0.25j, 0.75 - 1j], [-2 - 1j, 0.5j, 1.5 + 0j]])
W = torch.tensor([[0.5 - 1j, 2 + 1j, -1 + 1j], [1 + 1j, -0.25 - 2j, 3 - 0.5j]])
R = torch.tensor([[1.5, -2.0, 0.5], [3.0, 0.25, -1.0]])
PAIRS = torch.tensor([[[1.0, 2.0], [3.0, -4.0]], [[-5.0, 6.0], [0.5, 0.0]]])

ARITHMETIC: dict[str, tuple[Callable[..., Any], tuple[torch.Tensor, ...]]] = {
    "sum": (lambda z, w: z + w, (Z, W)),
    "sum with alpha": (lambda z, w: torch.add(z, w, alpha=2 - 1j), (Z, W)),
    "sum with real": (lambda z, r: (z + r, r + z, z - r, r - z), (Z, R)),
    "sum with numbers": (lambda z: (z + 2, z - 1.5j, 1 - z, (3 + 2j) - z), (Z,)),
    "product": (lambda z, w: z * w, (Z, W)),
    "product with real": (lambda z, r: (z * r, r[:1] * z, z * 2, z * (1 - 2j)), (Z, R)),
    "real times a complex number": (lambda r: r * 1j + (2 - 1j), (R,)),
    "integers times a complex number": (lambda r: r.long() * 1j, (R,)),
    "quotient": (lambda z, w, r: (z / w, z / r, r / w, z / (1 + 1j), 2 / w), (Z, W, R)),
    "powers": (lambda z, w: (z**2, z**-1, z**3, w**0.5, w**1.3, z**w, 2**z, z ** (1 + 1j)), (Z, W)),
    "power of zero": (lambda z: (z**1.5, z**0), (torch.zeros(2, dtype=torch.complex64),)),
    "in place": (lambda z, w: z.clone().mul_(w).add_(1).neg_(), (Z, W)),
    "written into a view": (lambda z, w: _write_row(z.clone(), w[0]), (Z, W)),
    "written real part": (lambda z, r: _write_real(z.clone(), r), (Z, R)),
    "comparison": (lambda z, w: (z == w, z != z.clone(), z == z), (Z, W)),
    "addcmul": (lambda z, w: (torch.addcmul(z, z, w, value=2), torch.addcdiv(z, z, w), torch.lerp(z, w, 0.25)), (Z, W)),
}


def _write_row(z: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
    z[1] *= row
    return z


def _write_real(z: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
    torch.view_as_real(z)[..., 0].copy_(r)
    z.imag.add_(1)
    return z


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic(name: str) -> None:
    function, tensors = ARITHMETIC[name]
    check(function, *tensors)


def test_double_precision() -> None:
    check(lambda z, w: z * w / (z + 1) - w.real, Z.to(torch.complex128), W.to(torch.complex128), opsets=(20,))
    check(lambda z, w: z * w, Z, W.to(torch.complex128), opsets=(20,))


FUNCTIONS = ["exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal", "square", "sgn"]
FUNCTIONS += ["sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "acosh", "atanh"]
FUNCTIONS += ["sigmoid", "sinc", "abs", "angle", "neg", "isfinite", "isnan", "isinf", "isreal"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    check(getattr(torch, name), W)


@pytest.mark.parametrize("name", ["tan", "tanh", "asin", "asinh", "acos", "acosh", "atan", "atanh", "log1p"])
def test_functions_of_large_numbers(name: str) -> None:
    sizes = torch.tensor([0.125, 1.5, 20.0, 90.0, 1000.0])
    signs = torch.tensor([1.0, -1.0])
    numbers = torch.complex((sizes * signs[:, None]).flatten()[:, None], (sizes * signs[:, None]).flatten()[None])
    check(getattr(torch, name), numbers)
    check(getattr(torch, name), numbers.flip(0) * 1j)


def test_sigmoid_of_large_numbers() -> None:
    """Torch's own ends at -40, where the square of exp(-z) is infinite."""
    check(
        torch.sigmoid,
        torch.complex(torch.tensor([-40.0, -5.0, 20.0, 90.0, 1000.0])[:, None], torch.tensor([0.1, -90.0])),
    )


def test_roots_on_the_axes() -> None:
    check(torch.sqrt, torch.tensor([0j, 4 + 0j, -4 + 0j, complex(-4, -0.0), 2j, -2j]))


LAYOUT: dict[str, tuple[Callable[..., Any], tuple[torch.Tensor, ...]]] = {
    "as pairs and back": (lambda z: torch.view_as_complex(torch.view_as_real(z) * 2), (Z,)),
    "from pairs": (lambda x: torch.view_as_complex(x), (PAIRS,)),
    "parts": (lambda z: (z.real, z.imag, z.conj(), z.conj().resolve_conj().imag), (Z,)),
    "made": (lambda r: (torch.complex(r, -r), torch.polar(r.abs(), r)), (R,)),
    "view": (lambda z: (z.view(3, 2), z.reshape(-1), z.flatten(), z[None].squeeze(0), z.T, z.unsqueeze(-1)), (Z,)),
    "chosen": (
        lambda z: (z[1], z[:, 1:], z[:, ::2], z[:, [2, 0]], z.select(1, -1), z.gather(1, z.real.argsort())),
        (Z,),
    ),
    "joined": (lambda z, w, r: (torch.cat([z, w], 1), torch.stack([z, w], -1), torch.cat([z, r])), (Z, W, R)),
    "expanded": (lambda z: (z[:, None].expand(2, 4, 3), z.repeat(1, 2), z.roll(1, 1), z.flip(0)), (Z,)),
    "split": (lambda z: (*z.split(2, 1), *z.unbind(0), *z.chunk(2, 1)), (Z,)),
    "transposed": (lambda z: (z.mH, z.adjoint(), z.mT, z.permute(1, 0)), (Z,)),
    "filled": (
        lambda z: (torch.where(z.real > 0, z, 1j), z.masked_fill(z.imag > 0, 2 - 1j), z.masked_fill(z.imag > 0, 3)),
        (Z,),
    ),
    "where with real": (lambda z, r: torch.where(r > 0, z, r), (Z, R)),
    "created": (lambda z: (torch.zeros_like(z), torch.ones_like(z), torch.full_like(z, 1 - 2j), z.new_zeros(2)), (Z,)),
    "scattered": (lambda z, w: (z.index_add(1, torch.tensor([0, 2]), w[:, :2]), _put(z.clone(), w)), (Z, W)),
    "padded": (lambda z: (torch.nn.functional.pad(z, (1, 2)), z.tril(), z.diagonal()), (Z,)),
    "converted": (lambda z, r: (z.to(torch.complex128), r.to(torch.complex64), z.bool(), z + r.double()), (Z, R)),
    "tested": (
        lambda z: (z.any(), z.all(0), z.count_nonzero(), z.logical_not(), torch.nonzero(z)),
        (Z.clone().mul_(R > 0),),
    ),
}


def _put(z: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    z[torch.tensor([1, 0]), torch.tensor([0, 2])] = w[:, 0]
    return z


@pytest.mark.parametrize("name", LAYOUT)
def test_layout(name: str) -> None:
    function, tensors = LAYOUT[name]
    check(function, *tensors)


def test_reductions() -> None:
    check(lambda z: (z.sum(), z.sum(1, keepdim=True), z.mean(0), z.cumsum(1), z.prod(), z.prod(1)), Z)
    check(lambda z: (z.norm(), torch.linalg.vector_norm(z, dim=1), z.var(1), z.std()), Z)


def test_products() -> None:
    check(lambda z, w: (z @ w.T, z @ w.mH, torch.mm(z, w.T), z[0] @ w[1], torch.vdot(z[0], w[0])), Z, W)
    check(lambda z, w: (z[None] @ w.T[None], torch.outer(z[0], w[0]), torch.einsum("ij,kj->ik", z, w)), Z, W)
    check(lambda z, r: (torch.linalg.norm(z), z * r), Z, R)
    check(lambda z, w: (torch.nn.functional.linear(z, w, z[:, 0]), torch.addmm(z[:, :2], z, w.T, beta=2)), Z, W)
    check(lambda z, w: torch.nn.functional.conv1d(z[None], w[:, :, None], w[:, 0]), Z, W.new_zeros(2, 2) + W[:, :2])


class Rotary(torch.nn.Module):
    """A table of turns as a buffer, applied to pairs of features."""

    def __init__(self) -> None:
        super().__init__()
        angles = torch.outer(torch.arange(16.0), 1 / 100 ** (torch.arange(0, 8, 2) / 8))
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles))
        self.scale = torch.nn.Parameter(torch.tensor([1 - 1j, 2j, 0.5 + 0j, 1 + 1j]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        turns = self.turns[: x.shape[1], None] * self.scale
        pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
        return torch.view_as_real(pairs * turns).flatten(3).type_as(x)


@pytest.mark.parametrize("dynamic", [False, True])
def test_rotary_embedding(dynamic: bool) -> None:
    module = Rotary()
    runs = [(x,) for x in (torch.rand(2, 5, 3, 8), torch.rand(3, 7, 3, 8) if dynamic else torch.rand(2, 5, 3, 8))]
    shapes = ({0: Dim("batch"), 1: Dim("length", max=16)},) if dynamic else None
    program = torch.export.export(module, runs[0], dynamic_shapes=shapes)
    check_program(program, [(run, [module(*run).detach()]) for run in runs])


def test_symbolic_sizes() -> None:
    check_sizes(
        lambda z: (z.reshape(-1), z * z.sum(0), torch.view_as_real(z).flatten(1), z[:, 1:]),
        (Z,),
        [(0, 1)],
        (torch.rand(4, 5, dtype=torch.complex64),),
    )


def test_control_flow() -> None:
    def branches(z: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
        return torch.cond(r.sum() > 0, lambda z: z * 2j, lambda z: z.conj_physical() + 1, (z,))

    check(branches, Z, R)
    check(branches, Z, -R)


def test_unknown_forms_are_refused(tmp_path: Any) -> None:
    import modelexport

    class Module(torch.nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return z.logcumsumexp(0)

    program = torch.export.export(Module(), (Z,))
    with pytest.raises(modelexport.UnsupportedOperatorError, match="complex numbers"):
        modelexport.export(program, None, tmp_path / "model.onnx")


def test_results_of_eager_are_what_is_compared() -> None:
    """The comparison sees both parts."""
    program = capture(torch.nn.Identity(), (Z,))
    with pytest.raises(AssertionError):
        check_program(program, [((Z,), flat_results(Z.conj()))], opsets=(20,))


def test_complex_numbers_of_16_bits_are_refused(tmp_path: Path) -> None:
    operation = Operation(lambda x: x.to(torch.complex32), (torch.rand(3),), {})
    with pytest.raises(modelexport.UnsupportedOperatorError, match="a type that ONNX lacks"):
        modelexport.export(capture(operation, operation.tensors()), None, tmp_path / "m.onnx", fallback=False)
