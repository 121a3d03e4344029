"""The region check itself: it must fail when tags are wrong."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

import modelexport
from modelexport.region_check import RegionReport, check_regions
from tests.models.parity import feeds, session


def tiny_bert() -> torch.nn.Module:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=64, vocab_size=100
    )
    return BertModel(config).eval()


@pytest.fixture
def exported(tmp_path: Path) -> tuple[torch.nn.Module, dict[str, torch.Tensor], Path]:
    torch.manual_seed(0)
    model = tiny_bert()
    inputs = {"input_ids": torch.randint(0, 100, (2, 7)), "attention_mask": torch.ones(2, 7, dtype=torch.int64)}
    path = tmp_path / "bert.onnx"
    modelexport.export(model, inputs, str(path), fallback=False)
    return model, inputs, path


def swap(path: Path, one: str, other: str) -> None:
    """Exchanges the tags of two modules and all below them."""
    model = onnx.load(str(path))
    for node in model.graph.node:
        for item in node.metadata_props:
            if item.key != "modelexport.module":
                continue
            if item.value == one or item.value.startswith(one + "."):
                item.value = other + item.value[len(one) :]
            elif item.value == other or item.value.startswith(other + "."):
                item.value = one + item.value[len(other) :]
    onnx.save(model, str(path))


def check(exported: tuple[torch.nn.Module, dict[str, torch.Tensor], Path], **options: int) -> RegionReport:
    model, inputs, path = exported
    return check_regions(model, (), inputs, path, feeds(session(path), (), inputs), **options)


def test_right_tags_pass(exported: tuple[torch.nn.Module, dict[str, torch.Tensor], Path]) -> None:
    assert check(exported).ok


def test_little_room_changes_nothing(exported: tuple[torch.nn.Module, dict[str, torch.Tensor], Path]) -> None:
    assert check(exported, budget=60_000) == check(exported)
    swap(exported[2], "encoder.layer.2.intermediate.dense", "encoder.layer.2.output.dense")
    assert check(exported, budget=60_000) == check(exported)
    assert not list(exported[2].parent.glob("*.regions.onnx"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("encoder.layer.0", "encoder.layer.1"),
        ("encoder.layer.0.attention.self.query", "encoder.layer.0.attention.self.key"),
        ("encoder.layer.2.intermediate.dense", "encoder.layer.2.output.dense"),
    ],
)
def test_swapped_tags_fail(
    exported: tuple[torch.nn.Module, dict[str, torch.Tensor], Path], one: str, other: str
) -> None:
    swap(exported[2], one, other)
    failures = check(exported).failures
    assert {path for path, _ in failures} >= {one, other}


class Shared(torch.nn.Module):
    """One activation under three names, and a bias that a module elsewhere hands on."""

    class Bias(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.values = torch.nn.Parameter(torch.rand(4))

        def forward(self) -> torch.Tensor:
            return self.values

    class Block(torch.nn.Module):
        def __init__(self, act: torch.nn.Module) -> None:
            super().__init__()
            self.steps = torch.nn.Sequential(torch.nn.Linear(4, 4), act, torch.nn.Linear(4, 4), act)
            self.last = act

        def forward(self, x: torch.Tensor, bias: torch.nn.Module) -> torch.Tensor:
            y: torch.Tensor = self.last(self.steps(x) + bias())
            return y

    def __init__(self) -> None:
        super().__init__()
        self.bias = Shared.Bias()
        self.block = Shared.Block(torch.nn.Tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.block(x, self.bias)
        return y


def test_modules_with_several_names_and_called_from_elsewhere(tmp_path: Path) -> None:
    model, x = Shared().eval(), torch.rand(2, 4)
    path = tmp_path / "shared.onnx"
    modelexport.export(model, (x,), str(path), fallback=False)
    paths = {item.value for node in onnx.load(str(path)).graph.node for item in node.metadata_props}
    assert {"block.steps.1", "block.steps.3", "block.last"} <= paths

    given = model, {"x": x}, path
    assert check(given).ok
    swap(path, "block.steps.1", "block.steps.2")
    assert not check(given).ok


class Remembering(torch.nn.Module):
    """Modules hand an object around that holds tensors, and grows; a table is made in the first run and kept."""

    class Memory:
        def __init__(self, rows: torch.Tensor) -> None:
            self.rows = rows

    class Table(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.arange(4.0) * x.mean()

    class Reader(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(4, 4)

        def forward(self, x: torch.Tensor, memory: Remembering.Memory) -> torch.Tensor:
            memory.rows = torch.cat([memory.rows, x])
            y: torch.Tensor = self.linear(memory.rows).sum(0)
            return y

    def __init__(self) -> None:
        super().__init__()
        self.table, self.reader = Remembering.Table(), Remembering.Reader()
        self.kept: torch.Tensor | None = None

    def forward(self, x: torch.Tensor, past: torch.Tensor) -> torch.Tensor:
        if self.kept is None:
            self.kept = self.table(x)
        y: torch.Tensor = self.reader(x, Remembering.Memory(past)) + self.kept
        return y


def test_objects_that_hold_tensors_and_what_is_kept_between_runs(tmp_path: Path) -> None:
    model, given = Remembering().eval(), {"x": torch.rand(2, 4), "past": torch.rand(3, 4)}
    path = tmp_path / "remembering.onnx"
    modelexport.export(model, given, str(path), fallback=False)
    assert check((model, given, path)).ok


class Scaler(torch.nn.Module):
    """Takes the size out of its input, keeps it, and puts it back the next time."""

    size: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.size is not None:
            return x * self.size
        self.size = x.abs().mean(1, keepdim=True)
        return x / self.size


class Normalised(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scaler, self.linear = Scaler(), torch.nn.Linear(32, 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scaler(self.linear(self.scaler(x)))  # type: ignore[no-any-return]


def test_what_a_call_keeps_for_the_next(tmp_path: Path) -> None:
    exported = Normalised().eval(), {"x": torch.rand(2, 32)}, tmp_path / "normalised.onnx"
    modelexport.export(exported[0], exported[1], str(exported[2]), fallback=False)
    assert check(exported).ok
    model = onnx.load(exported[2])
    for node in model.graph.node:
        if node.op_type in ("Abs", "ReduceMean"):  # as if the root had made what the second call reads
            tags = {item.key: item for item in node.metadata_props}
            tags["modelexport.module"].value = ""
    onnx.save(model, exported[2])
    assert ("scaler", 1) in check(exported).failures


class Best(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.topk(3).indices.view(-1)


def test_models_that_count_on_what_topk_returns_lying_in_one_piece(tmp_path: Path) -> None:
    exported = Best(), {"x": torch.rand(2, 8)}, tmp_path / "best.onnx"
    modelexport.export(exported[0], exported[1], str(exported[2]), fallback=False)
    assert check(exported).ok


class Twice(torch.nn.Module):
    """Two modules that begin with the same computation."""

    class Half(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.linear(torch.nn.functional.silu(x))
            return y

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = Twice.Half(), Twice.Half()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.one(x) + self.other(x)
        return y


def test_merged_nodes_count_for_their_sources(tmp_path: Path) -> None:
    model, x = Twice().eval(), torch.rand(2, 4)
    path = tmp_path / "twice.onnx"
    modelexport.export(model, (x,), str(path), optimize=True, fallback=False)
    operations = [node.op_type for node in onnx.load(str(path)).graph.node]
    assert operations.count("Sigmoid") + operations.count("Swish") == 1
    report = check_regions(model, (x,), {}, path, feeds(session(path), (x,), {}))
    assert report.ok, report.failures


class Spectrum(torch.nn.Module):
    """Gives a complex tensor to the next module."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.fft.rfft(x).conj()


