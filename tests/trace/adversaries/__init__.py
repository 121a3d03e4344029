"""Modules that a trace gets wrong unless it looks out, each with one trick."""

from tests.trace.adversaries import calls, data, state
from tests.trace.adversaries.tricky import ADVERSARIES, Tricky

__all__ = ["ADVERSARIES", "Tricky", "calls", "data", "state"]
