"""Every exception that the package raises on purpose, in one tree."""

from __future__ import annotations

from collections.abc import Sequence


class ModelExportError(Exception):
    """The root: whatever goes wrong in an export that is not a bug of the caller's own code."""


class InvalidInputError(ModelExportError, ValueError):
    """A model, an input, an option or a file is not what it should be; the message names it."""


class CaptureError(ModelExportError):
    """``torch.export`` could not capture the model; the message says why, ``__cause__`` holds torch's exception."""


class UnsupportedOperatorError(ModelExportError):
    """Some operators have no ONNX form here; the message lists each with its count and first module path.

    ``operators`` has them as (``aten.foo.default``, calls, path of the first module, why); why may be empty.
    """

    def __init__(self, message: str = "", operators: Sequence[tuple[str, int, str, str]] = ()) -> None:
        super().__init__(message)
        self.operators = list(operators)


class OutputError(ModelExportError, OSError):
    """The file system refused: a missing or read-only folder, a full disk."""


class MemoryLimitError(ModelExportError, MemoryError):
    """The export would need more memory than ``MODELEXPORT_MEMORY_LIMIT_MB`` allows."""


class CoverageValidationError(ModelExportError):
    """A node would have been written without a hierarchy tag; nothing was written."""


class ContextInheritanceError(ModelExportError):
    """The scope of an operation that torch did not record could not be inherited from its neighbours."""


class AuxiliaryOperationError(ModelExportError):
    """An auxiliary operation could not be processed."""


class VerificationError(ModelExportError):
    """The written file does not compute what the model computes; it was removed."""


class InternalError(ModelExportError):
    """An invariant of this library is broken: please report it."""


def described(error: BaseException) -> str:
    """Another library's exception in one line, which goes into a message of ours."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
