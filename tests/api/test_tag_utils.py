"""The tag utilities of the API document, on files made by hand with the onnx package and on a real export."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import onnx
import pytest
import torch

import modelexport
from modelexport.core import tag_utils
from tests.cli.make_models import make_models

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
        "": 1, "layers": 0, "layers.0": 1, "layers.0.fc": 1, "layers.1": 1, "layers.1.fc": 1, "shared": 2,
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


def test_consistency(folder: Path) -> None:
    path = folder / "net.onnx"
    assert tag_utils.validate_tag_consistency(path) == {"consistent": True, "onnx_has_tags": True}
    assert tag_utils.validate_tag_consistency(folder / "bare.onnx") == {"consistent": True, "onnx_has_tags": False}
    assert tag_utils.validate_tag_consistency(path, folder / "changed_hierarchy.json") == {
        "consistent": False,
        "onnx_has_tags": True,
        "tag_mismatches": [
            {"node": "/layers.0/Relu", "onnx_tags": ["/Net/Block.0"], "sidecar_tags": ["/Net/Block.7"]}
        ],
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


def test_a_sidecar_of_another_model_is_noticed(folder: Path) -> None:
    with pytest.raises(modelexport.InvalidInputError, match="belongs to another model"):
        tag_utils.get_tag_statistics(folder / "stale.onnx")


def test_the_console_script_runs_the_native_commands(folder: Path) -> None:
    code = "import sys; from modelexport.cli import main; sys.exit(main())"
    line = [sys.executable, "-c", code, "query", str(folder / "net.onnx"), "op:Conv", "--format", "count"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (1, "0\n", "")
