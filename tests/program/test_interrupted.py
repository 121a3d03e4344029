"""Exports that are killed: each target is either the old file or the whole new one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.program import doors

EXECUTABLE = Path(os.environ.get("MODELEXPORT_EXECUTABLE", Path(__file__).parents[2] / "build" / "modelexport"))
OLD = b"an earlier model"


def timed(command: list[str]) -> float:
    """The seconds that `command` takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


@pytest.mark.parametrize("options", [[], ["--external-data"]], ids=["inside", "external"])
def test_killed_at_random_points(options: list[str], tmp_path: Path) -> None:
    net = nn.Sequential(*(nn.Linear(1024, 1024) for _ in range(8))).eval()
    saved = doors.save(torch.export.export(net, (torch.randn(1, 1024),)), tmp_path / "net.pt2")
    folder = tmp_path / "out"
    folder.mkdir()
    model = folder / "net.onnx"
    command = [str(EXECUTABLE), "export", str(saved), str(model), *options]
    duration = min(timed(command) for _ in range(3))
    targets = [path for path in folder.iterdir() if path.suffix != ".json"]  # a sidecar tells when it was made
    whole = {path: path.read_bytes() for path in targets}

    pick = random.Random(0)
    killed = 0
    while killed < 50:
        for path in targets:
            path.write_bytes(OLD)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            time.sleep(pick.uniform(0, duration))
            process.send_signal(signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
        for path in targets:
            assert path.read_bytes() in (OLD, whole[path]), path.name

    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert {path: path.read_bytes() for path in targets} == whole
    assert not [path.name for path in folder.iterdir() if ".tmp-" in path.name]
