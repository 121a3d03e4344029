"""What monitoring costs: the same export with and without it, taking turns.

    python bench/monitoring_bench.py [--models bert-base,gpt2] [--repeat 30]

Prints the median of the differences between neighbours as a share of the median export without monitoring. Profiling
(MODELEXPORT_ENABLE_PROFILING=1) is monitoring and a trace file; its share is printed too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import torch
from common import captured, silence

from modelexport.strategies.htp.htp_hierarchy_exporter import HierarchyExporter

PROFILING = "MODELEXPORT_ENABLE_PROFILING"
FORMS = ("plain", "monitored", "profiled")


def seconds(form: str, program: torch.export.ExportedProgram, path: Path) -> float:
    """One export of a captured program: the capture would only hide the cost."""
    exporter = HierarchyExporter(enable_performance_monitoring=form == "monitored")
    os.environ[PROFILING] = str(int(form == "profiled"))
    start = time.perf_counter()
    exporter.export(program, None, path)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="bert-base,gpt2")
    parser.add_argument("--repeat", type=int, default=30)
    options = parser.parse_args()
    silence()
    for name in options.models.split(","):
        start = time.perf_counter()
        program = captured(name)
        capture = time.perf_counter() - start
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            # Each form comes first, second and last as often: the disk is still busy with what the one before wrote.
            rounds = [
                {form: seconds(form, program, path) for form in (*FORMS[i % 3 :], *FORMS[: i % 3])}
                for i in range(options.repeat + 1)
            ][1:]
        plain = statistics.median(times["plain"] for times in rounds)
        parts = []
        for form in FORMS[1:]:
            extra = statistics.median(times[form] - times["plain"] for times in rounds)
            parts.append(
                f"{form} +{extra * 1e3:.2f} ms = {extra / plain:.2%}, {extra / (plain + capture):.2%} with the capture"
            )
        print(f"{name:12s} {plain * 1e3:.0f} ms beyond the capture ({capture:.2f} s); {'; '.join(parts)}", flush=True)


if __name__ == "__main__":
    main()
