"""The sizes of what recurrent layers return, said outright.

torch finds them by writing a layer out step by step, which fixes the length of the sequence and takes long.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
from torch._C import DispatchKey
from torch._decomp import decomposition_table
from torch._ops import OpOverload

Results = tuple[torch.Tensor, ...]


@contextlib.contextmanager
def recurrent_shapes() -> Iterator[None]:
    """Lets torch.export ask here for the results of LSTM, GRU and plain recurrent layers."""
    aten = torch.ops.aten
    with contextlib.ExitStack() as stack:
        for overload in (aten.lstm.input, aten.gru.input, aten.rnn_tanh.input, aten.rnn_relu.input):
            stack.enter_context(_takes_form_from(overload, _recurrent))
        yield


@contextlib.contextmanager
def _takes_form_from(overload: OpOverload[..., Any], form: Callable[..., Results]) -> Iterator[None]:
    kernels = dict.fromkeys((DispatchKey.CompositeImplicitAutograd, DispatchKey.Autograd), form)
    overload._dispatch_cache.clear()
    try:
        with (
            mock.patch.dict(overload.py_kernels, kernels),
            mock.patch.dict(decomposition_table, {overload: form}),
        ):
            yield
    finally:
        overload._dispatch_cache.clear()


def _recurrent(
    input: torch.Tensor,
    hx: torch.Tensor | list[torch.Tensor],
    params: list[torch.Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Results:
    """The outputs of all steps, and the last states: two of an LSTM, given as a list."""
    states = [hx] if isinstance(hx, torch.Tensor) else hx
    outputs = _sequence(input, states[0], bidirectional, batch_first)
    return (outputs, *(torch.empty_like(state) for state in states))


def _sequence(input: torch.Tensor, hidden: torch.Tensor, bidirectional: bool, batch_first: bool) -> torch.Tensor:
    """The outputs of all steps; they lie in memory step by step."""
    first, second = input.shape[:2]
    width = hidden.shape[2] * (2 if bidirectional else 1)
    if batch_first:
        return input.new_empty((second, first, width)).transpose(0, 1)
    return input.new_empty((first, second, width))
