"""Broken and hostile .pt2 files: an error in one line, soon, in little memory, and no file left."""

from __future__ import annotations

import random
import re
import resource
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest

from modelexport import _core
from modelexport.exceptions import ModelExportError
from tests.program import doors
from tests.program.archives import MODEL, WEIGHTS, rewritten, with_json

SECONDS = 1.0
MEGABYTES = 200


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return doors.save(doors.captured("weights"), tmp_path_factory.mktemp("saved") / "saved.pt2")


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES


def export(path: Path, folder: Path) -> str:
    """The message of the error, or nothing when the file became a model after all; then it is a valid one."""
    folder.mkdir(exist_ok=True)
    target = folder / "model.onnx"
    start = time.process_time()
    try:
        _core.export_pt2(str(path), str(target), {})
    except ModelExportError as error:
        assert time.process_time() - start < SECONDS
        assert list(folder.iterdir()) == []
        message = str(error)
        assert message.strip(), "an error without a message"
        assert "\n" not in message
        return message
    onnx.checker.check_model(str(target))
    for file in folder.iterdir():
        file.unlink()
    return ""


def entry_borders(path: Path) -> list[int]:
    """Where the structures of the zip begin and end."""
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        borders = [archive.start_dir, *(info.header_offset for info in archive.infolist())]
        for info in archive.infolist():
            name, extra = struct.unpack_from("<HH", data, info.header_offset + 26)
            start = info.header_offset + 30 + name + extra
            borders += [info.header_offset + 30, start, start + info.file_size]
    borders += [match.start() for match in re.finditer(rb"PK(\x01\x02|\x05\x06|\x06\x06|\x06\x07)", data)]
    return sorted({at + step for at in borders for step in (-1, 0, 1) if 0 <= at + step < len(data)})


def test_every_class_of_truncation(saved: Path, tmp_path: Path) -> None:
    data = saved.read_bytes()
    points = [0, 1, len(data) - 1, *entry_borders(saved), *random.Random(0).sample(range(len(data)), 200)]
    broken = tmp_path / "broken.pt2"
    for point in points:
        broken.write_bytes(data[:point])
        assert export(broken, tmp_path / "out"), f"cut off after {point} bytes"


def test_single_bit_flips(saved: Path, tmp_path: Path) -> None:
    data = saved.read_bytes()
    broken = tmp_path / "broken.pt2"
    for bit in random.Random(1).sample(range(len(data) * 8), 1000):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << (bit % 8)
        broken.write_bytes(flipped)
        export(broken, tmp_path / "out")  # a flip in padding or in a weight is no error


HUGE = 2**40


def _meta(document: Any, **members: Any) -> None:
    document["config"]["first.weight"]["tensor_meta"].update(members)


def _ints(*numbers: int) -> list[dict[str, int]]:
    return [{"as_int": number} for number in numbers]


WEIGHT_FAULTS: dict[str, Callable[[Any], None]] = {
    "huge": lambda d: _meta(d, sizes=_ints(HUGE, HUGE)),
    "huge product": lambda d: _meta(d, sizes=_ints(HUGE, HUGE), strides=_ints(0, 0)),
    "bomb": lambda d: _meta(d, sizes=_ints(HUGE, 4), strides=_ints(0, 1)),
    "negative size": lambda d: _meta(d, sizes=_ints(-4, 4)),
    "negative stride": lambda d: _meta(d, strides=_ints(-4, 1)),
    "huge stride": lambda d: _meta(d, strides=_ints(2**62, 1)),
    "offset beyond": lambda d: _meta(d, storage_offset={"as_int": 1}),
    "huge offset": lambda d: _meta(d, storage_offset={"as_int": 2**62}),
    "negative offset": lambda d: _meta(d, storage_offset={"as_int": -1}),
    "too few strides": lambda d: _meta(d, strides=_ints(1)),
    "symbolic": lambda d: _meta(d, sizes=[{"as_expr": {"expr_str": "Symbol('s0')", "hint": None}}] * 2),
    "no type": lambda d: _meta(d, dtype=0),
    "unknown type": lambda d: _meta(d, dtype=99),
    "sparse": lambda d: _meta(d, layout=1),
    "climbing path": lambda d: d["config"]["first.weight"].update(path_name="../../../../etc/passwd"),
    "absolute path": lambda d: d["config"]["first.weight"].update(path_name="/etc/passwd"),
    "pickled": lambda d: d["config"]["first.weight"].update(use_pickle=True),
    "no description": lambda d: d["config"]["first.weight"].update(tensor_meta=None),
    "missing": lambda d: d["config"].pop("first.weight"),
    "no configuration": lambda d: d.clear(),
    "a list": lambda d: d.update(config=[]),
}


