"""What happens to operators that the op table lacks: torch's own decompositions, then torch's own exporter."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.export import ExportedProgram

from modelexport.exceptions import CaptureError, InvalidInputError, UnsupportedOperatorError

if TYPE_CHECKING:
    from modelexport.exporting import Job

logger = logging.getLogger("modelexport")

# A decomposition may call operators that need one themselves.
MAX_ROUNDS = 8

# (operator, calls, path of the first module, why).
Unsupported = tuple[str, int, str, str]


def with_fallback(
    program: ExportedProgram, lower: Callable[[ExportedProgram], dict[str, Any]], job: Job
) -> dict[str, Any]:
    """What ``lower`` reports of ``program``, or of it with unknown operators decomposed, or torch's exporter.

    The report's ``fallbacks`` lists what fell back: ``operator``, ``calls``, ``module`` (the first that calls it),
    ``why``, and ``by``: "decomposition" or "torch.onnx.export".

    Raises:
        UnsupportedOperatorError: of the first attempt, when nothing helps; at once for what no operator is to blame.
    """
    first: UnsupportedOperatorError | None = None
    decomposed: list[dict[str, Any]] = []
    for _ in range(MAX_ROUNDS):
        try:
            report = lower(program)
        except UnsupportedOperatorError as error:
            if not error.operators:  # a write without a functional form: torch may get its values wrong
                raise
            first = first or error
            table = _decompositions(error.operators)
            if not table:
                break
            decomposed += _described([op for op in error.operators if _overload(op[0]) in table], "decomposition")
            try:
                program = program.run_decompositions(table)
            except Exception as failure:
                logger.info("torch cannot decompose: %s", " ".join(str(failure).split())[:500])
                break
        else:
            return _told(report, decomposed)
    assert first is not None
    return _told(_by_torch(job, first), _described(first.operators, "torch.onnx.export"))


def _decompositions(operators: Sequence[Unsupported]) -> dict[Any, Callable[..., Any]]:
    """Torch's decompositions of exactly these operators; empty when it has none."""
    known = torch.export.default_decompositions()
    overloads = [overload for name, *_ in operators if (overload := _overload(name)) is not None]
    return {overload: known[overload] for overload in overloads if overload in known}


def _overload(name: str) -> torch._ops.OpOverload | None:
    """The operator ``aten.foo.default``; None for what is no registered operator."""
    found: Any = torch.ops
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, torch._ops.OpOverload) else None


def _by_torch(job: Job, error: UnsupportedOperatorError) -> dict[str, Any]:
    # It needs the stages of an export, which in turn can fall back.
    from modelexport.torch_onnx import export_projected

    try:
        return export_projected(job, strategy="htp_builtin", exporters=("dynamo",))
    except (CaptureError, InvalidInputError) as failure:
        logger.info("%s", failure)
        raise error from failure


def _described(operators: Sequence[Unsupported], by: str) -> list[dict[str, Any]]:
    return [
        {"operator": name, "calls": calls, "module": module, "why": why or "it has no row in the op table", "by": by}
        for name, calls, module, why in operators
    ]


def _told(report: dict[str, Any], fallbacks: list[dict[str, Any]]) -> dict[str, Any]:
    """The report with its fallbacks, which one line of warning names."""
    if fallbacks:
        texts = [f"{f['operator']} in {f['module'] or 'the root module'} by {f['by']} ({f['why']})" for f in fallbacks]
        logger.warning("fell back: %s", "; ".join(texts))
    return report | {"fallbacks": fallbacks}
