"""An eager run that takes the branches of a capture."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def export_branches() -> Iterator[None]:
    """Lets libraries take the branches that they take under torch.export (a mask is built even if it is all ones).

    Compiled functions run as written, and attention operator by operator.
    """
    flags = [name for name in ("_is_exporting_flag", "_is_compiling_flag") if hasattr(torch.compiler, name)]
    before = [getattr(torch.compiler, flag) for flag in flags]
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    for flag in flags:
        setattr(torch.compiler, flag, True)
    try:
        with torch.compiler.set_stance("force_eager"):
            yield
    finally:
        for flag, value in zip(flags, before, strict=True):
            setattr(torch.compiler, flag, value)
        torch.backends.mha.set_fastpath_enabled(fast_path)
