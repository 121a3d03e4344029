"""Torch's exporters without what they print: what matters ends in a result, a warning of ours or an exception."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

_LIBRARIES = ("torch", "onnxscript", "onnx_ir")
# What torch.export.draft_export reads its findings from.
_EXEMPT = "torch.__trace"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing below an error is logged by torch and the libraries of its exporter, and nothing warned about."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _LIBRARIES and name != _EXEMPT]
    loggers = [logging.getLogger(name) for name in {*names, *_LIBRARIES}]
    levels = [log.level for log in loggers]
    for log in loggers:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(loggers, levels, strict=True):
            log.setLevel(level)
