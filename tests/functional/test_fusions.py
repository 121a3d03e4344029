"""onnxruntime recognises the forms that are written, and runs its fused operators for them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch

import modelexport
from tests.models.parity import assert_parity


class RmsNorm(torch.nn.Module):
    """A root mean square normalisation over the last axis, as models spell it out."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        variance = x.pow(2).mean(-1, keepdim=True)
        return self.weight * (x * torch.rsqrt(variance + 1e-6))


class TanhGelu(torch.nn.Module):
    """The approximation of GELU with tanh, as models spell it out."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x * (1.0 + torch.tanh(0.7978845608028654 * (x + 0.044715 * torch.pow(x, 3.0))))


def optimised_operators(path: Path) -> set[str]:
    """The operators that onnxruntime runs at its default optimisation level."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(path.with_suffix(".optimised.onnx"))
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return {node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node}


@pytest.mark.parametrize(
    ("activation", "fused"), [(RmsNorm(16), "SimplifiedLayerNormalization"), (TanhGelu(), "FastGelu")], ids=str
)
def test_is_fused(activation: torch.nn.Module, fused: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), activation, torch.nn.Linear(16, 4)).eval()
    path = tmp_path / "model.onnx"
    x = torch.randn(3, 5, 8)
    modelexport.export(model, x, str(path), optimize=True, fallback=False)
    assert_parity(model, path, (x,), {})
    assert fused in optimised_operators(path)


class MaskedAttention(torch.nn.Module):
    """Attention under a mask that is known when it is captured."""

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=self.mask.clone())


@pytest.mark.parametrize("shape", [(5, 7), (1, 1, 5, 7), (2, 1, 5, 7)], ids=str)
@pytest.mark.parametrize("opset", [20, 23])
@pytest.mark.parametrize("masks", [False, True])
def test_a_mask_that_masks_nothing_is_not_written(
    shape: tuple[int, ...], opset: int, masks: bool, tmp_path: Path
) -> None:
    mask = torch.ones(shape, dtype=torch.bool)
    mask[..., -1] = not masks
    model = MaskedAttention(mask)
    tensors = (torch.randn(2, 3, 5, 8), torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8))
    path = tmp_path / "model.onnx"
    modelexport.export(model, tensors, str(path), opset_version=opset, fallback=False)
    assert_parity(model, path, tensors, {})
    nodes = onnx.load(str(path)).graph.node
    written = any(node.op_type == "Add" or (node.op_type == "Attention" and len(node.input) > 3) for node in nodes)
    assert written == masks


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


class Padded(torch.nn.Module):
    """A convolution whose input is padded beforehand, more on one side than on the other."""

    def __init__(self, pads: tuple[int, ...], value: float) -> None:
        super().__init__()
        self.pads, self.value = pads, value
        self.conv = torch.nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.nn.functional.pad(x, self.pads, value=self.value))


@pytest.mark.parametrize(
    ("pads", "value", "remaining"),
    [((1, 2, 0, 3), 0.0, 0), ((1, 2, 0, 3), 1.0, 1), ((-1, 2), 0.0, 1), ((0, 0, 0, 0, 1, 1), 0.0, 1)],
    ids=["zeros", "ones", "cut", "channels"],
)
def test_zeros_around_a_convolution_are_its_own_padding(
    pads: tuple[int, ...], value: float, remaining: int, tmp_path: Path
) -> None:
    model = Padded(pads, value).eval()
    x = torch.randn(2, 1 if len(pads) == 6 else 3, 8, 9)
    path = tmp_path / "model.onnx"
    modelexport.export(model, x, str(path), optimize=True, fallback=False)
    assert_parity(model, path, (x,), {})
    assert operators(path).count("Pad") == remaining


