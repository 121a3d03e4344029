"""Leaves a model, its hooks and the random state as they were before the export."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from typing import Any

import torch

from modelexport import _core
from modelexport.inputs import CallInputs
from modelexport.naming import named_modules

_HOOK_TABLES = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@contextlib.contextmanager
def preserved(model: torch.nn.Module, training: torch.onnx.TrainingMode) -> Iterator[None]:
    """Puts ``model`` into the mode that ``training`` asks for, without gradients, and restores everything after.

    Restored, also after an exception: every submodule's training flag, ``requires_grad`` of every parameter, the
    forward hooks, and the random state of torch, Python and (where it is loaded) numpy.
    """
    modes = [(module, module.training) for _, module in named_modules(model)]
    parameters = [p for module, _ in modes for p in module._parameters.values() if p is not None]
    gradients = [parameter.requires_grad for parameter in parameters]
    hooks = _core.ObjectSnapshot((), (), ())
    for module, _ in modes:
        hooks.add_items(vars(module), _HOOK_TABLES)
    try:
        with _random_state(), torch.no_grad():
            _enter_mode(model, modes, training)
            yield
    finally:
        _restore_modes(model, modes)
        for parameter, requires_grad in zip(parameters, gradients, strict=True):
            if parameter.requires_grad != requires_grad:
                parameter.requires_grad_(requires_grad)
        hooks.restore()


def run_on_copies(model: torch.nn.Module, call: CallInputs) -> Any:
    """What ``model`` returns for ``call``; the buffers and inputs that it writes are copies."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    copies = call.replace([leaf.value.clone() if leaf.is_tensor else leaf.value for leaf in call.leaves()])
    return torch.func.functional_call(model, buffers, copies.args, copies.kwargs)


def _enter_mode(
    model: torch.nn.Module, modes: list[tuple[torch.nn.Module, bool]], training: torch.onnx.TrainingMode
) -> None:
    if training is torch.onnx.TrainingMode.PRESERVE:
        return
    wanted = training is torch.onnx.TrainingMode.TRAINING
    if any(mode != wanted for _, mode in modes):
        model.train(wanted)


def _restore_modes(model: torch.nn.Module, modes: list[tuple[torch.nn.Module, bool]]) -> None:
    if all(module.training == mode for module, mode in modes):
        return
    # train() first: a module may override it to do more than set the flag (merging adapter weights, say).
    model.train(modes[0][1])
    for module, mode in modes:
        module.training = mode


@contextlib.contextmanager
def _random_state() -> Iterator[None]:
    python_state = random.getstate()
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    torch_state = torch.get_rng_state()
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        random.setstate(python_state)
        if numpy:
            numpy.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
        if cuda_states:
            torch.cuda.set_rng_state_all(cuda_states)