class Filtered(torch.nn.Module):
    """Gives what it computes as complex numbers back as real ones."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = torch.nn.Parameter(torch.rand(5))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfft(z * self.gain, n=8)


class Halved(torch.nn.Module):
    """Works in bfloat16, as its caller does not."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = torch.nn.Linear(8, 8).bfloat16()
        self.act = torch.nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.act(self.lin(x.bfloat16()))
        return y.float()


@pytest.mark.parametrize(
    ("modules", "calls", "swapped"),
    [((Spectrum, Filtered), 3, ("0", "1")), ((Halved, torch.nn.Tanh), 5, ("0.lin", "0.act"))],
    ids=["complex", "bfloat16"],
)
def test_types_that_onnxruntime_does_not_give_back(
    modules: tuple[type[torch.nn.Module], ...], calls: int, swapped: tuple[str, str], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(*(module() for module in modules)).eval()
    x = torch.randn(3, 8)
    path = tmp_path / "model.onnx"
    modelexport.export(model, x, str(path), fallback=False)
    fed = feeds(session(path), (x,), {})
    report = check_regions(model, (x,), {}, path, fed)
    assert report.ok and report.checked == calls, report
    swap(path, *swapped)
    assert {call for call, _ in check_regions(model, (x,), {}, path, fed).failures} >= set(swapped)
