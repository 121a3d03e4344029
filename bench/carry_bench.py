"""How right are the tags that `modelexport carry` brings over to optimised files?

    python bench/carry_bench.py [--models bert,gpt2] [--tools onnxsim]

Each model is exported, each tool makes a file of the export, tags are carried over, and the region check (see
modelexport/region_check.py) compares each module call of that file with eager mode. A node is right when the module
call that it is tagged with passes: its nodes compute that module's outputs from that module's inputs.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import warnings
from pathlib import Path

import torch

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "python")]
from tests.models.carrying import MODELS, TOOLS, Measured, carried, measure  # noqa: E402

import modelexport  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--verbose", action="store_true", help="say which module calls are wrong, and why")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    found: dict[tuple[str, str], Measured] = {}
    for name in options.models.split(","):
        torch.manual_seed(0)
        model, inputs = MODELS[name]()
        model.eval()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.onnx"
            modelexport.export(model, inputs, path, fallback=False)
            for tool in options.tools.split(","):
                found[name, tool] = measure(model, inputs, carried(path, tool), tool)
                for call, why in found[name, tool].failures.items() if options.verbose else ():
                    print(f"    {call[0]}@{call[1]}: {why}", flush=True)
    print_table(found)


def print_table(found: dict[tuple[str, str], Measured]) -> None:
    """A row a tool: the share of right nodes of each model, and where the tags of all nodes came from."""
    models = list(dict.fromkeys(name for name, _ in found))
    sources = {"exact": "exact", "merged": "merged", "inherited": "inherited", "fallback": "root"}
    print(f"\n| made by | {' | '.join(f'{name}: right' for name in models)} | {' | '.join(sources.values())} |")
    print("|---" * (1 + len(models) + len(sources)) + "|")
    for tool in dict.fromkeys(tool for _, tool in found):
        rows = [found[name, tool] for name in models]
        nodes = sum(row.nodes for row in rows)
        right = [f"{row.right / row.nodes:.0%} of {row.nodes}" for row in rows]
        shares = [f"{sum(row.provenance[source] for row in rows) / nodes:.0%}" for source in sources]
        print(f"| {tool} | {' | '.join(right + shares)} |")


if __name__ == "__main__":
    main()
