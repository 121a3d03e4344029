"""The jobs of a batch on a local Ray cluster of two workers, one of which is killed on the way."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from modelexport import InvalidInputError, batch_export
from tests.api.running import assert_same, run
from tests.batch.models import Crashing, Good, Raising

pytestmark = pytest.mark.zoo
X = torch.randn(2, 4)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head without CPUs, and two machines of one CPU each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


def config(folder: Path, name: str, model: torch.nn.Module, **keys: Any) -> dict[str, Any]:
    return {"model": model, "inputs": X, "output_path": folder / f"{name}.onnx", **keys}


def test_a_worker_is_lost(cluster: Any, tmp_path: Path) -> None:
    """The job that ran there runs again on the other one."""
    seen = tmp_path / "lost.seen"
    killed: list[int] = []

    def kill_worker() -> None:
        while not seen.exists():
            time.sleep(0.05)
        process = int(seen.read_text().split()[0])
        worker = int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
        os.kill(worker, signal.SIGKILL)
        killed.append(process)

    killer = threading.Thread(target=kill_worker, daemon=True)
    killer.start()
    models = {"lost": Good(seen, 10), "kept": Good()}
    configs = [config(tmp_path, name, model) for name, model in models.items()]
    configs += [config(tmp_path, "raising", Raising()), config(tmp_path, "crashing", Crashing())]
    report = batch_export(configs, folder=tmp_path / "batch", ray=cluster.address)
    killer.join()
    assert report["summary"] == {"jobs": 4, "done": 2, "kept": 0, "failed": 2}
    said = {entry["name"]: entry["error"] for entry in report["jobs"]}
    assert "no such luck" in said["raising"]
    assert said["crashing"] == "its process was ended by SIGSEGV"
    for name, model in models.items():
        model.seen, model.seconds = None, 0
        assert_same(run(tmp_path / f"{name}.onnx", {"x": X}), model(X))
    processes = seen.read_text().split()
    assert processes[0] == str(killed[0])
    assert len(set(processes)) == 2
    assert not Path(f"/proc/{killed[0]}").exists()
    assert "no such luck" in (tmp_path / "batch" / "logs" / "raising.log").read_text()


def test_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="there is no Ray cluster at localhost:1: "):
        batch_export([config(tmp_path, "net", Good())], ray="localhost:1")