class Neutral(torch.nn.Module):
    """Sums that begin with 0 and products that begin with 1, one of which adds an axis."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (0 + x.sin()).cos(), (x.sin() * 1.0 - 0).tanh(), (x.exp() + torch.zeros(1, 1, 1)).exp(), x.abs() + 0


def test_neutral_elements_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    x = torch.randn(2, 3)
    modelexport.export(Neutral(), x, str(path), optimize=True, fallback=False)
    assert_parity(Neutral(), path, (x,), {})
    # What adds an axis stays, and so does what makes an output.
    assert operators(path).count("Add") == 2
    assert not {"Mul", "Sub"} & set(operators(path))


class Block(torch.nn.Module):
    """A transformer's layer: self-attention and two linear layers, with sums and normalisations between."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = (torch.nn.Linear(width, width) for _ in range(3))
        self.out = torch.nn.Linear(width, width)
        self.norm1, self.norm2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(width, 2 * width), torch.nn.GELU(), torch.nn.Linear(2 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        attended = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        x = self.norm1(x + self.out(attended.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.mlp(x))


@pytest.mark.parametrize("dynamic", [False, True])
def test_linear_layers_work_on_matrices(dynamic: bool, tmp_path: Path) -> None:
    """One Reshape at either end; those between are the attention's own, to its heads and back."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(Block(16, 4), Block(16, 4)).eval()
    path = tmp_path / "model.onnx"
    x = torch.randn(2, 5, 16)
    axes = {"input": {0: "batch"}} if dynamic else None
    modelexport.export(model, x, str(path), optimize=True, fallback=False, dynamic_axes=axes)
    assert_parity(model, path, (x,), {})
    if dynamic:
        more = torch.randn(3, 5, 16)
        assert_parity(model, path, (more,), {})
    counts = Counter(operators(path))
    assert counts["Gemm"] == 2 * 6
    assert counts["MatMul"] == 2 * 2
    assert dynamic or counts["Reshape"] == 2 * 4 + 2
    # The one of three axes is slower than sum and normalisation apart.
    assert "SkipLayerNormalization" not in optimised_operators(path)


def test_what_mixes_rows_keeps_its_axes(tmp_path: Path) -> None:
    class Mixing(torch.nn.Module):
        """Linear layers with what works along or across the other axes between them."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(6))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            a = self.layers[0](x)
            b = self.layers[1](a.softmax(1) + a.mean(1, keepdim=True))
            c = self.layers[2](b.cumsum(0) * x[:1] + torch.arange(3.0)[:, None])
            d = self.layers[3](torch.where(c > 0, c, c.amax(-1, keepdim=True)))
            e = self.layers[4](d.reshape(3, 2, 4).relu()).reshape(2, 3, 4)
            return a, self.layers[5](e).squeeze(-1), d.unsqueeze(1) @ d.unsqueeze(0).mT

    torch.manual_seed(0)
    model = Mixing().eval()
    path = tmp_path / "model.onnx"
    x = torch.randn(2, 3, 4)
    modelexport.export(model, x, str(path), optimize=True, fallback=False)
    assert_parity(model, path, (x,), {})


class FusedProjection(torch.nn.Module):
    """Attention whose queries, keys and values come from one layer, and are normalised."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.qkv = torch.nn.Linear(16, 48, bias=bias)
        self.proj = torch.nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).reshape(*x.shape[:2], 3, 4, 4).permute(2, 0, 3, 1, 4).unbind(0)
        scores = torch.nn.functional.normalize(q, dim=-1) @ torch.nn.functional.normalize(k, dim=-1).mT
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("opset", [15, 20])
def test_a_fused_projection_is_written_as_one_for_each_part(bias: bool, opset: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = FusedProjection(bias).eval()
    path = tmp_path / "model.onnx"
    x = torch.randn(2, 5, 16)
    modelexport.export(model, x, str(path), optimize=True, fallback=False, opset_version=opset)
    assert_parity(model, path, (x,), {})
    assert not {"Gather", "Split", "Slice", "Expand"} & set(operators(path))
    weights = {weight.name: list(weight.dims) for weight in onnx.load(path).graph.initializer}
    parts = [name for name in weights if name.startswith("qkv.weight")]
    assert [weights[name] for name in parts] == [[16, 16]] * 3
    # Nothing is written twice.
    assert path.stat().st_size < 4 * sum(weight.numel() for weight in model.parameters()) + 16_000


def test_a_link_to_weights_leaves_them_whole(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = FusedProjection(bias=True).eval()
    x = torch.randn(2, 5, 16)
    path = tmp_path / "model.onnx"
    modelexport.export(model, (x,), str(path), optimize=True, fallback=False, weights="link")
    assert_parity(model, path, (x,), {})
    assert not any("_part_" in weight.name for weight in onnx.load(path).graph.initializer)


class Windows(torch.nn.Module):
    """Linear layers on windows of a rolled picture, and back, as shifted windows are written."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, h, w, c = x.shape
        windows = x.roll((-1, -2), (1, 2)).view(n, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5)
        windows = self.layer(windows.reshape(-1, 4, c)).view(n, h // 2, w // 2, 2, 2, c)
        return x + windows.permute(0, 1, 3, 2, 4, 5).reshape(x.shape).roll((1, 2), (1, 2))


@pytest.mark.parametrize("width", [16, 4])
def test_chains_of_moves_are_one_gather(width: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Windows(width).eval()
    path = tmp_path / "model.onnx"
    x = torch.randn(2, 4, 6, width)
    modelexport.export(model, x, str(path), optimize=True, fallback=False)
    assert_parity(model, path, (x,), {})
    counts = Counter(operators(path))
    gathered = width >= 16  # shorter rows are not gathered
    assert (counts["Gather"], counts["Concat"]) == ((2, 0) if gathered else (0, 4))
    assert bool(counts["Transpose"]) != gathered


def test_sequences_of_both_axes_are_not_turned_back_and_forth(tmp_path: Path) -> None:
    class Columns(torch.nn.Module):
        """A recurrent layer along the columns of a picture."""

        def __init__(self) -> None:
            super().__init__()
            self.rnn = torch.nn.LSTM(16, 16, batch_first=True, bidirectional=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            columns = x.transpose(1, 2)
            out, _ = self.rnn(columns.reshape(-1, columns.shape[2], 16))
            return out.reshape(*columns.shape[:3], 32).transpose(1, 2).exp()

    torch.manual_seed(0)
    model = Columns().eval()
    path = tmp_path / "model.onnx"
    x = torch.randn(1, 3, 5, 16)
    modelexport.export(model, x, str(path), optimize=True, fallback=False)
    assert_parity(model, path, (x,), {})
    assert "Transpose" not in operators(path)


def test_patches_of_channels_last_are_gathered_with_their_channels(tmp_path: Path) -> None:
    class Patches(torch.nn.Module):
        """Padded patches of a picture, with the channels last in and out."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            patches = torch.nn.functional.unfold(x.permute(0, 3, 1, 2), 3, padding=1, stride=2)
            return patches.reshape(x.shape[0], 2, 16, 9, -1).permute(0, 1, 4, 3, 2).exp()

    path = tmp_path / "model.onnx"
    x = torch.randn(2, 6, 8, 32)
    modelexport.export(Patches(), x, str(path), optimize=True, fallback=False)
    assert_parity(Patches(), path, (x,), {})
    assert operators(path) == ["Pad", "Reshape", "Gather", "Reshape", "Exp"]


def test_programs_that_multiply_matrices_keep_them(tmp_path: Path) -> None:
    class Flat(torch.nn.Module):
        """A layer that makes matrices of its operands by itself."""

        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = torch.nn.Parameter(torch.randn(8, 8)), torch.nn.Parameter(torch.randn(8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.addmm(self.bias, x.view(-1, 8), self.weight).view(x.shape)

    torch.manual_seed(0)
    model = torch.nn.Sequential(Flat(), torch.nn.GELU(), Flat(), torch.nn.LayerNorm(8), Flat()).eval()
    path = tmp_path / "model.onnx"
    x = torch.randn(2, 3, 8)
    modelexport.export(model, x, str(path), optimize=True, fallback=False)
    assert_parity(model, path, (x,), {})
    assert operators(path) == ["Reshape", "Gemm", "Gelu", "Gemm", "LayerNormalization", "Gemm", "Reshape"]


class Scaled(torch.nn.Module):
    """One factor a channel, given as a vector."""

    def __init__(self, factors: torch.nn.Parameter) -> None:
        super().__init__()
        self.factors = factors

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factors.reshape(1, -1, 1, 1)


class Shifted(Scaled):
    """The factors as they are, along the last axis."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.factors


@pytest.mark.parametrize("also_as_it_is", [False, True])
def test_a_weight_is_written_in_the_shape_that_its_readers_want(also_as_it_is: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    factors = torch.nn.Parameter(torch.randn(3))
    other = Shifted(factors) if also_as_it_is else Scaled(factors)
    model = torch.nn.Sequential(Scaled(factors), torch.nn.ReLU(), other).eval()
    path = tmp_path / "model.onnx"
    x = torch.randn(2, 3, 4, 3)
    modelexport.export(model, x, str(path), optimize=True, fallback=False)
    assert_parity(model, path, (x,), {})
    graph = onnx.load(path).graph
    assert [list(tensor.dims) for tensor in graph.initializer if "factors" in tensor.name] == (
        [[3]] if also_as_it_is else [[1, 3, 1, 1]]
    )
    reshapes = [node.op_type for node in graph.node if node.op_type == "Reshape"]
    assert reshapes == (["Reshape"] if also_as_it_is else [])