@pytest.mark.parametrize("fault", WEIGHT_FAULTS)
def test_weights_that_do_not_fit(fault: str, saved: Path, tmp_path: Path) -> None:
    broken = with_json(saved, tmp_path / "broken.pt2", WEIGHTS, WEIGHT_FAULTS[fault])
    message = export(broken, tmp_path / "out")
    assert re.search(r"first\.weight|model_weights_config\.json|not among the tensors", message)


def _nodes(document: Any) -> list[Any]:
    return document["graph_module"]["graph"]["nodes"]  # type: ignore[no-any-return]


def _signature(document: Any) -> Any:
    return document["graph_module"]["signature"]


def _values(document: Any) -> Any:
    return document["graph_module"]["graph"]["tensor_values"]


def _cycle(document: Any) -> None:
    nodes = _nodes(document)
    nodes[0], nodes[-1] = nodes[-1], nodes[0]


PROGRAM_FAULTS: dict[str, Callable[[Any], None]] = {
    "another major version": lambda d: d["schema_version"].update(major=9),
    "no version": lambda d: d.pop("schema_version"),
    "no graph": lambda d: d["graph_module"].pop("graph"),
    "no signature": lambda d: d["graph_module"].pop("signature"),
    "use before definition": _cycle,
    "a node twice": lambda d: _nodes(d).append(_nodes(d)[0]),
    "an unknown argument": lambda d: _nodes(d)[0]["inputs"][0].update(arg={"as_news": 1}),
    "an unknown name": lambda d: _nodes(d)[0]["inputs"][0].update(name="news"),
    "an argument twice": lambda d: _nodes(d)[0]["inputs"].append(_nodes(d)[0]["inputs"][0]),
    "a union of two": lambda d: _nodes(d)[0]["inputs"][0]["arg"].update(as_int=1),
    "an empty union": lambda d: _nodes(d)[0]["inputs"][0]["arg"].clear(),
    "an unknown operator": lambda d: _nodes(d)[0].update(target="torch.ops.nowhere.nothing.default"),
    "an empty target": lambda d: _nodes(d)[0].update(target=""),
    "a custom object": lambda d: _signature(d)["input_specs"].append({"custom_obj": {"arg": {}}}),
    "an input twice": lambda d: _signature(d)["input_specs"].append(_signature(d)["input_specs"][0]),
    "no inputs": lambda d: _signature(d)["input_specs"].clear(),
    "no outputs": lambda d: _signature(d)["output_specs"].clear(),
    "a negative size": lambda d: _values(d)["x"]["sizes"][0].update(as_int=-1),
    "a broken size": lambda d: _values(d)["x"].update(sizes=[{"as_expr": {"expr_str": "Add(", "hint": None}}] * 2),
    "a deep size": lambda d: _values(d)["x"].update(sizes=[{"as_expr": {"expr_str": "Add(" * 10000}}] * 2),
    "no value": lambda d: _values(d).pop("x"),
    "no structure": lambda d: d["graph_module"]["module_call_graph"].clear(),
    "another structure": lambda d: d["graph_module"]["module_call_graph"][0]["signature"].update(out_spec="[1, 2]"),
}


@pytest.mark.parametrize("fault", PROGRAM_FAULTS)
def test_programs_that_make_no_sense(fault: str, saved: Path, tmp_path: Path) -> None:
    broken = with_json(saved, tmp_path / "broken.pt2", MODEL, PROGRAM_FAULTS[fault])
    assert export(broken, tmp_path / "out")


