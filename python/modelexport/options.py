"""The keywords of an export: which there are, what they may be, and what they become for the core."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch

from modelexport.exceptions import InvalidInputError
from modelexport.translation import Translations

MIN_OPSET = 14
MAX_OPSET = 28
DEFAULT_OPSET = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What an export may be told; the defaults are those of :func:`modelexport.export`.

    The document's names and those of ``torch.onnx.export`` are used where they mean the same.
    """

    opset_version: int = DEFAULT_OPSET
    input_names: Sequence[str] | None = None
    output_names: Sequence[str] | None = None
    dynamic_axes: Mapping[str, Any] | None = None
    dynamic_shapes: Any = None
    do_constant_folding: bool = True
    optimize: bool = False
    export_params: bool = True
    keep_initializers_as_inputs: bool = False
    training: torch.onnx.TrainingMode = torch.onnx.TrainingMode.EVAL
    external_data: bool = False
    weights: Literal["copy", "link"] = "copy"
    metadata: Literal["full", "minimal", "none"] = "full"
    buffer_outputs: bool = False
    custom_ops: Literal["refuse", "keep"] = "refuse"
    custom_translation_table: Mapping[Any, Callable[..., Any]] | None = None
    fallback: bool = True
    capture: Literal["auto", "trace", "export"] = "auto"
    trace_data_dependent: Literal["export", "specialise"] = "export"
    verify: bool = False
    kwargs: Mapping[str, Any] | None = None
    require_context: bool = False
    verbose: bool = False

    def translations(self) -> Translations | None:
        """The users' own lowerings; None when there are none."""
        table = self.custom_translation_table
        return Translations(table, self.opset_version) if table else None

    def for_core(self, strategy: str) -> dict[str, Any]:
        """The options of ``_core.export_exported_program``."""
        return {
            "opset": self.opset_version,
            "fold_constants": self.do_constant_folding,
            "optimize": self.optimize,
            "metadata": self.metadata,
            "external_data": self.external_data,
            "link_weights": self.weights == "link",
            "export_params": self.export_params,
            "keep_initializers_as_inputs": self.keep_initializers_as_inputs,
            "buffer_outputs": self.buffer_outputs,
            "custom_ops_keep": self.custom_ops == "keep",
            "translations": self.translations(),
            "require_context": self.require_context,
            "input_names": list(self.input_names or ()),
            "output_names": list(self.output_names or ()),
            "strategy": strategy,
        }


_FLAGS = (
    "do_constant_folding",
    "optimize",
    "export_params",
    "keep_initializers_as_inputs",
    "external_data",
    "buffer_outputs",
    "fallback",
    "verify",
    "require_context",
    "verbose",
)
_CHOICES = {
    "metadata": ("full", "minimal", "none"),
    "custom_ops": ("refuse", "keep"),
    "weights": ("copy", "link"),
    "capture": ("export", "trace", "auto"),
    "trace_data_dependent": ("export", "specialise"),
}
# Keywords of torch.onnx.export whose None means the default.
_NONE_IS_DEFAULT = ("opset_version", "training", "verbose", "optimize", "external_data")


def parse_options(keywords: Mapping[str, Any]) -> ExportOptions:
    """The options that ``keywords`` give, checked.

    Raises:
        TypeError: an unknown keyword; the message names the valid ones.
        InvalidInputError: a value that its keyword cannot have.
    """
    valid = [field.name for field in dataclasses.fields(ExportOptions)]
    unknown = [name for name in keywords if name not in valid]
    if unknown:
        raise TypeError(f"export() got an unexpected keyword {unknown[0]!r}; valid ones are {', '.join(valid)}")
    given = {name: value for name, value in keywords.items() if not (value is None and name in _NONE_IS_DEFAULT)}
    for name in _FLAGS:
        if name in given and not isinstance(given[name], bool):
            raise InvalidInputError(f"{name} must be True or False, not {given[name]!r}")
    for name, choices in _CHOICES.items():
        if name in given and given[name] not in choices:
            raise InvalidInputError(f"{name} must be one of {', '.join(choices)}, not {given[name]!r}")
    options = ExportOptions(**given)
    _check_opset(options.opset_version)
    _check_translations(options.custom_translation_table)
    _check_names("input_names", options.input_names)
    _check_names("output_names", options.output_names)
    if not isinstance(options.training, torch.onnx.TrainingMode):
        raise InvalidInputError(f"training must be a torch.onnx.TrainingMode, not {options.training!r}")
    if options.dynamic_axes is not None and options.dynamic_shapes is not None:
        raise InvalidInputError("give dynamic_axes or dynamic_shapes, not both")
    return options


def _check_opset(opset: object) -> None:
    if isinstance(opset, bool) or not isinstance(opset, int):
        raise InvalidInputError(f"opset_version must be an integer, not {opset!r}")
    if not MIN_OPSET <= opset <= MAX_OPSET:
        raise InvalidInputError(f"opset_version {opset} is out of range: {MIN_OPSET} to {MAX_OPSET} can be written")


def _check_translations(table: object) -> None:
    if table is None:
        return
    if not isinstance(table, Mapping):
        raise InvalidInputError(f"custom_translation_table must be a dict, not {table!r}")
    for overload, function in table.items():
        if not isinstance(overload, torch._ops.OpOverload):
            raise InvalidInputError(
                f"custom_translation_table has the key {overload!r}, no overload like torch.ops.aten.add.Tensor"
            )
        if not callable(function):
            raise InvalidInputError(f"custom_translation_table[{overload}] is {function!r}, which cannot be called")


def _check_names(keyword: str, names: object) -> None:
    if names is None:
        return
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise InvalidInputError(f"{keyword} must be a list of strings, not {names!r}")
    seen = set()
    for name in names:
        if not isinstance(name, str) or not name:
            raise InvalidInputError(f"{keyword} holds {name!r}, which is no name")
        if name in seen:
            raise InvalidInputError(f"{keyword} holds {name!r} twice")
        seen.add(name)
