"""The op table's keys are torch's own schema strings."""

from __future__ import annotations

import inspect
import math
import operator
from collections import Counter

import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed
import transformers.integrations.moe  # noqa: F401 (registers transformers::grouped_mm_fallback)

from modelexport import _core

SCHEMAS = _core.op_schemas()
PYTHON = {"_operator": operator, "math": math, "torch": torch, "builtins": __builtins__}


def split(schema: str) -> tuple[str, str, str]:
    """Namespace, operator and overload of a schema string."""
    space, _, rest = schema.partition("(")[0].partition("::")
    name, _, overload = rest.partition(".")
    return space, name, overload or "default"


@pytest.mark.parametrize("schema", [s for s in SCHEMAS if split(s)[0] not in (*PYTHON, "higher_order")])
def test_schema_is_registered(schema: str) -> None:
    space, name, overload = split(schema)
    assert str(getattr(getattr(getattr(torch.ops, space), name), overload)._schema) == schema


@pytest.mark.parametrize("schema", [s for s in SCHEMAS if split(s)[0] in PYTHON])
def test_arguments_of_python_functions(schema: str) -> None:
    space, name, _ = split(schema)
    module = PYTHON[space]
    function = module[name] if isinstance(module, dict) else getattr(module, name)
    arguments = [argument.split()[-1] for argument in schema.partition("(")[2].partition(")")[0].split(", ")]
    assert list(inspect.signature(function).parameters)[: len(arguments)] == [a.partition("=")[0] for a in arguments]


@pytest.mark.parametrize("schema", [s for s in SCHEMAS if s.startswith("higher_order::")])
def test_higher_order_operator_exists(schema: str) -> None:
    assert hasattr(torch.ops.higher_order, split(schema)[1])


def test_rows_are_unique() -> None:
    repeated = [schema for schema, count in Counter(SCHEMAS).items() if count > 1]
    assert repeated == []
