"""Questions about types and layouts that torch.export records although it has answered them itself."""

from __future__ import annotations

import torch

from .harness import check


def test_answers_decide_while_capturing() -> None:
    def ask(x: torch.Tensor) -> torch.Tensor:
        wide = torch.promote_types(x.dtype, torch.float64)
        if torch.can_cast(torch.int64, torch.result_type(x, 3.0)) and torch.result_type(x, x) == torch.float32:
            x = x.to(wide)
        if x.is_same_size(x) and not x.is_set_to(x + 1) and not x.is_pinned() and not x.is_distributed():
            x = x * torch.tensor(2, dtype=torch.result_type(2.5, torch.ones(1)))
        return x + torch.cudnn_is_acceptable(x)

    check(ask, torch.rand(2, 3))
