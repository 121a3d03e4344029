"""The stages of an export: timed, logged, and shown on a terminal where they take long."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Display

logger = logging.getLogger("modelexport")

# (name, start, seconds); the start is that of time.perf_counter(), the core's clock.
StageTime = tuple[str, float, float]

# Shorter exports need no display.
SHOW_AFTER_SECONDS = 1.0


class Stages:
    """Times the stages of one export, and tells the log and a terminal of them.

    Use as a context manager around the export. With ``verbose`` the logger ``modelexport`` speaks from INFO up, on
    stderr where no handler is installed. Where stderr is a terminal, an export that takes longer than a second shows
    its stages with rich; elsewhere each stage is a log line.
    """

    def __init__(self, verbose: bool = False) -> None:
        self.times: list[StageTime] = []
        self._verbose = verbose
        self._on_terminal = verbose and sys.stderr.isatty()
        self._current: tuple[str, float] | None = None
        self._lock = threading.Lock()
        self._display: Display | None = None
        self._timer: threading.Timer | None = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Stages:
        if self._verbose:
            self._cleanup.enter_context(speaking(self._on_terminal))
        if self._on_terminal:
            self._timer = threading.Timer(SHOW_AFTER_SECONDS, self._show)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end_current()
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            if self._display is not None:
                self._display.stop()
            self._timer = None
        self._cleanup.close()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Runs its body as the stage ``name``, whose time is kept."""
        self.begin(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.times.append((name, start, time.perf_counter() - start))
            self.end_current()

    def begin(self, name: str) -> None:
        """The stage ``name`` has begun, and the one before it has ended; the core's times come in its report."""
        self.end_current()
        with self._lock:
            self._current = (name, time.perf_counter())
            if self._display is not None:
                self._display.add_task(name, total=None)

    def end_current(self) -> None:
        """The stage that was begun last has ended."""
        with self._lock:
            if self._current is None:
                return
            name, start = self._current
            self._current = None
            if self._display is not None:
                _complete_last(self._display)
        logger.log(
            logging.DEBUG if self._on_terminal else logging.INFO, "%s: %.2f s", name, time.perf_counter() - start
        )

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            if self._timer is None:
                return
            columns = (SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}"), TimeElapsedColumn())
            self._display = Progress(*columns, console=Console(stderr=True))
            self._display.start()
            for name, _, seconds in self.times:
                _add_running(self._display, name, seconds)
                _complete_last(self._display)
            if self._current is not None:
                name, start = self._current
                _add_running(self._display, name, time.perf_counter() - start)


def _add_running(display: Display, name: str, seconds: float) -> None:
    """A stage that has been running for as long."""
    task = display.add_task(name, total=None)
    display.tasks[display.task_ids.index(task)].start_time = display.get_time() - seconds


def _complete_last(display: Display) -> None:
    display.update(display.task_ids[-1], total=1, completed=1)


@contextlib.contextmanager
def speaking(on_terminal: bool = False) -> Iterator[None]:
    """Lets the logger speak from INFO up, on stderr where no handler is installed."""
    level = logger.level
    handler = None if logger.hasHandlers() else _handler(on_terminal)
    if handler is not None:
        logger.addHandler(handler)
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        if handler is not None:
            logger.removeHandler(handler)


def _handler(on_terminal: bool) -> logging.Handler:
    if on_terminal:
        from rich.console import Console
        from rich.logging import RichHandler

        # Prints above the stages that are shown.
        return RichHandler(console=Console(stderr=True), show_path=False, show_time=False)
    handler: logging.Handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    return handler
