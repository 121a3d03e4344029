"""How the executable copes with large .pt2 files: 12 GB of weights in a sparse file, programs of up to 100,000 calls.

    python bench/scale_bench.py [--gigabytes 12] [--calls 12500,25000,50000,100000] [--folder DIR]

Prints seconds and the peak memory of the process, mapped pages included. The files are made of small captured programs:
their sizes are changed, or their calls repeated, since torch would need the memory, or minutes, to make them itself.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import nn

EXECUTABLE = Path(os.environ.get("MODELEXPORT_EXECUTABLE", Path(__file__).parents[1] / "build" / "modelexport"))
MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
SMALL = 7  # a size that nothing else in the small program has
WIDE = 16384  # 1 GiB for each square float32 weight


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.linear(x).relu() * 0.5


class Stack(nn.Module):
    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block(width) for _ in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def save(width: int, depth: int, path: Path) -> dict[str, bytes]:
    """The entries of a saved stack of blocks, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(Stack(width, depth).eval(), (torch.randn(1, width),)), path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class SparseZip:
    """A zip64 archive of stored entries (APPNOTE.TXT of PKWARE, 4.3); an entry of zeros takes no room on disk."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.directory: list[bytes] = []

    def add(self, name: str, content: bytes | int) -> None:
        """An entry of these bytes, or of so many zeros; it begins at a multiple of 64, as torch has it."""
        offset = self.file.tell()
        size = content if isinstance(content, int) else len(content)
        crc = 0 if isinstance(content, int) else zlib.crc32(content)
        encoded = name.encode()
        padding = -(offset + 30 + len(encoded) + 20 + 4) % 64
        extra = struct.pack("<HHQQHH", 1, 16, size, size, 0x4246, padding) + bytes(padding)
        common = struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 0, crc, 2**32 - 1, 2**32 - 1, len(encoded), len(extra))
        self.file.write(b"PK\x03\x04" + common + encoded + extra)
        if isinstance(content, int):
            self.file.truncate(self.file.tell() + size)
            self.file.seek(size, os.SEEK_CUR)
        else:
            self.file.write(content)
        extra = struct.pack("<HHQQQ", 1, 24, size, size, offset)
        common = struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 0, crc, 2**32 - 1, 2**32 - 1, len(encoded), len(extra))
        tail = struct.pack("<HHHII", 0, 0, 0, 0, 2**32 - 1)
        self.directory.append(b"PK\x01\x02" + struct.pack("<H", 45) + common + tail + encoded + extra)

    def close(self) -> None:
        start = self.file.tell()
        entries = len(self.directory)
        directory = b"".join(self.directory)
        end = start + len(directory)
        self.file.write(directory)
        sizes = struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, entries, entries, len(directory), start)
        self.file.write(b"PK\x06\x06" + sizes)
        self.file.write(b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1))
        self.file.write(b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0))


def with_sizes(value: Any, small: int, wide: int) -> Any:
    """The document with every size and stride of ``small`` made ``wide``."""
    if isinstance(value, dict):
        return {k: wide if k == "as_int" and v == small else with_sizes(v, small, wide) for k, v in value.items()}
    if isinstance(value, list):
        return [with_sizes(v, small, wide) for v in value]
    return value


def make_wide(width: int, depth: int, path: Path) -> None:
    """A stack of so many square weights, all zeros, which take no room on disk."""
    entries = save(SMALL, depth, path)
    with path.open("wb") as file:
        archive = SparseZip(file)
        for name, content in entries.items():
            below = name.split("/", 1)[1]
            if below in (MODEL, WEIGHTS):
                archive.add(name, json.dumps(with_sizes(json.loads(content), SMALL, width)).encode())
            elif len(content) == SMALL * SMALL * 4:
                archive.add(name, width * width * 4)
            else:
                archive.add(name, content)
        archive.close()


def renamed(value: Any, names: dict[str, str]) -> Any:
    """The part of a node with the values that it reads and makes under other names."""
    if isinstance(value, dict):
        if "as_tensor" in value and value["as_tensor"] is not None:
            tensor = value["as_tensor"]
            return {"as_tensor": {**tensor, "name": names.get(tensor["name"], tensor["name"])}}
        return {k: renamed(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(v, names) for v in value]
    return value


def make_deep(calls: int, path: Path) -> None:
    """One captured block, repeated as further modules of the list until there are ``calls`` calls."""
    entries = save(SMALL, 1, path)
    model = next(name for name in entries if name.endswith(MODEL))
    document = json.loads(entries[model])
    graph = document["graph_module"]["graph"]
    block = graph["nodes"]
    made = [node["outputs"][0]["as_tensor"]["name"] for node in block]
    last = "x"
    nodes: list[Any] = []
    values = graph["tensor_values"]
    for layer in range(calls // len(block)):
        names = {name: f"{name}_{layer}" for name in made} | {"x": last}
        text = json.dumps([renamed(node, names) for node in block]).replace("layers.0", f"layers.{layer}")
        nodes += json.loads(text)
        values |= {names[name]: values[name] for name in made}
        last = names[made[-1]]
    graph["nodes"] = nodes
    graph["outputs"][0]["as_tensor"]["name"] = last
    document["graph_module"]["signature"]["output_specs"][0]["user_output"]["arg"]["as_tensor"]["name"] = last
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, json.dumps(document).encode() if name == model else content)


def peak_kilobytes(process: int) -> int:
    """The most that the process has had in memory (VmHWM of proc(5)); 0 when it has ended.

    What wait4(2) tells would include the memory of the process that started it.
    """
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def measure(*arguments: str | Path) -> tuple[float, float]:
    """Seconds, and peak megabytes, of one run of the executable."""
    start = time.perf_counter()
    process = subprocess.Popen((EXECUTABLE, *arguments), stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, peak_kilobytes(process.pid))
        time.sleep(0.002)
    seconds = time.perf_counter() - start
    if process.returncode != 0:
        sys.exit(f"{arguments}: failed")
    return seconds, peak / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=int, default=12)
    parser.add_argument("--calls", default="12500,25000,50000,100000")
    parser.add_argument(
        "--folder", type=Path, help="with room for a copy of the weights; the system's for temporary files"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        source, target = Path(folder) / "model.pt2", Path(folder) / "model.onnx"
        make_wide(WIDE, options.gigabytes, source)
        for way in ("link", "copy"):
            seconds, megabytes = measure("export", source, target, f"--weights={way}")
            print(f"{options.gigabytes} GB, --weights={way}: {seconds:.2f} s, peak {megabytes:.0f} MB")
            for file in Path(folder).glob("model.onnx*"):
                file.unlink()
        for calls in map(int, options.calls.split(",")):
            make_deep(calls, source)
            seconds, megabytes = measure("export", source, target)
            each = seconds / calls * 1e6
            sizes = f"{source.stat().st_size >> 20} MB of .pt2, {target.stat().st_size >> 20} MB of ONNX"
            print(f"{calls} calls: {seconds:.2f} s, {each:.1f} us a call, peak {megabytes:.0f} MB ({sizes})")


if __name__ == "__main__":
    main()
