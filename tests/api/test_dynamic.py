"""Dynamic axes in the document's form and in torch's: the file runs at other sizes, under the user's names."""

from __future__ import annotations

import builtins
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

import modelexport
from tests.api.models import Net
from tests.api.running import assert_same, checked, input_dims, run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


class Attention(nn.Module):
    """Two dynamic axes, and sizes that are computed from them."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = hidden.shape
        query, key, value = self.project(hidden).view(batch, length, 2, 12).transpose(1, 2).chunk(3, dim=-1)
        bias = (1.0 - mask[:, None, None, :].float()) * -1e4
        weights = (query @ key.transpose(-1, -2) + bias).softmax(-1)
        return (weights @ value).transpose(1, 2).reshape(batch, length, width)


class Keywords(nn.Module):
    def forward(self, x: Tensor, **extra: Tensor) -> Tensor:
        return x + extra["y"]


class Pinned(nn.Module):
    """Works for one size of axis 0 only."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.arange(4)


class Rooted(nn.Module):
    """Takes a number of a size that Python has made a plain one, and one that stays dynamic."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        length = x.size(1)
        assert length % 2 == 0
        return x[:, : int(length**0.5)], x[:, : math.floor(length**0.5)]


def test_a_number_that_is_fixed_though_its_size_is_not(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    modelexport.export(Rooted(), torch.ones(2, 10), path, dynamic_axes={"x": {0: "batch", 1: "length"}})
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 2
    assert "sizes of axis 1 ('length') of input 'x' from 9 to 15, as the capture requires" in warnings[0]
    assert "sizes of axis 1 ('length') of input 'x' such as 10, not 11, as the capture requires" in warnings[1]


class Padded(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] % 2:
            x = nn.functional.pad(x, (0, 1))
        return x.unflatten(1, (-1, 2)).sum(-1)


def test_a_branch_on_a_size_is_said(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for length, text in ((10, "such as 2, not 3"), (9, "such as 3, not 4")):
        caplog.clear()
        modelexport.export(Padded(), torch.ones(2, length), path, dynamic_axes={"x": {0: "batch", 1: "length"}})
        warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
        assert len(warnings) == 1
        assert f"sizes of axis 1 ('length') of input 'x' {text}, as the capture requires" in warnings[0]
        x = torch.randn(3, length + 4)
        assert_same(run(path, {"x": x}), Padded()(x))


def test_the_documents_example_is_dynamic_with_a_batch_of_one(path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2)).eval()
    modelexport.export(
        model,
        torch.randn(1, 3, 8, 8),
        path,
        opset_version=14,
        do_constant_folding=True,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "batch_size"}, "output": {0: "batch_size"}},
        export_params=True,
        training=torch.onnx.TrainingMode.EVAL,
    )
    assert input_dims(checked(path)) == {"input": ["batch_size", 3, 8, 8]}
    for batch in (1, 2, 5):
        x = torch.randn(batch, 3, 8, 8)
        actual = run(path, {"input": x})
        assert list(actual) == ["output"]
        assert_same(actual, model(x))


@pytest.mark.parametrize("example", [(1, 1), (1, 5), (3, 1), (3, 5)])
@pytest.mark.parametrize(
    "axes",
    [
        {"dynamic_axes": {name: {0: "batch", 1: "length"} for name in ("hidden", "mask")}},
        {"dynamic_axes": {name: {"0": "batch", "-" + str(i): "length"} for name, i in (("hidden", 2), ("mask", 1))}},
        {"dynamic_shapes": {name: {0: Dim("batch"), 1: Dim("length")} for name in ("hidden", "mask")}},
        {"dynamic_shapes": ({0: "batch", 1: "length"}, ("batch", "length"))},
    ],
    ids=["axes", "json", "dims", "strings"],
)
def test_two_axes(example: tuple[int, int], axes: dict[str, object], path: Path) -> None:
    model = Attention().eval()
    modelexport.export(model, (torch.randn(*example, 8), torch.ones(*example, dtype=torch.int64)), path, **axes)
    assert input_dims(checked(path)) == {"hidden": ["batch", "length", 8], "mask": ["batch", "length"]}
    for batch, length in ((1, 1), (2, 7), (5, 1), (1, 9)):
        hidden, mask = torch.randn(batch, length, 8), torch.ones(batch, length, dtype=torch.int64)
        mask[:, length // 2 :] = 0
        assert_same(run(path, {"hidden": hidden, "mask": mask}), model(hidden, mask))


def test_a_list_of_axes(path: Path) -> None:
    model = Net().eval()
    modelexport.export(model, torch.randn(1, 4), path, dynamic_axes={"x": [0]})
    assert isinstance(input_dims(checked(path))["x"][0], str)
    for batch in (1, 4):
        x = torch.randn(batch, 4)
        assert_same(run(path, {"x": x}), model(x))


def test_entries_of_keyword_dictionaries(path: Path) -> None:
    inputs = {"x": torch.randn(1, 3), "y": torch.randn(1, 3)}
    modelexport.export(Keywords(), inputs, path, dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})
    given = {"x": torch.randn(4, 3), "y": torch.randn(4, 3)}
    assert_same(run(path, given), Keywords()(**given))


def test_derived_dimensions(path: Path) -> None:
    class Halves(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x.view(2, -1)[0] + y

    half = Dim("half")
    modelexport.export(
        Halves(), (torch.randn(2), torch.randn(1)), path, dynamic_shapes={"x": {0: 2 * half}, "y": {0: half}}
    )
    for n in (1, 3):
        x, y = torch.randn(2 * n), torch.randn(n)
        assert_same(run(path, {"x": x, "y": y}), Halves()(x, y))


def test_an_axis_that_the_model_fixes_is_named(path: Path) -> None:
    with pytest.raises(modelexport.CaptureError, match=r"axis 0 \('batch'\) of input 'x'.*constant \(4\)"):
        modelexport.export(Pinned(), torch.randn(4), path, dynamic_axes={"x": {0: "batch"}})
    assert not list(path.parent.iterdir())


class Width(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.ReLU(), nn.Linear(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)  # type: ignore[no-any-return]


class Quarters(nn.Module):
    """Fits one size alone, by arithmetic that torch keeps as a condition on the size."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(4, -1) * torch.ones(4, 3)


