"""Models whose weights stay in the file that they were mapped from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import modelexport
from modelexport import _core
from modelexport.exceptions import InvalidInputError, ModelExportError
from tests.program import doors

X = torch.randn(3, 32)


class Net(nn.Module):
    """Weights read as they are and transposed, tied, strided, shared at an offset, small, and of two bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(32, 64)
        self.embedding = nn.Embedding(64, 32)
        self.tied = nn.Linear(32, 64, bias=False)
        self.tied.weight = self.embedding.weight
        self.norm = nn.LayerNorm(64)
        base = torch.randn(2, 40, 64)
        self.register_buffer("offset", base[1])
        self.register_buffer("strided", torch.randn(64, 40).t())
        self.narrow = nn.Parameter(torch.randn(40, 64).to(torch.float16))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.norm(self.first(x) + self.tied(x)) + self.embedding(torch.arange(3)).sum()
        z = y.mean()
        return y, self.offset * z + self.strided * z, self.narrow[x.argmax(dim=1)]


def exported(net: nn.Module, folder: Path, **options: Any) -> Path:
    saved = doors.save(torch.export.export(net.eval(), (X,)), folder / "net.pt2")
    path = folder / "net.onnx"
    _core.export_pt2(str(saved), str(path), {"opset": 20, "link_weights": True, **options})
    return path


def check_runs_as_eager(path: Path, net: nn.Module) -> None:
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {session.get_inputs()[0].name: X.numpy()})
    with torch.no_grad():
        expected = net(X)
    for output, wanted in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(output, wanted.numpy(), rtol=1e-4, atol=1e-5)


def links(path: Path) -> dict[str, dict[str, str]]:
    """Of each external initializer: location, offset and length."""
    model = onnx.load(path, load_external_data=False)
    return {
        tensor.name: {entry.key: entry.value for entry in tensor.external_data}
        for tensor in model.graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
    }


def test_weights_stay_in_the_pt2_file(tmp_path: Path) -> None:
    net = Net()
    path = exported(net, tmp_path)
    check_runs_as_eager(path, net)
    found = links(path)
    assert {link["location"] for link in found.values()} == {"net.pt2"}
    assert set(found) == {"first.weight", "embedding.weight", "offset", "narrow"}
    saved = (tmp_path / "net.pt2").read_bytes()
    for name, link in found.items():
        start, length = int(link["offset"]), int(link["length"])
        assert saved[start : start + length] == net.state_dict()[name].numpy().tobytes(), name
    assert {file.name for file in tmp_path.iterdir()} == {"net.pt2", "net.onnx", "net_hierarchy.json"}


def test_what_cannot_be_linked_may_go_to_a_file_of_its_own(tmp_path: Path) -> None:
    net = Net()
    path = exported(net, tmp_path, external_data=True)
    check_runs_as_eager(path, net)
    assert {name for name, link in links(path).items() if link["location"] == "net.onnx.data"} == {"strided"}


def test_a_file_in_a_folder_below(tmp_path: Path) -> None:
    net = Net()
    (tmp_path / "weights").mkdir()
    saved = doors.save(torch.export.export(net.eval(), (X,)), tmp_path / "weights" / "net.pt2")
    path = tmp_path / "net.onnx"
    _core.export_pt2(str(saved), str(path), {"link_weights": True})
    check_runs_as_eager(path, net)
    assert {link["location"] for link in links(path).values()} == {"weights/net.pt2"}


def test_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    saved = doors.save(torch.export.export(Net().eval(), (X,)), tmp_path / "net.pt2")
    folder = tmp_path / "models"
    folder.mkdir()
    with pytest.raises(ModelExportError, match=r"net\.pt2 .*model's folder or below"):
        _core.export_pt2(str(saved), str(folder / "net.onnx"), {"link_weights": True})
    assert list(folder.iterdir()) == []


def test_the_model_does_not_replace_its_weights(tmp_path: Path) -> None:
    saved = doors.save(torch.export.export(Net().eval(), (X,)), tmp_path / "net.pt2")
    before = saved.read_bytes()
    with pytest.raises(ModelExportError, match="would replace"):
        _core.export_pt2(str(saved), str(saved), {"link_weights": True})
    assert saved.read_bytes() == before


def mapped_from_safetensors(folder: Path) -> Net:
    net = Net().eval()
    state = {name: tensor.contiguous().clone() for name, tensor in net.state_dict().items()}
    save_file(state, folder / "net.safetensors")
    net.load_state_dict(load_file(folder / "net.safetensors"), assign=True)
    return net


def test_a_module_mapped_from_safetensors(tmp_path: Path) -> None:
    net = mapped_from_safetensors(tmp_path)
    path = tmp_path / "net.onnx"
    result = modelexport.export(net, (X,), path, weights="link")
    check_runs_as_eager(path, net)
    found = links(path)
    assert {link["location"] for link in found.values()} == {"net.safetensors"}
    assert result["linked_bytes"] == sum(int(link["length"]) for link in found.values())
    assert {"first.weight", "embedding.weight", "offset", "strided", "narrow"} <= {
        name.replace("tied.weight", "embedding.weight") for name in found
    }


def test_weights_that_were_changed_are_written(tmp_path: Path) -> None:
    net = mapped_from_safetensors(tmp_path)
    with torch.no_grad():
        net.first.weight.mul_(2)
    path = tmp_path / "net.onnx"
    modelexport.export(net, (X,), path, weights="link")
    check_runs_as_eager(path, net)
    assert "first.weight" not in links(path)
    assert "narrow" in links(path)


def test_weights_in_memory_are_written(tmp_path: Path) -> None:
    net = Net().eval()
    path = tmp_path / "net.onnx"
    assert modelexport.export(net, (X,), path, weights="link")["linked_bytes"] == 0
    check_runs_as_eager(path, net)


def test_other_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="copy, link"):
        modelexport.export(Net(), (X,), tmp_path / "net.onnx", weights="move")
