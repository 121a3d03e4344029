"""Whatever a forward does, its trace is right for other inputs, or the model goes to torch.export, or it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import modelexport
from tests.models.parity import assert_parity, assert_valid
from tests.trace.adversaries import ADVERSARIES, Tricky

# What torch.export itself gets wrong without a word: it bakes in what the example, or its own error, made of it.
WRONG_IN_TORCH_EXPORT = {
    "printed_data",
    "swallowed_read",
    "swapped_below_a_view",
    "swapped_for_a_view_of_data_that_changes",
    "swapped_for_another_layout",
    "swapped_for_data_that_changes",
    "write_in_thread",
}


def inputs(seed: int) -> Tensor:
    return torch.randn(2, 4, generator=torch.Generator().manual_seed(seed))


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    Tricky.instances = 0
    Tricky.shared.clear()
    return Tricky(ADVERSARIES[name].forward).eval()


@pytest.mark.parametrize("name", ADVERSARIES)
def test_right_or_sent_on_or_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    how = ADVERSARIES[name].how
    try:
        result = modelexport.export(build(name), inputs(0), str(path), capture="trace")
    except modelexport.ModelExportError:
        assert how != "trace"
        assert not path.exists()
        return
    capture = result["capture"]
    if how == "trace":
        assert capture == {"by": "trace", "specialised": []}
    else:
        assert capture["by"] != "trace"
        assert how in capture["untraced"]
    assert_valid(path)
    if name not in WRONG_IN_TORCH_EXPORT and not capture.get("assumed"):
        for seed in range(4):
            assert_parity(build(name), path, (inputs(seed),), {})
