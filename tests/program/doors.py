"""Both ways to export the cases: from the program in memory, and from its .pt2 file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch.export import ExportedProgram

import modelexport
from modelexport import _core
from tests.program.cases import CASES, captured, save

__all__ = ["CASES", "OPTIONS", "captured", "save", "through_file", "through_memory"]

OPTIONS: dict[str, Any] = {"opset": 20}


def through_memory(program: ExportedProgram, path: Path) -> bytes:
    """The bytes of the model written from the program in memory."""
    modelexport.export(program, None, str(path))
    return path.read_bytes()


def through_file(saved: Path, path: Path) -> bytes:
    """The bytes of the model written from the .pt2 file."""
    _core.export_pt2(str(saved), str(path), OPTIONS)
    return path.read_bytes()
