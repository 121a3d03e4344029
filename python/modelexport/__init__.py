"""PyTorch models to ONNX, with the ``nn.Module`` call that each node came from."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch.export import ExportedProgram

from modelexport import _core
from modelexport.batch import batch_export
from modelexport.exceptions import (
    AuxiliaryOperationError,
    CaptureError,
    ContextInheritanceError,
    CoverageValidationError,
    InternalError,
    InvalidInputError,
    MemoryLimitError,
    ModelExportError,
    OutputError,
    UnsupportedOperatorError,
    VerificationError,
)
from modelexport.exporting import run_export

__all__ = [
    "AuxiliaryOperationError",
    "CaptureError",
    "ContextInheritanceError",
    "CoverageValidationError",
    "InternalError",
    "InvalidInputError",
    "MemoryLimitError",
    "ModelExportError",
    "OutputError",
    "UnsupportedOperatorError",
    "VerificationError",
    "__version__",
    "batch_export",
    "export",
]

__version__ = _core.VERSION


def export(
    model: torch.nn.Module | ExportedProgram,
    inputs: Any,
    path: str | os.PathLike[str],
    **kwargs: Any,
) -> dict[str, Any]:
    """Write ``model`` as ONNX to ``path``, and its hierarchy tags to ``<stem>_hierarchy.json`` beside it.

    The model is captured in eval mode and without gradients, and is left as it was, also after an error.

    Args:
        model: a module, or a program that ``torch.export.export`` has captured already.
        inputs: example inputs: a tensor, a tuple of positional arguments, or a dict of keyword arguments (or the dict
            that forward takes as its only argument). Any shapes and dtypes that forward accepts, on the model's
            device. None for an ExportedProgram.
        path: the file to write. It appears whole or not at all.

    Keyword Args:
        opset_version (int): 14 to 28, default 20.
        input_names, output_names (list[str]): one a tensor; default: forward's argument names and the keys of the
            output structure.
        dynamic_axes (dict): ``{"x": {0: "batch"}}`` or ``{"x": [0]}``; keys may be strings, as in JSON.
        dynamic_shapes (Any): torch's form of the same; a plain string stands for a dynamic axis of that name.
        do_constant_folding (bool): evaluate constant parts, default True.
        optimize (bool): also fold across modules (BatchNormalization into convolutions), default False.
        training (torch.onnx.TrainingMode): EVAL (default), TRAINING or PRESERVE.
        export_params (bool): False makes the parameters inputs of the model.
        keep_initializers_as_inputs (bool): True lists the parameters as inputs that have a default.
        external_data (bool): weights into ``<path>.data`` whatever their size; above 2 GB they go there anyway.
        weights (str): "copy" (default), or "link": weights that torch has mapped from a file (safetensors,
            or torch.load with mmap=True) stay there, and the model says where. The file must be in the model's folder
            or below.
        metadata (str): "full", "minimal" (this project's keys only) or "none" (the sidecar alone has the tags).
        buffer_outputs (bool): new values of buffers that the model writes become outputs.
        custom_ops (str): "refuse" (default) or "keep" operators without an ONNX form as nodes of their own domain.
        custom_translation_table (dict): lowerings of your own, as ``torch.onnx.export`` takes them: from an overload
            (``torch.ops.mylib.op.default``) to a function that calls onnxscript's operators. They win over the op
            table; their nodes get the tags of the call being lowered (modelexport.translation says what is accepted).
        fallback (bool): operators without an ONNX form are decomposed by torch, or else torch.onnx.export writes the
            file; default True. One warning and the result's ``fallbacks`` say what fell back, where and why. What
            ``torch.export`` cannot trace is captured with strict=True or else as a draft export, which holds only for
            inputs that the data steer the same way; one warning and the result's ``capture`` say so, and what was
            assumed.
        capture (str): "auto" (default) records one forward run, many times as fast as torch.export, where shapes are
            static and what was recorded holds for all inputs of these shapes (docs/capture.md), and has torch.export
            capture the model otherwise; "trace" does the same and warns of the latter; "export" never traces. The
            result's ``capture`` says what was done, and why.
        trace_data_dependent (str): what a trace does where Python code looks at data that depends on the inputs:
            "export" (default) leaves it to torch.export; "specialise" follows the example's data and lists the
            places in the result's ``capture["specialised"]`` and in the sidecar.
        verify (bool): run the written file in onnxruntime on the example inputs and on others of the same shapes,
            dtypes and ranges, and compare with the model; default False.
        kwargs (dict): keyword arguments of forward, beside ``inputs``.
        require_context (bool): an operation whose module neither torch nor its neighbours tell is an error, rather
            than the root's.
        verbose (bool): log the stages to the logger ``modelexport``.

    Returns:
        The paths, and counts of operations (docs/tags.md says what each means).

    Raises:
        TypeError: an unknown keyword.
        InvalidInputError: inputs or options that do not fit the model.
        CaptureError: ``torch.export`` cannot capture the model in any way, or not with these dynamic axes; with torch's
            message and the path of the module that was running.
        UnsupportedOperatorError: lists every operator that has no ONNX form.
        AuxiliaryOperationError: a size that the model computes has no ONNX form.
        ContextInheritanceError: with ``require_context``, names the operations.
        OutputError: the file cannot be written.
        VerificationError: with ``verify``, the file computes something else; it is removed.
    """
    return run_export(model, inputs, path, kwargs)
