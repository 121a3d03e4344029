"""What an export says while it runs: stages on a terminal when it takes long, log lines elsewhere."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import modelexport

STAGES = ["capture", "lower", "write"]


class Slow(nn.Module):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(self.seconds)
        return x + 1


def export(folder: Path, seconds: float, **keywords: object) -> None:
    """As in a program of its own: pytest listens to the root logger."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        modelexport.export(Slow(seconds), torch.ones(2), folder / "model.onnx", **keywords)
    finally:
        root.handlers = handlers


@contextlib.contextmanager
def terminal() -> Iterator[io.BytesIO]:
    """stderr is a terminal; what it shows is in the buffer afterwards."""
    shown = io.BytesIO()
    ours, theirs = os.openpty()

    def read() -> None:
        with contextlib.suppress(OSError):  # the other end has been closed
            while piece := os.read(ours, 4096):
                shown.write(piece)

    reader = threading.Thread(target=read)
    reader.start()
    before = sys.stderr
    with os.fdopen(theirs, "w") as sys.stderr:
        try:
            yield shown
        finally:
            sys.stderr = before
    reader.join()
    os.close(ours)


def test_a_long_export_shows_its_stages_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    with terminal() as shown:
        export(tmp_path, 2.3, verbose=True)
    text = shown.getvalue().decode()
    assert "\x1b[" in text
    # The capture ran when the display came up, and everything was shown as done in the end.
    assert [stage for stage in STAGES if stage in text] == STAGES
    assert "0:00:01" in text and "✓" in text
    assert "wrote" in text


def test_a_short_export_shows_no_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    export(tmp_path, 0)  # what is imported on the first export takes longer than a second
    with terminal() as shown:
        export(tmp_path, 0, verbose=True)
    text = shown.getvalue().decode()
    assert "wrote" in text and "lower" not in text


def test_without_verbose_nothing_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with terminal() as shown:
        export(tmp_path, 1.2)
    assert shown.getvalue() == b""
    export(tmp_path, 0)
    assert capfd.readouterr() == ("", "")


def test_elsewhere_stages_are_log_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    export(tmp_path, 1.2, verbose=True)
    lines = said.getvalue().splitlines()
    assert all(line.startswith("modelexport: ") for line in lines)
    assert [stage for stage in STAGES if any(line.startswith(f"modelexport: {stage}: ") for line in lines)] == STAGES
    assert lines[-1].startswith("modelexport: wrote ")
    assert "\x1b" not in said.getvalue()


def test_the_logger_is_the_user_s(tmp_path: Path) -> None:
    """A handler of the program's own gets the records, and nothing else does."""
    records: list[logging.LogRecord] = []
    logger = logging.getLogger("modelexport")

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler = Keep()
    logger.addHandler(handler)
    try:
        export(tmp_path, 0, verbose=True)
    finally:
        logger.removeHandler(handler)
    assert {record.name for record in records} == {"modelexport"}
    assert [stage for stage in STAGES if any(r.getMessage().startswith(f"{stage}: ") for r in records)] == STAGES
    assert logger.level == logging.NOTSET
