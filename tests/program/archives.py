"""Changed copies of .pt2 files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"


def rewritten(saved: Path, path: Path, edit: Callable[[str, bytes], bytes | None]) -> Path:
    """The archive with every entry as ``edit(name below the root, bytes)`` gives it; None leaves it out."""
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for info in source.infolist():
            content = edit(info.filename.split("/", 1)[1], source.read(info))
            if content is not None:
                target.writestr(info.filename, content)
    return path


def with_json(saved: Path, path: Path, entry: str, change: Callable[[Any], object]) -> Path:
    """The archive with one JSON entry changed."""

    def edit(name: str, content: bytes) -> bytes:
        if name != entry:
            return content
        document = json.loads(content)
        change(document)
        return json.dumps(document).encode()

    return rewritten(saved, path, edit)
