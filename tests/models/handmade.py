"""Small hand-written modules, each with one difficulty, and inputs for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from tests.models.zoo_models import Case


class NestedSequential(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Linear(8, 16), nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(16, 16), nn.GELU())), nn.Linear(16, 4)
        )


class Lists(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])
        self.heads = nn.ModuleDict({"left": nn.Linear(8, 2), "right": nn.Linear(8, 3)})

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return {name: head(x) for name, head in self.heads.items()}


class CalledTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(8, 8), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.shared(self.shared(x) * 0.5)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.body = nn.Linear(16, 16)
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.embed(ids)))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.up = nn.Linear(8, 32)
        self.down = nn.Linear(32, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(F.silu(self.up(self.norm(x))))


class FunctionalParent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.bn = nn.BatchNorm2d(6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.bn(self.conv(x))), 2)
        return torch.cat([x, x.mean(dim=1, keepdim=True)], dim=1).flatten(1)


class InPlaceViews(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = x.clone()
        x[:, 0] = 1
        y = self.act(x * 2 - 1)
        y.view(y.shape[0], 2, 4).transpose(1, 2)[:, ::2].add_(1)
        return x, y


class Structures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def forward(self, batch: dict[str, torch.Tensor], bias: torch.Tensor | None = None) -> dict[str, Any]:
        a, b = batch["a"], batch["b"]
        out = self.lin(a) + b
        if bias is not None:
            out = out + bias
        return {"out": out, "nothing": None, "pair": (out.sum(-1), out.argmax(-1))}


class PassThrough(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(4))

    def forward(self, x: torch.Tensor, unused: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = x * self.scale
        return x, y, y, self.scale


class MaskedAttention(nn.Module):
    """Builds its causal mask from arange, as libraries do: constant when shapes are static."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(16, 48)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[1]
        q, k, v = self.qkv(x).view(x.shape[0], n, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        index = torch.arange(n, device=x.device)
        mask = (index[None, :] <= index[:, None])[None, None].expand(x.shape[0], 1, n, n)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


def batch_dict() -> dict[str, torch.Tensor]:
    return {"a": torch.randn(2, 4), "b": torch.randn(2, 4)}


HANDMADE: dict[str, Case] = {
    "nested-sequential": Case(NestedSequential, lambda: ((torch.randn(3, 8),), {})),
    "lists": Case(Lists, lambda: ((torch.randn(3, 5, 8),), {})),
    "called-twice": Case(CalledTwice, lambda: ((torch.randn(3, 5, 8),), {})),
    "tied": Case(Tied, lambda: ((torch.randint(0, 50, (2, 7)),), {})),
    "residual": Case(Residual, lambda: ((torch.randn(2, 3, 8),), {})),
    "functional-parent": Case(FunctionalParent, lambda: ((torch.randn(2, 3, 8, 8),), {})),
    "in-place-views": Case(InPlaceViews, lambda: ((torch.randn(3, 8),), {})),
    "structures": Case(Structures, lambda: ((batch_dict(),), {})),
    "structures-bias": Case(Structures, lambda: ((batch_dict(), torch.randn(4)), {})),
    "pass-through": Case(PassThrough, lambda: ((torch.randn(2, 4), torch.randn(1)), {})),
    "masked-attention": Case(MaskedAttention, lambda: ((torch.randn(2, 6, 16),), {})),
}
