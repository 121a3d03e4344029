"""Users' own lowerings: a Python callable per ATen or custom overload, which writes ONNX by calling onnxscript.

The callable is what ``torch.onnx.export`` takes in its ``custom_translation_table``: a plain function that calls
operators of an onnxscript opset, or one decorated with ``onnxscript.script()``. It is called once for every call of the
overload, with the call's arguments: tensors (and symbolic integers) as ``onnxscript.ir.Value`` with type and shape,
everything else as it is, dtypes as ONNX's integers. What it emits becomes nodes of the module call being lowered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from modelexport.exceptions import InvalidInputError

# An overload and the function that writes ONNX for it.
Table = Mapping[Any, Callable[..., Any]]


class Translations:
    """What the core asks for each call of an overload in ``table``; graphs are of opset ``opset``."""

    def __init__(self, table: Table, opset: int) -> None:
        try:
            import onnxscript
        except ImportError as error:
            raise InvalidInputError(
                "custom_translation_table needs the package onnxscript, which is not there"
            ) from error
        self._functions = {overload.name(): (overload, function) for overload, function in table.items()}
        self._opset = opset
        self._script_opset = onnxscript.values.Opset("", opset)

    @property
    def targets(self) -> list[str]:
        """The overloads as the core calls them: ``aten::add.Tensor``."""
        return list(self._functions)

    def tensor(self, dtype: int, shape: Sequence[int | str | None] | None) -> Any:
        """A value of ONNX type ``dtype`` to call a function with."""
        from onnxscript import ir
        from torch.onnx._internal.exporter._tensors import SymbolicTensor

        sizes = None if shape is None else ir.Shape(shape)
        return SymbolicTensor(self._script_opset, shape=sizes, type=ir.TensorType(ir.DataType(dtype)))

    def translate(self, target: str, arguments: Sequence[tuple[str, Any]]) -> bytes:
        """The bytes of a model that computes one call: its inputs are the tensors in ``arguments``, in order.

        Raises:
            InvalidInputError: the function fails, or uses an operator that opset ``opset`` has in another form.
        """
        overload, function = self._functions[target]
        try:
            return self._traced(function, *_as_called(overload, arguments))
        except InvalidInputError:
            raise
        except Exception as error:
            root: BaseException = error
            while root.__cause__ is not None:
                root = root.__cause__
            name = getattr(function, "__name__", None) or type(function).__name__
            raise InvalidInputError(f"its translation {name} fails: {type(root).__name__}: {root}") from error

    def _traced(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
        from onnxscript import evaluator, ir
        from torch.onnx._internal.exporter._building import OpRecorder

        inputs = [value for argument in (*args, *kwargs.values()) for value in _values(argument)]
        for i, value in enumerate(inputs):
            value.name = f"input_{i}"
        recorder = OpRecorder(self._script_opset, {})  # type: ignore[abstract]
        with evaluator.default_as(recorder):
            results = function(*args, **kwargs)
        outputs = list(results) if isinstance(results, tuple | list) else [results]
        for output in outputs:
            if not isinstance(output, ir.Value):
                raise TypeError(f"it returns {output!r}, which is no value of the graph")
        graph = ir.Graph(inputs, outputs, nodes=recorder.nodes, opset_imports={"": self._opset}, name="translation")
        model = ir.Model(graph, ir_version=10)
        functions: Mapping[Any, Any] = recorder.functions
        for identifier, called in functions.items():
            is_made = isinstance(called, ir.Function)
            model.functions[identifier] = (
                called if is_made else ir.serde.deserialize_function(called.to_function_proto())
            )
        return self._serialised(model)

    def _serialised(self, model: Any) -> bytes:
        """The model with its functions inlined, every node in the form that the opset has."""
        import onnx_ir.passes.common as passes
        from onnxscript import ir

        passes.InlinePass()(model)
        passes.NameFixPass()(model)
        for node in model.graph.all_nodes():
            if node.domain in ("", "ai.onnx"):
                _check_form(node, self._opset)
            else:
                model.graph.opset_imports.setdefault(node.domain, node.version or 1)
        return bytes(ir.to_proto(model).SerializeToString())


def _as_called(
    overload: torch._ops.OpOverload, arguments: Sequence[tuple[str, Any]]
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments as torch records a call: defaults are left out where no later one is given."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    needed = 0
    for schema, (name, value) in zip(overload._schema.arguments, arguments, strict=True):
        given = not (schema.has_default_value() and not _values(value) and value == schema.default_value)
        if schema.kwarg_only and given:
            # As torch.onnx has it: -1 stands for no dtype.
            kwargs[name] = -1 if name == "dtype" and value is None else value
        elif not schema.kwarg_only:
            args.append(value)
            needed = len(args) if given else needed
    return args[:needed], kwargs


def _values(argument: Any) -> list[Any]:
    """The values of the graph in an argument."""
    from onnxscript import ir

    if isinstance(argument, ir.Value):
        return [argument]
    return [value for item in argument for value in _values(item)] if isinstance(argument, list) else []


def _check_form(node: Any, opset: int) -> None:
    import onnx

    try:
        schema = onnx.defs.get_schema(node.op_type, opset, "")
    except onnx.defs.SchemaError:
        raise InvalidInputError(f"its translation uses {node.op_type}, which opset {opset} does not have") from None
    version = node.version
    if version is not None and onnx.defs.get_schema(node.op_type, version, "").since_version != schema.since_version:
        raise InvalidInputError(
            f"its translation uses {node.op_type} of opset {version}, which opset {opset} has in another form "
            f"(of opset {schema.since_version}); take the operators from onnxscript.opset{opset}"
        )
