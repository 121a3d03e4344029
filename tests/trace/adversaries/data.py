"""Forwards whose results hang on the elements of tensors, or only seem to."""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch import tensor as imported_tensor

from tests.trace.adversaries.tricky import adversary


@adversary("depends on the inputs")
def branch_on_data(m: Any, x: Tensor) -> Any:
    return m.lin(x) if x.sum() > 0 else -x


@adversary("depends on the inputs")
def branch_on_all_close(m: Any, x: Tensor) -> Any:
    return m.lin(x) if torch.allclose(x, x * 2) else -x


@adversary("depends on the inputs")
def while_on_data(m: Any, x: Tensor) -> Any:
    y = x
    while y.abs().max() < 100:
        y = y * 2
    return y


@adversary("depends on the inputs")
def item_as_size(m: Any, x: Tensor) -> Any:
    return x.new_zeros(int(x.abs().sum().item()) + 1)


@adversary("depends on the inputs")
def slice_by_data(m: Any, x: Tensor) -> Any:
    return x[:, : int((x > 0).sum() > 4) + 1]


@adversary("depends on the inputs")
def index_by_data(m: Any, x: Tensor) -> Any:
    return x[0][(x[0] * 0).long()[0]]


@adversary("depends on the inputs")
def range_over_data(m: Any, x: Tensor) -> Any:
    y = x
    for _ in range((x[0, 0] > 0).long() + 1):
        y = m.lin(y)
    return y


@adversary("depends on the inputs")
def list_of_data(m: Any, x: Tensor) -> Any:
    return x * x[0].tolist()[0]


@adversary("from outside the recorded calls")
def list_index_of_data(m: Any, x: Tensor) -> Any:
    first, second = (x[0] > 0).long()[:2]
    return x[:, [first, second]]


@adversary("depends on the inputs")
def tensor_of_tensors(m: Any, x: Tensor) -> Any:
    return x + torch.tensor([x[0, 0], x[0, 1], x[0, 2], x[0, 3]])


@adversary("from outside the recorded calls")
def imported_tensor_of_tensors(m: Any, x: Tensor) -> Any:
    return x + imported_tensor([x[0, 0], x[0, 1], x[0, 2], x[0, 3]])


@adversary("depends on the inputs")
def new_tensor_of_tensors(m: Any, x: Tensor) -> Any:
    return x + x.new_tensor([x[0, 0], 1.0, 2.0, 3.0])


@adversary("depends on the inputs")
def numpy_round_trip(m: Any, x: Tensor) -> Any:
    return m.lin(torch.from_numpy(x.numpy() * 2))


@adversary("depends on the inputs")
def array_round_trip(m: Any, x: Tensor) -> Any:
    return m.lin(torch.as_tensor(np.sin(np.asarray(x))))


@adversary("depends on the inputs")
def dlpack_round_trip(m: Any, x: Tensor) -> Any:
    return m.lin(torch.from_dlpack(x) * 2)


@adversary("depends on the inputs")
def text_of_data(m: Any, x: Tensor) -> Any:
    return x * (1 if f"{x[0, 0]}".startswith("-") else 2)


@adversary("depends on the inputs")
def printed_data(m: Any, x: Tensor) -> Any:
    return x * (1 if "-" in repr(x) else 2)


@adversary("trace")
def through_data(m: Any, x: Tensor) -> Any:
    return m.lin(x.data * 2)


@adversary("trace")
def swapped_data(m: Any, x: Tensor) -> Any:
    m.count.data = x[0].clone()
    return x + m.count


@adversary("trace")
def limited_weight(m: Any, x: Tensor) -> Any:
    m.lin.weight.data = torch.renorm(m.lin.weight.data, 2, 0, 0.5)
    return m.lin(x)


@adversary("trace")
def moved_in_forward(m: Any, x: Tensor) -> Any:
    return m.to(x.device).lin(x)


@adversary("depends on the inputs")
def swapped_for_data_that_changes(m: Any, x: Tensor) -> Any:
    y = x[0].clone()
    m.count.data = y
    y.mul_(2)
    return x + m.count


