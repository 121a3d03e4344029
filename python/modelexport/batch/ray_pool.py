"""The same jobs on a Ray cluster."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from modelexport.batch.jobs import Job
from modelexport.batch.pool import Limits, Update
from modelexport.batch.process import Record, failure, supervise
from modelexport.exceptions import InvalidInputError

# How often a job is started again whose worker or machine was lost. A model that crashes does not take its worker
# along: it runs in a process of its own there too.
RETRIES = 3

_WAIT_SECONDS = 0.5
_CONNECT_SECONDS = 10


def run_on_ray(jobs: Sequence[Job], limits: Limits, logs: Path, address: str | None) -> Generator[Update, None, None]:
    """As ``run_locally``, on the cluster at ``address`` or on one that is started here for as long as this takes.

    Each job takes one CPU of the cluster, and of its memory what the job says it needs. The machines must see the files
    that the jobs name under the same paths, and have modelexport installed.

    Raises:
        InvalidInputError: Ray is not installed, or there is no cluster at the address.
    """
    ray = _import_ray()
    started_here = not ray.is_initialized()
    if started_here:
        try:
            _check_answers(address)
            ray.init(address=address, num_cpus=limits.processes if address is None else None, log_to_driver=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise InvalidInputError(f"there is no Ray cluster at {address}: {' '.join(str(error).split())}") from error
    try:
        yield from _run(ray, jobs, limits, logs)
    finally:
        if started_here:
            ray.shutdown()


def _check_answers(address: str | None) -> None:
    """Ray itself would try for minutes. Addresses that are no ``host:port`` ("auto") are left to it."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise InvalidInputError("Ray is not installed; pip install 'ray[default]'") from error
    return ray


def _run(ray: Any, jobs: Sequence[Job], limits: Limits, logs: Path) -> Generator[Update, None, None]:
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(_do)
    waiting = list(jobs)
    running: dict[Any, Job] = {}
    try:
        while waiting or running:
            while waiting and (limits.processes is None or len(running) < limits.processes):
                job = waiting.pop(0)
                resources = {"memory": job.memory_mb * 2**20} if job.memory_mb is not None else {}
                running[task.options(name=job.name, **resources).remote(job, limits.timeout_of(job))] = job
                yield Update(job, "running")
            ended, _ = ray.wait(list(running), timeout=_WAIT_SECONDS)
            for reference in ended:
                job = running.pop(reference)
                yield Update(job, "ended", record=_collect(ray, reference, job, logs / job.log_name))
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _do(job: Job, timeout_s: float | None) -> tuple[Record, bytes]:
    """On a worker: the record of a job, and what it printed."""
    with tempfile.TemporaryDirectory(prefix="modelexport-") as folder:
        log = Path(folder) / "log"
        log.touch()
        return supervise(job, log, threads=1, timeout_s=timeout_s), log.read_bytes()


def _collect(ray: Any, reference: Any, job: Job, log: Path) -> Record:
    try:
        record, printed = ray.get(reference)
    except ray.exceptions.RayError as error:
        return failure(f"Ray lost the job: {' '.join(str(error).split())}")
    log.write_bytes(printed)
    if record["status"] == "done" and not job.output_path.exists():
        why = (
            f"{job.output_path} was written by another machine, and is not seen here; write to a folder that all share"
        )
        return failure(why, record["seconds"], record["memory_peak_mb"])
    return dict(record)
