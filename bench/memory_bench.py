"""Peak memory of an export beyond the model and its capture.

    python bench/memory_bench.py [--models bert-base,gpt2]

The kernel's high-water mark is reset (``/proc/self/clear_refs``) when the program is captured; what the export of
that program adds to it is printed, beside the size of the weights.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import tempfile
import warnings
from pathlib import Path

import torch

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "python")]
from tests.models.zoo_models import REAL_MODELS  # noqa: E402

import modelexport  # noqa: E402


def status(key: str) -> float:
    """A line of /proc/self/status, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="bert-base,gpt2,vit-base,llama-16")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    for name in options.models.split(","):
        model = REAL_MODELS[name].build().eval()
        args, kwargs = REAL_MODELS[name].inputs()
        with torch.no_grad():
            program = torch.export.export(model, args, kwargs, strict=False)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            modelexport.export(program, None, str(path))  # allocators and imports warm up
            path.unlink()
            gc.collect()
            Path("/proc/self/clear_refs").write_text("5")
            before = status("VmRSS")
            modelexport.export(program, None, str(path))
            peak = status("VmHWM") - before
            size = path.stat().st_size / 2**20
        print(f"{name:12s} {size:6.0f} MB written, peak {peak:5.1f} MB above the captured model", flush=True)


if __name__ == "__main__":
    main()
