"""The branches that a capture takes, and an eager run that takes them too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch.distributions import Distribution


@contextlib.contextmanager
def without_fast_path() -> Iterator[None]:
    """Lets torch's attention and encoder layers run operator by operator, not as one that has no parts."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextlib.contextmanager
def without_argument_checks() -> Iterator[None]:
    """Lets torch's distributions take their arguments unseen: their checks look at data, and all they do is raise."""
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


@contextlib.contextmanager
def export_branches() -> Iterator[None]:
    """Lets libraries take the branches that they take under torch.export (a mask is built even if it is all ones).

    Compiled functions run as written, and attention operator by operator.
    """
    flags = [name for name in ("_is_exporting_flag", "_is_compiling_flag") if hasattr(torch.compiler, name)]
    before = [getattr(torch.compiler, flag) for flag in flags]
    for flag in flags:
        setattr(torch.compiler, flag, True)
    try:
        with without_fast_path(), without_argument_checks(), torch.compiler.set_stance("force_eager"):
            yield
    finally:
        for flag, value in zip(flags, before, strict=True):
            setattr(torch.compiler, flag, value)
