"""Makes classes that hold tensors known to torch's pytree, so that they can be a model's inputs and outputs.

torch.export takes tuples, lists, dicts and what has been registered apart. Anything else that a forward returns (a
dataclass, a key-value cache) is taken apart by its attributes here: those that hold tensors are its children, the
others go along as they are.
"""

from __future__ import annotations

import enum
from typing import Any

import torch
from torch.utils import _pytree as pytree

# Set on what _unflatten makes: torch also puts things into the tree that are no tensors (their dynamic shapes).
_CHILDREN = "_modelexport_children"
_PLAIN = (torch.Tensor, torch.nn.Module, enum.Enum, type, torch.SymInt, torch.SymFloat, torch.SymBool)


def register_containers(tree: Any) -> None:
    """Registers the class of every object in ``tree`` that is none of pytree's own kinds but has attributes."""
    for leaf in pytree.tree_leaves(tree):
        if _is_container(leaf):
            _register(type(leaf))
            register_containers(leaf)


def _is_container(leaf: object) -> bool:
    plain = isinstance(leaf, _PLAIN) or callable(leaf) or not hasattr(leaf, "__dict__")
    return not plain and _is_made_of_attributes(type(leaf))


def _is_made_of_attributes(cls: type) -> bool:
    """Whether attributes are all there is to an object; others, as files are, keep a state that Python cannot see."""
    try:
        object.__new__(cls)
    except TypeError:
        return False
    return True


def _register(cls: type) -> None:
    if cls not in pytree.SUPPORTED_NODES:
        pytree.register_pytree_node(
            cls,
            _flatten,
            lambda values, context: _unflatten(cls, values, context),
            flatten_with_keys_fn=_flatten_with_keys,
        )


def _flatten(container: Any) -> tuple[list[Any], Any]:
    names, values, fixed = [], [], {}
    known = vars(container).get(_CHILDREN, ())
    for name, value in vars(container).items():
        register_containers(value)
        if name in known or any(isinstance(leaf, torch.Tensor) for leaf in pytree.tree_leaves(value)):
            names.append(name)
            values.append(value)
        elif name != _CHILDREN:
            fixed[name] = value
    return values, (names, fixed)


def _flatten_with_keys(container: Any) -> tuple[list[tuple[Any, Any]], Any]:
    values, (names, fixed) = _flatten(container)
    keyed = [(pytree.GetAttrKey(name), value) for name, value in zip(names, values, strict=True)]
    return keyed, (names, fixed)


def _unflatten(cls: type, values: Any, context: Any) -> Any:
    names, fixed = context
    container: Any = object.__new__(cls)
    container.__dict__.update(fixed)
    container.__dict__.update(zip(names, values, strict=True))
    container.__dict__[_CHILDREN] = names
    return container
