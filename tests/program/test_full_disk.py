"""Exports to disks that are full or read-only: one clear line, what was there before, and nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.program import doors

EXECUTABLE = Path(os.environ.get("MODELEXPORT_EXECUTABLE", Path(__file__).parents[2] / "build" / "modelexport"))
OLD = "an earlier model"
# A file system of its own for one command, which goes with the command's mount namespace.
SCRIPT = """
mount -t tmpfs -o size="$1" tmpfs "$2" || exit 99
cd "$2" && printf '%s' "$3" > net.onnx && mount -o "remount,$4,size=$1" "$2" || exit 99
old=$3
shift 4
"$@"
echo "$? $(ls -A | tr '\\n' ' ')$(grep -qx "$old" net.onnx && echo old || echo new)"
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 256 kB of weights, and 1000 calls: its sidecar is larger than a few pages."""
    folder = tmp_path_factory.mktemp("saved")

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(256, 256)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.linear(x)
            for _ in range(200):
                x = x.sin()
            return x

    return doors.save(torch.export.export(Net().eval(), (torch.randn(1, 256),)), folder / "net.pt2")


def export(saved: Path, folder: Path, size: int, mode: str = "rw", *options: str) -> tuple[str, str]:
    """What the export says on standard error, and "<exit code> <files> <old or new>", the target's content."""
    arguments = (str(size), str(folder), OLD, mode, str(EXECUTABLE), "export", str(saved), "net.onnx", *options)
    done = subprocess.run(
        ("unshare", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh", *arguments),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr, done.stdout.splitlines()[-1]


@pytest.mark.parametrize("options", [(), ("--external-data",)], ids=["inside", "external"])
def test_full_disks(options: tuple[str, ...], saved: Path, tmp_path: Path) -> None:
    """Room for nothing, for a part of the weights, and for the model without its sidecar."""
    subprocess.run((EXECUTABLE, "export", saved, tmp_path / "net.onnx", *options), check=True, capture_output=True)
    written = sum(file.stat().st_size for file in tmp_path.glob("net.onnx*"))
    for size in (8192, 131072, written + 16384):
        error, state = export(saved, tmp_path, size, "rw", *options)
        assert error.count("\n") == 1, error
        assert "cannot write net" in error
        assert "No space left on device" in error
        assert state == "4 net.onnx old"


def test_read_only_disks(saved: Path, tmp_path: Path) -> None:
    error, state = export(saved, tmp_path, 1 << 24, "ro")
    assert error == "modelexport: error: cannot write net.onnx: Read-only file system\n"
    assert state == "4 net.onnx old"


def test_the_same_export_where_there_is_room(saved: Path, tmp_path: Path) -> None:
    error, state = export(saved, tmp_path, 1 << 24)
    assert error == ""
    assert state == "0 net.onnx net_hierarchy.json new"
