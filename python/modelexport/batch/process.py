"""A job's process as its parent sees it: started, watched, stopped, and what came of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from modelexport.batch.jobs import Job
from modelexport.batch.worker import ERROR_PREFIX, IS_WORKER, write_job
from modelexport.core.tag_utils import load_tags_from_sidecar
from modelexport.exceptions import ModelExportError

POLL_SECONDS = 0.05

Record = dict[str, Any]
"""What is reported of a job: ``status`` ("done", "failed", "kept"), ``error`` (one line or None), ``seconds``,
``memory_peak_mb`` (2**20 bytes; the process's own, mapped files left out), and of the file ``strategy``,
``total_operations``, ``tagged_operations``, ``file_bytes``."""


class JobProcess:
    """A process that runs one job; nothing that happens there can take its parent along.

    Everything that it prints goes to the file ``log``.

    Raises:
        InvalidInputError: the job's model cannot be sent to another process.
    """

    def __init__(self, job: Job, log: Path, threads: int) -> None:
        self.job = job
        self.memory_mb = 0.0  # now
        self.peak_mb = 0.0
        self.started = time.monotonic()
        self._log = log
        self._folder = tempfile.TemporaryDirectory(prefix="modelexport-")
        try:
            write_job(job, Path(self._folder.name))
            self._process = self._start(threads)
        except BaseException:
            self._folder.cleanup()
            raise

    def _start(self, threads: int) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(threads), IS_WORKER: "1"}
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "modelexport.batch", self._folder.name],
                stdin=subprocess.PIPE,  # closes when this process ends, however it does
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def poll(self) -> bool:
        """Measures the memory; returns whether the process has ended."""
        if self._process.poll() is not None:
            return True
        self.memory_mb = held_megabytes(self._process.pid)
        self.peak_mb = max(self.peak_mb, self.memory_mb)
        return False

    def stop(self) -> None:
        """Ends the process and those that it has started, whatever they do."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._clean_up()

    def record(self) -> Record:
        """Of a process that has ended."""
        code = self._process.wait()
        record = self.failure(self._why(code)) if code != 0 else self._success()
        self._clean_up()
        return record

    def failure(self, why: str) -> Record:
        return failure(why, self.seconds, self.peak_mb)

    def _success(self) -> Record:
        try:
            facts = _facts(self.job)
        except (ModelExportError, OSError) as error:
            return self.failure(f"the export ended well, but its files cannot be read: {error}")
        times = {"seconds": round(self.seconds, 3), "memory_peak_mb": round(self.peak_mb)}
        return {"status": "done", "error": None} | times | facts

    def _why(self, code: int) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        errors = [line for line in lines if line.startswith(ERROR_PREFIX)]
        if code > 0 and errors:
            return errors[-1].removeprefix(ERROR_PREFIX)
        if code == -signal.SIGKILL:
            return "its process was killed (SIGKILL), as the kernel does when memory runs out"
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with exit code {code}"

    def _clean_up(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._folder.cleanup()


def supervise(job: Job, log: Path, threads: int, timeout_s: float | None) -> Record:
    """Runs a job in a process of its own and waits for it, for ``timeout_s`` seconds at most."""
    try:
        process = JobProcess(job, log, threads)
    except ModelExportError as error:
        return failure(f"{type(error).__name__}: {error}")
    try:
        while not process.poll():
            if timeout_s is not None and process.seconds > timeout_s:
                return process.failure(f"took longer than {timeout_s:g} s")
            time.sleep(POLL_SECONDS)
        return process.record()
    finally:
        process.stop()


def failure(why: str, seconds: float = 0.0, peak_mb: float = 0.0) -> Record:
    """The record of a job that failed."""
    return {"status": "failed", "error": why, "seconds": round(seconds, 3), "memory_peak_mb": round(peak_mb)}


def held_megabytes(process: int) -> float:
    """MB (2**20 bytes) of a process's own memory; pages of mapped files do not count, they can be dropped. 0 where
    there is no /proc."""
    with contextlib.suppress(OSError):
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        return sum(int(fields[key].split()[0]) for key in ("RssAnon", "RssShmem") if key in fields) / 1024
    return 0.0


def _facts(job: Job) -> Record:
    sidecar = load_tags_from_sidecar(job.sidecar)
    data = job.external_data
    return {
        "strategy": sidecar["exporter"]["strategy"],
        "total_operations": sidecar["summary"]["total_operations"],
        "tagged_operations": sidecar["summary"]["tagged_operations"],
        "file_bytes": job.output_path.stat().st_size + (data.stat().st_size if data.exists() else 0),
    }
