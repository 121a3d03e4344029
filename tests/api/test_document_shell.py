"""The API reference is a test: its commands are run as they are written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import onnx
import pytest

from tests.api.document import blocks
from tests.api.running import checked

ROOT = Path(__file__).parents[2]
CONSOLE_SCRIPT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["modelexport"]


def run_shell(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs shell lines where ``uv run`` just runs its arguments, and ``modelexport`` is our console script."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "uv").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    module, function = CONSOLE_SCRIPT.split(":")
    (programs / "modelexport").write_text(
        f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
    )
    for program in programs.iterdir():
        program.chmod(0o755)
    variables = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT / 'python'}:{ROOT}",
        **environment,
    }
    return subprocess.run(
        ["bash", "-ec", text], cwd=folder, env=variables, capture_output=True, text=True, timeout=300, check=False
    )


MODEL_PY = '''
import torch
from torch import nn

class Words(nn.Module):
    """A model whose one input holds word numbers."""
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50257, 8)
        self.head = nn.Linear(8, 2)
    def forward(self, input_ids):
        return self.head(self.embedding(input_ids).mean(1))

model = Words()
example_inputs = torch.zeros(2, 5, dtype=torch.int64)
'''


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with the document's model.py and export_config.json."""
    (tmp_path / "model.py").write_text(MODEL_PY)
    (tmp_path / "export_config.json").write_text(blocks("json")[0].text)
    return tmp_path


def command_lines() -> list[str]:
    text = next(block.text for block in blocks("bash") if "uv run" in block.text)
    return [line for line in text.splitlines() if line.startswith("uv ")]


@pytest.mark.parametrize("line", command_lines())
def test_command_line(line: str, workplace: Path) -> None:
    done = run_shell(line, workplace)
    assert done.returncode == 0, done.stderr
    model = checked(workplace / "output.onnx")
    assert (workplace / "output_hierarchy.json").exists()
    assert ("modelexport:" in done.stderr) == ("--verbose" in line)
    with_config = "--config" in line
    assert model.opset_import[0].version == (14 if with_config else 20)
    assert model.graph.input[0].name == ("input" if with_config else "input_ids")
    dim = model.graph.input[0].type.tensor_type.shape.dim[0]
    assert (dim.dim_param or dim.dim_value) == ("batch_size" if with_config else 2)


def test_environment_block(workplace: Path) -> None:
    """The variables that the document exports do what it says of them."""
    variables = next(block.text for block in blocks("bash") if "MODELEXPORT_" in block.text)
    done = run_shell(f"{variables}\n{command_lines()[0]}", workplace)
    assert done.returncode == 0, done.stderr
    auxiliary = [n for n in onnx.load(workplace / "output.onnx").graph.node if "role" in str(n.metadata_props)]
    assert done.stderr.count("modelexport: auxiliary ") == len(auxiliary)
    trace = json.loads((workplace / "output_trace.json").read_text())
    assert {"capture", "lower", "write"} <= {event["name"] for event in trace["traceEvents"]}
