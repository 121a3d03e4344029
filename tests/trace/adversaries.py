"""Modules that a trace gets wrong unless it looks out, each with one trick."""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch import tensor as imported_tensor
from torch.utils.checkpoint import checkpoint


class Adversary(NamedTuple):
    """``forward`` of a module with a Linear ``lin``, a buffer ``count`` and a constant ``table``; x has sizes 2, 4.

    ``how`` is what must become of it: "trace", or a part of the reason why it is not traced.
    """

    forward: Callable[[nn.Module, Tensor], Any]
    how: str


POOL = ThreadPoolExecutor(1)


class Notes:
    """A plain object that a module holds."""

    def __init__(self) -> None:
        self.steps = 0
        self.tensors: list[Tensor] = []


class Tricky(nn.Module):
    instances = 0
    shared: ClassVar[list[Tensor]] = []

    def __init__(self, body: Callable[[nn.Module, Tensor], Any]) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("count", torch.zeros(4))
        self.table = torch.arange(4.0)
        self.cache: dict[str, Tensor] = {}
        self.calls = 0
        self.notes = (Notes(), {"more": Notes()})
        self.body = body

    def forward(self, x: Tensor) -> Any:
        return self.body(self, x)

    def double(self, x: Tensor) -> Tensor:
        return self.lin(x) * 2


def branch_on_data(m: Any, x: Tensor) -> Any:
    return m.lin(x) if x.sum() > 0 else -x


def branch_on_all_close(m: Any, x: Tensor) -> Any:
    return m.lin(x) if torch.allclose(x, x * 2) else -x


def while_on_data(m: Any, x: Tensor) -> Any:
    y = x
    while y.abs().max() < 100:
        y = y * 2
    return y


def item_as_size(m: Any, x: Tensor) -> Any:
    return x.new_zeros(int(x.abs().sum().item()) + 1)


def slice_by_data(m: Any, x: Tensor) -> Any:
    return x[:, : int((x > 0).sum() > 4) + 1]


def index_by_data(m: Any, x: Tensor) -> Any:
    return x[0][(x[0] * 0).long()[0]]


def range_over_data(m: Any, x: Tensor) -> Any:
    y = x
    for _ in range((x[0, 0] > 0).long() + 1):
        y = m.lin(y)
    return y


def list_of_data(m: Any, x: Tensor) -> Any:
    return x * x[0].tolist()[0]


def list_index_of_data(m: Any, x: Tensor) -> Any:
    first, second = (x[0] > 0).long()[:2]
    return x[:, [first, second]]


def tensor_of_tensors(m: Any, x: Tensor) -> Any:
    return x + torch.tensor([x[0, 0], x[0, 1], x[0, 2], x[0, 3]])


def imported_tensor_of_tensors(m: Any, x: Tensor) -> Any:
    return x + imported_tensor([x[0, 0], x[0, 1], x[0, 2], x[0, 3]])


def new_tensor_of_tensors(m: Any, x: Tensor) -> Any:
    return x + x.new_tensor([x[0, 0], 1.0, 2.0, 3.0])


def numpy_round_trip(m: Any, x: Tensor) -> Any:
    return m.lin(torch.from_numpy(x.numpy() * 2))


def array_round_trip(m: Any, x: Tensor) -> Any:
    return m.lin(torch.as_tensor(np.sin(np.asarray(x))))


def dlpack_round_trip(m: Any, x: Tensor) -> Any:
    return m.lin(torch.from_dlpack(x) * 2)


def text_of_data(m: Any, x: Tensor) -> Any:
    return x * (1 if f"{x[0, 0]}".startswith("-") else 2)


def printed_data(m: Any, x: Tensor) -> Any:
    return x * (1 if "-" in repr(x) else 2)


def through_data(m: Any, x: Tensor) -> Any:
    return m.lin(x.data * 2)


def swapped_data(m: Any, x: Tensor) -> Any:
    m.count.data = x[0].clone()
    return x + m.count


def deep_copy(m: Any, x: Tensor) -> Any:
    return m.lin(copy.deepcopy(x)) + x


def positions_of_data(m: Any, x: Tensor) -> Any:
    return torch.nonzero(x > 0)


def masked_by_data(m: Any, x: Tensor) -> Any:
    return x[x > 0]


def distinct_data(m: Any, x: Tensor) -> Any:
    return torch.unique((x > 0).long())


def classes_of_data(m: Any, x: Tensor) -> Any:
    return nn.functional.one_hot((x > 0).long())


def repeats_of_data(m: Any, x: Tensor) -> Any:
    return torch.repeat_interleave(x, (x[:, 0] > 0).long() + 1, dim=0)


def number_into_elements(m: Any, x: Tensor) -> Any:
    y = x.clone()
    y[:, 1:3] = 7
    y[x > 0.5] = float("-inf")
    return y


def list_index(m: Any, x: Tensor) -> Any:
    return x[:, [0, 2]]


