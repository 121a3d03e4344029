"""Inputs made from a description: ``{"input_ids": {"dtype": "int", "shape": [1, 128], "range": [0, 50257]}}``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from modelexport.exceptions import InvalidInputError
from modelexport.inputs import call_inputs

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_ALIASES = {"int": torch.int64, "long": torch.int64, "float": torch.float32, "double": torch.float64}


def make_inputs(model: torch.nn.Module, examples: Any, specs: Mapping[str, Mapping[str, Any]]) -> Arguments:
    """The positional and keyword arguments of forward that ``specs`` describe, the others as in ``examples``.

    Args:
        model: its forward names the arguments.
        examples: as for :func:`modelexport.export`, or None.
        specs: by the name of an argument, or its position as a string. ``dtype`` is the name of torch's, or int
            (int64), long, float (float32), double, half; ``shape`` a list of sizes; ``range`` two numbers, the second
            excluded. What is left out is the example's; without one, dtype is float32 and shape has to be given.
            Without a range, floats are normally distributed, integers 0 or 1, and booleans True.

    Returns:
        The same values for the same specs.

    Raises:
        InvalidInputError: a name that is no argument of forward, or a range that its dtype cannot have.
    """
    signature = inspect.signature(model.forward)
    bound = signature.bind_partial()
    if examples is not None:
        call = call_inputs(model, examples, None, None)
        bound = signature.bind(*call.args, **call.kwargs)
    names = list(signature.parameters)
    generator = torch.Generator().manual_seed(0)
    for key, spec in specs.items():
        name = names[int(key)] if key.isdigit() and int(key) < len(names) else key
        if name not in signature.parameters:
            raise InvalidInputError(
                f"input_specs: {name!r} is no argument of {type(model).__name__}.forward({', '.join(names)})"
            )
        bound.arguments[name] = _tensor(f"input_specs: {name}", spec, bound.arguments.get(name), generator)
    return bound.args, bound.kwargs


def _tensor(where: str, spec: Mapping[str, Any], example: Any, generator: torch.Generator) -> torch.Tensor:
    like = example if isinstance(example, torch.Tensor) else None
    if "shape" not in spec and like is None:
        raise InvalidInputError(f"{where}: give its shape, since the model has no example of it")
    shape = spec.get("shape", [] if like is None else list(like.shape))
    dtype = _dtype(spec["dtype"]) if "dtype" in spec else torch.float32 if like is None else like.dtype
    bounds = spec.get("range")
    if dtype is torch.bool:
        return torch.ones(shape, dtype=dtype)
    if not dtype.is_floating_point:
        return torch.randint(*_integers(where, bounds or [0, 2], dtype), shape, generator=generator, dtype=dtype)
    if bounds is None:
        return torch.randn(shape, generator=generator).to(dtype)
    low, high = bounds
    return torch.rand(shape, generator=generator).mul_(high - low).add_(low).to(dtype)


def _dtype(name: str) -> torch.dtype:
    dtype = _ALIASES.get(name) or getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype


def _integers(where: str, bounds: list[float], dtype: torch.dtype) -> tuple[int, int]:
    limits = torch.iinfo(dtype)
    low, high = (int(bound) for bound in bounds)
    if [low, high] != bounds or not limits.min <= low < high <= limits.max + 1:
        raise InvalidInputError(f"{where}: the range {bounds} is none of {str(dtype).removeprefix('torch.')}")
    return low, high
