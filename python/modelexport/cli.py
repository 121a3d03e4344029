"""The console script ``modelexport``: the commands of the native executable."""

from __future__ import annotations

import sys

from modelexport import _core


def main(arguments: list[str] | None = None) -> int:
    """Run a command (docs/cli.md) and return its exit code.

    Args:
        arguments: without the program's name; None for those of the process.
    """
    sys.stdout.flush()
    return _core.run_cli(sys.argv[1:] if arguments is None else arguments)
