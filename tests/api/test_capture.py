"""What torch.export cannot trace: captured in another way, and said so."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import Tensor, nn

import modelexport
from tests.api.running import assert_same, checked, input_dims, run


class Branching(nn.Module):
    """Draft export alone can capture it."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 1 if x.sum() > 0 else x - 1


class Branches(nn.Module):
    """Follows a number that it reads from its data."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.abs().sum().int().item() > 3 else x * 3


class Arrays(nn.Module):
    """Strict mode alone can capture it: it turns NumPy's operations into torch's."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.numpy() * 2)


class Counted(nn.Module):
    """Reads twice how often it is to compute from a buffer: draft export alone can capture it."""

    times: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("times", torch.tensor(2))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(int(self.times)):
            x = x.sin()
        return x * self.times.item()


class Refusing(nn.Module):
    """Nothing can capture it."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            raise RuntimeError("not to be exported")
        return x


class Likelihood(nn.Module):
    """Distributions, which by default look whether their arguments are in order."""

    def forward(self, mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        normal = torch.distributions.Normal(mean, spread.exp())
        choice = torch.distributions.Categorical(logits=mean)
        return normal.log_prob(spread), choice.log_prob(spread.argmax(-1))


class Model(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, 4), inner])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "modelexport" and r.levelno == logging.WARNING]


def modules_of(path: Path) -> set[str]:
    entries = [entry for node in onnx.load(path).graph.node for entry in node.metadata_props]
    return {entry.value for entry in entries if entry.key == "modelexport.module"}


def test_a_trace_needs_no_other_way(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    result = modelexport.export(Model(nn.Identity()), torch.randn(2, 4), path, capture="export")
    assert result["capture"] == {"by": "torch.export"}
    assert warnings_of(caplog) == []


def test_strict_mode(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, x = Model(Arrays()).eval(), torch.randn(2, 4)
    result = modelexport.export(model, x, path, dynamic_axes={"x": {0: "batch"}}, fallback=True)
    assert input_dims(checked(path)) == {"x": ["batch", 4]}
    for given in (x, torch.randn(5, 4)):
        with torch.no_grad():
            assert_same(run(path, {"x": given}), model(given))
    assert modules_of(path) == {"blocks.0", "blocks.1"}
    capture = result["capture"]
    assert (capture["by"], capture["module"], capture["assumed"]) == (
        "torch.export with strict=True",
        "blocks.1",
        [],
    )
    (warning,) = warnings_of(caplog)
    assert "strict=True" in warning and "in blocks.1 (RuntimeError: .numpy()" in warning


@pytest.mark.parametrize("sign", [1, -1])
def test_draft_export_follows_the_example(sign: int, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = Model(Branching()).eval()
    nn.init.eye_(model.blocks[0].weight)  # type: ignore[arg-type]
    nn.init.zeros_(model.blocks[0].bias)  # type: ignore[arg-type]
    x = sign * torch.rand(2, 4)
    result = modelexport.export(model, x, path, dynamic_axes={"x": {0: "batch"}})
    checked(path)
    for given in (x, sign * torch.rand(3, 4)):
        assert_same(run(path, {"x": given}), model(given))
    assert modules_of(path) == {"blocks.0", "blocks.1"}
    capture = result["capture"]
    assert (capture["by"], capture["module"]) == ("torch.export.draft_export", "blocks.1")
    (assumed,) = capture["assumed"]
    assert f"is {sign > 0}" in assumed and "of forward" in assumed
    (warning,) = warnings_of(caplog)
    assert "draft_export" in warning and "in blocks.1" in warning and assumed in warning


def test_an_encoder_whose_mask_is_looked_at_keeps_its_parts(path: Path) -> None:
    """torch would run a whole layer as one operator where it may."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model, x = nn.TransformerEncoder(layer, 2).eval(), torch.randn(2, 5, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    with torch.no_grad():
        expected = model(x, mask=mask)
    modelexport.export(model, {"src": x, "mask": mask}, path)
    checked(path)
    assert_same(run(path, {"src": x, "mask": mask}), expected)
    modules = {entry.value for node in onnx.load(path).graph.node for entry in node.metadata_props}
    assert {"layers.1.self_attn", "layers.1.linear2", "layers.1.norm2"} <= modules


@pytest.mark.parametrize(("scale", "factor"), [(10.0, 2), (0.01, 3)])
def test_draft_export_of_a_number_read_from_the_data(scale: float, factor: int, path: Path) -> None:
    x = torch.full((2, 4), scale)
    modelexport.export(Branches(), x, path)
    assert_same(run(path, {"x": x}), x * factor)


def test_draft_export_of_a_number_read_from_a_buffer(path: Path) -> None:
    x = torch.randn(3, 4)
    modelexport.export(Counted(), torch.randn(2, 4), path, dynamic_axes={"x": {0: "batch"}})
    assert_same(run(path, {"x": x}), Counted()(x))


def test_nothing_can_capture_it(path: Path) -> None:
    with pytest.raises(modelexport.CaptureError) as raised:
        modelexport.export(Model(Refusing()), torch.randn(2, 4), path)
    text = str(raised.value)
    assert text.startswith("torch.export cannot capture Model: RuntimeError in blocks.1: not to be exported; strict: ")
    assert "; drafted: RuntimeError: not to be exported" in text
    assert isinstance(raised.value.__cause__, RuntimeError)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("inner", [Branching(), Arrays()])
def test_no_other_way_when_fallbacks_are_off(inner: nn.Module, path: Path) -> None:
    with pytest.raises(modelexport.CaptureError, match=r"torch\.export cannot capture Model: \w+ in blocks\.1: "):
        modelexport.export(Model(inner), torch.rand(2, 4), path, fallback=False)


@pytest.mark.parametrize("capture", ["trace", "export"])
def test_distributions(capture: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", True)  # torch's tracers may switch it off
    model = Likelihood()
    draws = [(torch.randn(3, 4), torch.randn(3, 4)) for _ in range(2)]
    result = modelexport.export(model, draws[0], path, capture=capture, fallback=False)
    assert result["capture"]["by"] == {"trace": "trace", "export": "torch.export"}[capture]
    for mean, spread in draws:
        assert_same(run(path, {"mean": mean, "spread": spread}), model(mean, spread))
    with pytest.raises(ValueError, match="constraint"):
        torch.distributions.Normal(0.0, -1.0)


def test_a_draft_does_not_hide_a_wrong_dynamic_axis(path: Path) -> None:
    class Pinned(Branching):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if x.shape[0] == 4 else x

    with pytest.raises(modelexport.CaptureError, match=r"axis 0 \('batch'\) of input 'x'"):
        modelexport.export(Pinned(), torch.randn(4), path, dynamic_axes={"x": {0: "batch"}})


def test_the_model_is_as_it_was(path: Path) -> None:
    class Counting(Branching):
        count: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.count.add_(1)
            return super().forward(x) + self.count

    model = Counting()
    before: dict[str, Any] = dict(vars(model))
    result = modelexport.export(model, torch.rand(2, 4), path)
    assert result["capture"]["by"] == "torch.export.draft_export"
    assert result["mutated"] == ["count"]
    assert model.count == 0 and model.training and dict(vars(model)) == before
