"""Traces do not get into each other's way, nor into that of other threads' forwards."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import nn

import modelexport
from modelexport import pre_dispatch
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


def test_another_thread_captures_meanwhile() -> None:
    relu = torch.ops.aten.relu.default
    seen = []

    def call(operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        seen.append(operator)
        return operator(*args, **kwargs)

    x = torch.ones(2)
    with torch.no_grad(), pre_dispatch.calls_go_to(call), ThreadPoolExecutor(1) as pool:
        x.relu()
        program = pool.submit(torch.export.export, nn.ReLU(), (x,)).result()
        x.relu()
    assert [node.target for node in program.graph.nodes if node.op == "call_function"] == [relu]
    assert seen == [relu, relu]
    assert torch._C.DispatchKey.PreDispatch not in relu._dispatch_cache
