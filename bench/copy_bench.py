"""The executable's export of a .pt2 file against `cp` of the same file: the file system does nearly all of both.

    python bench/copy_bench.py [--megabytes 400,4096] [--repeat 5] [--folder DIR]

Prints medians, with the source in the page cache (warm) and not (cold). Both take turns.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from scale_bench import EXECUTABLE, make_wide

BLOCK = 1 << 20


def fill(path: Path) -> None:
    """Every hole of the file gets bytes that are not zero, and the file goes to the disk."""
    block = os.urandom(BLOCK)
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        at = 0
        while at < end:
            hole = file.seek(at, os.SEEK_HOLE)
            if hole == end:
                break
            try:
                at = file.seek(hole, os.SEEK_DATA)
            except OSError:
                at = end
            file.seek(hole)
            for start in range(hole, at, BLOCK):
                file.write(block[: min(BLOCK, at - start)])
        file.flush()
        os.fsync(file.fileno())


def forget(path: Path) -> None:
    """Drops the file from the page cache."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds(command: list[str | Path], source: Path, target: Path, cold: bool) -> float:
    for file in target.parent.glob(f"{target.name}*"):
        file.unlink()
    if cold:
        forget(source)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", default="400,4096")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to write; the system's folder for temporary files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        source, target = Path(folder) / "model.pt2", Path(folder) / "model.onnx"
        for megabytes in map(int, options.megabytes.split(",")):
            depth = math.ceil(megabytes / 1024)
            make_wide(math.isqrt(megabytes * 2**20 // 4 // depth) // 64 * 64, depth, source)
            fill(source)
            commands: dict[str, list[str | Path]] = {
                "cp": ["cp", source, target],
                "export": [EXECUTABLE, "export", source, target],
            }
            for cold in (False, True):
                times: dict[str, list[float]] = {name: [] for name in commands}
                for _ in range(options.repeat):
                    for name, command in commands.items():
                        times[name].append(seconds(command, source, target, cold))
                cp, export = (statistics.median(times[name]) for name in ("cp", "export"))
                state = "cold" if cold else "warm"
                print(f"{megabytes} MB, {state}: cp {cp:.2f} s, export {export:.2f} s, {cp / export:.2f} of its speed")


if __name__ == "__main__":
    main()
