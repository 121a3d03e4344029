"""Time of the core alone — reader to tagged model in memory, nothing written — over graphs of growing depth.

    python bench/core_bench.py [--nodes 500,5000,50000] [--repeat 5]

The graph is one captured residual block, repeated in the captured program itself: capturing a model that deep would
take torch.export minutes. Prints microseconds an ATen call and an ONNX node; linear means that they stay.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
import modelexport  # noqa: F401
from modelexport import _core

STAGES = ("read", "inheritance", "functionalize", "lower", "passes", "tag")


class Block(nn.Module):
    """About a dozen calls, some of them views: what a transformer layer is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(16)
        self.up = nn.Linear(16, 32)
        self.down = nn.Linear(32, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.up(self.norm(x)).view(2, 4, 4, 8).transpose(1, 2).reshape(2, 4, 32)
        return x + self.down(torch.nn.functional.gelu(y)) * 0.5


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Block()])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def deepen(program: torch.export.ExportedProgram, calls: int) -> int:
    """Repeats the program's calls, each time as another module of the list, until there are ``calls`` of them."""
    graph = program.graph
    body = [node for node in graph.nodes if node.op == "call_function"]
    output = next(node for node in graph.nodes if node.op == "output")
    source = next(node for node in graph.nodes if node.op == "placeholder" and node.name == "x")
    last = body[-1]
    made = len(body)
    layer = 0
    while made < calls:
        layer += 1
        replaced: dict[torch.fx.Node, torch.fx.Node] = {source: last}
        with graph.inserting_before(output):
            for node in body:
                copy = graph.node_copy(node, lambda old: replaced.get(old, old))  # noqa: B023
                copy.meta = dict(node.meta)
                stack = copy.meta["nn_module_stack"]
                copy.meta["nn_module_stack"] = {
                    key.replace("layers.0", f"layers.{layer}"): (path.replace("layers.0", f"layers.{layer}"), name)
                    for key, (path, name) in stack.items()
                }
                replaced[node] = copy
        last = replaced[body[-1]]
        made += len(body)
    results = output.args[0]
    output.args = (tuple(last if item is body[-1] else item for item in results),)
    program.graph_signature.output_specs[0].arg.name = last.name
    return made


def core_seconds(program: torch.export.ExportedProgram, path: Path) -> dict[str, Any]:
    report: dict[str, Any] = _core.export_exported_program(program, str(path), {}, [("", "Deep", 0)], ["y"], {})
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="500,5000,50000")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    for wanted in (int(text) for text in options.nodes.split(",")):
        program = torch.export.export(Deep().eval(), (torch.randn(2, 4, 16),), strict=False)
        calls = deepen(program, wanted)
        with tempfile.TemporaryDirectory() as folder:
            reports = [core_seconds(program, Path(folder) / "deep.onnx") for _ in range(options.repeat + 1)][1:]
        stages = {stage: statistics.median(r[f"{stage}_seconds"] for r in reports) for stage in STAGES}
        total = sum(stages.values())
        nodes = reports[0]["total_operations"]
        parts = "  ".join(f"{stage} {seconds * 1e6 / calls:.1f}" for stage, seconds in stages.items())
        print(
            f"{calls:6d} calls, {nodes:6d} nodes: {total * 1e3:8.1f} ms = {total * 1e6 / calls:.1f} us a call, "
            f"{total * 1e6 / nodes:.1f} us a node  ({parts})",
            flush=True,
        )


if __name__ == "__main__":
    main()
