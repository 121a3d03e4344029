"""The console script ``modelexport``: the commands of the native executable, and what they need Python for."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch.export import ExportedProgram

from modelexport import _core
from modelexport.batch import batch_export, default_folder
from modelexport.exceptions import InvalidInputError, ModelExportError
from modelexport.input_specs import make_inputs
from modelexport.model_source import Source, load_source
from modelexport.progress import speaking
from modelexport.strategies.htp.htp_hierarchy_exporter import HierarchyExporter
from modelexport.unified_export import UnifiedExporter


def main(arguments: list[str] | None = None) -> int:
    """Run a command (docs/cli.md) and return its exit code.

    Args:
        arguments: without the program's name; None for those of the process.
    """
    sys.stdout.flush()
    return _core.run_cli(sys.argv[1:] if arguments is None else arguments, _host)


def _host(task: str, request: str) -> str:
    """Does a ``task`` of the command line; what an error's notes say goes to standard error."""
    try:
        return json.dumps(_TASKS[task](json.loads(request)), default=str)
    except ModelExportError as error:
        for note in getattr(error, "__notes__", ()):
            print(note, file=sys.stderr)
        raise
    except Exception:
        traceback.print_exc()
        raise


@dataclasses.dataclass(frozen=True)
class Setting:
    """A keyword of the export, and where it was given: "file: line 3", or empty for the command line."""

    key: str
    value: Any
    where: str


def _export(request: dict[str, Any]) -> dict[str, Any]:
    settings = [Setting(**setting) for setting in request["settings"]]
    keywords = {setting.key: setting.value for setting in settings}
    specs = keywords.pop("input_specs", None)
    source = load_source(request["source"], request["model_class"], request["trust"])
    with _located(settings):
        args, kwargs = _inputs(source, request["source"], specs)
        verbose = request["verbose"]
        exporter = (
            UnifiedExporter(request["strategy"], verbose=verbose)
            if request["builtin_tracking"]
            else HierarchyExporter(builtin_tracking=False, verbose=verbose)
        )
        return exporter.export(source.model, args, request["output"], kwargs=kwargs, **keywords)


def _inputs(source: Source, where: str, specs: dict[str, Any] | None) -> tuple[Any, dict[str, Any] | None]:
    """Inputs and further keyword arguments of forward."""
    if isinstance(source.model, ExportedProgram):
        if specs is not None:
            raise InvalidInputError("input_specs cannot be given for a captured program")
        return source.inputs, None
    if specs is not None:
        return make_inputs(source.model, source.inputs, specs)
    if source.inputs is None:
        raise InvalidInputError(
            f"{where} has no example inputs: define `example_inputs` or get_inputs() in a .py file, or give --inputs"
        )
    return source.inputs, None


@contextlib.contextmanager
def _located(settings: Sequence[Setting]) -> Iterator[None]:
    """Errors that begin with the key of a setting say where it was given."""
    try:
        yield
    except InvalidInputError as error:
        for setting in settings:
            if setting.where and str(error).startswith(setting.key):
                raise InvalidInputError(f"{setting.where}: {error}") from error
        raise


def _batch(request: dict[str, Any]) -> dict[str, Any]:
    jobs = Path(request["jobs"])
    folder = Path(request["folder"]) if request["folder"] else default_folder(jobs)
    limits: dict[str, Any] = {key: request[key] or None for key in ("processes", "memory_mb", "timeout_s")}
    ray = (request["ray_address"] or True) if request["on_ray"] else False
    with speaking():
        report = batch_export(jobs, folder=folder, resume=request["resume"], ray=ray, **limits)
    return {"report": report, "page": str(folder / "report.html")}


_TASKS = {"export": _export, "batch": _batch}
