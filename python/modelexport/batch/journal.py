"""What of a batch is done already, on the disk, so that an interrupted one goes on where it was."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from modelexport.batch.jobs import Job
from modelexport.batch.process import Record
from modelexport.exceptions import InvalidInputError, OutputError


class Journal:
    """One JSON line for each job that went well, appended as soon as it has ended.

    A job is done when the last line of its name has its digest, and the files that it wrote are as they were left.
    Use as a context manager; one process at a time can hold a journal.

    Raises:
        OutputError: the file cannot be written.
        InvalidInputError: another batch holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, dict[str, Any]] = {}
        self._digests: dict[str, str] = {}

    def __enter__(self) -> Journal:
        try:
            self._file: IO[str] = self._path.open("a+", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise InvalidInputError(f"{self._path.parent}: another batch is at work here") from error
        self._file.seek(0)
        for line in self._file:
            # A line that an interruption cut off says nothing.
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                self._entries[entry["name"]] = entry
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def finished(self, job: Job) -> Record | None:
        """The record of a job that needs not be run again; asked of every job before it runs."""
        # Taken before the job runs: what is changed meanwhile is not what was exported.
        with contextlib.suppress(InvalidInputError):
            self._digests[job.name] = job.digest()
        entry = self._entries.get(job.name)
        if entry is None or entry["digest"] != self._digests.get(job.name) or entry["files"] != _stamps(job):
            return None
        record: Record = entry["record"]
        return record

    def add(self, job: Job, record: Record) -> None:
        """Remembers a job that has just gone well."""
        entry = {"name": job.name, "digest": self._digests[job.name], "files": _stamps(job), "record": record}
        # Whatever a line was cut off before.
        self._file.write("\n" + json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _stamps(job: Job) -> dict[str, list[int]]:
    """Size in bytes and time of the last change in ns of the files that the job wrote."""
    paths = [path for path in (job.output_path, job.sidecar, job.external_data) if path.exists()]
    statuses = {str(path): path.stat() for path in paths}
    return {path: [status.st_size, status.st_mtime_ns] for path, status in statuses.items()}
