"""Broken and hostile .onnx files, through the command line: a success, or one line and exit code 3, soon; no file."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from modelexport import _core
from tests.cli.make_models import make_models

SECONDS = 1.0
MEGABYTES = 200
FINE = (0, 1)  # 1: validate found differences, query found nothing
BAD_INPUT = 3

Run = Callable[[Path], set[int]]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagged model, its sidecar beside it."""
    folder = tmp_path_factory.mktemp("saved")
    make_models(folder)
    return folder / "net.onnx"


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Reads a file by three commands and returns their exit codes, when each ended as it should."""

    def run_all(path: Path) -> set[int]:
        before = sorted(path.parent.iterdir())
        codes = {_checked([command, str(path)], capfd) for command in ("inspect", "validate", "query")}
        assert sorted(path.parent.iterdir()) == before
        return codes

    return run_all


def _checked(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> int:
    start = time.process_time()
    code = _core.run_cli(arguments)
    assert time.process_time() - start < SECONDS
    error = capfd.readouterr().err
    assert code in (*FINE, BAD_INPUT), f"{arguments}: exit code {code}: {error}"
    assert error.count("\n") == (code == BAD_INPUT), f"{arguments}: not one line: {error}"
    return code


def _beside_sidecar(saved: Path, folder: Path, content: bytes) -> Path:
    broken = folder / saved.name
    broken.write_bytes(content)
    sidecar = Path(_core.sidecar_path(str(saved)))
    (folder / sidecar.name).write_bytes(sidecar.read_bytes())
    return broken


def test_the_model_itself_is_fine(saved: Path, run: Run) -> None:
    assert run(saved) == {0}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while data[at] & 0x80:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
    return value | data[at] << shift, at + 1


def message_borders(data: bytes, begin: int, end: int, nested: tuple[int, ...]) -> set[int]:
    """Where the fields of a protobuf message begin and end, and those of the messages in its fields ``nested``."""
    borders = {begin, end}
    at = begin
    while at < end:
        tag, content = _varint(data, at)
        if tag & 7 == 2:
            size, content = _varint(data, content)
            at = content + size
            if tag >> 3 in nested:
                borders |= message_borders(data, content, at, (1, 5))
        else:
            _, at = _varint(data, content)
        borders |= {content, at}
    return borders


def test_truncations(saved: Path, tmp_path: Path, run: Run) -> None:
    data = saved.read_bytes()
    # The graph, and its nodes and initializers.
    borders = message_borders(data, 0, len(data), (7,))
    near = {at + step for at in borders for step in (-1, 0, 1)} & set(range(len(data)))
    points = [0, 1, len(data) - 1, *random.Random(1).sample(sorted(near), 200)]
    points += random.Random(0).sample(range(len(data)), 200)
    codes = [run(_beside_sidecar(saved, tmp_path, data[:point])) for point in points]
    assert codes[:3] == [{BAD_INPUT}] * 3


def test_single_bit_flips(saved: Path, tmp_path: Path, run: Run) -> None:
    data = saved.read_bytes()
    for bit in random.Random(1).sample(range(len(data) * 8), 1000):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << (bit % 8)
        run(_beside_sidecar(saved, tmp_path, bytes(flipped)))


def _model(*nodes: onnx.NodeProto, weights: tuple[TensorProto, ...] = (), size: int = 4) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [size]) for name in "xy")
    graph = helper.make_graph(list(nodes) or [helper.make_node("Relu", ["x"], ["y"], "relu")], "g", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _external(location: str, offset: str = "0", length: str = "16") -> onnx.ModelProto:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        weight.external_data.add(key=key, value=value)
    return _model(helper.make_node("Add", ["x", "w"], ["y"], "add"), weights=(weight,))


def _raw(dims: list[int]) -> onnx.ModelProto:
    return _model(weights=(TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, raw_data=bytes(16)),))


def _relu(source: str, target: str) -> onnx.NodeProto:
    return helper.make_node("Relu", [source], [target], "relu")


def _branch(reads: str) -> onnx.NodeProto:
    body = helper.make_graph([_relu(reads, "b")], "body", [], [helper.make_tensor_value_info("b", 1, [4])])
    return helper.make_node("If", ["x"], ["y"], "if", then_branch=body, else_branch=body)


BAD = {
    "huge weight": _raw([2**40, 2**40]),
    "overflowing weight": _raw([2**62, 4]),
    "negative weight": _raw([-4]),
    "an input that is made": _model(_relu("x", "y"), _relu("y", "x")),
    "a value twice": _model(_relu("x", "y"), _relu("x", "y")),
    "a node of itself": _model(_relu("a", "a"), _relu("x", "y")),
    "a cycle": _model(_relu("b", "a"), _relu("a", "b"), _relu("x", "y")),
    "nodes out of order": _model(_relu("a", "y"), _relu("x", "a")),
    "a body before what it reads": _model(_branch("a"), _relu("x", "a")),
    "a location above the folder": _external("../../etc/x"),
    "an absolute location": _external("/etc/passwd"),
    "a location that climbs out": _external("data/../../x"),
    "no location": _external(""),
    "negative offset": _external("w", offset="-1"),
    "offset that is no number": _external("w", offset="1e3"),
    "offset of 70 bits": _external("w", offset=str(2**70)),
    "negative length": _external("w", length="-16"),
    "length of other dimensions": _external("w", length=str(2**40)),
}
FINE_MODELS = {"huge value": _model(size=2**40), "a node name twice": _model(_relu("x", "a"), _relu("a", "y"))}


@pytest.mark.parametrize("fault", BAD)
def test_models_that_make_no_sense(fault: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "m.onnx").write_bytes(BAD[fault].SerializeToString())
    assert run(tmp_path / "m.onnx") == {BAD_INPUT}


@pytest.mark.parametrize("case", FINE_MODELS)
def test_models_that_are_odd_but_right(case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.onnx").write_bytes(FINE_MODELS[case].SerializeToString())
    assert _checked(["inspect", str(tmp_path / "m.onnx")], capfd) == 0


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    head = bytearray()
    for value in (number << 3 | 2, len(content)):
        while value > 0x7F:
            head.append(value & 0x7F | 0x80)
            value >>= 7
        head.append(value)
    return bytes(head) + content


def test_subgraphs_nested_deep(tmp_path: Path, run: Run) -> None:
    graph = b""
    for _ in range(10000):
        graph = _field(1, _field(4, b"If") + _field(5, _field(1, b"then_branch") + _field(6, graph) + b"\xa0\x01\x05"))
    (tmp_path / "m.onnx").write_bytes(b"\x08\x0a" + _field(7, graph) + _field(8, b"\x10\x14"))
    assert run(tmp_path / "m.onnx") == {BAD_INPUT}
