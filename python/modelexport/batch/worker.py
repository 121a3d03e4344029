"""What runs in a job's own process: ``python -m modelexport.batch FOLDER``.

The folder holds ``job.json`` and, for a model that Python gave, what :func:`write_job` saved of it. The process ends
with an exit code of the command line (docs/cli.md) and says what went wrong in the last line on stderr, as that does.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
import threading
import traceback
import zipfile
from pathlib import Path
from typing import Any

from modelexport.batch.jobs import Job, save_model
from modelexport.exceptions import InvalidInputError, ModelExportError

ERROR_PREFIX = "modelexport: error: "
IS_WORKER = "MODELEXPORT_BATCH_WORKER"  # set in the environment of a job's process

_JOB_FILE = "job.json"
_MODEL_FILE = "model.pt"
_EXIT_FAILED = 1


def write_job(job: Job, folder: Path) -> None:
    """Puts into ``folder`` what the process of ``job`` reads.

    Raises:
        InvalidInputError: the model cannot be sent to another process.
    """
    description: dict[str, Any] = {"output_path": str(job.output_path), "strategy": job.strategy}
    if job.source is None:
        description |= {"options": _options(job), "main": _save_model(job, folder / _MODEL_FILE)}
    else:
        description["command"] = _command(job, folder)
    (folder / _JOB_FILE).write_text(json.dumps(description), encoding="utf-8")


def _options(job: Job) -> dict[str, Any]:
    if isinstance(job.config, Path):
        raise InvalidInputError(f"{job.name}: the config of a model given in Python is a dict of export's keywords")
    return dict(job.config or {})


def _save_model(job: Job, path: Path) -> str | None:
    """Saves model and inputs; returns the script that must be imported to load them again, if any."""
    save_model(job.module, job.inputs, path)
    with zipfile.ZipFile(path) as archive:
        record = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        if b"__main__" not in archive.read(record):
            return None
    main: str | None = getattr(sys.modules["__main__"], "__file__", None)
    if main is None:
        raise InvalidInputError(
            "the model's class is defined in an interactive session, where no other process finds it; define it in a "
            "file that is imported"
        )
    return str(Path(main).absolute())


def _command(job: Job, folder: Path) -> list[str]:
    """The arguments of ``modelexport`` that do the job; defaults are left out."""
    assert job.source is not None
    arguments = ["export", job.source, str(job.output_path)]
    if job.strategy != "htp":
        arguments += ["--strategy", job.strategy]
    if job.model_class is not None:
        arguments += ["--model-class", job.model_class]
    if job.inputs is not None:
        arguments += ["--inputs", job.inputs]
    if job.trust:
        arguments.append("--trust")
    config = job.config
    if config is not None and not isinstance(config, Path):
        path = folder / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        config = path
    return arguments + (["--config", str(config)] if config is not None else [])


# ---- in the process --------------------------------------------------------------------------------------------------
def main(folder: Path) -> int:
    """Does the job that ``folder`` describes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _be_the_first_to_go()
    job = json.loads((folder / _JOB_FILE).read_text(encoding="utf-8"))
    try:
        Path(job["output_path"]).parent.mkdir(parents=True, exist_ok=True)
        if "command" in job:
            from modelexport.cli import main as run_command

            return run_command(job["command"])
        _export(job, folder / _MODEL_FILE)
        return 0
    except ModelExportError as error:
        return _report(f"{type(error).__name__}: {error}")
    except BaseException as error:
        traceback.print_exc()
        return _report(f"{type(error).__name__}: {error}")


def _export(job: dict[str, Any], saved: Path) -> None:
    import torch

    from modelexport.unified_export import export_model

    if job["main"] is not None:
        # As multiprocessing does for the processes that it spawns.
        names = runpy.run_path(job["main"], run_name="__mp_main__")
        sys.modules["__main__"].__dict__.update({k: v for k, v in names.items() if not k.startswith("__")})
    model, inputs = torch.load(saved, weights_only=False, mmap=True)
    export_model(model, inputs, job["output_path"], strategy=job["strategy"], **job["options"])


def _report(problem: str) -> int:
    print(ERROR_PREFIX + " ".join(problem.split()), file=sys.stderr, flush=True)
    return _EXIT_FAILED


def _end_with_parent() -> None:
    """The parent holds the other end of stdin, which closes with it."""
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(_EXIT_FAILED)


def _be_the_first_to_go() -> None:
    """When memory runs out, Linux ends this process rather than the one that has started it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
