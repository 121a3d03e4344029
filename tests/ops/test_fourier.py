"""Fourier transforms against eager, on torch's own samples."""

from __future__ import annotations

import pytest
import torch

from .harness import check
from .opinfo import check_sample, entries, samples

# A sum of hundreds of products, each of numbers up to 9.
TOLERANCE = {"rtol": 1e-4, "atol": 3e-4}


@pytest.mark.parametrize("name", sorted(name for name in entries() if name.startswith("fft.")))
def test_transforms(name: str) -> None:
    for sample in samples(name, "float32", 3):
        check_sample(name, sample, opsets=(14, 18, 20), tolerance=TOLERANCE)


def test_transforms_of_complex_signals() -> None:
    for name in ("fft.fft", "fft.ifft2", "fft.irfftn", "fft.fftshift"):
        for sample in samples(name, "complex64", 3):
            check_sample(name, sample, opsets=(14, 20), tolerance=TOLERANCE)


def test_transforms_of_windows() -> None:
    for sample in samples("stft", "float32"):
        check_sample("stft", sample, opsets=(14, 20), tolerance=TOLERANCE)


def test_signals_from_transforms_of_windows() -> None:
    real = [sample for sample in samples("istft", "complex64") if not sample.kwargs.get("return_complex")]
    assert real
    for sample in real:
        check_sample("istft", sample, opsets=(14, 20), tolerance=TOLERANCE)


@pytest.mark.parametrize("length", [90, 200], ids=["cut", "filled up"])
def test_a_signal_of_a_given_length(length: int) -> None:
    def program(real: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        return torch.istft(torch.view_as_complex(real), 32, 8, window=window, length=length)

    check(program, torch.rand(2, 17, 13, 2), torch.hann_window(32), opsets=(14, 20), tolerance=TOLERANCE)


@pytest.mark.parametrize("size", [1000, 1999, 4096])
def test_long_transforms(size: int) -> None:
    """As exact as those of a few elements, whatever the size; the results are up to 100."""

    def program(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        spectrum = torch.fft.rfft(x)
        return spectrum, torch.fft.irfft(spectrum, size), torch.fft.ifft(spectrum)

    torch.manual_seed(0)
    check(program, torch.randn(2, size), opsets=(17, 20), tolerance={"rtol": 1e-4, "atol": 1e-4})


@pytest.mark.parametrize("size", [25, 40, 64])
def test_phases(size: int) -> None:
    """What is real in theory has no imaginary part, not even a rounding error: its sign would turn the phase around."""

    def program(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        windows = torch.stft(x, size, window=torch.hann_window(size), return_complex=True)
        return (
            torch.fft.rfft(x[:, :size]).angle(),
            torch.fft.fft(x[:, :size]).angle(),
            torch.fft.fft2(x[:, :size]).real,
            torch.fft.ifft(x[:, :size]).angle(),
            windows[:, [0, -1]].angle(),
        )

    torch.manual_seed(0)
    check(program, torch.randn(16, 200), opsets=(14, 17, 20))
