"""Schema strings mean to us what they mean to torch, for every operator that torch has registered."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from modelexport import _core

SCHEMAS = [schema for schema in torch._C._jit_get_all_schemas() if "..." not in str(schema)]


def plain(value: Any) -> Any:
    """Numbers that compare equal to themselves."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return "nan" if isinstance(value, float) and math.isnan(value) else value


# What torch keeps as a number and we by name.
NAMES = {
    "MemoryFormat": ["contiguous_format", "preserve_format", "channels_last", "channels_last_3d"],
    "Layout": ["strided", "sparse_coo", "sparse_csr"],
    "ScalarType": ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"],
}


def expected_default(argument: Any, type_text: str) -> Any:
    names = NAMES.get(type_text.removesuffix("?"))
    value = argument.default_value
    return names[value] if names and isinstance(value, int) else plain(value)


def assert_same(schema: Any) -> None:
    ours = _core.describe_schema(str(schema))
    name, overload = schema.name, schema.overload_name
    assert ours["name"] == (f"{name}.{overload}" if overload else name)
    assert [a["name"] for a in ours["arguments"]] == [a.name for a in schema.arguments]
    assert len(ours["returns"]) == len(schema.returns)
    for our, torchs in zip(ours["arguments"], schema.arguments, strict=True):
        assert our["keyword_only"] == torchs.kwarg_only
        assert our["is_written"] == bool(torchs.alias_info and torchs.alias_info.is_write)
        assert ("default" in our) == torchs.has_default_value(), our["name"]
        if "default" in our:
            assert plain(our["default"]) == expected_default(torchs, our["type"]), our["name"]
        if torchs.alias_info and our["alias"] != "*":
            assert our["alias"] in torchs.alias_info.before_set or not torchs.alias_info.before_set
    for our, torchs in zip(ours["returns"], schema.returns, strict=True):
        assert our["is_written"] == bool(torchs.alias_info and torchs.alias_info.is_write)


def test_every_registered_schema() -> None:
    assert len(SCHEMAS) > 4000
    wrong = []
    for schema in SCHEMAS:
        try:
            assert_same(schema)
        except AssertionError as error:
            wrong.append(f"{schema}: {str(error).splitlines()[0]}")
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("text", ["", "aten::f", "aten::f(", "aten::f(Tensor", "aten::f(Tensor x=) -> ()"])
def test_what_is_no_schema(text: str) -> None:
    with pytest.raises(ValueError, match="offset"):
        _core.describe_schema(text)
