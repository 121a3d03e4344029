"""Forwards that call in unusual ways: threads, hooks, generators, transforms, compiled and scripted functions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from tests.trace.adversaries.tricky import adversary

POOL = ThreadPoolExecutor(1)


def in_thread(work: Callable[[], Any]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@adversary("a thread")
def computed_in_thread(m: Any, x: Tensor) -> Any:
    results: list[Tensor] = []
    in_thread(lambda: results.append(m.lin(x)))
    return results[0] + 1


@adversary("a thread")
def branch_in_thread(m: Any, x: Tensor) -> Any:
    truths: list[bool] = []
    in_thread(lambda: truths.append(bool(x.sum() > 0)))
    return x if truths[0] else -x


@adversary("a thread")
def write_in_thread(m: Any, x: Tensor) -> Any:
    y = x * 1
    in_thread(lambda: y.mul_(3))
    return y + 1


@adversary("a thread")
def branch_in_pool(m: Any, x: Tensor) -> Any:
    return x if POOL.submit(lambda: bool(x.sum() > 0)).result() else -x


@adversary("trace")
def gradient_inside(m: Any, x: Tensor) -> Any:
    with torch.enable_grad():
        y = x.detach().requires_grad_(True)
        return torch.autograd.grad((y**3).sum(), y)[0]


@adversary("trace")
def hook_for_a_while(m: Any, x: Tensor) -> Any:
    handle = m.lin.register_forward_hook(lambda module, args, output: output * 3)
    try:
        return m.lin(x)
    finally:
        handle.remove()


@adversary("trace")
def inference_inside(m: Any, x: Tensor) -> Any:
    with torch.inference_mode():
        y = m.lin(x)
    return y + 1


@adversary("trace")
def method_of_module(m: Any, x: Tensor) -> Any:
    return m.double(m.lin.forward(x))


@adversary("trace")
def generated(m: Any, x: Tensor) -> Any:
    def rows() -> Iterator[Tensor]:
        for row in x:
            yield m.lin(row)

    return torch.stack(list(rows()))


@adversary("trace")
def caught(m: Any, x: Tensor) -> Any:
    try:
        y = m.lin(x)
        y = y + torch.cat([y, torch.ones(7)])
    except RuntimeError:
        y = x * 3
    return y


@adversary("trace")
def same_twice(m: Any, x: Tensor) -> Any:
    return x, x, m.lin.weight, m.table, {"more": [x[0], None]}


@adversary("functorch")
def vmapped(m: Any, x: Tensor) -> Any:
    return torch.vmap(lambda row: row * row.sum())(x)


@adversary("functorch")
def differentiated(m: Any, x: Tensor) -> Any:
    return torch.func.grad(lambda y: (y**2).sum())(x)


@adversary("autocast")
def autocast(m: Any, x: Tensor) -> Any:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return m.lin(x).float()


@adversary("trace")
def checkpointed(m: Any, x: Tensor) -> Any:
    return checkpoint(m.lin, x, use_reentrant=False)


@adversary("higher-order")
def conditional(m: Any, x: Tensor) -> Any:
    return torch.cond(x.sum() > 0, lambda y: y + 1, lambda y: y - 1, (x,))


@adversary("trace")
def compiled(m: Any, x: Tensor) -> Any:
    return torch.compile(lambda y: m.lin(y) * 2)(x)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * 2


@adversary("trace")
def own_function(m: Any, x: Tensor) -> Any:
    return m.lin(Doubled.apply(x))


@torch.jit.script
def scripted_function(x: Tensor) -> Tensor:
    return x * 2 + 1


@adversary("scripted")
def scripted(m: Any, x: Tensor) -> Any:
    return m.lin(scripted_function(x))


class Marked(Tensor):
    """A tensor subclass."""


@adversary("plain tensor")
def subclassed(m: Any, x: Tensor) -> Any:
    return (x.as_subclass(Marked) * 2).as_subclass(Tensor)
