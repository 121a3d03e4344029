"""docs/operators.md says what the op table says; what real models call is in the table."""

from __future__ import annotations

from pathlib import Path

from scripts import write_operators

# Overloads in the torch.export graphs of 416 transformers architectures (tiny configurations), one per line.
EXPORTED = (Path(__file__).parent / "exported_overloads.txt").read_text().split()
# Those that need no row, and why.
EXCEPTIONS: dict[str, str] = {}


def test_page_is_up_to_date() -> None:
    assert write_operators.PAGE.read_text() == write_operators.page(), "run scripts/write_operators.py"


def test_models_call_what_the_table_has() -> None:
    assert set(EXPORTED) - write_operators.lowered() == set(EXCEPTIONS)
