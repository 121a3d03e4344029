"""Measures which ONNX operators onnxruntime's CPU provider cannot run in which element type.

Makes one-node models over all operators of the default domain, every version of them from opset 14 on, and every
element type of every type variable, and lets onnxruntime load them. Prints the C++ table that
src/lower/kernel_gaps.cpp reads:

    python scripts/measure_kernel_gaps.py > src/lower/kernel_gaps_table.inc
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

FIRST_OPSET = 14
LAST_OPSET = 99  # "and later" in the table

# ONNX element type -> (name in support/dtype.h, types to compute in, best first).
TYPES: dict[str, tuple[int, str, list[str]]] = {
    "float": (TensorProto.FLOAT, "Float32", ["double"]),
    "uint8": (TensorProto.UINT8, "UInt8", ["int32", "int64", "float"]),
    "int8": (TensorProto.INT8, "Int8", ["int32", "int64", "float"]),
    "uint16": (TensorProto.UINT16, "UInt16", ["int32", "int64", "float"]),
    "int16": (TensorProto.INT16, "Int16", ["int32", "int64", "float"]),
    "int32": (TensorProto.INT32, "Int32", ["int64", "double", "float"]),
    "int64": (TensorProto.INT64, "Int64", ["double", "int32", "float"]),
    "bool": (TensorProto.BOOL, "Bool", ["uint8", "int32", "int64", "float"]),
    "float16": (TensorProto.FLOAT16, "Float16", ["float", "double"]),
    "double": (TensorProto.DOUBLE, "Float64", ["float"]),
    "uint32": (TensorProto.UINT32, "UInt32", ["int64", "double", "float"]),
    "uint64": (TensorProto.UINT64, "UInt64", ["int64", "double", "float"]),
    "bfloat16": (TensorProto.BFLOAT16, "BFloat16", ["float", "double"]),
}
# A type for the variables that are not being measured.
PREFERRED = ["float", "int64", "int32", "bool", "uint8"]

# Casts have a kernel for every pair; bodies of control flow have none of their own.
NOT_MEASURED = {"Cast", "CastLike", "If", "Loop", "Scan"}

# Attributes that onnxruntime wants to see, whatever the schema says.
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "AveragePool": {"kernel_shape": [1, 1]},
    "BitShift": {"direction": "LEFT"},
    "Cast": {"to": TensorProto.FLOAT},
    "Concat": {"axis": 0},
    "ConcatFromSequence": {"axis": 0},
    "DepthToSpace": {"blocksize": 2},
    "Einsum": {"equation": "ij->ji"},
    "GRU": {"hidden_size": 2},
    "GroupNormalization": {"num_groups": 1},
    "LSTM": {"hidden_size": 2},
    "LRN": {"size": 1},
    "LpPool": {"kernel_shape": [1, 1]},
    "MaxPool": {"kernel_shape": [1, 1]},
    "MaxUnpool": {"kernel_shape": [1, 1]},
    "RNN": {"hidden_size": 2},
    "RandomNormal": {"shape": [1]},
    "RandomUniform": {"shape": [1]},
    "SpaceToDepth": {"blocksize": 2},
}
# Optional inputs that onnxruntime wants to see.
NEEDED = {"Resize": "scales"}


def elem_types(schema: onnx.defs.OpSchema, variable: str) -> set[str]:
    """Element types that `variable` of `schema` may have, as ONNX spells them."""
    for constraint in schema.type_constraints:
        if constraint.type_param_str == variable:
            return {t[7:-1] for t in constraint.allowed_type_strs if t.startswith("tensor(")}
    return {variable[7:-1]} if variable.startswith("tensor(") else set()


def required_inputs(schema: onnx.defs.OpSchema) -> list[str]:
    """Type strings of the inputs that have to be given (a variadic one once)."""
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    return [formal.type_str for formal in schema.inputs if formal.option != optional]


def loads(schema: onnx.defs.OpSchema, opset: int, types: dict[str, str], only_variable: str | None = None) -> bool:
    """Whether onnxruntime loads the operator with the type variables set as in `types`.

    Optional inputs are left out, but for those of `only_variable` and those that are NEEDED.
    """
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    names, inputs = [], []
    for i, formal in enumerate(schema.inputs):
        is_needed = formal.type_str == only_variable or formal.name == NEEDED.get(schema.name)
        if formal.option == optional and not is_needed:
            names.append("")
            continue
        elem = types.get(formal.type_str) or formal.type_str[7:-1]
        names.append(f"i{i}")
        inputs.append(helper.make_tensor_value_info(f"i{i}", TYPES[elem][0], None))
    while names and not names[-1]:
        names.pop()
    outputs = [f"o{i}" for i in range(schema.min_output)]
    node = helper.make_node(schema.name, names, outputs, **ATTRIBUTES.get(schema.name, {}))
    values = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph([node], "g", inputs, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:  # onnxruntime raises another class for every reason
        return False
    return True


def newest_opset() -> int:
    """The newest opset that the installed onnxruntime loads."""
    schema = onnx.defs.get_schema("Relu", FIRST_OPSET)
    return max(o for o in range(FIRST_OPSET, onnx.defs.onnx_opset_version() + 1) if loads(schema, o, {"T": "float"}))


def versions(name: str, newest: int) -> Iterator[tuple[int, int, onnx.defs.OpSchema]]:
    """(first opset, last opset, schema) of every version of an operator in use from FIRST_OPSET to `newest`."""
    first = FIRST_OPSET
    for opset in range(FIRST_OPSET, newest + 1):
        try:
            schema = onnx.defs.get_schema(name, opset)
            following = None if opset == newest else onnx.defs.get_schema(name, opset + 1)
        except onnx.defs.SchemaError:
            first = opset + 1
            continue
        if following is None or following.since_version != schema.since_version:
            if not schema.deprecated:
                yield first, LAST_OPSET if following is None else opset, schema
            first = opset + 1


def gaps(schema: onnx.defs.OpSchema, opset: int, variable: str) -> dict[str, list[str]]:
    """Type to compute in -> types of `variable` that have no kernel and can be computed in it."""
    variables = {i.type_str for i in schema.inputs}
    allowed = {v: elem_types(schema, v) & TYPES.keys() for v in variables}
    others = {v: next((t for t in PREFERRED if t in allowed[v]), None) for v in variables}
    if any(t is None for v, t in others.items() if v in required_inputs(schema)):
        return {}
    base = {v: t for v, t in others.items() if t is not None}

    def runs_in(elem: str) -> bool:
        """With the other variables at their usual type, or, for kernels that want it so, at the same one."""
        same = {v: elem if elem in allowed[v] else t for v, t in base.items()}
        return loads(schema, opset, {**base, variable: elem}, variable) or loads(schema, opset, same, variable)

    runs = {elem for elem in allowed[variable] if runs_in(elem)}
    found = defaultdict(list)
    for missing in TYPES:
        compute = next((c for c in TYPES[missing][2] if c in runs), None)
        if missing not in runs and compute is not None:
            found[compute].append(missing)
    return found


@dataclass(frozen=True)
class Row:
    """What the table says of an operator's inputs `inputs` (a bit mask): compute `missing` in `compute`."""

    op_type: str
    inputs: int
    compute: str
    missing: tuple[str, ...]


