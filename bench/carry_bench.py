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
from tests.models.carrying import MODELS, TOOLS, carried, measure  # noqa: E402

import modelexport  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--verbose", action="store_true", help="say which module calls are wrong, and why")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    print("| model | made by | nodes | right | exact | merged | inherited | root |\n|---|---|---|---|---|---|---|---|")
    for name in options.models.split(","):
        torch.manual_seed(0)
        model, inputs = MODELS[name]()
        model.eval()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.onnx"
            modelexport.export(model, inputs, path, fallback=False)
            for tool in (None, *options.tools.split(",")):
                found = measure(model, inputs, path if tool is None else carried(path, tool), tool)
                shares = [found.right, *(found.provenance[p] for p in ("exact", "merged", "inherited", "fallback"))]
                cells = " | ".join(f"{share / found.nodes:.0%}" for share in shares)
                print(f"| {name} | {tool or 'export'} | {found.nodes} | {cells} |", flush=True)
                for call, why in found.failures.items() if options.verbose else ():
                    print(f"    {call[0]}@{call[1]}: {why}")


if __name__ == "__main__":
    main()
