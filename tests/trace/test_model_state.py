"""What a trace knows of a model's modules and tensors before the forward, and sees of them after."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.onnx import TrainingMode

from modelexport.inputs import call_inputs
from modelexport.naming import named_modules
from modelexport.state import preserved
from modelexport.tracing import NotTraceableError, Trace
from tests.trace.adversaries.tricky import Tricky


def trace(model: nn.Module, x: Tensor) -> Trace:
    with torch.no_grad():
        return Trace(model, call_inputs(model, x, None, None), specialise=False)


def refusal(model: nn.Module, x: Tensor) -> str:
    with pytest.raises(NotTraceableError) as caught:
        trace(model, x)
    return str(caught.value)


def shared_twice() -> nn.Module:
    block = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    return nn.ModuleDict({"first": block, "second": nn.ModuleList([block, block[0]]), "empty": nn.Sequential()})


def with_nothing_for_a_child() -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 2))
    model.register_module("none", None)
    return model


@pytest.mark.parametrize(
    "model",
    [nn.Linear(2, 2), shared_twice(), with_nothing_for_a_child(), torch.jit.script(nn.Sequential(nn.Linear(2, 2)))],
    ids=["leaf", "shared", "none", "scripted"],
)
def test_named_modules_are_torchs(model: nn.Module) -> None:
    names, modules = zip(*named_modules(model), strict=True)
    expected = list(model.named_modules(remove_duplicate=False))
    assert list(names) == [name for name, _ in expected]
    if not isinstance(model, torch.jit.ScriptModule):  # which makes its children anew for each that asks
        assert all(module is other for module, (_, other) in zip(modules, expected, strict=True))


def test_a_module_inside_itself_is_an_error_and_no_crash() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    model._modules["again"] = model
    with pytest.raises(RecursionError):
        named_modules(model)


def with_meta_buffer(model: nn.Module) -> None:
    model.get_submodule("lin").register_buffer("absent", torch.empty(2, device="meta"))


def with_sparse_buffer(model: nn.Module) -> None:
    model.register_buffer("sparse", torch.eye(2).to_sparse())


def with_lazy_child(model: nn.Module) -> None:
    model.add_module("late", nn.LazyLinear(3))


def with_compiled_child(model: nn.Module) -> None:
    model.get_submodule("lin").compile()


def with_scripted_child(model: nn.Module) -> None:
    model.add_module("fixed", torch.jit.script(nn.ReLU()))


def in_a_compiled_one(model: nn.Module) -> None:
    model.add_module("wrapped", torch.compile(nn.ReLU()))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_meta_buffer, "lin.absent is no dense tensor with data"),
        (with_sparse_buffer, "sparse is no dense tensor with data"),
        (with_lazy_child, "late.weight is a UninitializedParameter"),
        (with_compiled_child, "lin is compiled"),
        (with_scripted_child, "fixed is a scripted module"),
        (in_a_compiled_one, "wrapped is compiled"),
    ],
)
def test_modules_that_cannot_be_traced_are_named(change: Any, reason: str) -> None:
    model = Tricky(lambda m, x: m.lin(x)).eval()
    change(model)
    assert refusal(model, torch.randn(2, 4)) == reason


def test_the_model_itself_cannot_be_traced() -> None:
    assert refusal(torch.jit.script(nn.ReLU()), torch.randn(2)) == "the model is a scripted module"


def test_an_input_that_is_not_dense() -> None:
    assert refusal(nn.ReLU(), torch.eye(2).to_sparse()) == "input.input is no dense tensor with data"


@pytest.mark.parametrize("is_alias_first", [False, True])
def test_a_buffer_that_changes_its_version_unseen(is_alias_first: bool) -> None:
    """Also where the buffer is a plain attribute of another module."""

    def body(m: Any, x: Tensor) -> Tensor:
        torch._C._autograd._unsafe_set_version_counter((m.inner.count,), (m.inner.count._version + 1,))
        result: Tensor = m.lin(x)
        return result

    model = Tricky(body).eval()
    inner = nn.Module()
    inner.register_buffer("count", torch.zeros(4))
    model.inner = inner
    if is_alias_first:
        object.__setattr__(model, "alias", inner.count)
    assert "by other means than its operators" in refusal(model, torch.randn(2, 4))


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_an_assigned_parameter(name: str) -> None:
    def body(m: Any, x: Tensor) -> Tensor:
        result: Tensor = m.lin(x)
        setattr(m.lin, name, nn.Parameter(torch.zeros(4)))
        return result

    model = Tricky(body).eval()
    before = getattr(model.lin, name)
    assert "assigns a parameter or buffer" in refusal(model, torch.randn(2, 4))
    assert getattr(model.lin, name) is before


@pytest.mark.parametrize("part", [slice(None), slice(1, 3), slice(3, 4)])
def test_an_input_in_the_memory_of_a_buffer_is_no_buffer(part: slice) -> None:
    """A write to the input must not be taken for one to the buffer, nor undone on both."""
    model = Tricky(lambda m, x: m.lin(torch.ones(1, 4)) + x.mul_(2).sum() + m.kept.sum()).eval()
    model.register_buffer("kept", torch.arange(4.0))
    kept = model.get_buffer("kept")
    recorded = trace(model, kept[part])
    assert [leaf.value.data_ptr() != kept[part].data_ptr() for leaf in recorded.call.leaves()] == [True]
    assert kept.tolist() == [0, 1, 2, 3]


def test_hooks_that_forward_adds_and_removes_are_put_back() -> None:
    def body(m: Any, x: Tensor) -> Tensor:
        m.lin._forward_hooks.clear()
        m.register_forward_hook(lambda *_: None)
        result: Tensor = m.lin(x)
        return result

    model = Tricky(body).eval()
    model.lin.register_forward_hook(lambda module, args, output: None)
    before = OrderedDict(model.lin._forward_hooks)
    with preserved(model, TrainingMode.EVAL):
        model(torch.randn(2, 4))
        assert not model.lin._forward_hooks
        assert model._forward_hooks
    assert model.lin._forward_hooks == before
    assert not model._forward_hooks
