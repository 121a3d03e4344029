"""Files of other torch versions: 2.9 to 2.12 are read, earlier and unknown ones refused with the way out.

The folder saved/ holds what ``python -m tests.program.cases`` wrote under those versions, refused/ a linear layer each.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from onnxruntime import GraphOptimizationLevel

from modelexport import _core
from modelexport.exceptions import ModelExportError
from tests.ops.harness import compare, run
from tests.program import doors
from tests.program.archives import MODEL, with_json

SAVED = Path(__file__).parent / "saved"


@pytest.mark.parametrize("saved", sorted(SAVED.glob("*/*.pt2")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_files_of_earlier_versions(saved: Path, tmp_path: Path) -> None:
    doors.through_file(saved, tmp_path / "model.onnx")
    seen = torch.load(saved.with_suffix(".pt"), weights_only=True)
    actual = run(tmp_path / "model.onnx", seen["inputs"], GraphOptimizationLevel.ORT_ENABLE_ALL)
    compare(actual, seen["outputs"], str(saved))


def test_there_are_files_of_every_earlier_version() -> None:
    minors = {".".join(folder.name.split(".")[:2]) for folder in SAVED.iterdir()}
    assert minors >= {"2.9", "2.10", "2.11", "2.12"}
    assert all({path.stem for path in folder.glob("*.pt2")} >= set(doors.CASES) for folder in SAVED.iterdir())


def without_later_keys(document: Any, minor: int) -> None:
    """Takes out what schema versions after 8.0 added, where a reader must do without; names of arguments stay."""
    document["schema_version"]["minor"] = minor
    for key in ("guards_code", "torch_version", "verifiers"):
        document.pop(key)
    module = document["graph_module"]
    for key in ("treespec_namedtuple_fields", "metadata"):
        module.pop(key)
    for key in ("sym_float_values", "custom_obj_values"):
        module["graph"].pop(key)
    for node in module["graph"]["nodes"]:
        node.pop("name")
        node.pop("is_hop_single_tensor_return")
        for argument in node["inputs"]:
            argument.pop("kind")


def exported(path: Path, folder: Path) -> bytes:
    folder.mkdir()
    return doors.through_file(path, folder / "model.onnx")


@pytest.mark.parametrize("name", ["weights", "sizes", "literals"])
def test_minor_versions_without_later_keys(name: str, tmp_path: Path) -> None:
    saved = doors.save(doors.captured(name), tmp_path / "saved.pt2")
    older = with_json(saved, tmp_path / "older.pt2", MODEL, lambda document: without_later_keys(document, 6))
    assert exported(older, tmp_path / "a") == exported(saved, tmp_path / "b")


def test_later_minor_versions_with_unknown_keys(tmp_path: Path) -> None:
    def change(document: Any) -> None:
        document["schema_version"]["minor"] = 99
        document["news"] = {"a": [1, None]}
        for node in document["graph_module"]["graph"]["nodes"]:
            node["news"] = "x"
        for value in document["graph_module"]["graph"]["tensor_values"].values():
            value["news"] = 1.5

    saved = doors.save(doors.captured("weights"), tmp_path / "saved.pt2")
    later = with_json(saved, tmp_path / "later.pt2", MODEL, change)
    assert exported(later, tmp_path / "a") == exported(saved, tmp_path / "b")


def test_earlier_names_of_the_configurations(tmp_path: Path) -> None:
    saved = doors.save(doors.captured("weights"), tmp_path / "saved.pt2")
    renamed = tmp_path / "renamed.pt2"
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(renamed, "w") as target:
        for info in source.infolist():
            name = info.filename.replace("model_weights_config", "model_model_param_config")
            name = name.replace("model_constants_config", "model_model_constants_config")
            target.writestr(name, source.read(info))
    assert exported(renamed, tmp_path / "a") == exported(saved, tmp_path / "b")


def test_another_root_folder_and_model_name(tmp_path: Path) -> None:
    saved = doors.save(doors.captured("weights"), tmp_path / "saved.pt2")
    renamed = tmp_path / "renamed.pt2"
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(renamed, "w") as target:
        for info in source.infolist():
            name = "package/" + info.filename.split("/", 1)[1]
            for old, new in (("models/model", "models/net"), ("/model_", "/net_")):
                name = name.replace(old, new)
            target.writestr(name, source.read(info))
    assert exported(renamed, tmp_path / "a") == exported(saved, tmp_path / "b")


def refusal(path: Path, folder: Path) -> str:
    with pytest.raises(ModelExportError) as caught:
        _core.export_pt2(str(path), str(folder / "model.onnx"), {})
    return str(caught.value)


def test_another_major_version_is_refused(tmp_path: Path) -> None:
    saved = doors.save(doors.captured("sizes"), tmp_path / "saved.pt2")
    for major in (7, 9):
        path = with_json(saved, tmp_path / "other.pt2", MODEL, lambda d, m=major: d["schema_version"].update(major=m))
        message = refusal(path, tmp_path)
        assert f"schema version is {major}.20" in message
        assert "8.x" in message
        assert "torch 2.9" in message


@pytest.mark.parametrize("version", ["2.7.1", "2.8.0"])
def test_pickled_weights_are_refused(version: str, tmp_path: Path) -> None:
    message = refusal(Path(__file__).parent / "refused" / f"{version}.pt2", tmp_path)
    assert f"torch {version[:3]}" in message
    assert "pickled" in message
    assert "from Python" in message
