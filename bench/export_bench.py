"""Times of exports by torch.export: against torch.onnx.export, against writing the same bytes; ratios of one run.

    python bench/export_bench.py [--repeat 5] [--models bert-base,gpt2,vit-base,llama-16] [--json out.json]

Every figure is the median of several warm runs in one process, both sides taking turns.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import DEFAULT_MODELS, REAL_MODELS, seconds, silence

import modelexport


def median(runs: list[float]) -> float:
    return statistics.median(runs)


def rewrite(source: Path, target: Path) -> None:
    """Writes the same bytes as ``source`` holds, from memory: what no exporter can do without."""
    data = source.read_bytes()

    def write() -> None:
        with target.open("wb") as file:
            file.write(data)

    rewrite.seconds = seconds(write)  # type: ignore[attr-defined]


def measure(name: str, repeat: int, folder: Path) -> dict[str, float]:
    case = REAL_MODELS[name]
    model = case.build().eval()
    args, kwargs = case.inputs()
    ours = folder / "ours.onnx"
    theirs = folder / "theirs.onnx"
    copy = folder / "copy.onnx"

    def capture() -> torch.export.ExportedProgram:
        with torch.no_grad():
            return torch.export.export(model, args, kwargs, strict=False)

    program = capture()
    runs: dict[str, list[float]] = {}

    def time_it(label: str, run: Callable[[], Any]) -> None:
        for path in (ours, theirs, copy):
            path.unlink(missing_ok=True)
        runs.setdefault(label, []).append(seconds(run))

    def torch_export(source: Any) -> None:
        inputs = {} if isinstance(source, torch.export.ExportedProgram) else {"args": args, "kwargs": kwargs}
        torch.onnx.export(source, f=str(theirs), dynamo=True, external_data=False, verbose=False, **inputs)

    for _ in range(repeat + 1):
        time_it("capture", capture)
        time_it("ours", lambda: modelexport.export(model, args or kwargs, str(ours), capture="export"))
        time_it("ours_from_program", lambda: modelexport.export(program, None, str(ours)))
        size = ours.stat().st_size
        rewrite(ours, copy)
        runs.setdefault("write", []).append(rewrite.seconds)  # type: ignore[attr-defined]
    for _ in range(max(1, repeat // 2) + 1):
        time_it("torch", lambda: torch_export(model))
        time_it("torch_from_program", lambda: torch_export(program))
    warm = {label: median(values[1:] or values) for label, values in runs.items()}
    warm["megabytes"] = size / 2**20
    return warm


def report(name: str, m: dict[str, float]) -> None:
    beyond = m["ours"] - m["capture"]
    print(
        f"{name:12s} {m['megabytes']:6.0f} MB  ours {m['ours']:.3f} s  capture {m['capture']:.3f} s  "
        f"torch {m['torch']:.2f} s  write {m['write']:.3f} s\n"
        f"{'':12s} torch/ours {m['torch'] / m['ours']:.1f}x   from a program "
        f"{m['torch_from_program'] / m['ours_from_program']:.1f}x   "
        f"beyond capture {beyond * 1e3:.0f} ms = {beyond / m['write']:.2f} x write   "
        f"from a program {m['ours_from_program'] * 1e3:.0f} ms = {m['ours_from_program'] / m['write']:.2f} x write",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--models", default=DEFAULT_MODELS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    silence()
    results = {}
    folder = Path(tempfile.mkdtemp(prefix="modelexport-bench-"))
    try:
        for name in options.models.split(","):
            results[name] = measure(name, options.repeat, folder)
            report(name, results[name])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
