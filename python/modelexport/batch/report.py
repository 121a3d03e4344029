"""The report of a batch, as JSON and as a page that stands alone."""

from __future__ import annotations

import collections
import datetime
import html
import json
import os
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelexport import _core
from modelexport.batch.jobs import Job
from modelexport.batch.process import Record
from modelexport.exceptions import OutputError

VERSION = 1
STATUSES = ("done", "kept", "failed")

_COLUMNS = {
    "name": "Job",
    "status": "Status",
    "total_operations": "Operations",
    "tagged_operations": "Tagged",
    "file_bytes": "MB written",
    "seconds": "Seconds",
    "memory_peak_mb": "Peak MB",
    "strategy": "Strategy",
    "error": "What went wrong",
}
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222 }}
table {{ border-collapse: collapse }}
th, td {{ padding: .3rem .8rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums }}
td.done, td.kept {{ color: #176b2c }}
td.failed {{ color: #b3261e; font-weight: 600 }}
</style>
<h1>{title}</h1>
<p>{summary}</p>
<table>
<tr>{head}</tr>
{rows}
</table>
</html>
"""


def make_report(
    jobs: Sequence[Job], records: Mapping[str, Record], logs: Path | None, seconds: float
) -> dict[str, Any]:
    """What :func:`modelexport.batch_export` returns; ``jobs`` are listed in their order."""
    counts = collections.Counter(records[job.name]["status"] for job in jobs)
    return {
        "version": VERSION,
        "modelexport": _core.VERSION,
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "summary": {"jobs": len(jobs)} | {status: counts[status] for status in STATUSES},
        "jobs": [_entry(job, records[job.name], logs) for job in jobs],
    }


def _entry(job: Job, record: Record, logs: Path | None) -> dict[str, Any]:
    log = logs / job.log_name if logs is not None else None
    return {
        "name": job.name,
        "model": job.source if job.source is not None else type(job.module).__name__,
        "output_path": str(job.output_path),
        **record,
        "log": str(log) if log is not None and log.exists() else None,
    }


def write_report(report: Mapping[str, Any], folder: Path) -> None:
    """Writes ``report.json`` and ``report.html``.

    Raises:
        OutputError: they cannot be written.
    """
    for name, content in (("report.json", json.dumps(report, indent=2) + "\n"), ("report.html", page(report, folder))):
        partial = folder / f".{name}.tmp"
        try:
            partial.write_text(content, encoding="utf-8")
            partial.replace(folder / name)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise OutputError(f"cannot write {folder / name}: {error.strerror}") from error


def page(report: Mapping[str, Any], folder: Path) -> str:
    """The report as HTML; failed jobs come first, links are relative to ``folder``."""
    summary = report["summary"]
    counts = ", ".join(f"{summary[status]} {status}" for status in STATUSES)
    entries = sorted(report["jobs"], key=lambda entry: bool(entry["error"] is None))
    return _PAGE.format(
        title="Batch export",
        summary=f"{summary['jobs']} jobs: {counts}; {report['seconds']:.1f} s; finished {report['finished_at']}; "
        f"modelexport {html.escape(report['modelexport'])}",
        head="".join(f"<th>{title}</th>" for title in _COLUMNS.values()),
        rows="\n".join(_row(entry, folder) for entry in entries),
    )


def _row(entry: Mapping[str, Any], folder: Path) -> str:
    cells = []
    for key in _COLUMNS:
        value = entry.get(key)
        kind = "number" if isinstance(value, int | float) else entry["status"] if key == "status" else ""
        cells.append(f'<td class="{kind}">{_cell(key, value, entry, folder)}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _cell(key: str, value: Any, entry: Mapping[str, Any], folder: Path) -> str:
    if value is None:
        return ""
    if key == "file_bytes":
        return f"{value / 2**20:.1f}"
    text = html.escape(str(value))
    if key == "name":
        return f'<span title="{html.escape(entry["output_path"])}">{text}</span>'
    if key == "status" and entry["log"] is not None:
        link = urllib.parse.quote(os.path.relpath(entry["log"], folder))
        return f'<a href="{link}">{text}</a>'
    return text
