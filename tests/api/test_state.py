"""The model, its hooks and the random state come out as they went in, also after an error."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.onnx import TrainingMode

import modelexport
from tests.api.models import Failing, Net
from tests.api.running import assert_same, checked, run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def snapshot(model: nn.Module) -> dict[str, object]:
    return {
        "modes": [module.training for module in model.modules()],
        "values": {name: value.clone() for name, value in model.state_dict().items()},
        "identities": [id(parameter) for parameter in model.parameters()],
        "gradients": [(p.requires_grad, p.grad) for p in model.parameters()],
        "hooks": [list(module._forward_hooks) + list(module._forward_pre_hooks) for module in model.modules()],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "torch": torch.get_rng_state().tolist(),
        "python": random.getstate(),
        "numpy": repr(np.random.get_state()),
        "grad mode": torch.is_grad_enabled(),
    }


def assert_unchanged(before: dict[str, object], after: dict[str, object]) -> None:
    for key in before:
        if key != "values":
            assert after[key] == before[key], key
    torch.testing.assert_close(after["values"], before["values"], rtol=0, atol=0)


def prepared(model: nn.Module) -> nn.Module:
    """Mixed modes, a frozen parameter, hooks of the user's own."""
    model.train()
    list(model.modules())[1].eval()
    next(model.parameters()).requires_grad_(False)
    model.register_forward_hook(lambda *_: None)
    list(model.modules())[1].register_forward_pre_hook(lambda *_: None)
    return model


@pytest.mark.parametrize("training", [TrainingMode.EVAL, TrainingMode.TRAINING, TrainingMode.PRESERVE])
def test_after_an_export(training: TrainingMode, path: Path) -> None:
    model = prepared(Net())
    before = snapshot(model)
    modelexport.export(model, torch.randn(3, 4), path, training=training) if training is not TrainingMode.EVAL else (
        modelexport.export(model, torch.randn(3, 4), path)
    )
    after = snapshot(model)
    before["torch"] = after["torch"] = None  # the example input above was drawn in between
    assert_unchanged(before, after)


@pytest.mark.parametrize(
    "broken",
    [
        lambda path: (Failing(), torch.randn(2, 2), path, {}),
        lambda path: (Net(), torch.randn(3, 5), path, {}),
        lambda path: (Net(), torch.randn(3, 4), path, {"output_names": ["one"]}),
        lambda path: (Net(), torch.randn(3, 4).double(), path, {}),
        lambda path: (Net(), torch.randn(3, 4), path.parent / "nowhere" / "x.onnx", {}),
    ],
    ids=["capture", "shape", "names", "dtype", "folder"],
)
def test_after_an_error(
    broken: Callable[[Path], tuple[nn.Module, object, Path, dict[str, object]]], path: Path
) -> None:
    model, inputs, target, keywords = broken(path)
    prepared(model)
    before = snapshot(model)
    with pytest.raises(modelexport.ModelExportError):
        modelexport.export(model, inputs, target, **keywords)
    assert_unchanged(before, snapshot(model))


def test_eval_is_the_default(path: Path) -> None:
    model = Net().train()
    x = torch.randn(3, 4)
    modelexport.export(model, x, path)
    assert_same(run(path, {"x": x}), model.eval()(x))


def test_training_keeps_dropout(path: Path) -> None:
    def is_random() -> bool:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        first, second = (session.run(None, {"x": np.eye(3, 4, dtype=np.float32)}) for _ in range(2))
        return any(not np.array_equal(a, b) for a, b in zip(first, second, strict=True))

    modelexport.export(Net().eval(), torch.randn(3, 4), path, training=TrainingMode.TRAINING)
    assert is_random()
    modelexport.export(Net().train(), torch.randn(3, 4), path, training=TrainingMode.PRESERVE)
    assert is_random()
    modelexport.export(Net().train(), torch.randn(3, 4), path)
    assert not is_random()


def test_a_module_whose_train_does_more(path: Path) -> None:
    class Merging(nn.Linear):
        merged = False

        def train(self, mode: bool = True) -> Merging:
            self.merged = not mode
            return super().train(mode)

    model = Merging(4, 4)
    model.train()
    modelexport.export(model, torch.randn(3, 4), path)
    assert not model.merged


def test_wrapped_modules(path: Path) -> None:
    model = Net().eval()
    x = torch.randn(3, 4)
    for wrapped in (nn.DataParallel(model), torch.compile(model)):
        modelexport.export(wrapped, x, path)
        assert_same(run(path, {"x": x}), model(x))
        assert "head.bias" in {i.name for i in checked(path).graph.initializer}


class Recording(nn.Module):
    """Hooks itself to a part of it in its first run, and remembers that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.is_hooked = False

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen: list[torch.Tensor] = []
        if not self.is_hooked:
            self.linear.register_forward_hook(lambda _module, _inputs, output: self.seen.append(output + 1))
            self.is_hooked = True
        self.seen = seen
        return (self.linear(x), *seen)


@pytest.mark.parametrize("capture", ["trace", "export"])
def test_hooks_that_forward_adds(capture: str, path: Path) -> None:
    model = Recording().eval()
    x = torch.randn(2, 4)
    modelexport.export(model, x, path, capture=capture, fallback=False)
    assert not model.is_hooked
    assert not model.linear._forward_hooks
    assert_same(run(path, {"x": x}), model(x))