def write_to_input(m: Any, x: Tensor) -> Any:
    x.mul_(2)
    return m.lin(x)


def write_through_views(m: Any, x: Tensor) -> Any:
    y = x.clone()
    y.view(-1)[2:6].view(2, 2).t()[0].add_(5)
    return y * y[1]


def write_to_out(m: Any, x: Tensor) -> Any:
    y = torch.empty(2, 4)
    torch.add(x, 1, out=y)
    return m.lin(y)


def write_to_parameter(m: Any, x: Tensor) -> Any:
    m.lin.weight.mul_(2)
    return m.lin(x)


def write_to_buffer(m: Any, x: Tensor) -> Any:
    m.count += x[0]
    return x + m.count


def write_to_part_of_buffer(m: Any, x: Tensor) -> Any:
    m.count[1:3] = x[0, 1:3]
    return x + m.count


def read_what_was_written(m: Any, x: Tensor) -> Any:
    m.count[0] = x[0, 0]
    return x if m.count.sum() > 0 else -x


def write_to_made_tensor(m: Any, x: Tensor) -> Any:
    y = torch.tensor([1.0, 2.0, 3.0, 4.0])
    y[0] = x[0, 0]
    return x + y


def kept_on_self(m: Any, x: Tensor) -> Any:
    m.kept = m.lin(x)
    return m.kept * 2


def kept_in_dictionary(m: Any, x: Tensor) -> Any:
    m.cache.setdefault("first", x * 2)
    return x + m.cache["first"]


def counted_on_self(m: Any, x: Tensor) -> Any:
    m.calls += 1
    return x * m.calls


def counted_in_object(m: Any, x: Tensor) -> Any:
    m.notes[0].steps += 1
    return x * m.notes[0].steps


def kept_in_nested_object(m: Any, x: Tensor) -> Any:
    m.notes[1]["more"].tensors.append(m.lin(x))
    return sum(m.notes[1]["more"].tensors)


class Held:
    tensor: Tensor | None = None
    fixed = torch.full((4,), 3.0)


def kept_globally(m: Any, x: Tensor) -> Any:
    Held.tensor = m.lin(x)
    return Held.tensor + Held.fixed


def counted_on_class(m: Any, x: Tensor) -> Any:
    type(m).instances += 1
    return x * type(m).instances


def kept_on_class(m: Any, x: Tensor) -> Any:
    type(m).shared.append(x * 2)
    return x + type(m).shared[0]


