"""Errors of the user's own code: one line that says where, and the frames of the traceback that are the user's."""

from __future__ import annotations

import contextlib
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

from modelexport.exceptions import InvalidInputError, ModelExportError

# Code of Python, of installed packages, and of this one.
_FOREIGN = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")} | {str(Path(__file__).parent)})


@contextlib.contextmanager
def user_code(where: str) -> Iterator[None]:
    """Runs its body, which is code of the user's.

    Raises:
        InvalidInputError: for whatever the code raises, with its line; a note holds the user's part of the traceback.
    """
    try:
        yield
    except ModelExportError:
        raise
    except (Exception, SystemExit) as error:
        frames = user_frames(error)
        line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else None
        place = where if line is None else f"{where}: line {line}"
        reason = traceback.format_exception_only(error)[-1].strip().splitlines()[0]
        failure = InvalidInputError(f"{place}: {reason}")
        failure.add_note(_shortened(error, frames))
        raise failure from error


def user_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of the traceback that lie in neither Python, nor an installed package, nor this one."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if not frame.filename.startswith((*_FOREIGN, "<"))]


def _shortened(error: BaseException, frames: list[traceback.FrameSummary]) -> str:
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)] if frames else []
    return "".join([*lines, *traceback.format_exception_only(error)]).rstrip()
