"""Peak memory of an export beyond the model and its capture.

    python bench/memory_bench.py [--models bert-base,gpt2]

The kernel's high-water mark is reset (``/proc/self/clear_refs``) when the program is captured; what the export of
that program adds to it is printed, beside the size of the weights.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
from pathlib import Path

from common import DEFAULT_MODELS, captured, silence

import modelexport
from modelexport.monitor import MemoryPeak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=DEFAULT_MODELS)
    options = parser.parse_args()
    silence()
    for name in options.models.split(","):
        program = captured(name)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            modelexport.export(program, None, str(path))  # allocators and imports warm up
            path.unlink()
            gc.collect()
            memory = MemoryPeak()
            modelexport.export(program, None, str(path))
            peak = memory.megabytes()
            size = path.stat().st_size / 2**20
        print(f"{name:12s} {size:6.0f} MB written, peak {peak:3d} MB above the captured model", flush=True)


if __name__ == "__main__":
    main()
