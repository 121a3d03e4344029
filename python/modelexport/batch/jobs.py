"""What is to be exported: jobs, read from a file or from Python, and checked before any of them starts."""

from __future__ import annotations

import collections
import dataclasses
import difflib
import hashlib
import json
import os
import pickle
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import torch

from modelexport import _core
from modelexport.exceptions import InvalidInputError, OutputError
from modelexport.unified_export import ExportStrategy

# What each key of a job may be.
KEYS: dict[str, tuple[Any, ...]] = {
    "model": (object,),
    "inputs": (object,),
    "output_path": (str, os.PathLike),
    "name": (str,),
    "strategy": (str,),
    "config": (str, os.PathLike, Mapping),
    "model_class": (str,),
    "trust": (bool,),
    "memory_mb": (int,),
    "timeout_s": (int, float),
}
_POSITIVE = ("memory_mb", "timeout_s")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One export.

    ``source`` is what ``modelexport export`` takes (absolute, if it is a file); for a model that Python gave it is
    None, and ``module`` and ``inputs`` are that model and its example inputs.
    """

    name: str
    output_path: Path
    source: str | None = None
    module: Any = None
    inputs: Any = None
    strategy: str = "htp"
    config: Path | Mapping[str, Any] | None = None
    model_class: str | None = None
    trust: bool = False
    memory_mb: int | None = None
    timeout_s: float | None = None

    @property
    def sidecar(self) -> Path:
        return Path(_core.sidecar_path(str(self.output_path)))

    @property
    def external_data(self) -> Path:
        return self.output_path.with_name(f"{self.output_path.name}.data")

    @property
    def log_name(self) -> str:
        return urllib.parse.quote(self.name, safe=" ") + ".log"

    def digest(self) -> str:
        """Tells whether an earlier run finished this very job: its settings, the files or model that it reads, and the
        version of the exporter.

        Raises:
            InvalidInputError: a model that Python gave cannot be saved.
        """
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        given = settings.pop("module"), settings.pop("inputs")
        hashed = _Hash(_core.VERSION, torch.__version__, json.dumps(settings, sort_keys=True, default=str))
        if self.source is None:
            save_model(*given, cast(IO[bytes], hashed))
        else:
            hashed.add(str(given[1]))
        for path in self._files():
            status = path.stat()
            hashed.add(f"{path} {status.st_size} {status.st_mtime_ns}")
        return hashed.hexdigest()

    def _files(self) -> list[Path]:
        """The files that the job names: its config, and its model where that is a file or a folder of them."""
        named = [Path(path) for path in (self.config, self.source) if isinstance(path, str | Path)]
        folders = [file for path in named if path.is_dir() for file in sorted(path.iterdir())]
        return [path for path in named + folders if path.is_file()]


def save_model(module: Any, inputs: Any, file: Path | IO[bytes]) -> None:
    """Saves what another process is to load.

    Raises:
        InvalidInputError: something in it cannot be saved.
    """
    try:
        torch.save((module, inputs), file)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidInputError(
            f"the model cannot be sent to a process of its own ({error}); define its class at the top of a module, or "
            "name the model by a file"
        ) from error


class _Hash:
    """A file that is only hashed."""

    def __init__(self, *texts: str) -> None:
        self._hash = hashlib.sha256()
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        self._hash.update(text.encode() + b"\0")

    def write(self, content: bytes) -> int:
        self._hash.update(content)
        return len(content)

    def flush(self) -> None:
        pass

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


# ---- reading a file --------------------------------------------------------------------------------------------------
class _Entry(dict[str, Any]):
    """A JSON object that knows the line on which it begins."""

    line = 0


class _Decoder(json.JSONDecoder):
    """Reads objects as ``_Entry``, and refuses keys that an object has twice."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_entry_of)
        self.parse_object = self._parse_object
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]

    def _parse_object(self, start: tuple[str, int], *arguments: Any) -> tuple[_Entry, int]:
        text, begin = start
        entry, end = json.decoder.JSONObject(start, *arguments)  # type: ignore[attr-defined]
        entry.line = text.count("\n", 0, begin) + 1
        return entry, end


def _entry_of(pairs: list[tuple[str, Any]]) -> _Entry:
    entry = _Entry(pairs)
    if len(entry) < len(pairs):
        twice = next(key for key, count in collections.Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"an object has the key {twice!r} twice")
    return entry


