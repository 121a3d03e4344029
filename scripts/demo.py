"""Exports BERT-base with random weights, and shows its module tree, parity with eager, time and size.

python scripts/demo.py [folder]      (default: out/demo)
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from transformers import BertConfig, BertModel

import modelexport

EXECUTABLE = Path(__file__).resolve().parents[1] / "build" / "modelexport"


def main(folder: Path) -> int:
    """Returns 0 when the exported model agrees with eager."""
    logging.basicConfig(level=logging.INFO, format="    %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "bert.onnx"

    print("1. BERT-base with random weights", flush=True)
    torch.manual_seed(0)
    model = BertModel(BertConfig()).eval()
    inputs = example(batch=1, length=16)

    print(f"2. modelexport.export(model, inputs, {str(path)!r})", flush=True)
    start = time.perf_counter()
    result = modelexport.export(
        model,
        inputs,
        path,
        dynamic_axes={name: {0: "batch", 1: "sequence"} for name in inputs},
        verbose=True,
    )
    seconds = time.perf_counter() - start

    print("3. Its module tree, read back from the file (operations in each module)", flush=True)
    subprocess.run([EXECUTABLE, "inspect", path], check=True)

    print("4. The same inputs in onnxruntime and in eager PyTorch", flush=True)
    worst = max(difference(model, path, example(batch, length)) for batch, length in [(1, 16), (2, 7), (5, 40)])
    print(f"    largest difference over three sizes of inputs: {worst:.1e}")

    megabytes = path.stat().st_size / 2**20
    print(f"\n{result['total_operations']} operations, {result['tagged_operations']} with a tag")
    print(f"{megabytes:.0f} MB in {seconds:.2f} s: {path} and {result['hierarchy_path']}")
    return 0 if worst < 1e-4 else 1


def example(batch: int, length: int) -> dict[str, torch.Tensor]:
    """Random token ids and a mask that hides each row's last token, int64[batch, length]."""
    mask = torch.ones(batch, length, dtype=torch.int64)
    mask[:, -1] = 0
    return {"input_ids": torch.randint(0, 30522, (batch, length)), "attention_mask": mask}


def difference(model: torch.nn.Module, path: Path, inputs: dict[str, torch.Tensor]) -> float:
    """The largest absolute difference between any two values of the outputs."""
    with torch.no_grad():
        expected = list(model(**inputs).values())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    actual = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    return max(float(np.abs(a - e.numpy()).max()) for a, e in zip(actual, expected, strict=True))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/demo")))
