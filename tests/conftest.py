"""What all Python tests share."""

from __future__ import annotations

import os

# Before torch and onnxruntime start their thread pools: tests are small, and run several at a time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