def read_jobs(path: Path) -> list[Job]:
    """The jobs of a file: ``{"jobs": [...], "defaults": {...}}``, or the list alone.

    Paths in it are relative to its folder. ``defaults`` holds keys for every job that does not have them.

    Raises:
        OutputError: the file cannot be read.
        InvalidInputError: it is not JSON, or what it says makes no sense; the message names the line and the key.
    """
    try:
        content: Any = _Decoder().decode(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OutputError(f"{path}: the jobs cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{path}: not JSON that can be read: {error}") from error
    defaults: Any = {}
    if isinstance(content, dict):
        for key in content:
            if key not in ("jobs", "defaults"):
                raise InvalidInputError(f"{path}: {_no_such_key(key, ('jobs', 'defaults'))}")
        content, defaults = content.get("jobs"), content.get("defaults", {})
    if not isinstance(content, list) or not isinstance(defaults, dict):
        raise InvalidInputError(
            f'{path}: jobs must be a list, as in {{"jobs": [{{"model": ..., "output_path": ...}}]}}'
        )
    entries, places = [], []
    for number, entry in enumerate(content, 1):
        line = getattr(entry, "line", None)
        places.append(f"{path}: job {number}" + (f", line {line}" if line else ""))
        entries.append(defaults | entry if isinstance(entry, dict) else entry)
        if isinstance(entry, dict) and not isinstance(entries[-1].get("model", ""), str):
            raise InvalidInputError(f"{places[-1]}: model must be a string, not {entries[-1]['model']!r}")
    return _jobs_of(entries, path.absolute().parent, places, f"{path}: ")


# ---- what entries mean -----------------------------------------------------------------------------------------------
def jobs_of(configs: Sequence[Mapping[str, Any]]) -> list[Job]:
    """The jobs that ``configs`` describe, with paths relative to the current folder.

    Raises:
        InvalidInputError: a key that there is not or a value it cannot have, two jobs that would write the same file,
            or no job at all; the message names the jobs.
    """
    return _jobs_of(configs, Path.cwd(), [f"job {number}" for number in range(1, len(configs) + 1)], "")


def _jobs_of(configs: Sequence[Mapping[str, Any]], folder: Path, places: Sequence[str], prefix: str) -> list[Job]:
    if not configs:
        raise InvalidInputError(f"{prefix}there are no jobs")
    for config, place in zip(configs, places, strict=True):
        _check(config, place)
    outputs = [(folder / os.fspath(config["output_path"])).absolute() for config in configs]
    names = [config.get("name", name) for config, name in zip(configs, _short_names(outputs), strict=True)]
    jobs = [
        _job(config, folder, name=name, output_path=output)
        for config, name, output in zip(configs, names, outputs, strict=True)
    ]
    _check_distinct(jobs, places)
    return jobs


def _check(config: Mapping[str, Any], place: str) -> None:
    if not isinstance(config, Mapping):
        raise InvalidInputError(f"{place}: must be an object with the keys model and output_path, not {config!r}")
    for key, value in config.items():
        if key not in KEYS:
            raise InvalidInputError(f"{place}: {_no_such_key(key, tuple(KEYS))}")
        is_wrong_number = key in _POSITIVE and (isinstance(value, bool) or not value > 0)
        if not isinstance(value, KEYS[key]) or is_wrong_number:
            raise InvalidInputError(f"{place}: {key} cannot be {value!r}")
    for key in ("model", "output_path"):
        if key not in config:
            raise InvalidInputError(f"{place}: has no {key}")
    strategies = [strategy.value for strategy in ExportStrategy]
    if config.get("strategy", "htp") not in strategies:
        raise InvalidInputError(f"{place}: strategy must be one of {', '.join(strategies)}, not {config['strategy']!r}")
    if isinstance(config["model"], str | os.PathLike) and not isinstance(config.get("inputs", ""), str):
        raise InvalidInputError(
            f"{place}: the inputs of a model that is named are text, as for `modelexport export --inputs`, not "
            f"{config['inputs']!r}"
        )


def _no_such_key(key: object, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(key), known, 1)
    return f"there is no key {key!r}; " + (f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}")


def _job(config: Mapping[str, Any], folder: Path, **settings: Any) -> Job:
    settings |= {key: config[key] for key in ("strategy", "model_class", "trust", *_POSITIVE) if key in config}
    if isinstance(config.get("config"), str | os.PathLike):
        settings["config"] = folder / config["config"]
    elif "config" in config:
        settings["config"] = dict(config["config"])
    model = config["model"]
    if isinstance(model, str | os.PathLike):
        return Job(source=_source(os.fspath(model), folder), inputs=config.get("inputs"), **settings)
    return Job(module=model, inputs=config.get("inputs"), **settings)


def _source(model: str, folder: Path) -> str:
    """A file beside the jobs by its whole path; anything else (``package.module:attribute``) as it is."""
    path = folder / model
    return str(path.absolute()) if path.exists() or ":" not in model else model


def _short_names(outputs: Sequence[Path]) -> list[str]:
    """For each file the shortest end of its path, without suffix, that no other has."""

    def end(path: Path, length: int) -> str:
        return "/".join(path.with_suffix("").parts[-length:])

    names = []
    for path in outputs:
        lengths = range(1, len(path.parts) + 1)
        unique = (n for n in lengths if sum(end(other, n) == end(path, n) for other in outputs) == 1)
        names.append(end(path, next(unique, 1)))
    return names


def _check_distinct(jobs: Sequence[Job], places: Sequence[str]) -> None:
    writers: dict[str, str] = {}
    names: dict[str, str] = {}
    for job, place in zip(jobs, places, strict=True):
        for path in (job.output_path, job.sidecar, job.external_data):
            other = writers.setdefault(os.path.realpath(path), place)
            if other != place:
                raise InvalidInputError(f"{place}: would write {path}, which {other.split(': ')[-1]} writes too")
        other = names.setdefault(job.name, place)
        if other != place:
            raise InvalidInputError(f"{place}: has the name {job.name!r}, which {other.split(': ')[-1]} has too")
