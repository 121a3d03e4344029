"""Checks who includes whom in src/ (docs/architecture.md has the rules and their reasons)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "src"
EVERYWHERE = {"support", "scope"}
# Which folders each folder's files may include from, beside their own and those that everyone may.
ALLOWED = {
    "support": set(),
    "scope": set(),
    "program": set(),
    "onnx": set(),
    "lower": {"program", "onnx"},
    "passes": {"onnx"},
    "tag": {"onnx"},
    "emit": {"onnx", "tag"},
    "cli": {"pipeline.h", "program", "onnx", "tag", "emit", "lower"},
    "python": {"pipeline.h", "program", "onnx", "tag", "emit", "lower", "cli"},
    "pipeline": {"pipeline.h", "program", "onnx", "lower", "passes", "tag"},
}
INCLUDE = re.compile(r'^\s*#include\s+["<]([^">]+)[">]', re.MULTILINE)
FOREIGN = re.compile(r"^(Python|torch/|ATen/|c10/|nanobind/|pybind11/)")
JSON = "nlohmann/"


def violations(path: Path) -> list[str]:
    """What ``path`` includes and may not."""
    relative = path.relative_to(ROOT)
    part = relative.parts[0] if len(relative.parts) > 1 else "pipeline"
    allowed = ALLOWED.get(part)
    if allowed is None:
        return [f"src/{relative}: the folder {part} has no rule in scripts/check_includes.py"]
    allowed = allowed | {part} | (set() if part == "support" else EVERYWHERE)
    found = []
    for included in INCLUDE.findall(path.read_text()):
        target = included.split("/")[0]
        if (ROOT / included).exists() and target not in allowed:
            found.append(f"src/{relative}: {part} may not include {included}")
        if FOREIGN.match(included) and part != "python":
            found.append(f"src/{relative}: {included} belongs to src/python only")
        if included.startswith(JSON) and not (part == "support" and relative.name.startswith("json")):
            found.append(f"src/{relative}: JSON goes through support/json.h")
    return found


def main() -> int:
    """Prints each violation; returns how many there are, at most 1."""
    files = sorted([*ROOT.rglob("*.h"), *ROOT.rglob("*.cpp")])
    found = [violation for path in files for violation in violations(path)]
    print("\n".join(found) or f"{len(files)} files follow the include rules")
    return min(1, len(found))


if __name__ == "__main__":
    sys.exit(main())
