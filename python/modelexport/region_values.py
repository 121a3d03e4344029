"""The values of the tensors of an ONNX file, as many at a time as there is room for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch


def in_batches(items: Iterable[Any], sizes: Mapping[Any, int], budget: int) -> Iterator[list[Any]]:
    """The items in order, as many at a time as have at most ``budget`` bytes together, but at least one."""
    batch: list[Any] = []
    used = 0
    for item in items:
        if batch and used + sizes[item] > budget:
            yield batch
            batch, used = [], 0
        batch.append(item)
        used += sizes[item]
    if batch:
        yield batch


class TensorValues:
    """Runs a file in onnxruntime, optimisation off, for the values of tensors of its main graph.

    Args:
        path: the file.
        feeds: inputs as numpy arrays by name.
        budget: bytes. When all values fit, they are computed once; else the file runs again for those asked for.

    Attributes:
        model: the onnx.ModelProto, without external data.
        initializers: the names of its initializers.
        nbytes: for each tensor that a node makes, its bytes as far as the file tells its shape, else 0.
    """

    def __init__(self, path: Path, feeds: Mapping[str, Any], budget: int) -> None:
        import onnx

        self.model: Any = onnx.load(str(path), load_external_data=False)
        self._path, self._feeds = path, dict(feeds)
        graph = self.model.graph
        self.initializers = {tensor.name for tensor in graph.initializer}
        self._types = {info.name: info for info in (*graph.value_info, *graph.output)}
        named = {
            dim.dim_param: size
            for given in graph.input
            if given.name in feeds
            for dim, size in zip(given.type.tensor_type.shape.dim, feeds[given.name].shape, strict=False)
            if dim.dim_param
        }
        self._sizes = {name: _size(info, named) for name, info in self._types.items()}
        made = [name for node in graph.node for name in node.output if name]
        self.nbytes = {name: self._bytes(name) for name in made}
        self._known = {name: torch.as_tensor(array) for name, array in feeds.items()}
        self.all_fit = sum(self.nbytes.values()) <= budget
        if self.all_fit and made:
            self._known |= self._run(made)

    def numel(self, name: str) -> int | None:
        """How many elements a tensor has, as far as the file tells."""
        return self._sizes.get(name)

    def bytes_to_run(self, names: Iterable[str]) -> int:
        """Bytes of those of ``names`` that are not at hand."""
        return 0 if self.all_fit else sum(self.nbytes.get(name, 0) for name in names)

    def of(self, names: Iterable[str]) -> dict[str, torch.Tensor]:
        """The values of the inputs, and of those of ``names`` that are tensors made by nodes."""
        missing = [name for name in dict.fromkeys(names) if name in self.nbytes]
        return self._known if self.all_fit or not missing else self._known | self._run(missing)

    def _bytes(self, name: str) -> int:
        import onnx

        elements = self.numel(name)
        if elements is None:
            return 0
        dtype = onnx.helper.tensor_dtype_to_np_dtype(self._types[name].type.tensor_type.elem_type)
        return int(elements * dtype.itemsize)

    def _run(self, names: list[str]) -> dict[str, torch.Tensor]:
        import onnx
        import onnxruntime

        probe = onnx.ModelProto()
        probe.CopyFrom(self.model)
        del probe.graph.output[:]
        shown = {name: name for name in names}
        for name in names:
            if self._element_type(name) == onnx.TensorProto.BFLOAT16:  # numpy has no such type
                shown[name] = name + "/float32"
                probe.graph.node.append(onnx.helper.make_node("Cast", [name], [shown[name]], to=onnx.TensorProto.FLOAT))
        probe.graph.output.extend(
            self._types[name] if name in self._types and shown[name] == name else onnx.ValueInfoProto(name=shown[name])
            for name in names
        )
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        # Beside the file, as what is said of external data is relative to it.
        path = self._path.with_name(self._path.stem + ".regions.onnx")
        try:
            onnx.save(probe, str(path))
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            arrays = session.run(list(shown.values()), self._feeds)
        finally:
            path.unlink(missing_ok=True)
        tensors = {n: torch.from_numpy(a) for n, a in zip(names, arrays, strict=True) if hasattr(a, "shape")}
        return {n: t if shown[n] == n else t.bfloat16() for n, t in tensors.items()}

    def _element_type(self, name: str) -> int:
        """Of a tensor, as far as the file tells, else 0."""
        return int(self._types[name].type.tensor_type.elem_type) if name in self._types else 0


def _size(info: Any, named: Mapping[str, int]) -> int | None:
    """The elements of a tensor of known shape; ``named`` has the sizes of named dimensions."""
    tensor = info.type.tensor_type
    if not tensor.HasField("shape") or not tensor.elem_type:
        return None
    sizes = [dim.dim_value if dim.HasField("dim_value") else named.get(dim.dim_param) for dim in tensor.shape.dim]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)
