"""Forwards that write: to inputs, parameters, buffers, and to what outlives the call."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.trace.adversaries.tricky import adversary


@adversary("trace")
def write_to_input(m: Any, x: Tensor) -> Any:
    x.mul_(2)
    return m.lin(x)


@adversary("trace")
def write_through_views(m: Any, x: Tensor) -> Any:
    y = x.clone()
    y.view(-1)[2:6].view(2, 2).t()[0].add_(5)
    return y * y[1]


@adversary("trace")
def write_to_out(m: Any, x: Tensor) -> Any:
    y = torch.empty(2, 4)
    torch.add(x, 1, out=y)
    return m.lin(y)


@adversary("trace")
def write_to_parameter(m: Any, x: Tensor) -> Any:
    m.lin.weight.mul_(2)
    return m.lin(x)


@adversary("trace")
def write_to_buffer(m: Any, x: Tensor) -> Any:
    m.count += x[0]
    return x + m.count


@adversary("trace")
def write_to_part_of_buffer(m: Any, x: Tensor) -> Any:
    m.count[1:3] = x[0, 1:3]
    return x + m.count


@adversary("depends on the inputs")
def read_what_was_written(m: Any, x: Tensor) -> Any:
    m.count[0] = x[0, 0]
    return x if m.count.sum() > 0 else -x


@adversary("trace")
def write_to_made_tensor(m: Any, x: Tensor) -> Any:
    y = torch.tensor([1.0, 2.0, 3.0, 4.0])
    y[0] = x[0, 0]
    return x + y


@adversary("trace")
def kept_on_self(m: Any, x: Tensor) -> Any:
    m.kept = m.lin(x)
    return m.kept * 2


@adversary("trace")
def kept_in_dictionary(m: Any, x: Tensor) -> Any:
    m.cache.setdefault("first", x * 2)
    return x + m.cache["first"]


@adversary("trace")
def counted_on_self(m: Any, x: Tensor) -> Any:
    m.calls += 1
    return x * m.calls


@adversary("trace")
def counted_in_object(m: Any, x: Tensor) -> Any:
    m.notes[0].steps += 1
    return x * m.notes[0].steps


@adversary("trace")
def kept_in_nested_object(m: Any, x: Tensor) -> Any:
    m.notes[1]["more"].tensors.append(m.lin(x))
    return sum(m.notes[1]["more"].tensors)


class Held:
    tensor: Tensor | None = None
    fixed = torch.full((4,), 3.0)


@adversary("trace")
def kept_globally(m: Any, x: Tensor) -> Any:
    Held.tensor = m.lin(x)
    return Held.tensor + Held.fixed


@adversary("trace")
def counted_on_class(m: Any, x: Tensor) -> Any:
    type(m).instances += 1
    return x * type(m).instances


@adversary("trace")
def kept_on_class(m: Any, x: Tensor) -> Any:
    type(m).shared.append(x * 2)
    return x + type(m).shared[0]


@adversary("trace")
def other_weights(m: Any, x: Tensor) -> Any:
    weights = {"weight": m.lin.weight * x.mean(), "bias": m.lin.bias}
    return torch.func.functional_call(m.lin, weights, (x,))


@adversary("trace")
def buffer_as_scratch(m: Any, x: Tensor) -> Any:
    m.count.copy_(x[0])
    kept = m.count.clone()
    m.count.zero_()
    return x + kept


@adversary("from outside the recorded calls")
def made_parameter(m: Any, x: Tensor) -> Any:
    return x + nn.Parameter(x * 2)


@adversary("assigns")
def assigned_buffer(m: Any, x: Tensor) -> Any:
    m.count = m.count + 1
    return x * m.count


@adversary("trace")
def statistics(m: Any, x: Tensor) -> Any:
    m.norm.train()
    return m.norm(x)
