"""Dynamic axes: what the user asks for becomes torch's ``dynamic_shapes``, with example inputs that allow it.

``torch.export`` takes an axis of size 1 in the example for a constant. So an example that has size 1 (or 0) on an axis
that is to be dynamic is repeated to another size before the capture, on all axes of the same name alike.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.export import Dim
from torch.utils import _pytree as pytree

from modelexport.exceptions import InvalidInputError
from modelexport.inputs import CallInputs, Leaf
from modelexport.options import ExportOptions


@dataclasses.dataclass(frozen=True)
class DynamicAxis:
    """Axis ``axis`` of leaf ``leaf`` is dynamic; ``name`` is the user's, if there is one.

    ``size`` gives the axis' size from that of the dimension ``group`` (they differ for torch's derived dimensions).
    An axis that is not ``required`` (torch's ``Dim.AUTO``) may turn out to be fixed.
    """

    leaf: int
    axis: int
    name: str | None
    group: str
    minimum: int = 2
    size: Callable[[int], int] = int
    required: bool = True


@dataclasses.dataclass(frozen=True)
class DynamicPlan:
    """The call to capture, its dynamic shapes as torch takes them, and the axes that were asked for."""

    call: CallInputs
    dynamic_shapes: Any
    axes: Sequence[DynamicAxis]
    output_axes: Sequence[str] = ()


def plan_dynamic(call: CallInputs, options: ExportOptions) -> DynamicPlan:
    """What ``dynamic_axes`` or ``dynamic_shapes`` ask for.

    Raises:
        InvalidInputError: a name, an axis or a size that does not fit the inputs.
    """
    if options.dynamic_axes:
        return _from_axes(call, options.dynamic_axes, options.input_names)
    if options.dynamic_shapes:
        return _from_shapes(call, options.dynamic_shapes)
    return DynamicPlan(call, None, ())


# ---- dynamic_axes: {"input": {0: "batch"}} or {"input": [0, 1]} ------------------------------------------------------


def _from_axes(call: CallInputs, dynamic_axes: Mapping[str, Any], input_names: Sequence[str] | None) -> DynamicPlan:
    leaves = call.leaves()
    tensors = [i for i, leaf in enumerate(leaves) if leaf.is_tensor]
    by_name = {leaves[i].name: i for i in tensors}
    by_name |= dict(zip(input_names or (), tensors, strict=False))
    axes = []
    outputs = []
    for name, entries in dynamic_axes.items():
        if name in by_name:
            axes += list(_axes_of(by_name[name], name, leaves[by_name[name]], entries))
        else:
            outputs.append(name)
    call = _resized(call, axes)
    shapes: list[Any] = [None] * len(leaves)
    for axis in axes:
        shapes[axis.leaf] = {**(shapes[axis.leaf] or {}), axis.axis: Dim.DYNAMIC}
    return DynamicPlan(call, _structured(call, shapes), axes, outputs)


def _axes_of(index: int, name: str, leaf: Leaf, entries: Any) -> Iterator[DynamicAxis]:
    if isinstance(entries, Mapping):
        pairs = list(entries.items())
    elif isinstance(entries, Sequence) and not isinstance(entries, str):
        pairs = [(entry, None) for entry in entries]
    else:
        raise InvalidInputError(f"dynamic_axes[{name!r}] must be a dict or a list of axes, not {entries!r}")
    for key, dim_name in pairs:
        axis = _axis(name, key, leaf.value.dim())
        if dim_name is not None and not isinstance(dim_name, str):
            raise InvalidInputError(f"dynamic_axes[{name!r}][{key!r}] must be a name, not {dim_name!r}")
        dim_name = dim_name or f"{name}_dynamic_axes_{axis}"  # torch.onnx's own choice
        yield DynamicAxis(index, axis, dim_name, dim_name)


def _axis(name: str, key: Any, rank: int) -> int:
    """An axis given as an integer or, as JSON has it, a string."""
    try:
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise ValueError
        axis = int(key)
    except ValueError:
        raise InvalidInputError(f"dynamic_axes[{name!r}] names axis {key!r}, which is no integer") from None
    if not -rank <= axis < rank:
        raise InvalidInputError(f"dynamic_axes[{name!r}] names axis {axis}, but the input has {rank} dimensions")
    return axis % rank


def _structured(call: CallInputs, shapes: Sequence[Any]) -> Any:
    """One entry a leaf, in the structure that ``torch.export`` wants: keyed by the parameters' names."""
    collection = torch.export.ShapesCollection()  # type: ignore[no-untyped-call]
    for leaf, shape in zip(call.leaves(), shapes, strict=True):
        if shape is not None:
            collection[leaf.value] = shape
    return collection


# ---- torch's dynamic_shapes ------------------------------------------------------------------------------------------


def _from_shapes(call: CallInputs, dynamic_shapes: Any) -> DynamicPlan:
    if hasattr(dynamic_shapes, "dynamic_shapes"):  # ShapesCollection, AdditionalInputs
        return DynamicPlan(call, dynamic_shapes, ())
    call = _resized(call, ())
    if isinstance(dynamic_shapes, Mapping):
        dynamic_shapes = _by_argument(dynamic_shapes, call)
    leaves = {id(leaf.value): i for i, leaf in enumerate(call.leaves()) if leaf.is_tensor}
    axes = list(_shape_axes(call.arguments(), dynamic_shapes, leaves))
    return DynamicPlan(_resized(call, axes), _without_names(dynamic_shapes), axes)


def _by_argument(shapes: Mapping[str, Any], call: CallInputs) -> dict[str, Any]:
    """An entry for every argument, those of ``**kwargs`` taken out of the entry of that name."""
    arguments = call.arguments()
    keyword = call.keyword_parameter
    named = {name: shape for name, shape in shapes.items() if name != keyword or name in arguments}
    named |= (shapes.get(keyword) or {}) if keyword and keyword not in arguments else {}
    for name in named:
        if name not in arguments:
            raise InvalidInputError(
                f"dynamic_shapes names {name!r}, which is no input of the model: {', '.join(arguments)}"
            )
    return {name: named.get(name) for name in arguments}


def _shape_axes(value: Any, shapes: Any, leaves: Mapping[int, int]) -> Iterator[DynamicAxis]:
    """The axes that ``shapes`` makes dynamic, walked along the inputs that it describes.

    What does not fit the inputs is passed over here: torch checks it, and says so.
    """
    if shapes is None:
        return
    if isinstance(value, torch.Tensor):
        items = shapes.items() if isinstance(shapes, Mapping) else enumerate(shapes)
        for axis, dim in items:
            if isinstance(axis, int) and -value.dim() <= axis < value.dim():
                yield from _shape_axis(leaves[id(value)], axis % value.dim(), dim)
        return
    if isinstance(value, Mapping) and isinstance(shapes, Mapping):
        pairs = [(value[key], shapes[key]) for key in value if key in shapes]
    elif isinstance(shapes, Mapping | tuple | list):
        children = pytree.tree_leaves(value, is_leaf=lambda part: part is not value)
        pairs = list(zip(children, shapes.values() if isinstance(shapes, Mapping) else shapes, strict=False))
    else:
        pairs = []
    for part, shape in pairs:
        yield from _shape_axes(part, shape, leaves)


def _shape_axis(leaf: int, axis: int, dim: Any) -> Iterator[DynamicAxis]:
    if dim is None or isinstance(dim, int) or dim is Dim.STATIC:
        return
    if isinstance(dim, str):
        yield DynamicAxis(leaf, axis, dim, dim)
    elif hasattr(dim, "root"):  # 2*batch
        yield DynamicAxis(leaf, axis, None, dim.root.__name__, size=dim.fn)
    elif isinstance(dim, Dim):
        yield DynamicAxis(leaf, axis, dim.__name__, dim.__name__, minimum=max(2, dim.min))
    else:
        yield DynamicAxis(leaf, axis, None, f"{leaf}_{axis}", required=getattr(dim, "type", None) is not Dim.AUTO.type)


def _without_names(shapes: Any) -> Any:
    """``torch.onnx`` lets a plain name stand for a dynamic axis; torch itself does not."""
    if isinstance(shapes, str):
        return Dim.DYNAMIC
    if isinstance(shapes, Mapping):
        return {key: _without_names(value) for key, value in shapes.items()}
    if isinstance(shapes, tuple | list):
        return type(shapes)(_without_names(value) for value in shapes)
    return shapes


# ---- sizes that torch does not take for constants --------------------------------------------------------------------


def _resized(call: CallInputs, axes: Sequence[DynamicAxis]) -> CallInputs:
    """The call with every tensor an object of its own, and sizes 0 and 1 of dynamic axes replaced."""
    values = [leaf.value.detach() if leaf.is_tensor else leaf.value for leaf in call.leaves()]
    sizes: dict[str, int] = {}
    for axis in axes:
        if axis.size is int:
            size = values[axis.leaf].shape[axis.axis]
            sizes[axis.group] = max(sizes.get(axis.group, 0), size if size > 1 else axis.minimum if size else 2)
    for axis in axes:
        value = values[axis.leaf]
        size = axis.size(sizes.get(axis.group, value.shape[axis.axis]))
        if value.shape[axis.axis] < 2 or axis.size is not int:
            values[axis.leaf] = _repeat_to(value, axis.axis, size)
    return call.replace(values)


def _repeat_to(value: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    """``value`` with ``size`` entries along ``axis``, its own repeated in order (zeros where there are none)."""
    present = value.shape[axis]
    if present == size:
        return value
    if present == 0:
        return value.new_zeros([*value.shape[:axis], size, *value.shape[axis + 1 :]])
    return value.index_select(axis, torch.arange(size, device=value.device) % present)
