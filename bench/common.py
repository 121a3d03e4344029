"""What the benchmarks of exports share: the models, their capture, the clock, and silence."""

from __future__ import annotations

import gc
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

_ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_ROOT), str(_ROOT / "python")]
from tests.models.zoo_models import REAL_MODELS  # noqa: E402

DEFAULT_MODELS = "bert-base,gpt2,vit-base,llama-16"

__all__ = ["DEFAULT_MODELS", "REAL_MODELS", "captured", "seconds", "silence"]


def silence() -> None:
    """Leaves the output to the benchmark."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def captured(name: str) -> torch.export.ExportedProgram:
    """A model of the zoo, as torch.export gives it for static shapes."""
    model = REAL_MODELS[name].build().eval()
    args, kwargs = REAL_MODELS[name].inputs()
    with torch.no_grad():
        return torch.export.export(model, args, kwargs, strict=False)


def seconds(run: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long ``run`` takes, the garbage of what ran before it collected."""
    gc.collect()
    start = clock()
    run()
    return clock() - start