@adversary("depends on the inputs")
def swapped_below_a_view(m: Any, x: Tensor) -> Any:
    before = m.count.view(2, 2)
    m.count.data = x[0].clone()
    return before.flatten() + m.count


@adversary("depends on the inputs")
def swapped_for_a_view_of_data_that_changes(m: Any, x: Tensor) -> Any:
    y = x.clone()
    m.count.data = y[0]
    y.mul_(2)
    return x + m.count


@adversary("depends on the inputs")
def swapped_for_another_layout(m: Any, x: Tensor) -> Any:
    m.lin.weight.data = torch.eye(4).mul(x[0]).t()
    return m.lin(x)


@adversary("depends on the inputs")
def deep_copy(m: Any, x: Tensor) -> Any:
    return m.lin(copy.deepcopy(x)) + x


@adversary("depends on the inputs")
def positions_of_data(m: Any, x: Tensor) -> Any:
    return torch.nonzero(x > 0)


@adversary("depends on the inputs")
def masked_by_data(m: Any, x: Tensor) -> Any:
    return x[x > 0]


@adversary("depends on the inputs")
def distinct_data(m: Any, x: Tensor) -> Any:
    return torch.unique((x > 0).long())


@adversary("depends on the inputs")
def classes_of_data(m: Any, x: Tensor) -> Any:
    return nn.functional.one_hot((x > 0).long())


@adversary("depends on the inputs")
def repeats_of_data(m: Any, x: Tensor) -> Any:
    return torch.repeat_interleave(x, (x[:, 0] > 0).long() + 1, dim=0)


@adversary("trace")
def number_into_elements(m: Any, x: Tensor) -> Any:
    y = x.clone()
    y[:, 1:3] = 7
    y[x > 0.5] = float("-inf")
    return y


@adversary("from outside the recorded calls")
def list_index(m: Any, x: Tensor) -> Any:
    return x[:, [0, 2]]


@adversary("depends on the inputs")
def largest_of_data(m: Any, x: Tensor) -> Any:
    return x * max(x[0])


@adversary("depends on the inputs")
def asserted_data(m: Any, x: Tensor) -> Any:
    assert (x.abs() >= 0).all()
    return x * 2


@adversary("depends on the inputs")
def positions_in_tuple(m: Any, x: Tensor) -> Any:
    return torch.where(x > 0)[0]


@adversary("trace")
def random_values(m: Any, x: Tensor) -> Any:
    return x + 0 * torch.rand_like(x)


@adversary("depends on the inputs")
def branch_on_chance(m: Any, x: Tensor) -> Any:
    return x if torch.rand(()) > 2 else -x


@adversary("trace")
def python_chance(m: Any, x: Tensor) -> Any:
    return x * (1 + 0 * random.random())


@adversary("trace")
def branch_on_weights(m: Any, x: Tensor) -> Any:
    return m.lin(x) if m.table.sum() > 0 else -x


@adversary("trace")
def size_of_weights(m: Any, x: Tensor) -> Any:
    return x[:, : int(m.table[2])] + m.table[: int(m.table[2].item())]


@adversary("depends on the inputs")
def swallowed_read(m: Any, x: Tensor) -> Any:
    try:
        return x if x.sum() > 0 else -x
    except BaseException:
        return x * 5


@adversary("trace")
def known_classes(m: Any, x: Tensor) -> Any:
    return nn.functional.one_hot(x.argmax(-1), 4) * m.lin(x)


@adversary("trace")
def repeats_of_known_sum(m: Any, x: Tensor) -> Any:
    rank = x.argsort(-1)[0]
    return torch.repeat_interleave(m.lin(x), rank, dim=1, output_size=6)


@adversary("trace")
def read_of_what_is_always_the_same(m: Any, x: Tensor) -> Any:
    spectrum = torch.stft(x, 4, 2, window=torch.ones(4), return_complex=True)
    return torch.istft(spectrum, 4, 2, window=torch.ones(4))


@adversary("depends on the inputs")
def read_inside_an_operator(m: Any, x: Tensor) -> Any:
    spectrum = torch.stft(x, 4, 2, window=torch.ones(4), return_complex=True)
    return torch.istft(spectrum, 4, 2, window=1 + x[0].abs())
