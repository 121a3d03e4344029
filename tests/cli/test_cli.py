"""Golden-text tests of the command line: each ``*.txt`` here holds commands and what they print.

A line ``$ modelexport ...`` is run in a folder with the files of make_models.py; the lines below it are its standard
output and error, and ``[exit N]`` where the exit code is not 0. ``pytest tests/cli --rebase`` writes them anew.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .make_models import make_models

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
EXECUTABLE = Path(os.environ.get("MODELEXPORT_EXECUTABLE", ROOT / "build" / "modelexport"))
CASES = sorted(HERE.glob("*.txt"))


def run(line: str, folder: Path) -> str:
    """Run one command line in a shell and return what a terminal would show."""
    environment = os.environ | {"PATH": f"{EXECUTABLE.parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        line,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
        text=True,
    )
    return done.stdout + (f"[exit {done.returncode}]\n" if done.returncode else "")


def replay(text: str, folder: Path) -> str:
    """The same commands with what they print now; comments and blank lines between commands stay."""
    result: list[str] = []
    in_output = False
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            result += [line, run(line[2:].strip(), folder), "\n"]
            in_output = True
        elif line.startswith("#"):
            result.append(line)
            in_output = False
        elif not in_output:
            result.append(line)
    return "".join(result).rstrip("\n") + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_command_line(case: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    assert EXECUTABLE.exists(), f"{EXECUTABLE} is not built"
    make_models(tmp_path)
    expected = case.read_text()
    actual = replay(expected, tmp_path)
    if request.config.getoption("--rebase", default=False):
        case.write_text(actual)
    else:
        assert actual == expected
