"""Peak memory of the process, as the kernel counts it."""

from __future__ import annotations

import contextlib
from pathlib import Path


class MemoryPeak:
    """Peak resident memory from the construction on, above its level then.

    Linux keeps the peak (VmHWM) and lets a process reset its own, so measuring costs nothing while the export runs.
    Elsewhere the peak of the process's whole life stands in.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._start = _resident_bytes("VmRSS")

    def megabytes(self) -> int:
        """MB (2**20 bytes), rounded."""
        return round(max(0, _resident_bytes("VmHWM") - self._start) / 2**20)


def _resident_bytes(field: str) -> int:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
