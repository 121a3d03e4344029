"""Bad input: a clear error of a documented type, the model as it was, and no file left."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

import modelexport
from tests.api.models import Failing, Net


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def assert_refused(
    kind: type[Exception], message: str, path: Path, model: object = None, inputs: object = None, **keywords: object
) -> None:
    before = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    with pytest.raises(kind, match=message) as caught:
        modelexport.export(
            Net() if model is None else model, torch.randn(3, 4) if inputs is None else inputs, path, **keywords
        )
    assert "\n" not in str(caught.value)
    assert (sorted(path.parent.iterdir()) if path.parent.is_dir() else []) == before


def test_no_forward(path: Path) -> None:
    for model in (nn.Module(), nn.ModuleList([nn.Linear(4, 4)])):
        assert_refused(modelexport.InvalidInputError, "has no forward method", path, model)


def test_no_module(path: Path) -> None:
    assert_refused(modelexport.InvalidInputError, "must be a torch.nn.Module or .* not a function", path, lambda x: x)


def test_wrong_number_of_inputs(path: Path) -> None:
    x = torch.randn(3, 4)
    assert_refused(
        modelexport.InvalidInputError, r"do not fit Net.forward\(x, \[scale\]\): missing .* 'x'", path, None, ()
    )
    assert_refused(modelexport.InvalidInputError, "too many positional arguments", path, None, (x, x, x))
    assert_refused(modelexport.InvalidInputError, "unexpected keyword argument 'q'", path, None, {"x": x, "q": x})


def test_inputs_on_another_device(path: Path) -> None:
    x = torch.randn(3, 4, device="meta")
    assert_refused(modelexport.InvalidInputError, "input 'x' is on device meta, but the model is on cpu", path, None, x)


def test_weights_without_data(path: Path) -> None:
    model = Net().to("meta")
    x = torch.randn(3, 4, device="meta")
    assert_refused(modelexport.InvalidInputError, r"blocks\.0\.linear\.weight has no data", path, model, x)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_inputs_of_a_wrong_dtype(dtype: torch.dtype, path: Path) -> None:
    x = torch.ones(3, 4).to(dtype)
    name = str(dtype).removeprefix("torch.")
    assert_refused(
        modelexport.InvalidInputError, rf"Net.forward fails on the inputs \(x {name}\[3, 4\]\)", path, None, x
    )


def test_integers_where_floats_belong(path: Path) -> None:
    message = "blocks.0.linear.*input is int64 but weight is float32"
    assert_refused(modelexport.InvalidInputError, message, path, None, torch.ones(3, 4, dtype=torch.int64))


def test_inputs_of_a_wrong_shape(path: Path) -> None:
    assert_refused(
        modelexport.InvalidInputError, r"fails on the inputs \(x float32\[3, 5\]\)", path, None, torch.randn(3, 5)
    )


def test_a_model_that_torch_cannot_capture(path: Path) -> None:
    assert_refused(modelexport.CaptureError, "torch.export cannot capture Failing", path, Failing(), torch.randn(2, 2))


def test_an_unknown_keyword(path: Path) -> None:
    assert_refused(TypeError, "unexpected keyword 'opset'; valid ones are opset_version, input_names", path, opset=18)


@pytest.mark.parametrize("opset", [13, 99, 0, -1])
def test_opset_out_of_range(opset: int, path: Path) -> None:
    assert_refused(
        modelexport.InvalidInputError, f"opset_version {opset} is out of range: 14 to", path, opset_version=opset
    )


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"opset_version": "18"}, "must be an integer"),
        ({"opset_version": True}, "must be an integer"),
        ({"input_names": ["a", "b"]}, "input_names gives 2 names, but there are 1: x"),
        ({"output_names": ["a"]}, "output_names gives 1 names, but there are 2: features, logits"),
        ({"input_names": "x"}, "input_names must be a list of strings"),
        ({"output_names": ["a", "a"]}, "'a' twice"),
        ({"output_names": ["a", ""]}, "'', which is no name"),
        ({"output_names": ["x", "y"]}, "output_names holds 'x', which is the name of an input"),
        ({"training": True}, "must be a torch.onnx.TrainingMode"),
        ({"do_constant_folding": 1}, "must be True or False"),
        ({"metadata": "some"}, "must be one of full, minimal, none"),
        ({"custom_ops": "drop"}, "must be one of refuse, keep"),
    ],
)
def test_bad_options(keywords: dict[str, object], message: str, path: Path) -> None:
    assert_refused(modelexport.InvalidInputError, message, path, **keywords)


def test_every_unsupported_operator_is_listed(path: Path) -> None:
    class Inner(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.cond(x) + torch.special.airy_ai(x).sum()

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Inner()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x) + torch.special.airy_ai(x).sum()

    assert_refused(
        modelexport.UnsupportedOperatorError,
        r"special_airy_ai\.default \(2 calls, first in inner\)",
        path,
        Outer(),
        torch.randn(3, 3),
    )
    assert_refused(
        modelexport.UnsupportedOperatorError, r"linalg_cond\.default \(1 call", path, Outer(), torch.randn(3, 3)
    )


def test_output_folder_missing(tmp_path: Path) -> None:
    assert_refused(modelexport.OutputError, "folder .*nowhere does not exist", tmp_path / "nowhere" / "model.onnx")


def test_output_is_a_folder(tmp_path: Path) -> None:
    assert_refused(modelexport.OutputError, "is a folder", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/sys").is_dir(), reason="root may write anywhere")
def test_output_folder_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    # Root ignores the mode of a folder; /proc/sys refuses even root.
    target = Path("/proc/sys/model.onnx") if os.geteuid() == 0 else folder / "model.onnx"
    folder.chmod(0o555)
    try:
        assert_refused(modelexport.OutputError, "", target)
    finally:
        folder.chmod(0o755)


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    previous = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, previous[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, previous)


@pytest.mark.parametrize("external", [False, True])
def test_disk_full(external: bool, path: Path) -> None:
    model = nn.Linear(512, 512)
    path.write_bytes(b"an earlier model")
    with file_size_limit(200_000):
        assert_refused(modelexport.OutputError, "model.onnx", path, model, torch.randn(1, 512), external_data=external)
    assert path.read_bytes() == b"an earlier model"


def test_nothing_to_return(path: Path) -> None:
    class Silent(nn.Module):
        def forward(self, x: torch.Tensor) -> None:
            return None

    assert_refused(modelexport.InvalidInputError, "returns no tensor", path, Silent())


def test_a_failing_forward_is_not_hidden(path: Path) -> None:
    class Raises(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("my own reason")

    assert_refused(modelexport.InvalidInputError, "RuntimeError: my own reason", path, Raises())


def test_every_error_is_in_one_tree() -> None:
    errors = [getattr(modelexport, name) for name in modelexport.__all__ if name.endswith("Error")]
    assert all(issubclass(error, modelexport.ModelExportError) for error in errors)
