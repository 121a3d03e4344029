"""The exit status of a zoo's run says whether a model fails that is not known to."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.zoo.__main__ import KNOWN_TO_FAIL, main

PASSED, FAILED = {"stage": "passed", "reason": "", "regions": 3}, {"stage": "parity", "reason": "far off"}
NOT_CAPTURED = {"stage": "capture", "reason": "data decides"}


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ({"bert": PASSED, "vit": NOT_CAPTURED}, 0),
        ({"bert": PASSED, KNOWN_TO_FAIL[0]: FAILED}, 0),
        ({KNOWN_TO_FAIL[0]: FAILED, "bert": FAILED, "vit": PASSED}, 1),
        ({"bert": {"stage": "lost", "reason": "more than 600 s"}}, 1),
    ],
)
def test_status(
    outcomes: dict[str, dict[str, object]],
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = tmp_path / "outcomes.json"
    known.write_text(json.dumps(outcomes))
    arguments = ["zoo", "transformers", "--only", ",".join(outcomes), "--json", str(known)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert main() == status
    printed = capsys.readouterr().out
    for name, outcome in outcomes.items():
        assert (f": {name}: {outcome['stage']}: " in printed) is (outcome["stage"] in ("parity", "lost"))
    assert "module calls tagged right" in printed