def input_masks(schema: onnx.defs.OpSchema) -> dict[str, int]:
    """Type variable -> bit mask of the inputs that have it; a variadic input sets all bits from its own on."""
    variadic = onnx.defs.OpSchema.FormalParameterOption.Variadic
    masks: dict[str, int] = {}
    for i, formal in enumerate(schema.inputs):
        mask = 0xFFFFFFFF & ~((1 << i) - 1) if formal.option == variadic else 1 << i
        masks[formal.type_str] = masks.get(formal.type_str, 0) | mask
    return masks


def spans(newest: int) -> Iterator[tuple[Row, int, int]]:
    """The rows with the span of opsets for which they hold, neighbouring spans joined."""
    for name in sorted({s.name for s in onnx.defs.get_all_schemas() if s.domain == ""} - NOT_MEASURED):
        found: dict[Row, tuple[int, int]] = {}
        for first, last, schema in versions(name, newest):
            for variable, mask in input_masks(schema).items():
                for compute, missing in gaps(schema, min(last, newest), variable).items():
                    row = Row(name, mask, compute, tuple(missing))
                    start, end = found.get(row, (first, first - 1))
                    if end != first - 1:
                        yield row, start, end
                        start = first
                    found[row] = (start, last)
        yield from ((row, *span) for row, span in found.items())


def main() -> None:
    """Prints the table."""
    newest = newest_opset()
    print(f"// Generated by scripts/measure_kernel_gaps.py with onnxruntime {ort.__version__}, opsets 14 to {newest}.")
    for row, first, last in spans(newest):
        names = ", ".join(TYPES[m][1] for m in row.missing)
        compute = TYPES[row.compute][1]
        print(f'{{"{row.op_type}", 0x{row.inputs:x}, {first}, {last}, DType::{compute}, types({{{names}}})}},')


if __name__ == "__main__":
    main()
