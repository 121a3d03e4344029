"""Example inputs: a tensor, a tuple or a dict becomes arguments of the model's forward, checked and named."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from modelexport.containers import register_containers
from modelexport.exceptions import InvalidInputError


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One leaf of the inputs, in the order in which ``torch.export`` lists them.

    ``name`` is the argument's, with the keys and indices that lead to the leaf appended: ``mask``, ``cache_0_key``.
    """

    name: str
    value: Any

    @property
    def is_tensor(self) -> bool:
        return isinstance(self.value, torch.Tensor)


@dataclasses.dataclass(frozen=True)
class CallInputs:
    """The arguments of one call of forward."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    signature: inspect.Signature

    @property
    def keyword_parameter(self) -> str | None:
        """The name of forward's ``**kwargs``, if it has that."""
        kinds = {parameter.kind: parameter.name for parameter in self.signature.parameters.values()}
        return kinds.get(inspect.Parameter.VAR_KEYWORD)

    def arguments(self) -> dict[str, Any]:
        """By parameter name, as torch's ``dynamic_shapes`` wants them; ``*args`` is a tuple.

        Entries of ``**kwargs`` stand beside the others under their own names.
        """
        arguments: dict[str, Any] = dict(self.signature.bind(*self.args, **self.kwargs).arguments)
        entries: dict[str, Any] = arguments.pop(self.keyword_parameter or "", {})
        return arguments | entries

    def leaves(self) -> list[Leaf]:
        """All leaves, the positional arguments' first, then the keyword arguments' in the order given."""
        result = []
        for name, value in self.named_values():
            for path, leaf in pytree.tree_flatten_with_path(value)[0]:
                result.append(Leaf("_".join([name, *map(_key_text, path)]), leaf))
        return result

    def named_values(self) -> list[tuple[str, Any]]:
        """(name, value) of every argument in calling order; entries of ``*args`` are ``args_0``, ``args_1``, ..."""
        names: list[str] = []
        for parameter in self.signature.parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                names += [f"{parameter.name}_{i}" for i in range(len(self.args) - len(names))]
            elif parameter.kind is not parameter.KEYWORD_ONLY:
                names.append(parameter.name)
        return [*zip(names, self.args, strict=False), *self.kwargs.items()]

    def replace(self, leaves: Sequence[Any]) -> CallInputs:
        """The same call with other leaves, in the order of :meth:`leaves`."""
        spec = pytree.tree_structure((self.args, self.kwargs))
        args, kwargs = pytree.tree_unflatten(list(leaves), spec)
        return dataclasses.replace(self, args=args, kwargs=kwargs)


def _key_text(key: Any) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def call_inputs(
    model: torch.nn.Module, inputs: Any, keywords: Mapping[str, Any] | None, input_names: Sequence[str] | None
) -> CallInputs:
    """The call of ``model.forward`` that ``inputs`` means.

    A tensor (or anything else that is no tuple, list or mapping) is the one positional argument, a tuple or list the
    positional arguments, a mapping the keyword arguments - unless forward takes exactly one argument that is itself
    a mapping, which it then is. ``keywords`` are added. Where ``input_names`` are the arguments' own names in another
    order, the keyword arguments take that order, so that each keeps its name.

    Raises:
        InvalidInputError: the model has no forward, the arguments do not fit it, or they are on another device.
    """
    forward = _forward_of(model)
    signature = inspect.signature(forward)
    args, kwargs = _split(inputs, forward, signature)
    if keywords:
        kwargs = {**kwargs, **keywords}
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidInputError(
            f"the inputs do not fit {type(model).__name__}.forward{_short(signature)}: {error}"
        ) from None
    if input_names and not args and set(input_names) == set(kwargs):
        kwargs = {name: kwargs[name] for name in input_names}
    register_containers((args, kwargs))
    call = CallInputs(args, kwargs, signature)
    _check_devices(model, call)
    return call


def _forward_of(model: torch.nn.Module) -> Callable[..., Any]:
    forward = getattr(model, "forward", None)
    if not callable(forward) or getattr(forward, "__func__", None) is torch.nn.Module.forward:
        raise InvalidInputError(f"{type(model).__name__} has no forward method, so there is nothing to export")
    return typing.cast(Callable[..., Any], forward)


def _split(
    inputs: Any, forward: Callable[..., Any], signature: inspect.Signature
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(inputs, Mapping):
        if _takes_mapping(forward, signature) or not _binds(signature, inputs):
            return (inputs,), {}
        return (), dict(inputs)
    if isinstance(inputs, tuple | list) and not hasattr(inputs, "_fields"):
        return tuple(inputs), {}
    return (inputs,), {}


def _binds(signature: inspect.Signature, keywords: Mapping[str, Any]) -> bool:
    """Whether ``keywords`` go as keyword arguments, or at least look as if they were meant to."""
    named = [p for p in signature.parameters.values() if p.kind is not p.VAR_POSITIONAL]
    if any(p.kind is p.VAR_KEYWORD for p in named):
        return True
    names = {p.name for p in named}
    return len(names) != 1 or any(key in names for key in keywords)


def _takes_mapping(forward: Callable[..., Any], signature: inspect.Signature) -> bool:
    required = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(required) != 1:
        return False
    try:
        annotation = typing.get_type_hints(forward).get(required[0].name)
    except (NameError, TypeError, AttributeError):
        return False
    origin = typing.get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _short(signature: inspect.Signature) -> str:
    """The parameters' names, with those that may be left out in brackets."""
    parts = []
    for parameter in signature.parameters.values():
        prefix = "*" * (2 * (parameter.kind is parameter.VAR_KEYWORD) or parameter.kind is parameter.VAR_POSITIONAL)
        optional = parameter.default is not parameter.empty
        parts.append(f"[{parameter.name}]" if optional else prefix + parameter.name)
    return f"({', '.join(parts)})"


def _check_devices(model: torch.nn.Module, call: CallInputs) -> None:
    devices = {tensor.device for tensor in (*model.parameters(), *model.buffers())} or {torch.device("cpu")}
    for leaf in call.leaves():
        if leaf.is_tensor and len(devices) == 1 and leaf.value.device not in devices:
            raise InvalidInputError(
                f"input {leaf.name!r} is on device {leaf.value.device}, but the model is on {next(iter(devices))}"
            )


def describe(call: CallInputs) -> str:
    """One line about the inputs, for messages: ``x float32[2, 3], mask bool[2]``."""
    parts = []
    for leaf in call.leaves():
        if leaf.is_tensor:
            dtype = str(leaf.value.dtype).removeprefix("torch.")
            parts.append(f"{leaf.name} {dtype}{list(leaf.value.shape)}")
        else:
            parts.append(f"{leaf.name} {leaf.value!r}"[:60])
    return ", ".join(parts)
