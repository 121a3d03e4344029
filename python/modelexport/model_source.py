"""A model by what a command line can say: a file, a transformers folder, or ``package.module:attribute``."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch.export import ExportedProgram

from modelexport.exceptions import InvalidInputError, described
from modelexport.user_code import user_code


@dataclasses.dataclass(frozen=True)
class Source:
    """A model and its example inputs, None where its source has none."""

    model: torch.nn.Module | ExportedProgram
    inputs: Any = None


def load_source(name: str, model_class: str = "", trust: bool = False) -> Source:
    """Loads the model that ``name`` says.

    Args:
        name: a ``.py`` file or ``package.module:attribute``; a ``.pt2`` file of ``torch.export.save``; a file of
            ``torch.save`` that holds an ``nn.Module``; a transformers folder or its config.json.
        model_class: the class or function that makes the model, called without arguments: of a ``.py`` file, or of
            the transformers library (where it is called with the configuration).
        trust: load pickled modules, and transformers models that bring their own code. Either can run anything.

    Raises:
        InvalidInputError: there is no model, or its code raises; then a note holds the traceback's frames in it.
    """
    path = Path(name)
    if path.suffix == ".py":
        _check_exists(path)
        return _of_python(_run_file(path), name, model_class)
    if ":" in name and not path.exists():
        return _of_attribute(name, model_class)
    _check_exists(path)
    if path.is_dir() or path.suffix == ".json":
        return _of_transformers(path, model_class, trust)
    if path.suffix == ".pt2":
        return Source(_loaded_program(path))
    return Source(_unpickled(path, trust))


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise InvalidInputError(f"{path}: there is no such file, folder, or package.module:attribute")


# ---- Python code -------------------------------------------------------------------------------------------------


def _run_file(path: Path) -> ModuleType:
    """The file as a module of its own name, which finds its neighbours."""
    _make_importable(path.parent)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    with user_code(str(path)):
        spec.loader.exec_module(module)
    return module


def _make_importable(folder: Path) -> None:
    if str(folder.resolve()) not in sys.path:
        sys.path.insert(0, str(folder.resolve()))


def _of_python(module: ModuleType, where: str, model_class: str) -> Source:
    names = vars(module)
    if model_class:
        model = _made(_member(names, model_class, where), f"{where}: {model_class}")
    elif "model" in names:
        model = names["model"]
    elif "get_model" in names:
        model = _made(names["get_model"], f"{where}: get_model")
    else:
        own = [key for key, value in names.items() if _is_module_class(value) and value.__module__ == module.__name__]
        hint = f" (it defines {', '.join(own)})" if own else ""
        raise InvalidInputError(
            f"{where} has no model: define `model` or get_model(), or name a class with --model-class{hint}"
        )
    return Source(_checked(model, where), _inputs_of(names, where))


def _of_attribute(name: str, model_class: str) -> Source:
    """``package.module:attribute``; the attribute is a model, or what makes one without arguments."""
    if model_class:
        raise InvalidInputError(f"{name} names its model already, so --model-class cannot")
    module_name, _, attributes = name.partition(":")
    _make_importable(Path())
    if not _is_importable(module_name):
        raise InvalidInputError(f"{name}: there is no module {module_name!r}")
    with user_code(name):
        module = importlib.import_module(module_name)
    found: Any = module
    for attribute in attributes.split("."):
        found = _member(vars(found), attribute, name)
    model = found if isinstance(found, torch.nn.Module | ExportedProgram) else _made(found, name)
    return Source(_checked(model, name), _inputs_of(vars(module), name))


def _is_importable(module_name: str) -> bool:
    try:
        return importlib.util.find_spec(module_name) is not None
    except (ImportError, ValueError):  # a parent is missing, or the name is none
        return False


def _member(names: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in names:
        raise InvalidInputError(f"{where} has no {name!r}")
    return names[name]


def _made(maker: Any, where: str) -> Any:
    if not callable(maker):
        raise InvalidInputError(f"{where} is no model and cannot be called to make one: it is a {_kind(maker)}")
    with user_code(where):
        return maker()


def _inputs_of(names: Mapping[str, Any], where: str) -> Any:
    if "example_inputs" in names:
        return names["example_inputs"]
    return _made(names["get_inputs"], f"{where}: get_inputs") if "get_inputs" in names else None


def _checked(model: Any, where: str) -> torch.nn.Module | ExportedProgram:
    if isinstance(model, torch.nn.Module | ExportedProgram):
        return model
    raise InvalidInputError(f"{where}: the model must be a torch.nn.Module, not a {_kind(model)}")


def _kind(value: Any) -> str:
    return f"class ({value.__name__})" if isinstance(value, type) else type(value).__name__


def _is_module_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, torch.nn.Module)


# ---- files of torch ----------------------------------------------------------------------------------------------


def _loaded_program(path: Path) -> ExportedProgram:
    try:
        return torch.export.load(path)
    except Exception as error:
        raise InvalidInputError(f"{path}: not a file of torch.export.save: {described(error)}") from error


def _unpickled(path: Path, trust: bool) -> torch.nn.Module:
    if not trust:
        raise InvalidInputError(
            f"{path}: a saved module can run anything while it is loaded; "
            "say --trust if you know where the file comes from"
        )
    _make_importable(Path())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise InvalidInputError(f"{path}: no module can be loaded from it: {described(error)}") from error
    if isinstance(model, torch.jit.ScriptModule):
        raise InvalidInputError(f"{path} holds a TorchScript module, which cannot be captured; give the module itself")
    if not isinstance(model, torch.nn.Module):
        raise InvalidInputError(
            f"{path} holds a {_kind(model)} and no torch.nn.Module: weights alone do not say what is computed"
        )
    return model


# ---- transformers ------------------------------------------------------------------------------------------------


def _of_transformers(path: Path, model_class: str, trust: bool) -> Source:
    """AutoModel, or ``model_class`` of the library, with the folder's weights or else random ones."""
    try:
        import transformers
    except ImportError:
        raise InvalidInputError(f"{path}: this needs the package transformers (pip install transformers)") from None
    folder = path if path.is_dir() else path.parent
    if not (folder / "config.json" if path.is_dir() else path).exists():
        raise InvalidInputError(f"{path} has no config.json, so it is no transformers folder")
    name = model_class or "AutoModel"
    maker = getattr(transformers, name, None)
    if maker is None:
        raise InvalidInputError(f"transformers has no class {name!r}")
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {"trust_remote_code": trust, "local_files_only": True}
    try:
        if any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*.bin")):
            return _with_inputs(maker.from_pretrained(folder, **options))
        config = transformers.AutoConfig.from_pretrained(path, **options)
        make = getattr(maker, "from_config", None) or maker._from_config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return _with_inputs(make(config))
    except Exception as error:
        hint = "" if trust or "trust_remote_code" not in str(error) else " (say --trust if you trust its code)"
        raise InvalidInputError(f"{path}: {name} cannot be made from it: {described(error)}{hint}") from error


def _with_inputs(model: Any) -> Source:
    """Inputs as the library has them for words, and one picture of the configured size for pixels."""
    if model.main_input_name == "input_ids":
        return Source(model, model.dummy_inputs)
    config = model.config
    channels, size = getattr(config, "num_channels", None), getattr(config, "image_size", None)
    if model.main_input_name == "pixel_values" and isinstance(channels, int) and isinstance(size, int):
        return Source(model, {"pixel_values": torch.zeros(1, channels, size, size)})
    return Source(model)
