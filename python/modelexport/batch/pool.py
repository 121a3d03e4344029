"""Jobs in processes of this machine: N at a time, within a memory budget."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Literal

from modelexport.batch.jobs import Job
from modelexport.batch.process import POLL_SECONDS, JobProcess, Record, failure
from modelexport.exceptions import ModelExportError

# What a process is expected to hold, in MB, when its job does not say: Python with torch, and a small model.
DEFAULT_CLAIM_MB = 600


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the jobs of a batch may use together (``processes``, ``memory_mb``), and each alone (``timeout_s``)."""

    processes: int | None = None
    memory_mb: int | None = None
    timeout_s: float | None = None

    def timeout_of(self, job: Job) -> float | None:
        return job.timeout_s if job.timeout_s is not None else self.timeout_s


@dataclasses.dataclass(frozen=True)
class Update:
    """What became of a job just now; ``record`` when it has ended."""

    job: Job
    state: Literal["waiting", "running", "ended"]
    memory_mb: float = 0.0
    record: Record | None = None


def run_locally(jobs: Sequence[Job], limits: Limits, logs: Path) -> Generator[Update, None, None]:
    """Runs every job and tells of it; what a job prints goes to a file in ``logs``.

    Closing the iterator ends the processes that still run.
    """
    pool = _Pool(jobs, limits, logs)
    try:
        while pool.waiting or pool.running:
            yield from pool.start_what_fits()
            time.sleep(POLL_SECONDS)
            yield from pool.watch()
    finally:
        for process in pool.running:
            process.stop()


class _Pool:
    def __init__(self, jobs: Sequence[Job], limits: Limits, logs: Path) -> None:
        self.waiting = list(jobs)
        self.running: list[JobProcess] = []
        self._limits = limits
        self._logs = logs
        cores = os.cpu_count() or 1
        self._processes = limits.processes or cores
        self._threads = max(1, cores // self._processes)
        self._claims = {job.name: job.memory_mb or DEFAULT_CLAIM_MB for job in jobs}

    def start_what_fits(self) -> Generator[Update, None, None]:
        """The first waiting jobs that there is a place and memory for."""
        while len(self.running) < self._processes:
            job = next((job for job in self.waiting if self._fits(job)), None)
            if job is None:
                return
            self.waiting.remove(job)
            try:
                self.running.append(JobProcess(job, self._logs / job.log_name, self._threads))
                yield Update(job, "running")
            except ModelExportError as error:
                yield Update(job, "ended", record=failure(f"{type(error).__name__}: {error}"))

    def _fits(self, job: Job) -> bool:
        if self._limits.memory_mb is None or not self.running:
            return True
        taken = sum(max(self._claims[process.job.name], process.memory_mb) for process in self.running)
        return taken + self._claims[job.name] <= self._limits.memory_mb

    def watch(self) -> Generator[Update, None, None]:
        """Collects the processes that have ended, and stops those that go beyond the limits."""
        for process in list(self.running):
            timeout = self._limits.timeout_of(process.job)
            if process.poll():
                yield self._end(process, process.record())
            elif timeout is not None and process.seconds > timeout:
                yield self._end(process, process.failure(f"took longer than {timeout:g} s"))
            else:
                yield Update(process.job, "running", process.memory_mb)
        budget = self._limits.memory_mb
        if budget is not None and sum(process.memory_mb for process in self.running) > budget:
            yield self._make_room(budget)

    def _end(self, process: JobProcess, record: Record) -> Update:
        process.stop()
        self.running.remove(process)
        return Update(process.job, "ended", record=record)

    def _make_room(self, budget: int) -> Update:
        """Stops the job that started last. It runs again when nothing else does; alone, it has failed."""
        process = self.running[-1]
        if len(self.running) == 1:
            return self._end(process, process.failure(f"needs more than the {budget} MB of the memory budget"))
        process.stop()
        self.running.remove(process)
        self._claims[process.job.name] = budget
        self.waiting.append(process.job)
        return Update(process.job, "waiting")
