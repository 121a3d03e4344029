"""The exceptions of the API reference, under its import path."""

from modelexport.exceptions import AuxiliaryOperationError, ContextInheritanceError, CoverageValidationError

__all__ = ["AuxiliaryOperationError", "ContextInheritanceError", "CoverageValidationError"]
