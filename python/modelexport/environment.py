"""What environment variables ask for; the core reads them, since its own command line obeys them too.

``MODELEXPORT_AUX_OPS_DEBUG=1`` logs the decision for each auxiliary operation. ``MODELEXPORT_ENABLE_PROFILING=1`` turns
monitoring on and writes a Chrome trace of the stages to ``<stem>_trace.json`` beside the model.
``MODELEXPORT_MEMORY_LIMIT_MB=N`` bounds the memory that the exporter takes beside the model and torch's capture of it
(docs/environment.md).
"""

from __future__ import annotations

import dataclasses

import torch

from modelexport import _core
from modelexport.exceptions import MemoryLimitError


@dataclasses.dataclass(frozen=True)
class Environment:
    """The variables as they are now; no memory limit is 0."""

    explain_auxiliary: bool
    memory_limit_mb: int
    profiling: bool


def read_environment() -> Environment:
    """The settings that the environment holds.

    Raises:
        InvalidInputError: a variable whose value makes no sense.
    """
    return Environment(*_core.read_environment())


# What torch.onnx.export makes of weights that go into the model file: measured, with either of its exporters.
_TORCH_COPIES = 3


def check_memory_for_weights(weights: list[torch.Tensor]) -> None:
    """Refuses a ``torch.onnx.export`` with the weights in the file whose copies of them go beyond the memory limit.

    Raises:
        MemoryLimitError: they do.
    """
    limit = read_environment().memory_limit_mb
    size = _TORCH_COPIES * sum(weight.nbytes for weight in weights) / 2**20
    if limit and size > limit:
        raise MemoryLimitError(
            f"the limit of {limit} MB (MODELEXPORT_MEMORY_LIMIT_MB) would be exceeded: torch.onnx.export copies the "
            f"weights {_TORCH_COPIES} times, which takes {size:.0f} MB; with external_data=True it copies none"
        )