class Counted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[i] * i for i in range(x.shape[0])])


@pytest.mark.parametrize(
    ("model", "axis", "why"),
    [
        (Pinned(), 0, r"becomes 4 in the root module \(aten\.add\.Tensor, test_dynamic\.py:\d+: "),
        (Width(), 1, r"becomes 4 in inner\.1 \(aten\.linear\.default, linear\.py:\d+: return F\.linear"),
        (Counted(), 0, r"becomes 4 in the root module \(test_dynamic\.py:\d+: .*range\(x\.shape\[0\]\)"),
        (Quarters(), 0, r"cannot be dynamic: it becomes 4 in the capture, which requires .*\(3\*size\) // 4"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_where_an_axis_is_fixed_is_said(model: nn.Module, axis: int, why: str, path: Path) -> None:
    shape = (4, 3) if axis == 0 else (3, 4)
    example = torch.randn(4) if isinstance(model, Pinned) else torch.randn(shape)
    with pytest.raises(modelexport.CaptureError, match=rf"axis {axis} \('size'\) of input 'x' .*{why}"):
        modelexport.export(model, example, path, dynamic_axes={"x": {axis: "size"}})
    with pytest.raises(modelexport.CaptureError, match=rf"axis {axis} of input 'x' .*{why}"):
        modelexport.export(model, example, path, dynamic_shapes={"x": {axis: Dim.DYNAMIC}})


def test_an_axis_that_may_be_fixed_is(path: Path) -> None:
    modelexport.export(Width(), torch.randn(3, 4), path, dynamic_shapes={"x": {0: "batch", 1: Dim.AUTO}})
    assert input_dims(checked(path))["x"] == ["batch", 4]


def test_a_condition_that_leaves_a_choice_fixes_nothing(path: Path) -> None:
    class Pairs(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.reshape(2, -1) + 1

    modelexport.export(Pairs(), torch.randn(4), path, dynamic_axes={"x": {0: "size"}})
    for size in (2, 10):
        x = torch.randn(size)
        assert_same(run(path, {"x": x}), Pairs()(x))


def test_axes_that_must_change_together(path: Path) -> None:
    inputs = {"x": torch.randn(1, 3), "y": torch.randn(1, 3)}

    class Joined(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return torch.cat([x, y], dim=1)

    with pytest.raises(modelexport.CaptureError, match="leave others behind"):
        modelexport.export(Joined(), inputs, path, dynamic_axes={"x": {0: "batch"}})


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (
            {"missing": {0: "batch"}},
            "'missing', which is no input .* none of its outputs: features, logits",
        ),
        ({"x": {2: "batch"}}, "axis 2, but the input has 2 dimensions"),
        ({"x": {"first": "batch"}}, "axis 'first', which is no integer"),
        ({"x": {0: 7}}, "must be a name, not 7"),
        ({"x": "batch"}, "must be a dict or a list of axes"),
    ],
)
def test_bad_axes(axes: dict[str, object], message: str, path: Path) -> None:
    with pytest.raises(modelexport.InvalidInputError, match=message):
        modelexport.export(Net(), torch.randn(1, 4), path, dynamic_axes=axes)
    assert not list(path.parent.iterdir())


def test_bad_shapes(path: Path) -> None:
    with pytest.raises(modelexport.InvalidInputError, match="'missing', which is no input of the model: x"):
        modelexport.export(Net(), torch.randn(1, 4), path, dynamic_shapes={"missing": {0: Dim("b")}})
    with pytest.raises(modelexport.InvalidInputError, match="dynamic_axes or dynamic_shapes, not both"):
        modelexport.export(Net(), torch.randn(1, 4), path, dynamic_shapes={"x": None}, dynamic_axes={"x": [0]})


class Recurrent(nn.Module):
    """A recurrent network over a sequence of any length, of which the last step and the final state are taken."""

    def __init__(self, kind: type[nn.RNNBase], *, batch_first: bool) -> None:
        super().__init__()
        self.network = kind(4, 3, num_layers=2, bidirectional=True, batch_first=batch_first)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        sequence, state = self.network(x)
        return sequence, (state[0] if isinstance(state, tuple) else state)[-1]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_the_length_of_a_recurrent_networks_sequence(kind: type[nn.RNNBase], batch_first: bool, path: Path) -> None:
    model = Recurrent(kind, batch_first=batch_first).eval()
    names = {0: "batch", 1: "length"} if batch_first else {0: "length", 1: "batch"}
    modelexport.export(model, torch.randn(2, 5, 4), path, dynamic_axes={"x": names}, fallback=False)
    for first, second in ((2, 5), (1, 1), (3, 8)):
        x = torch.randn(first, second, 4)
        assert_same(run(path, {"x": x}), model(x))


class Points(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        height, width = x.shape[2:]
        places = torch.linspace(-1, 1, height, dtype=torch.float64)
        return places, x * torch.linspace(0.5, 2, steps=width)


class Pooled(nn.Module):
    """Pools with windows as large as the picture, or as wide."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        size = x.size()[2:]
        rows = nn.functional.max_pool1d(x.flatten(0, 1), size[1])
        wide = nn.functional.max_pool2d(x, (1, size[1]))
        return nn.functional.avg_pool2d(x, size), nn.functional.max_pool2d(x, size, stride=1), rows, wide


class Counted(nn.Module):
    """Asks Python for the length and the square root."""

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(len(x) * x.shape[1], -1)
        return rows.reshape(len(x), -1) * len(rows) / math.sqrt(x.shape[2])


@pytest.mark.parametrize("model", [Points(), Pooled(), Counted()])
def test_sizes_where_torch_takes_numbers_only(model: nn.Module, path: Path) -> None:
    axes = {"x": {0: "batch", 2: "height", 3: "width"}}
    modelexport.export(model, torch.randn(2, 3, 5, 6), path, dynamic_axes=axes, fallback=False)
    for batch, height, width in ((2, 5, 6), (1, 1, 1), (3, 7, 2)):
        x = torch.randn(batch, 3, height, width)
        assert_same(run(path, {"x": x}), model(x))


def test_threads_leave_python_as_it_was(tmp_path: Path) -> None:
    before = builtins.len, math.sqrt

    def export(number: int) -> None:
        axes = {"x": {0: "batch"}}
        modelexport.export(
            Counted(), torch.randn(2, 3, 4), tmp_path / f"{number}.onnx", dynamic_axes=axes, fallback=False
        )

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(export, range(8)))
    assert (builtins.len, math.sqrt) == before
    x = torch.randn(5, 3, 4)
    assert_same(run(tmp_path / "7.onnx", {"x": x}), Counted()(x))


class Triple(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bi,bj,bk->bijk", x, x + 1, x + 2)


def test_an_order_of_products_by_sizes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Orders:
        """The package opt_einsum, which need not be installed, looks at sizes so."""

        @staticmethod
        def contract_path(equation: str, *operands: Tensor, **options: object) -> tuple[list[tuple[int, int]]]:
            return ([(0, 1), (0, 1)] if sum(int(operand.shape[0]) for operand in operands) else [],)

    backend = torch.backends.opt_einsum
    for name, value in (("enabled", True), ("is_available", lambda: True), ("get_opt_einsum", lambda: Orders)):
        monkeypatch.setattr(backend, name, value)
    modelexport.export(Triple(), torch.randn(2, 3), path, dynamic_axes={"x": {0: "batch"}}, fallback=False)
    x = torch.randn(5, 3)
    assert_same(run(path, {"x": x}), Triple()(x))


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("factor", [2, 1.5, 0.5])
def test_sizes_times_a_factor(mode: str, factor: float, path: Path) -> None:
    model = nn.Upsample(scale_factor=factor, mode=mode)
    axes = {"input": {0: "batch", 2: "height", 3: "width"}}
    modelexport.export(model, torch.randn(2, 3, 5, 6), path, dynamic_axes=axes, fallback=False)
    for batch, height, width in ((2, 5, 6), (1, 4, 9)):
        x = torch.randn(batch, 3, height, width)
        assert_same(run(path, {"input": x}), model(x))
