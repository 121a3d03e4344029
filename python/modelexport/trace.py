"""A Chrome trace of an export: chrome://tracing and Perfetto show it.

The format is "Trace Event Format" in the JSON object form: complete events (``"ph": "X"``) with ``ts`` and ``dur`` in
microseconds.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from modelexport.exceptions import OutputError
from modelexport.progress import StageTime


def trace_path(model: Path) -> Path:
    """Where the trace of a model lies: ``<stem>_trace.json`` beside it."""
    return model.with_name(f"{model.stem}_trace.json")


def write_trace(path: Path, whole: StageTime, stages: Iterable[StageTime]) -> None:
    """Writes ``whole`` and the ``stages`` within it, by their start; ``ts`` counts from the start of ``whole``.

    Raises:
        OutputError: the file system refused; what was at ``path`` is still there.
    """
    process = os.getpid()
    events = [
        {
            "name": name,
            "cat": "export",
            "ph": "X",
            "ts": (start - whole[1]) * 1e6,
            "dur": seconds * 1e6,
            "pid": process,
            "tid": process,
        }
        for name, start, seconds in sorted([whole, *stages], key=lambda time: (time[1], -time[2]))
    ]
    _replace(path, json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}))


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"the trace {path} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
