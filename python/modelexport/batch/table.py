"""Shows how a batch goes: a table on a terminal, log lines elsewhere."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from modelexport.batch.jobs import Job
from modelexport.batch.pool import Update
from modelexport.batch.process import Record

if TYPE_CHECKING:
    from rich.table import Table

logger = logging.getLogger("modelexport")

_COLOURS = {"done": "green", "kept": "green", "failed": "red", "running": "cyan", "waiting": "dim"}
# Rows that are shown at once, so that the table fits a terminal.
_MAX_ROWS = 20


class Display(Protocol):
    """Is told what becomes of the jobs."""

    def show(self, update: Update) -> None: ...


@contextlib.contextmanager
def displaying(jobs: Sequence[Job], progress: bool) -> Iterator[Display]:
    """A table on stderr where that is a terminal and ``progress`` is asked for; else the log."""
    if not (progress and sys.stderr.isatty()):
        yield LogLines()
        return
    from rich.console import Console
    from rich.live import Live

    table = LiveTable(jobs)
    with Live(console=Console(stderr=True), get_renderable=table.render, refresh_per_second=4, transient=True):
        yield table


class LogLines:
    """One line to the logger ``modelexport`` when a job starts and when it ends."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}

    def show(self, update: Update) -> None:
        name = update.job.name
        if update.record is not None:
            level = logging.WARNING if update.record["error"] else logging.INFO
            logger.log(level, "%s: %s", name, outcome(update.record))
        elif self._states.get(name) != update.state:
            logger.info("%s: %s", name, update.state)
        self._states[name] = update.state


class LiveTable:
    """The jobs that are running, the latest that have ended, and the next that wait."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._updates = {job.name: Update(job, "waiting") for job in jobs}
        self._started: dict[str, float] = {}

    def show(self, update: Update) -> None:
        name = update.job.name
        if update.state == "running":
            self._started.setdefault(name, time.monotonic())
        else:
            self._started.pop(name, None)
        # The latest to end stands last among those that have ended.
        if update.state == "ended":
            del self._updates[name]
        self._updates[name] = update

    def render(self) -> Table:
        """The table as it is now."""
        from rich.markup import escape
        from rich.table import Table

        ended, running, waiting = self._rows()
        counts = f"{len(ended)} of {len(self._updates)} done, {len(running)} running, {len(waiting)} waiting"
        table = Table("job", "state", "s", "MB", "", caption=counts)
        for update in [*ended[-(_MAX_ROWS // 2) :], *running, *waiting][:_MAX_ROWS]:
            record, name = update.record, update.job.name
            state = record["status"] if record else update.state
            seconds = record["seconds"] if record else time.monotonic() - self._started.get(name, time.monotonic())
            memory = record["memory_peak_mb"] if record else update.memory_mb
            note = outcome(record) if record else ""
            started = record is not None or name in self._started
            numbers = (f"{seconds:.1f}", f"{memory:.0f}") if started else ("", "")
            table.add_row(escape(name), f"[{_COLOURS[state]}]{state}", *numbers, escape(note))
        return table

    def _rows(self) -> tuple[list[Update], list[Update], list[Update]]:
        updates = list(self._updates.values())
        ended, running, waiting = ([u for u in updates if u.state == s] for s in ("ended", "running", "waiting"))
        return ended, running, waiting


def outcome(record: Record) -> str:
    """How a job ended, in a few words."""
    if record["error"] is not None:
        return f"failed: {record['error']}"
    return f"{record['status']}: {record['tagged_operations']} of {record['total_operations']} operations tagged"
