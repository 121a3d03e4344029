"""Random draws through onnxruntime have torch's distribution."""

from __future__ import annotations

from pathlib import Path

import torch

import modelexport
from tests.models.parity import session

WEIGHTS = torch.tensor([0.5, 0.0, 1.5, 2.0])


class Draws(torch.nn.Module):
    def __init__(self, count: int, replacement: bool) -> None:
        super().__init__()
        self.count, self.replacement = count, replacement

    def forward(self, weights: torch.Tensor) -> torch.Tensor:
        return torch.multinomial(weights, self.count, self.replacement)


def drawn(module: Draws, weights: torch.Tensor, path: Path) -> torch.Tensor:
    modelexport.export(module, (weights,), str(path), fallback=False)
    (result,) = session(path).run(None, {"weights": weights.numpy()})
    return torch.from_numpy(result)


def test_draws_with_replacement_are_as_frequent_as_their_weights(tmp_path: Path) -> None:
    chosen = drawn(Draws(20_000, True), WEIGHTS, tmp_path / "m.onnx")
    assert chosen.shape == (20_000,) and chosen.dtype == torch.int64
    shares = chosen.bincount(minlength=4) / 20_000
    # Four standard deviations of a share are at most 4 * sqrt(0.25 / 20,000) = 0.014.
    assert torch.allclose(shares, WEIGHTS / WEIGHTS.sum(), atol=0.015)


def test_draws_without_replacement_are_distinct_and_their_first_follows_the_weights(tmp_path: Path) -> None:
    rows = 2_000
    chosen = drawn(Draws(3, False), WEIGHTS.expand(rows, 4).contiguous(), tmp_path / "m.onnx")
    assert chosen.shape == (rows, 3)
    assert torch.equal(chosen.sort(dim=1).values, torch.tensor([0, 2, 3]).expand(rows, 3))
    shares = chosen[:, 0].bincount(minlength=4) / rows
    assert torch.allclose(shares, WEIGHTS / WEIGHTS.sum(), atol=4 * (0.25 / rows) ** 0.5)
