"""What went into and came out of every module call of an eager run."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from modelexport.attributes import attributes_preserved
from modelexport.containers import register_containers
from modelexport.export_branches import export_branches
from modelexport.naming import named_modules

Call = tuple[str, int]
"""A module call: dotted path (``""`` for the root) and call index in execution order."""

ROOT: Call = ("", 0)


@dataclass
class SeenCall:
    """Copies of the tensors of one call where they are kept, their bytes, and all names of its module."""

    parent: Call | None
    names: tuple[str, ...]
    inputs: list[torch.Tensor] = field(default_factory=list)
    outputs: list[torch.Tensor] = field(default_factory=list)
    nbytes: int = 0


def _tensors(tree: Any) -> list[torch.Tensor]:
    register_containers(tree)
    return [leaf.detach() for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


class _OneOrder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sorts as ONNX does where torch leaves the order open: equal keys as they came, the largest first."""

    supports_higher_order_operators = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.ops.aten.sort.default:
            given = dict(zip(("self", "dim", "descending"), args, strict=False))
            return torch.ops.aten.sort.stable(stable=True, **{**given, **kwargs})
        if func is torch.ops.aten.topk.default and args[0].dim() > 0:
            return _topk_in_order(**dict(zip(("x", "k", "dim", "largest"), args, strict=False)), **kwargs)
        return func(*args, **kwargs)


def _topk_in_order(
    x: torch.Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    values, order = torch.sort(x, stable=True, dim=dim, descending=largest)
    return values.narrow(dim, 0, k).contiguous(), order.narrow(dim, 0, k).contiguous()


def _spoiled(output: Any, index: int) -> Any:
    """``output`` with other numbers in its tensor number ``index``."""
    leaves, spec = pytree.tree_flatten(output)
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
    tensor = leaves[places[index]]
    leaves[places[index]] = torch.full_like(tensor, torch.nan if tensor.dtype.is_floating_point else 0)
    return pytree.tree_unflatten(leaves, spec)


def record_calls(
    model: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    spoil: tuple[Call, int] | None = None,
    keep: Container[Call] | None = None,
) -> dict[Call, SeenCall]:
    """Runs ``model`` once and returns the tensors that went into and came out of every module call.

    ``spoil`` names an output, by call and number, that is replaced by other numbers on its way to the caller; ``keep``
    has the calls whose tensors are kept, if not those of all.
    """
    seen: dict[Call, SeenCall] = {}
    counts: dict[str, int] = defaultdict(int)
    running: list[Call] = []
    handles = []
    args, kwargs = copy.deepcopy((args, dict(kwargs)))  # forward may write to them, as to a key-value cache
    names: dict[int, list[str]] = defaultdict(list)
    for name, module in named_modules(model):
        names[id(module)].append(name)

    def see(call: Call, tree: Any) -> list[torch.Tensor]:
        """Copies, if they are kept: later in-place operations must not change what was seen."""
        tensors = _tensors(tree)
        seen[call].nbytes += sum(tensor.nbytes for tensor in tensors)
        return [tensor.clone() for tensor in tensors] if keep is None or call in keep else []

    def before(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        # A module known under several names is meant by the one below the module that calls it.
        caller = f"{running[-1][0]}." if running else ""
        known = tuple(names[id(module)])
        name = next((alias for alias in known if alias.startswith(caller)), known[0])
        call = (name, counts[name])
        counts[name] += 1
        seen[call] = SeenCall(running[-1] if running else None, known)
        seen[call].inputs = see(call, (args, kwargs))
        running.append(call)

    def after(module: torch.nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        call = running.pop()
        seen[call].outputs = see(call, output)
        return _spoiled(output, spoil[1]) if spoil is not None and spoil[0] == call else None

    for module in model.modules():
        handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        handles.append(module.register_forward_hook(after, with_kwargs=True))
    try:
        # What forward remembers of a run, as a table of positions, the next run must not find.
        with attributes_preserved(model), torch.no_grad(), export_branches(), _OneOrder():  # type: ignore[no-untyped-call]
            model(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
    return seen


@dataclass(frozen=True)
class EagerRuns:
    """A module and inputs for it, run as often as there are questions about its calls."""

    model: torch.nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def calls(self, keep: Container[Call]) -> dict[Call, SeenCall]:
        """What :func:`record_calls` sees."""
        return record_calls(self.model, self.args, self.kwargs, keep=keep)

    def is_used(self, call: Call, index: int, seen: Mapping[Call, SeenCall]) -> bool:
        """Whether the model's results depend on an output: they change, or the run fails, when it is spoiled."""
        if call == ROOT:
            return True
        try:
            results = record_calls(self.model, self.args, self.kwargs, (call, index), keep={ROOT})[ROOT].outputs
        except Exception:
            return True
        return not all(
            a.shape == b.shape and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
            for a, b in zip(results, seen[ROOT].outputs, strict=True)
        )

    def varying(
        self, outputs: Mapping[Call, Iterable[int]], seen: Mapping[Call, SeenCall]
    ) -> Mapping[Call, Iterable[int]]:
        """Those outputs that change when every input has its elements in another order; all, if that run fails."""
        args, kwargs = pytree.tree_map_only(
            torch.Tensor, lambda given: given.flatten().roll(1).reshape(given.shape), (self.args, dict(self.kwargs))
        )
        try:
            varied = record_calls(self.model, args, kwargs, keep=outputs)
        except Exception:
            return outputs

        def varies(call: Call, index: int) -> bool:
            return call not in varied or not torch.equal(varied[call].outputs[index], seen[call].outputs[index])

        return {call: [index for index in numbers if varies(call, index)] for call, numbers in outputs.items()}


def calls_around(call: Call, seen: Mapping[Call, SeenCall]) -> list[Call]:
    """The call and those around it, as eager mode made them; a call that never happened stands alone."""
    chain = [call]
    while call in seen and (parent := seen[call].parent) is not None:
        chain.append(parent)
        call = parent
    return chain