def in_thread(work: Callable[[], Any]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def computed_in_thread(m: Any, x: Tensor) -> Any:
    results: list[Tensor] = []
    in_thread(lambda: results.append(m.lin(x)))
    return results[0] + 1


def branch_in_thread(m: Any, x: Tensor) -> Any:
    truths: list[bool] = []
    in_thread(lambda: truths.append(bool(x.sum() > 0)))
    return x if truths[0] else -x


def write_in_thread(m: Any, x: Tensor) -> Any:
    y = x * 1
    in_thread(lambda: y.mul_(3))
    return y + 1


def branch_in_pool(m: Any, x: Tensor) -> Any:
    return x if POOL.submit(lambda: bool(x.sum() > 0)).result() else -x


def other_weights(m: Any, x: Tensor) -> Any:
    weights = {"weight": m.lin.weight * x.mean(), "bias": m.lin.bias}
    return torch.func.functional_call(m.lin, weights, (x,))


def gradient_inside(m: Any, x: Tensor) -> Any:
    with torch.enable_grad():
        y = x.detach().requires_grad_(True)
        return torch.autograd.grad((y**3).sum(), y)[0]


def hook_for_a_while(m: Any, x: Tensor) -> Any:
    handle = m.lin.register_forward_hook(lambda module, args, output: output * 3)
    try:
        return m.lin(x)
    finally:
        handle.remove()


def inference_inside(m: Any, x: Tensor) -> Any:
    with torch.inference_mode():
        y = m.lin(x)
    return y + 1


def largest_of_data(m: Any, x: Tensor) -> Any:
    return x * max(x[0])


def asserted_data(m: Any, x: Tensor) -> Any:
    assert (x.abs() >= 0).all()
    return x * 2


def positions_in_tuple(m: Any, x: Tensor) -> Any:
    return torch.where(x > 0)[0]


def buffer_as_scratch(m: Any, x: Tensor) -> Any:
    m.count.copy_(x[0])
    kept = m.count.clone()
    m.count.zero_()
    return x + kept


def random_values(m: Any, x: Tensor) -> Any:
    return x + 0 * torch.rand_like(x)


def branch_on_chance(m: Any, x: Tensor) -> Any:
    return x if torch.rand(()) > 2 else -x


def python_chance(m: Any, x: Tensor) -> Any:
    return x * (1 + 0 * random.random())


def branch_on_weights(m: Any, x: Tensor) -> Any:
    return m.lin(x) if m.table.sum() > 0 else -x


def size_of_weights(m: Any, x: Tensor) -> Any:
    return x[:, : int(m.table[2])] + m.table[: int(m.table[2].item())]


def method_of_module(m: Any, x: Tensor) -> Any:
    return m.double(m.lin.forward(x))


def generated(m: Any, x: Tensor) -> Any:
    def rows() -> Iterator[Tensor]:
        for row in x:
            yield m.lin(row)

    return torch.stack(list(rows()))


def caught(m: Any, x: Tensor) -> Any:
    try:
        y = m.lin(x)
        y = y + torch.cat([y, torch.ones(7)])
    except RuntimeError:
        y = x * 3
    return y


def swallowed_read(m: Any, x: Tensor) -> Any:
    try:
        return x if x.sum() > 0 else -x
    except BaseException:
        return x * 5


def same_twice(m: Any, x: Tensor) -> Any:
    return x, x, m.lin.weight, m.table, {"more": [x[0], None]}


def vmapped(m: Any, x: Tensor) -> Any:
    return torch.vmap(lambda row: row * row.sum())(x)


def differentiated(m: Any, x: Tensor) -> Any:
    return torch.func.grad(lambda y: (y**2).sum())(x)


def autocast(m: Any, x: Tensor) -> Any:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return m.lin(x).float()


def checkpointed(m: Any, x: Tensor) -> Any:
    return checkpoint(m.lin, x, use_reentrant=False)


def conditional(m: Any, x: Tensor) -> Any:
    return torch.cond(x.sum() > 0, lambda y: y + 1, lambda y: y - 1, (x,))


def compiled(m: Any, x: Tensor) -> Any:
    return torch.compile(lambda y: m.lin(y) * 2)(x)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * 2


def own_function(m: Any, x: Tensor) -> Any:
    return m.lin(Doubled.apply(x))


@torch.jit.script
def scripted_function(x: Tensor) -> Tensor:
    return x * 2 + 1


def scripted(m: Any, x: Tensor) -> Any:
    return m.lin(scripted_function(x))


class Marked(Tensor):
    """A tensor subclass."""


def subclassed(m: Any, x: Tensor) -> Any:
    return (x.as_subclass(Marked) * 2).as_subclass(Tensor)


def made_parameter(m: Any, x: Tensor) -> Any:
    return x + nn.Parameter(x * 2)


def known_classes(m: Any, x: Tensor) -> Any:
    return nn.functional.one_hot(x.argmax(-1), 4) * m.lin(x)


def repeats_of_known_sum(m: Any, x: Tensor) -> Any:
    rank = x.argsort(-1)[0]
    return torch.repeat_interleave(m.lin(x), rank, dim=1, output_size=6)


def assigned_buffer(m: Any, x: Tensor) -> Any:
    m.count = m.count + 1
    return x * m.count


def statistics(m: Any, x: Tensor) -> Any:
    m.norm.train()
    return m.norm(x)


ADVERSARIES: dict[str, Adversary] = {
    body.__name__: Adversary(body, how)
    for how, bodies in {
        "trace": (
            kept_on_self,
            kept_in_dictionary,
            counted_on_self,
            counted_in_object,
            kept_in_nested_object,
            counted_on_class,
            kept_on_class,
            statistics,
            known_classes,
            repeats_of_known_sum,
            through_data,
            number_into_elements,
            write_to_input,
            write_through_views,
            write_to_out,
            write_to_parameter,
            write_to_buffer,
            write_to_part_of_buffer,
            write_to_made_tensor,
            kept_globally,
            random_values,
            python_chance,
            branch_on_weights,
            size_of_weights,
            method_of_module,
            generated,
            caught,
            same_twice,
            checkpointed,
            compiled,
            own_function,
            other_weights,
            gradient_inside,
            hook_for_a_while,
            inference_inside,
            buffer_as_scratch,
        ),
        "depends on the inputs": (
            branch_on_data,
            branch_on_all_close,
            while_on_data,
            item_as_size,
            slice_by_data,
            index_by_data,
            range_over_data,
            list_of_data,
            tensor_of_tensors,
            new_tensor_of_tensors,
            numpy_round_trip,
            array_round_trip,
            dlpack_round_trip,
            text_of_data,
            printed_data,
            swapped_data,
            deep_copy,
            positions_of_data,
            masked_by_data,
            distinct_data,
            classes_of_data,
            repeats_of_data,
            read_what_was_written,
            branch_on_chance,
            swallowed_read,
            largest_of_data,
            asserted_data,
            positions_in_tuple,
        ),
        "from outside the recorded calls": (
            imported_tensor_of_tensors,
            list_index_of_data,
            list_index,
            made_parameter,
        ),
        "higher-order": (conditional,),
        "scripted": (scripted,),
        "a thread": (computed_in_thread, branch_in_thread, write_in_thread, branch_in_pool),
        "assigns": (assigned_buffer,),
        "functorch": (vmapped, differentiated),
        "autocast": (autocast,),
        "plain tensor": (subclassed,),
    }.items()
    for body in bodies
}
