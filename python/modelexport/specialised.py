"""Why torch gives an axis a fixed size: where in the model it happens, and through which operator."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import linecache
import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import sympy
import torch
from torch.export import ExportedProgram
from torch.fx.experimental.symbolic_shapes import ShapeEnv

# Sizes that are tried to see whether guards leave an axis any choice.
_TRIED_SIZES = 8192
# Enough of the larger ones to see which remainders count: 7 is rarely a divisor of a stride.
_LARGE_SIZES = range(_TRIED_SIZES // 2, _TRIED_SIZES, 7)
# Code of torch, and of this package.
_FOREIGN = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
# An input's size as torch writes it, "L['x'].size()[0]"; the input may sit in containers.
SIZE = re.compile(r"L\['(?P<name>\w+)'\](?P<rest>(?:\['?\w+'?\])*)\.size\(\)\[(?P<axis>\d+)\]")


@dataclasses.dataclass(frozen=True)
class Specialisation:
    """Size ``axis`` (torch's source, ``L['x'].size()[0]``) became ``value`` at ``where``."""

    axis: str
    value: int
    where: str

    def fact(self) -> str:
        return f"becomes {self.value} in {self.where}"

    def __str__(self) -> str:
        return f"{self.axis} {self.fact()}"


@contextlib.contextmanager
def recorded(model: torch.nn.Module) -> Iterator[list[Specialisation]]:
    """Lists the sizes of inputs that torch fixes meanwhile, in order.

    torch keeps no record of it that names the model's own line, so that its bookkeeping is watched while it happens.
    """
    found: list[Specialisation] = []
    replace = ShapeEnv._set_replacement

    def watching(env: ShapeEnv, symbol: sympy.Symbol, target: sympy.Expr, *args: Any, **kwargs: Any) -> Any:
        if isinstance(target, sympy.Integer) and symbol not in env.replacements:
            where = _where(model, sys._getframe(1))
            names = (str(getattr(source, "name", source)) for source in env.var_to_sources.get(symbol, []))
            found.extend(Specialisation(name, int(target), where) for name in names)
        return replace(env, symbol, target, *args, **kwargs)

    with mock.patch.object(ShapeEnv, "_set_replacement", watching):
        yield found


def pinned(program: ExportedProgram) -> Iterator[Specialisation]:
    """Sizes that the guards of a program leave a single value, though torch calls them dynamic."""
    for axis, conditions in _guards_by_axis(program).items():
        text = _all(conditions)
        possible = _possible_sizes(text, range(_TRIED_SIZES), at_most=2)
        if len(possible) == 1:
            yield Specialisation(axis, possible[0], f"the capture, which requires {text}")


def confined(program: ExportedProgram) -> Iterator[tuple[str, str]]:
    """(axis, sizes and why) where the program holds for some sizes only, other than for small or large enough ones.

    A number that was computed of a size and fixed leaves those that give the same; a branch on a size leaves every
    second one, say, or multiples of 8.
    """
    for axis, conditions in _guards_by_axis(program).items():
        fixed, branches = {}, []
        for text in dict.fromkeys(conditions):
            large = len(_possible_sizes(text, _LARGE_SIZES))
            if large == 0 and "==" in text:
                fixed[text] = _possible_sizes(text, range(_TRIED_SIZES // 2))
            elif 0 < large < len(_LARGE_SIZES):
                branches.append(text)
        if fixed:
            text, possible = min(fixed.items(), key=lambda found: (len(found[1]), len(found[0])))
            if len(possible) > 1:
                yield axis, f"from {possible[0]} to {possible[-1]}, as the capture requires {text}"
        if branches:
            right = _possible_sizes(_all(conditions), range(2, _TRIED_SIZES), at_most=1)
            wrong = _possible_sizes(f"not ({_all(branches)})", range(max(right, default=0), _TRIED_SIZES), at_most=1)
            if right and wrong:
                yield axis, f"such as {right[0]}, not {wrong[0]}, as the capture requires {_all(branches)}"


def _all(conditions: Sequence[str]) -> str:
    return conditions[0] if len(conditions) == 1 else " and ".join(f"({condition})" for condition in conditions)


def _guards_by_axis(program: ExportedProgram) -> dict[str, list[str]]:
    """The guards on one size alone, which is called ``size`` in them."""
    by_axis: dict[str, list[str]] = {}
    guards: list[str] = getattr(program, "_guards_code", None) or []
    for guard in guards:
        axes = {size.group() for size in SIZE.finditer(guard)}
        if len(axes) == 1:
            by_axis.setdefault(axes.pop(), []).append(SIZE.sub("size", guard))
    return by_axis


def _possible_sizes(condition: str, sizes: range, at_most: int | None = None) -> list[int]:
    """Those of ``sizes`` for which ``condition`` holds; none where it is no plain arithmetic."""

    def holds(size: int) -> bool:
        try:
            return bool(eval(code, {"math": math, "torch": torch, "size": size}))
        except (ArithmeticError, ValueError):
            return False

    try:
        code = compile(condition, "a guard", "eval")
        return list(itertools.islice(filter(holds, sizes), at_most))
    except Exception:
        return []


def _where(model: torch.nn.Module, frame: FrameType | None) -> str:
    """The module, the operator and the line that are running, the stack walked from its inner end."""
    paths = {id(module): path for path, module in model.named_modules()}
    operator = line = None
    while frame is not None:
        values = frame.f_locals
        path = paths.get(id(values.get("self")))
        if line is None:
            called = values.get("func", values.get("self"))
            operator = str(called) if isinstance(called, torch._ops.OpOverload) else operator
            if path is not None or not frame.f_code.co_filename.startswith(_FOREIGN):
                line = _line(frame)
        if path is not None:
            return f"{path or 'the root module'} ({f'{operator}, ' if operator else ''}{line})"
        frame = frame.f_back
    return line or "the capture"


def _line(frame: FrameType) -> str:
    code = frame.f_code
    text = linecache.getline(code.co_filename, frame.f_lineno).strip()
    return f"{Path(code.co_filename).name}:{frame.f_lineno}{f': {text}' if text else ''}"