def test_huge_shapes_of_values_allocate_nothing(saved: Path, tmp_path: Path) -> None:
    def change(document: Any) -> None:
        for value in _values(document).values():
            value["sizes"] = _ints(*([HUGE] * len(value["sizes"])))

    export(with_json(saved, tmp_path / "broken.pt2", MODEL, change), tmp_path / "out")


@pytest.mark.parametrize("entry", [MODEL, WEIGHTS])
@pytest.mark.parametrize("text", ["[" * 10000, '{"a":' * 10000, "", "null", '"', "{", "\xff\xfe", "1e999"])
def test_entries_that_are_no_such_json(text: str, entry: str, saved: Path, tmp_path: Path) -> None:
    broken = rewritten(
        saved, tmp_path / "broken.pt2", lambda name, content: text.encode("latin-1") if name == entry else content
    )
    assert entry in export(broken, tmp_path / "out")


def test_subgraphs_nested_deep(tmp_path: Path) -> None:
    saved = doors.save(doors.captured("branches"), tmp_path / "saved.pt2")

    def edit(name: str, content: bytes) -> bytes:
        if name != MODEL:
            return content
        graph = b'{"as_graph": {"name": "g", "graph": {"nodes": [{"inputs": [{"arg": '
        return content.replace(b'{"as_graph"', graph * 10000 + b'{"as_graph"', 1)

    assert MODEL in export(rewritten(saved, tmp_path / "broken.pt2", edit), tmp_path / "out")


def test_entries_left_out(saved: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        names = [name.split("/", 1)[1] for name in archive.namelist()]
    needed = {MODEL, WEIGHTS, "data/constants/model_constants_config.json"}
    needed |= {name for name in names if re.search(r"/(weight|tensor)_\d+$", name)}
    for left_out in sorted(needed):
        broken = rewritten(saved, tmp_path / "broken.pt2", lambda name, c, gone=left_out: None if name == gone else c)
        assert left_out in export(broken, tmp_path / "out") or "models/<name>.json" in export(broken, tmp_path / "out")


@pytest.mark.parametrize("name", ["../../etc/x", "/etc/x", "a/../../x", "a\\..\\x", "c:/x"])
def test_entries_that_leave_the_archive(name: str, saved: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pt2"
    broken.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(broken, "a") as archive:
        archive.writestr(name, b"x")
    assert name in export(broken, tmp_path / "out")


def test_entries_twice(saved: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pt2"
    broken.write_bytes(saved.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(broken, "a") as archive:
        archive.writestr(archive.namelist()[0], b"x")
    assert "twice" in export(broken, tmp_path / "out")


def test_compressed_bombs(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.pt2"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/models/model.json", b" " * 10**8)
    assert "compressed" in export(bomb, tmp_path / "out")


def test_sizes_that_the_directory_makes_up(saved: Path, tmp_path: Path) -> None:
    data = bytearray(saved.read_bytes())
    with zipfile.ZipFile(saved) as archive:
        directory = archive.start_dir
    broken = tmp_path / "broken.pt2"
    for field, size in ((20, 4), (24, 4), (42, 4), (28, 2), (30, 2)):
        for value in (0xFFFFFFFF, 0x7FFFFFFF, len(data)):
            changed = bytearray(data)
            changed[directory + field : directory + field + size] = (value & (2 ** (8 * size) - 1)).to_bytes(
                size, "little"
            )
            broken.write_bytes(changed)
            export(broken, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all", b"PK\x05\x06" + bytes(18), bytes(70000)])
def test_files_that_are_no_archive(content: bytes, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pt2"
    broken.write_bytes(content)
    assert str(broken) in export(broken, tmp_path / "out")


def test_no_file_and_folders(tmp_path: Path) -> None:
    assert "missing.pt2" in export(tmp_path / "missing.pt2", tmp_path / "out")
    assert "folder" in export(tmp_path, tmp_path / "out")
