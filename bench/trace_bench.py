"""From nn.Module to file by a trace, against torch.onnx.export, eager forward, and copying the weights' bytes.

    python bench/trace_bench.py [--repeat 5] [--models bert-base,gpt2,vit-base,llama-16] [--json out.json]

Every figure is the median of several warm runs in one process, the sides taking turns; the weights are inline on both
sides. Printed beside: what a recorded call costs beyond eager mode, from the differences between a trace and the eager
run just before it, and the peak memory beyond that of eager mode.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import DEFAULT_MODELS, REAL_MODELS, seconds, silence

import modelexport
from modelexport.export_branches import export_branches
from modelexport.inputs import call_inputs
from modelexport.monitor import MemoryPeak
from modelexport.state import preserved
from modelexport.tracing import Trace

Clock = Callable[[], float]


def peak(run: Callable[[], Any]) -> int:
    """MB that the process grows by while ``run`` runs."""
    gc.collect()
    memory = MemoryPeak()
    run()
    return memory.megabytes()


def measure(name: str, repeat: int, folder: Path, clock: Clock) -> dict[str, float]:
    case = REAL_MODELS[name]
    model = case.build().eval()
    args, kwargs = case.inputs()
    call = call_inputs(model, args or kwargs, None, None)
    weights = [tensor.detach() for tensor in {id(t): t for t in (*model.parameters(), *model.buffers())}.values()]
    ours, theirs, copied = (folder / f"{side}.onnx" for side in ("ours", "theirs", "copied"))
    calls: list[int] = []

    def eager() -> None:
        with torch.no_grad(), export_branches():
            model(*args, **kwargs)

    def trace() -> None:
        with preserved(model, torch.onnx.TrainingMode.EVAL):
            Trace(model, call, specialise=False)

    def export() -> None:
        result = modelexport.export(model, args or kwargs, str(ours), capture="trace")
        assert result["capture"]["by"] == "trace", result["capture"]
        calls.append(result["operation_trace_length"])

    def torch_export() -> None:
        torch.onnx.export(model, args, f=str(theirs), kwargs=kwargs, dynamo=True, external_data=False, verbose=False)

    def copy() -> None:
        with copied.open("wb") as file:
            for tensor in weights:
                file.write(memoryview(tensor.contiguous().reshape(-1).numpy()))

    sides = {"eager": eager, "trace": trace, "ours": export, "copy": copy}
    runs: dict[str, list[float]] = {side: [] for side in (*sides, "torch")}

    def alike() -> None:
        """Before every run: nothing is left to write, and memory for a file has just been let go of.

        Memory that lies idle for seconds a virtual machine gives back to its host, and getting it again costs more
        than the copy.
        """
        copy()
        for path in (ours, theirs, copied):
            path.unlink(missing_ok=True)
        os.sync()

    for _ in range(repeat + 1):
        for side, run in sides.items():
            alike()
            runs[side].append(seconds(run, clock))
    beyond = peak(export) - peak(eager)  # before torch.onnx.export leaves its own traces in the allocator
    megabytes = ours.stat().st_size / 2**20
    for _ in range(max(1, repeat // 3) + 1):
        alike()
        runs["torch"].append(seconds(torch_export, clock))
    result = {side: statistics.median(values[1:]) for side, values in runs.items()}
    result["calls"] = calls[-1]
    differences = [traced - run for traced, run in zip(runs["trace"][1:], runs["eager"][1:], strict=True)]
    result["beyond"] = statistics.median(differences) / calls[-1]
    result["peak"] = beyond
    result["megabytes"] = megabytes
    return result


def report(name: str, m: dict[str, float]) -> None:
    bound = m["eager"] + 1.3 * m["copy"] + 0.03
    print(
        f"{name:12s} {m['megabytes']:6.0f} MB  ours {m['ours']:.3f} s  eager {m['eager']:.3f}  trace {m['trace']:.3f}  "
        f"copy {m['copy']:.3f}  torch {m['torch']:.2f}\n"
        f"{'':12s} torch/ours {m['torch'] / m['ours']:.1f}x   {m['calls']:.0f} calls, {m['beyond'] * 1e6:.0f} us each "
        f"beyond eager   eager + 1.3 copy + 30 ms = {bound:.3f} s   peak beyond eager's {m['peak']:.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--models", default=DEFAULT_MODELS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cpu", action="store_true", help="one thread's processor time, where others work too")
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    if options.cpu:
        torch.set_num_threads(1)
    silence()
    results = {}
    for name in options.models.split(","):
        with tempfile.TemporaryDirectory(prefix="modelexport-bench-") as folder:
            results[name] = measure(name, options.repeat, Path(folder), clock)
        report(name, results[name])
    ratios = [m["torch"] / m["ours"] for m in results.values()]
    print(f"torch/ours, geometric mean: {math.exp(statistics.fmean(map(math.log, ratios))):.1f}x")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
