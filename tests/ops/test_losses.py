"""Losses that torch's own decompositions get wrong."""

from __future__ import annotations

import pytest
import torch

from .harness import OPSETS, check

# Classes of each row up to the first -1; what follows does not count.
TARGET = torch.tensor([[1, 0, -1, 2], [3, -1, 0, 0], [2, 3, 1, 0], [-1, 1, 1, 1]])


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_multilabel_margin(reduction: str, dynamic: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 4)
    loss = torch.nn.functional.multilabel_margin_loss
    check(loss, x, TARGET, reduction=reduction, dynamic=dynamic, opsets=(OPSETS[0], OPSETS[-1]))


def test_multilabel_margin_of_one_sample() -> None:
    check(torch.nn.functional.multilabel_margin_loss, torch.randn(4).double(), TARGET[0], opsets=(OPSETS[-1],))


def test_multilabel_margin_with_its_targets() -> None:
    check(torch.ops.aten.multilabel_margin_loss_forward, torch.randn(4, 4), TARGET, 1, opsets=(OPSETS[-1],))
