"""Traces do not get into each other's way, nor into that of other threads' forwards."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import nn

import modelexport
from tests.models.parity import assert_parity


def deep() -> nn.Module:
    return nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(20))).eval()


def test_many_at_once(tmp_path: Path) -> None:
    models = [deep() for _ in range(6)]
    call_impl, look_up = nn.Module._call_impl, torch._ops.OpOverload._get_dispatch
    stop = threading.Event()
    failures: list[BaseException] = []

    def work_beside() -> None:
        model = deep()
        while not stop.is_set():
            try:
                model(torch.randn(2, 8)).tolist()
            except BaseException as error:
                failures.append(error)
                return

    beside = threading.Thread(target=work_beside)
    beside.start()
    try:
        with ThreadPoolExecutor(3) as pool:
            paths = [tmp_path / f"{i}.onnx" for i in range(len(models))]
            results = list(
                pool.map(lambda m, p: modelexport.export(m, torch.randn(2, 8), str(p), capture="trace"), models, paths)
            )
    finally:
        stop.set()
        beside.join()
    assert not failures
    for model, path, result in zip(models, paths, results, strict=True):
        assert result["capture"] == {"by": "trace", "specialised": []}
        assert result["operation_trace_length"] == 40
        assert_parity(model, path, (torch.randn(2, 8),), {})
    assert nn.Module._call_impl is call_impl
    assert torch._ops.OpOverload._get_dispatch is look_up
