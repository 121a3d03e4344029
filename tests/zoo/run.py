"""Exports every architecture of a zoo and prints what passes, what fails, and why.

    python -m tests.zoo.run [--only bert,vit] [--jobs 2] [--no-regions] [--json results.json]

For each: built, run in eager mode, captured by torch.export, exported natively, checked by onnx, equal to eager in
onnxruntime on new inputs, and tags right by the region check.
"""

from __future__ import annotations

import argparse
import collections
import json
import logging
import multiprocessing
import os
import signal
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

SECONDS_EACH = 240


def attempt(name: str, regions: bool) -> dict[str, Any]:
    """The furthest stage that ``name`` reached, and the error there."""
    import torch

    import modelexport
    from modelexport.region_check import check_regions
    from tests.models.parity import assert_parity, assert_valid, feeds, session
    from tests.zoo.transformers_zoo import build, inputs

    stage = "build"
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            model = build(name)
            stage = "eager"
            given = inputs(model)
            with torch.no_grad():
                model(**given)
            stage = "capture"
            with torch.no_grad():
                torch.export.export(model, (), given, strict=False)
            stage = "export"
            modelexport.export(model, given, str(path), fallback=False)
            stage = "check"
            assert_valid(path)
            stage = "parity"
            assert_parity(model, path, (), given)
            torch.manual_seed(1)
            other = inputs(model)
            assert_parity(model, path, (), other)
            stage = "regions"
            if regions:
                report = check_regions(model, (), other, path, feeds(session(path), (), other))
                if report.failures:
                    call, why = next(iter(report.failures.items()))
                    raise AssertionError(f"{len(report.failures)} of {report.checked}: {call[0]}@{call[1]} {why}")
            stage = "passed"
            error = ""
        except BaseException as problem:
            if isinstance(problem, KeyboardInterrupt):
                raise
            error = f"{type(problem).__name__}: {str(problem).strip()[:600]}"
            if os.environ.get("ZOO_TRACEBACK"):
                traceback.print_exc()
    return {"name": name, "stage": stage, "error": error, "seconds": round(time.perf_counter() - start, 1)}


def _limited(job: tuple[str, bool]) -> dict[str, Any]:
    def out_of_time(*_: Any) -> None:
        raise TimeoutError(f"more than {SECONDS_EACH} s")

    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(SECONDS_EACH)
    try:
        return attempt(*job)
    finally:
        signal.alarm(0)


def _quiet() -> None:
    import torch

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names, comma separated")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--no-regions", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from tests.zoo.transformers_zoo import architectures

    names = options.only.split(",") if options.only else sorted(set(architectures()))
    context = multiprocessing.get_context("spawn")
    results = []
    with context.Pool(options.jobs, initializer=_quiet, maxtasksperchild=20) as pool:
        for result in pool.imap_unordered(_limited, [(name, not options.no_regions) for name in names]):
            results.append(result)
            mark = "ok  " if result["stage"] == "passed" else "FAIL"
            print(f"{mark} {result['name']:32s} {result['stage']:8s} {result['error'][:200]}", flush=True)
            if options.json:
                options.json.write_text(json.dumps(results, indent=1))
    stages = collections.Counter(result["stage"] for result in results)
    captured = sum(count for stage, count in stages.items() if stage not in ("build", "eager", "capture"))
    print(f"\nbuilt and run in eager mode but not captured: {stages['capture']}")
    print(f"passed {stages['passed']} of {captured} captured; by stage: {dict(stages)}")


if __name__ == "__main__":
    main()
