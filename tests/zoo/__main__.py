"""Exports every model of a zoo and prints what passes, what fails, and why.

    python -m tests.zoo transformers|timm [--way dynamic] [--only bert,vit] [--jobs 2] [--json results.json]

For each: built, run in eager mode, captured by torch.export, exported natively, checked by onnx, equal to eager in
onnxruntime on new inputs, and tags right by the region check. tests/zoo/ways.py has the ways. Ends with 1 when a model
fails that is not known to.
"""

from __future__ import annotations

import argparse
import collections
import functools
import importlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.zoo.pool import Lost, run_each
from tests.zoo.ways import NOT_CAPTURED, PASSED, WAYS, Outcome, attempt

# Of 900 scores taken in order, two that differ by 4e-7 of their size come in the other order in onnxruntime.
KNOWN_TO_FAIL = ("grounding-dino", "mm-grounding-dino")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoo", choices=("transformers", "timm"))
    parser.add_argument("--way", choices=WAYS, default="static")
    parser.add_argument("--only", help="names, comma separated; a/b: part a of b")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=900, help="for each model")
    parser.add_argument("--json", type=Path, help="outcomes by name; those that are in the file are not tried again")
    options = parser.parse_args()
    zoo = f"tests.zoo.{options.zoo}_zoo"
    function = functools.partial(attempt, zoo, options.way)
    names = chosen(importlib.import_module(zoo).names(), options.only)
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    outcomes = {name: Outcome(**known[name]) for name in names if name in known}
    start = time.perf_counter()
    missing = [name for name in names if name not in outcomes]
    for name, answer in run_each(function, missing, options.jobs, options.seconds, (zoo, "tests.zoo.ways")):
        outcomes[name] = Outcome("lost", str(answer)) if isinstance(answer, Lost) else answer
        print_outcome(name, outcomes[name])
        if options.json:
            options.json.write_text(json.dumps({n: asdict(o) for n, o in sorted(outcomes.items())}, indent=1))
    failed = {name for name, outcome in outcomes.items() if outcome.stage not in (PASSED, *NOT_CAPTURED)}
    print_summary(outcomes, failed, time.perf_counter() - start)
    return 1 if failed.difference(KNOWN_TO_FAIL) else 0


def chosen(names: list[str], only: str | None) -> list[str]:
    """All names, those listed, or those of one part: ``2/5`` is every fifth name, from the second."""
    if only is None:
        return names
    if "/" in only:
        part, parts = map(int, only.split("/"))
        return names[part - 1 :: parts]
    return only.split(",")


def print_outcome(name: str, outcome: Outcome) -> None:
    mark = "ok  " if outcome.stage == PASSED else "FAIL"
    print(f"{mark} {name:32s} {outcome.stage:8s} {outcome.reason[:200]}", flush=True)


def print_summary(outcomes: dict[str, Outcome], failed: set[str], seconds: float) -> None:
    stages = collections.Counter(outcome.stage for outcome in outcomes.values())
    captured = sum(count for stage, count in stages.items() if stage not in NOT_CAPTURED)
    print(f"\nnot captured: {sum(stages[stage] for stage in NOT_CAPTURED)}, by stage {dict(stages)}")
    for name in sorted(failed):
        known = ", as known" if name in KNOWN_TO_FAIL else ""
        print(f"failed{known}: {name}: {outcomes[name].stage}: {outcomes[name].reason}")
    remarks = collections.Counter(o.reason.split(" (")[0] for o in outcomes.values() if o.stage == PASSED and o.reason)
    for remark, count in remarks.most_common():
        print(f"passed, {count}: {remark}")
    calls = sum(outcome.regions for outcome in outcomes.values())
    print(f"passed {stages[PASSED]} of {captured} captured; {calls} module calls tagged right; {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
