"""Calls for the rows of the op table: from torch's samples (OpInfo) where there are some."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch.utils import _pytree as pytree

from tests.ops.harness import Operation
from tests.ops.opinfo import DTYPES, entries, samples

# Samples of an entry that are tried, and those that a row takes of each dtype.
TRIED, TAKEN = 40, {"float32": 2, "int64": 1, "bool": 1}


def overload_of(schema: str) -> torch._ops.OpOverload:
    """The operator that a row's schema names."""
    space, _, rest = schema.partition("(")[0].partition("::")
    name, _, overload = rest.partition(".")
    found = getattr(getattr(getattr(torch.ops, space), name), overload or "default")
    assert isinstance(found, torch._ops.OpOverload)
    return found


@cache
def _entries_by_name() -> dict[str, list[str]]:
    """The entries that have samples for an ATen operator, whatever its overload."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, entry in entries().items():
        short = entry.name.removeprefix("nn.functional.").replace(".", "_")
        aliases = [alias.name.replace(".", "_") for alias in entry.aliases]
        for key in {entry.aten_name, short, entry.name.rpartition(".")[2], *aliases}:
            found[key].append(name)
    return found


def functional_name(name: str) -> str:
    """The operator that ``name`` is the in-place form of: "add" for "add_", "__and__" for "__iand__"."""
    if name.startswith("__i") and name.endswith("__"):
        return f"__{name[3:]}"
    return name if name.endswith("__") else name.removesuffix("_")


def _adapted(value: Any, kind: str) -> Any:
    """A tensor where the schema has one, a number where it has one."""
    if kind == "Tensor" and isinstance(value, bool | int | float | complex):
        return torch.tensor(value)
    if kind in ("number", "Optional[number]") and isinstance(value, torch.Tensor) and value.numel() == 1:
        return value.item()
    return value


def _bound(schema: torch.FunctionSchema, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of a sample by the schema's names; None when it does not take them."""
    named = dict(kwargs)
    for argument, value in zip([a for a in schema.arguments if not a.kwarg_only], args, strict=False):
        if argument.name in named:
            return None
        named[argument.name] = value
    if len(args) > len(schema.arguments) or named.keys() - {argument.name for argument in schema.arguments}:
        return None
    return {a.name: _adapted(named[a.name], str(a.type)) for a in schema.arguments if a.name in named}


def _with_results(overload: torch._ops.OpOverload, named: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments with tensors to write to; None when the call does not work."""
    outs = [a.name for a in overload._schema.arguments if a.is_out]
    for functional in [getattr(overload._overloadpacket, name) for name in overload._overloadpacket.overloads()]:
        if any(argument.is_out for argument in functional._schema.arguments):
            continue
        try:
            results = pytree.tree_leaves(functional(**pytree.tree_map_only(torch.Tensor, torch.clone, named)))
        except Exception:
            continue
        if len(results) == len(outs):
            return named | {name: torch.zeros_like(result) for name, result in zip(outs, results, strict=True)}
    return None


def _works(overload: torch._ops.OpOverload, named: dict[str, Any]) -> bool:
    try:
        overload(**pytree.tree_map_only(torch.Tensor, torch.clone, named))
    except Exception:
        return False
    return True


def _candidates(overload: torch._ops.OpOverload, entry: str, dtype: str) -> Iterator[Operation]:
    schema = overload._schema
    for sample in samples(entry, dtype, TRIED):
        named = _bound(schema, (sample.input, *sample.args), sample.kwargs)
        if named is not None and any(argument.is_out for argument in schema.arguments):
            named = _with_results(overload, named)
        if named is not None and _works(overload, named):
            positional = [a.name for a in schema.arguments if not a.kwarg_only]
            given = list(itertools.takewhile(named.__contains__, positional))
            rest = {key: value for key, value in named.items() if key not in given}
            yield Operation(overload, [named[key] for key in given], rest)


def calls(overload: torch._ops.OpOverload) -> list[Operation]:
    """Some calls of the operator, from the samples that its schema takes."""
    name = functional_name(overload._schema.name.partition("::")[2])
    found: list[Operation] = []
    for entry in _entries_by_name().get(name, []):
        for dtype, count in TAKEN.items():
            if DTYPES[dtype] in entries()[entry].supported_dtypes("cpu"):
                found += itertools.islice(_candidates(overload, entry, dtype), count)
    return found[:6]
