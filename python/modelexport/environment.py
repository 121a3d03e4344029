"""What environment variables ask for.

``MODELEXPORT_AUX_OPS_DEBUG=1`` logs the decision for each auxiliary operation. ``MODELEXPORT_ENABLE_PROFILING=1`` turns
monitoring on and writes a Chrome trace of the stages to ``<stem>_trace.json`` beside the model.
``MODELEXPORT_MEMORY_LIMIT_MB=N`` must be a positive number; it does not bound the memory of the export.
"""

from __future__ import annotations

import dataclasses
import os

from modelexport.exceptions import InvalidInputError


@dataclasses.dataclass(frozen=True)
class Environment:
    """The variables as they are now."""

    explain_auxiliary: bool = False
    memory_limit_mb: int | None = None
    profiling: bool = False


def read_environment() -> Environment:
    """The settings that the environment holds.

    Raises:
        InvalidInputError: a variable whose value makes no sense.
    """
    return Environment(
        explain_auxiliary=_flag("MODELEXPORT_AUX_OPS_DEBUG"),
        memory_limit_mb=_megabytes("MODELEXPORT_MEMORY_LIMIT_MB"),
        profiling=_flag("MODELEXPORT_ENABLE_PROFILING"),
    )


def _flag(name: str) -> bool:
    value = os.environ.get(name, "")
    if value.lower() in ("", "0", "false", "off", "no"):
        return False
    if value.lower() in ("1", "true", "on", "yes"):
        return True
    raise InvalidInputError(f"the environment variable {name} must be 0 or 1, not {value!r}")


def _megabytes(name: str) -> int | None:
    value = os.environ.get(name, "")
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise InvalidInputError(f"the environment variable {name} must be a number of megabytes, not {value!r}")
    return int(value)
