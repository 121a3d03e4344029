"""The tag utilities of the API document, on files made by hand with the onnx package and on a real export."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest
import torch

import modelexport
from modelexport.core import tag_utils
from tests.cli.make_models import make_models, sidecar

AGREEING = {"consistent": True, "onnx_has_tags": True, "sidecar_is_of_this_model": True}
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "sidecar.schema.json").read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_models(tmp_path)
    return tmp_path


class Block(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.fc(x)).reshape(x.shape[0], -1)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([Block(), Block()])
        self.shared = torch.nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.shared(self.shared(x)) * 2.0


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    path = tmp_path / "exported.onnx"
    modelexport.export(Net(), torch.randn(2, 4), path)
    return path


def sidecar_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}_hierarchy.json")


def is_gemm(node: onnx.NodeProto) -> bool:
    return bool(node.op_type == "Gemm")


PARTS = ("layers.0", "layers.0.fc", "layers.1", "layers.1.fc")


def metadata(node: onnx.NodeProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in node.metadata_props}


def test_sidecar_of_hand_made_model_fits_the_schema(folder: Path) -> None:
    jsonschema.validate(json.loads((folder / "net_hierarchy.json").read_text()), SCHEMA)


def test_exported_sidecar_fits_the_schema_and_the_file(exported: Path) -> None:
    content = tag_utils.load_tags_from_sidecar(exported)
    jsonschema.validate(content, SCHEMA)
    assert content == json.loads(exported.with_name("exported_hierarchy.json").read_text())
    nodes = onnx.load(exported).graph.node
    assert list(content["node_tags"]) == [node.name for node in nodes]
    for node in nodes:
        entry = content["node_tags"][node.name]
        assert entry["tags"] == [metadata(node)["modelexport.tag"]]
        assert entry["module"] == metadata(node)["modelexport.module"]
        assert (entry["inputs"], entry["outputs"]) == (list(node.input), list(node.output))
    assert content["summary"]["total_operations"] == content["summary"]["tagged_operations"] == len(nodes)


def test_exported_modules_are_the_models(exported: Path) -> None:
    modules = tag_utils.load_tags_from_sidecar(exported)["modules"]
    real = dict(Net().named_modules())
    assert list(modules) == list(real)
    for path, module in real.items():
        assert modules[path]["class"] == type(module).__name__
        assert modules[path]["parameters"] == sum(p.numel() for p in module.parameters(recurse=False))
        assert modules[path]["children"] == [f"{path}.{name}".lstrip(".") for name, _ in module.named_children()]
    assert {path: module["calls"] for path, module in modules.items()} == {
        "": 1,
        "layers": 0,
        "layers.0": 1,
        "layers.0.fc": 1,
        "layers.1": 1,
        "layers.1.fc": 1,
        "shared": 2,
    }


def test_lists_are_in_the_form_that_torch_writes(exported: Path, tmp_path: Path) -> None:
    """For every module path, our two lists without their last entry are those of torch.onnx.export(dynamo=True)."""
    theirs = tmp_path / "theirs.onnx"
    torch.onnx.export(Net().eval(), (torch.randn(2, 4),), theirs, dynamo=True, verbose=False)

    def lists(path: Path) -> set[tuple[str, str]]:
        keys = ("pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy")
        found = [metadata(node) for node in onnx.load(path).graph.node]
        return {tuple(entry[key].rpartition(", ")[0] for key in keys) for entry in found}  # type: ignore[misc]

    assert lists(exported) == lists(theirs)


def test_load_from_onnx_and_statistics(folder: Path) -> None:
    content = tag_utils.load_tags_from_onnx(folder / "net.onnx")
    sidecar = json.loads((folder / "net_hierarchy.json").read_text())
    for name, entry in sidecar["node_tags"].items():
        assert entry.items() <= content["node_tags"][name].items()
    assert content["tag_statistics"] == sidecar["tag_statistics"]
    assert tag_utils.get_tag_statistics(folder / "net.onnx") == sidecar["tag_statistics"]
    # The sidecar speaks where the file says nothing.
    assert tag_utils.get_tag_statistics(folder / "bare.onnx") == sidecar["tag_statistics"]
    assert content["node_tags"]["/Add"]["sources"] == ["layers.0", "shared@1"]


def test_queries(folder: Path) -> None:
    path = folder / "net.onnx"
    assert [node["name"] for node in tag_utils.query_operations_by_tag(path, "Block.0")] == [
        "/layers.0/fc/MatMul",
        "/layers.0/Relu",
    ]
    assert [node["op_type"] for node in tag_utils.query_operations_by_tag(path, "auxiliary")] == ["Shape"]
    assert [node["call"] for node in tag_utils.query_operations_by_tag(path, "module:shared op:MatMul")] == [0, 1]
    with pytest.raises(modelexport.InvalidInputError, match="column 8"):
        tag_utils.query_operations_by_tag(path, "op:Add modul:x")


@pytest.mark.parametrize(
    ("query", "is_wanted"),
    [
        ("Block", lambda node, entry: "Block" in entry["modelexport.tag"]),
        ("module:layers.*.** op:Gemm", lambda node, entry: entry["modelexport.module"] in PARTS and is_gemm(node)),
        ("module:shared call:1", lambda node, entry: entry.get("modelexport.call") == "1"),
        ("class:Block not class:Linear", lambda node, entry: re.fullmatch(r"/Net/Block\.\d", entry["modelexport.tag"])),
        ("class:Lin*", lambda node, entry: entry["modelexport.tag"].endswith("Linear")),
        ("op:Gemm or op:Relu", lambda node, entry: node.op_type in ("Gemm", "Relu")),
        ("aten:aten.linear.*", lambda node, entry: entry["modelexport.op"].startswith("aten.linear.")),
        ("provenance:exact", lambda node, entry: "modelexport.provenance" not in entry),
        ("role:auxiliary", lambda node, entry: entry.get("modelexport.role") == "auxiliary"),
        ("core", lambda node, entry: "modelexport.role" not in entry),
        ("", lambda node, entry: True),
    ],
)
def test_queries_of_an_exported_file(exported: Path, query: str, is_wanted: Callable[..., object]) -> None:
    nodes = onnx.load(exported).graph.node
    wanted = [node.name for node in nodes if is_wanted(node, metadata(node))]
    assert [node["name"] for node in tag_utils.query_operations_by_tag(exported, query)] == wanted
    assert [node["name"] for node in tag_utils.query_operations_by_tag(sidecar_of(exported), query)] == wanted
    assert wanted or query == "role:auxiliary"


def test_consistency(folder: Path) -> None:
    path = folder / "net.onnx"
    assert tag_utils.validate_tag_consistency(path) == AGREEING
    assert tag_utils.validate_tag_consistency(folder / "bare.onnx") == AGREEING | {"onnx_has_tags": False}
    assert tag_utils.validate_tag_consistency(path, folder / "changed_hierarchy.json") == {
        "consistent": False,
        "onnx_has_tags": True,
        "sidecar_is_of_this_model": True,
        "tag_mismatches": [{"node": "/layers.0/Relu", "onnx_tags": ["/Net/Block.0"], "sidecar_tags": ["/Net/Block.7"]}],
        "only_in_onnx": ["/Add"],
        "only_in_sidecar": ["/gone"],
    }


def test_csv_has_a_line_for_each_node(folder: Path) -> None:
    tag_utils.export_tags_to_csv(folder / "net.onnx", folder / "tags.csv")
    with (folder / "tags.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == list(tag_utils.load_tags_from_onnx(folder / "net.onnx")["node_tags"])
    assert rows[3]["role"] == "auxiliary"


def test_distributions(folder: Path) -> None:
    same = tag_utils.compare_tag_distributions(folder / "net.onnx", folder / "bare.onnx")
    assert same == {"identical": True, "only_in_first": {}, "only_in_second": {}, "changed": {}}
    content = json.loads((folder / "net_hierarchy.json").read_text())
    content["node_tags"]["/layers.0/Relu"]["tags"] = ["/Net/New"]
    content["node_tags"]["/Add"]["tags"] = ["/Net/Linear"]
    (folder / "other_hierarchy.json").write_text(json.dumps(content))
    assert tag_utils.compare_tag_distributions(folder / "net.onnx", folder / "other_hierarchy.json") == {
        "identical": False,
        "only_in_first": {"/Net": 1, "/Net/Block.0": 1},
        "only_in_second": {"/Net/New": 1},
        "changed": {"/Net/Linear": {"first": 2, "second": 3}},
    }


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("missing.onnx", modelexport.OutputError, "missing_hierarchy.json: the sidecar cannot be read"),
        ("text.onnx", modelexport.InvalidInputError, "not JSON at byte"),
        ("old.onnx", modelexport.InvalidInputError, "version 9.0 of the sidecar format"),
    ],
)
def test_bad_sidecars_are_named(folder: Path, name: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tag_utils.load_tags_from_sidecar(folder / name)


@pytest.mark.parametrize("read", [tag_utils.get_tag_statistics, tag_utils.load_tags_from_sidecar])
def test_a_sidecar_of_another_model_is_noticed(folder: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(
        modelexport.InvalidInputError, match=r"stale_hierarchy.json: the sidecar belongs to another model"
    ):
        read(folder / "stale.onnx")


def test_validation_says_that_a_sidecar_is_of_another_model(folder: Path) -> None:
    found = tag_utils.validate_tag_consistency(folder / "stale.onnx")
    assert not found["consistent"]
    assert not found["sidecar_is_of_this_model"]
    assert found["only_in_sidecar"] == ["/Add"]


def test_a_file_cut_short_anywhere_is_named(folder: Path) -> None:
    whole = (folder / "net.onnx").read_bytes()
    cut = folder / "cut.onnx"
    for length in [*range(0, len(whole) - 60, 17), *range(len(whole) - 60, len(whole))]:
        cut.write_bytes(whole[:length])
        with pytest.raises(
            modelexport.InvalidInputError, match=r"cut.onnx: not an ONNX file, or one that is cut short"
        ):
            tag_utils.load_tags_from_onnx(cut)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a zip", b"\x80\x02}q\x00.", b"{}", b"<html>", b"\0" * 100])
def test_a_file_of_another_kind_is_named(folder: Path, content: bytes) -> None:
    other = folder / "other.onnx"
    other.write_bytes(content)
    with pytest.raises(modelexport.InvalidInputError, match=r"other.onnx: not an ONNX file"):
        tag_utils.load_tags_from_onnx(other)


GIGABYTES = 5


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A model of 5 GB with the weights in a file of their own, which has a length but no blocks."""
    layers, size = 1000, GIGABYTES * 2**30 // 1000 // 4
    nodes, weights = [], []
    for i in range(layers):
        node = onnx.helper.make_node("Mul", [f"x{i}", f"layers.{i}.weight"], [f"x{i + 1}"], f"/layers.{i}/Mul")
        entries = {"tag": f"/Net/Block.{i}", "module": f"layers.{i}", "op": "aten.mul.Tensor"}
        for key, value in entries.items():
            node.metadata_props.add(key=f"modelexport.{key}", value=value)
        nodes.append(node)
        weight = onnx.TensorProto(name=f"layers.{i}.weight", data_type=onnx.TensorProto.FLOAT, dims=[size])
        weight.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": "large.onnx.data", "offset": i * size * 4, "length": size * 4}
        for key, number in place.items():
            weight.external_data.add(key=key, value=str(number))
        weights.append(weight)
    value = onnx.helper.make_tensor_value_info
    ends = [value(name, onnx.TensorProto.FLOAT, [size]) for name in ("x0", f"x{layers}")]
    graph = onnx.helper.make_graph(nodes, "main_graph", ends[:1], ends[1:], weights)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    path = tmp_path / "large.onnx"
    path.write_bytes(model.SerializeToString())
    path.with_name("large_hierarchy.json").write_text(json.dumps(sidecar(nodes, path.name)))
    with path.with_name("large.onnx.data").open("wb") as data:
        data.truncate(layers * size * 4)
    return path


def test_a_large_model_is_queried_without_its_weights(large: Path) -> None:
    data = large.with_name("large.onnx.data")
    assert data.stat().st_size > 4.99 * 2**30

    questions: list[Callable[[], Any]] = [
        lambda: tag_utils.query_operations_by_tag(large, "module:layers.7 op:Mul"),
        lambda: tag_utils.validate_tag_consistency(large),
        lambda: tag_utils.get_tag_statistics(large),
        lambda: tag_utils.load_tags_from_onnx(large),
        lambda: tag_utils.load_tags_from_sidecar(large),
        lambda: tag_utils.compare_tag_distributions(large, large),
    ]
    answers = []
    for question in questions:
        start = time.perf_counter()
        answers.append(question())
        assert time.perf_counter() - start < 1
    assert [node["name"] for node in answers[0]] == ["/layers.7/Mul"]
    assert answers[1] == AGREEING
    data.unlink()
    assert [question() for question in questions] == answers


def test_the_console_script_runs_the_native_commands(folder: Path) -> None:
    code = "import sys; from modelexport.cli import main; sys.exit(main())"
    line = [sys.executable, "-c", code, "query", str(folder / "net.onnx"), "op:Conv", "--format", "count"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (1, "0\n", "")
