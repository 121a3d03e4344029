"""Many exports at once: each in a process of its own, so that one that fails stops nobody."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelexport.batch.jobs import Job, jobs_of, read_jobs
from modelexport.batch.journal import Journal
from modelexport.batch.pool import Limits, Update, run_locally
from modelexport.batch.process import Record
from modelexport.batch.report import make_report, write_report
from modelexport.batch.table import displaying
from modelexport.batch.worker import IS_WORKER
from modelexport.exceptions import InvalidInputError, OutputError

__all__ = ["batch_export", "default_folder"]


def batch_export(
    configs: Sequence[Mapping[str, Any]] | str | os.PathLike[str],
    *,
    processes: int | None = None,
    memory_mb: int | None = None,
    timeout_s: float | None = None,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = True,
    ray: bool | str = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Export many models, each in a process of its own.

    A model that raises, crashes, runs out of memory or of time is reported, and the others go on.

    Args:
        configs: one dict a model, or a JSON file of them (docs/batch.md). Keys: ``output_path`` (its folder is made);
            ``model`` and ``inputs``, a module and its example inputs, or else what ``modelexport export`` takes: a
            path or ``package.module:attribute`` and the text of ``--inputs``; and, all optional, ``name``,
            ``strategy``, ``config`` (keywords of :func:`export`, for a named model also a config file),
            ``model_class``, ``trust``, ``memory_mb`` (what the export is expected to need), ``timeout_s``.
        processes: exports at a time; the number of cores unless given.
        memory_mb: what the processes may hold together, in MB (2**20 bytes). A job is started when it fits beside
            those that run; when they grow beyond it nevertheless, the latest is stopped and later run alone.
        timeout_s: seconds that a job may take; its own ``timeout_s`` goes before it.
        folder: gets ``report.json``, ``report.html``, the ``logs`` and the journal that makes a batch resumable;
            ``<stem>_batch`` beside a jobs file, nothing is kept for a list unless given.
        resume: False exports everything again, whatever the journal says.
        ray: True or the address of a cluster: the jobs run on Ray (``pip install modelexport[ray]``).
        progress: on a terminal, show a table of the jobs on stderr. Elsewhere log lines tell of them.

    Returns:
        The report: ``summary`` (counts of ``jobs``, ``done``, ``kept``, ``failed``), ``seconds``, and in ``jobs``, in
        order, for each: ``name``, ``model``, ``output_path``, ``status``, ``error`` (one line or None), ``seconds``,
        ``memory_peak_mb``, ``log``, and for those that went well ``strategy``, ``total_operations``,
        ``tagged_operations``, ``file_bytes``.

    Raises:
        InvalidInputError: configs that make no sense, two that would write the same file, or a folder at which
            another batch is at work. Nothing was started then.
        OutputError: the jobs file cannot be read, or the folder not be written.
    """
    if os.environ.get(IS_WORKER):
        raise InvalidInputError(
            "batch_export was called while one of its own processes imported the script; call it below "
            "`if __name__ == '__main__':`"
        )
    start = time.monotonic()
    limits = _limits(processes, memory_mb, timeout_s)
    if isinstance(configs, str | os.PathLike):
        path = Path(configs)
        jobs = read_jobs(path)
        folder = default_folder(path) if folder is None else folder
    else:
        jobs = jobs_of(configs)
    batch = _Batch(jobs, limits, resume, ray, progress)
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="modelexport-") as logs:
            records = batch.run(Path(logs), None)
        return make_report(jobs, records, None, time.monotonic() - start)
    folder = Path(folder)
    logs_folder = _made(folder / "logs")
    with Journal(folder / "journal.jsonl") as journal:
        records = batch.run(logs_folder, journal)
        report = make_report(jobs, records, logs_folder, time.monotonic() - start)
        write_report(report, folder)
    return report


def default_folder(jobs: Path) -> Path:
    """Where the report of a jobs file goes."""
    return jobs.with_name(f"{jobs.stem}_batch")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from error
    return folder


@dataclasses.dataclass(frozen=True)
class _Batch:
    jobs: Sequence[Job]
    limits: Limits
    resume: bool
    ray: bool | str
    progress: bool

    def run(self, logs: Path, journal: Journal | None) -> dict[str, Record]:
        """Runs what the journal does not know as done; returns the record of each job, by its name."""
        records: dict[str, Record] = {}
        with (
            displaying(self.jobs, self.progress) as display,
            contextlib.closing(self._updates(logs, journal)) as updates,
        ):
            for update in updates:
                display.show(update)
                if update.record is not None:
                    records[update.job.name] = update.record
        return records

    def _updates(self, logs: Path, journal: Journal | None) -> Generator[Update, None, None]:
        left = []
        for job in self.jobs:
            record = journal.finished(job) if journal is not None else None
            if record is not None and self.resume:
                yield Update(job, "ended", record=record | {"status": "kept"})
            else:
                left.append(job)
        with contextlib.closing(_run(left, logs, self.limits, self.ray)) as updates:
            for update in updates:
                if journal is not None and update.record is not None and update.record["status"] == "done":
                    journal.add(update.job, update.record)
                yield update


def _run(jobs: Sequence[Job], logs: Path, limits: Limits, ray: bool | str) -> Generator[Update, None, None]:
    if ray is False:
        return run_locally(jobs, limits, logs)
    from modelexport.batch.ray_pool import run_on_ray

    return run_on_ray(jobs, limits, logs, address=None if ray is True else ray)


def _limits(processes: int | None, memory_mb: int | None, timeout_s: float | None) -> Limits:
    for name, value in (("processes", processes), ("memory_mb", memory_mb), ("timeout_s", timeout_s)):
        if value is not None and (isinstance(value, bool) or not value > 0):
            raise InvalidInputError(f"{name} must be a positive number, not {value!r}")
    return Limits(processes, memory_mb, timeout_s)
