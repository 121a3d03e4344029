"""Run times of exported models in onnxruntime, and their nodes, against torch.onnx.export's files.

    python bench/runtime_bench.py [--largest 30 | --only bert-base,vgg11] [--repeat 20] [--json out.json]

The models are those of tests/models/zoo_models.py and of the timm zoo, the largest first, as far as both export them.
Each runs at batch 1 on one thread at onnxruntime's default optimisation level, both files in turn (who is first changes
every turn), in a process of its own. Times are CPU times of that one thread, the least of all turns: what other work on
the machine costs is only ever added.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.zoo.pool import Lost, run_each

SECONDS_EACH = 1800
PRELOAD = ("tests.models.zoo_models", "tests.zoo.timm_zoo", "modelexport", "onnxruntime")


@dataclass(frozen=True)
class Measured:
    """The least milliseconds of CPU time, and the nodes in the files; or why there are none."""

    megabytes: float = 0.0
    ours_ms: float = 0.0
    theirs_ms: float = 0.0
    ours_nodes: int = 0
    theirs_nodes: int = 0
    problem: str = ""

    @property
    def ratio(self) -> float:
        return self.ours_ms / self.theirs_ms


def makers() -> dict[str, Callable[[], Any]]:
    """For each name, a function that makes the module."""
    from tests.models.zoo_models import REAL_MODELS
    from tests.zoo import timm_zoo

    real = {name: case.build for name, case in REAL_MODELS.items()}
    return real | {name: functools.partial(_timm, name) for name in timm_zoo.names()}


def _timm(name: str) -> Any:
    from tests.zoo import timm_zoo

    return timm_zoo.make(name)[0]


def inputs_of(name: str, model: Any) -> dict[str, Any]:
    """Keyword inputs of batch 1."""
    import torch
    from tests.models.zoo_models import REAL_MODELS

    torch.manual_seed(0)
    if name in REAL_MODELS:
        return {key: tensor[:1] for key, tensor in REAL_MODELS[name].inputs()[1].items()}
    return {"x": torch.randn(1, *model.default_cfg["input_size"])}


def largest(count: int) -> list[str]:
    """The models with the most parameters, counted without making any number of them."""
    import torch

    sizes = {}
    for name, maker in makers().items():
        with torch.device("meta"):
            sizes[name] = sum(parameter.numel() for parameter in maker().parameters())
    return sorted(sizes, key=lambda name: -sizes[name])[:count]


def measure(repeat: int, name: str) -> Measured:
    """Exports ``name`` with both, and runs the files in turn."""
    import torch

    import modelexport

    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    model = makers()[name]().eval()
    given = inputs_of(name, model)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours.onnx", Path(folder) / "theirs.onnx"
        try:
            modelexport.export(model, given, str(ours), optimize=True, fallback=False)
            torch.onnx.export(model, kwargs=given, f=str(theirs), dynamo=True, verbose=False)
            megabytes = sum(weight.nbytes for weight in model.parameters()) / 2**20
            del model
            times = run_in_turn([ours, theirs], list(given.values()), repeat)
        except Exception as problem:  # of an export, or of onnxruntime with one of the files
            return Measured(problem=f"{type(problem).__name__}: {' '.join(str(problem).split())[:200]}")
        return Measured(
            megabytes,
            min(times[0]) * 1e3,
            min(times[1]) * 1e3,
            count_nodes(ours),
            count_nodes(theirs),
        )


def run_in_turn(paths: list[Path], tensors: list[Any], repeat: int) -> list[list[float]]:
    """CPU seconds of every run of each file.

    The session made first can be the slower one for as long as it lives, so that both files come first in half of the
    runs.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    times: list[list[float]] = [[] for _ in paths]
    for order in (1, -1):
        runs = [
            (onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]), seconds)
            for path, seconds in list(zip(paths, times, strict=True))[::order]
        ]
        for turn in range((repeat + 1) // 2 + 2):
            for session, seconds in runs[:: 1 if turn % 2 else -1]:
                names = [value.name for value in session.get_inputs()]
                feeds = {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)}
                start = time.thread_time()
                session.run(None, feeds)
                if turn >= 2:
                    seconds.append(time.thread_time() - start)
        del runs, session
    return times


def count_nodes(path: Path) -> int:
    """Nodes of a file's main graph and of the bodies and functions in it."""
    import onnx

    def nodes(graph: Any) -> int:
        bodies = [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
        return len(graph.node) + sum(nodes(body) for body in bodies)

    model = onnx.load(str(path), load_external_data=False)
    return nodes(model.graph) + sum(len(function.node) for function in model.functions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=30)
    parser.add_argument("--only", help="names, comma separated")
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, help="results by name; those that are in the file are not measured again")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else largest(options.largest)
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    results = {name: Measured(**known[name]) for name in names if name in known}
    missing = [name for name in names if name not in results]
    for name, answer in run_each(
        functools.partial(measure, options.repeat), missing, options.jobs, SECONDS_EACH, PRELOAD
    ):
        results[name] = Measured(problem=str(answer)) if isinstance(answer, Lost) else answer
        print(row(name, results[name]), flush=True)
        if options.json:
            options.json.write_text(json.dumps({n: asdict(r) for n, r in results.items()}, indent=1))
    measured = [result for result in results.values() if not result.problem]
    print(f"\nof {len(results)} models, both export {len(measured)}")
    if measured:
        print(f"median of ratios {statistics.median(result.ratio for result in measured):.3f}")
        print(f"no more nodes: {sum(result.ours_nodes <= result.theirs_nodes for result in measured)}")


def row(name: str, result: Measured) -> str:
    if result.problem:
        return f"| {name} | {result.problem} |"
    return (
        f"| {name} | {result.megabytes:.0f} | {result.ours_ms:.1f} | {result.theirs_ms:.1f} | {result.ratio:.3f} "
        f"| {result.ours_nodes} | {result.theirs_nodes} |"
    )


if __name__ == "__main__":
    main()
