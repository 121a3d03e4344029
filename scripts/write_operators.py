"""Writes docs/operators.md: the ATen overloads that the op table lowers, and those that it lacks with the reason."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import torch

from modelexport import _core

PAGE = Path(__file__).resolve().parents[1] / "docs" / "operators.md"
# Heading, why, and the overloads concerned. The first rule that matches decides.
RULES = [
    ("Writing to a given tensor", "`out=` variants: lowered graphs are functional", r"[._]out$|\.\w*_out$"),
    ("Backward", "gradients: an exported graph only infers", r"backward|_jvp\b|_grad\b|grad_?$|gradients|leaf$|retain"),
    ("Optimizers and lists of tensors", "training steps", r"^_foreach|^_fused_(ada|sgd)|^_amp_|flatten_dense"),
    ("Quantized tensors", "PyTorch's eager quantized dtypes; quantize-dequantize graphs use `quantized_decomposed`",
     r"quantiz|qparams|q_(per|scale|zero)|qscheme|int_repr|fake_quant|fbgemm|_weight_int|fq_helper|int4|dyn_quant|4bit"),
    ("Sparse and nested tensors", "ONNX has no such layout that runtimes execute",
     r"sparse|_nested|nested_|jagged|coalesce|ccol|crow|col_ind|row_ind|_nnz|indices(_copy)?$|values(_copy)?$"
     r"|dense|^_dim[IV]|cslt|smm|hspmm|sspaddmm|spsolve|spdiags|convert_indices|padded_tensor"),
    ("Random", "draws from a distribution that ONNX lacks, or from a given generator state",
     r"generator|rand|multinomial|poisson|binomial|cauchy|geometric|log_normal|philox|sobol|dirichlet|_standard_gamma"
     r"|rrelu|fractional_max|dropout|^exponential|^normal|^uniform|^bernoulli"),
    ("Linear algebra decompositions", "QR, LU and LDL factors, eigenvalues, singular values, and what is made of "
     "them: ONNX has no operator that computes them",
     r"linalg|chol|svd|^_?lu_|geqrf|^qr|orm?gqr|ormqr|triangular|^p?inverse|nuclear|linear_comb"),
    ("Special functions", "no ONNX operator computes them",
     r"^special|gamma|^i0|^erfinv|^igamma|nextafter|^[gl]cm|^gcd|^frexp"),
    ("Backend kernels", "chosen by a device backend after export",
     r"cudnn|miopen|mkldnn|mps|cufft|nnpack|vulkan|xla|thnn|triton|efficient_attention|flash_attention"
     r"|overrideable|scaled_(grouped_)?mm|mixed_dtypes|slow_conv|grouped_mm"),
    ("Symbolic and metadata only", "answers about a tensor or a symbolic size; no tensor is computed",
     r"sym_|^is_|^size|^stride|^numel|^dim\b|storage|_version|get_device|can_cast|promote|result_type|has_|output_nr"
     r"|^_?(set|resize|record|pin_mem|copy_from)|_dual|_fw_primal|batch_dim|neg_view|zerotensor|_check|_print|dep_token"),
    ("Tests of PyTorch", "registered for PyTorch's own tests", r"^_test|_foobar"),
    ("Answers as Python numbers", "the program branches on the data; torch.export refuses to capture them",
     r"^equal$|^allclose$|^cov$|^corrcoef$"),
    ("Packed sequences", "how many rows each step has is read from the data while torch.export captures",
     r"^(lstm|gru|rnn_\w+)\.data$|pack(ed)?_pad|pad_packed"),
    ("Alignment losses", "sizes of the results are read from the data while torch.export captures", r"ctc_loss"),
    ("Histograms and segments", "counted or reduced by loops over the elements, for data analysis rather than models",
     r"histogram|segment_reduce|hash_tensor"),
    ("Synchronised batch normalization", "statistics gathered over devices while training",
     r"^batch_norm_|_batch_norm"),
    ("Lanczos resampling", "no mode of ONNX's Resize computes it", r"lanczos"),
    ("Complex numbers of 16 bits", "runtimes compute no such pairs, and PyTorch calls them experimental", r"^chalf"),
    ("Positions given as tensors", "sizes of views follow from data; torch.onnx.export may write them",
     r"tensor_indices_or_sections"),
    ("Parts of PyTorch's own kernels", "called by other operators' implementations, not by an exported program",
     r"_helper$|_impl_?$|_fallback$|_copy$|_forward(\.output)?$|^_add_relu|^_addmm_activation|^_aminmax|^_fused_sdp"
     r"|^_lazy_clone|^_logcumsumexp|^_masked_|^_new_zeros|^_stack$|^_trilinear|^_transform|^_native_multi_head"
     r"|depthwise|^_index_put|^native_norm|^range\.out_|^slice_inverse|^sort\.values_stable|^from_file"
     r"|^_wrapped_linear|^_dim_arange|^_euclidean|^_pad_enum|^_reshape_from|^_rowwise|^_saturate|^_shape_as|^_to_cpu"
     r"|^_cast_"),
]  # fmt: skip
DECOMPOSED = ("Decomposed", "no row; the fallback takes them apart as torch does")
OTHERS = ("Others", "no row and no decomposition of torch's")
INTRODUCTION = """# Operators

The ATen overloads that the op table lowers to ONNX, and those that it lacks. `scripts/write_operators.py` wrote it
(PyTorch {version}; `make docs` runs it) from the table's rows and from the overloads that PyTorch registers with its
dispatcher; the reasons are rules over overload names, in that script. An overload that the table lacks may still be
exported through PyTorch's decomposition into others. Which of PyTorch's own samples (OpInfo) pass, and why the others
do not, is in [performance.md](performance.md#opinfo).

| | operators | overloads |
|---|---:|---:|
"""
HIGHER_ORDER = """
## Higher-order calls

| call | what it becomes |
|---|---|
| `cond` | `If` |
| `while_loop`, `scan`, `map` | `Loop` or `Scan`, also one within the other |
| `flex_attention` | matmuls and a softmax, with the score and mask functions on whole tensors |
| `vmap` | calls on whole batches; a `Scan` for each call that cannot be made so |
| `no_grad`, `inference_mode`, `checkpoint`, `nested_compile_region` | the calls inside |
| `autocast` | the calls inside, with the casts that it makes |
| `associative_scan`, `autograd.Function`, `torch.func` | what torch.export captures in their place, ATen calls |
"""


def by_operator(overloads: Iterable[str]) -> dict[str, list[str]]:
    """Overload names ("default" for the unnamed one) of each operator, both sorted."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for overload in sorted(overloads):
        operator, _, name = overload.partition(".")
        grouped[operator].append(name or "default")
    return dict(sorted(grouped.items()))


def lowered() -> set[str]:
    """The ATen overloads of the op table, as "add.Tensor"."""
    return {s.partition("(")[0].removeprefix("aten::") for s in _core.op_schemas() if s.startswith("aten::")}


def registered() -> set[str]:
    """The ATen overloads that torch's dispatcher knows, as "add.Tensor"."""
    names = torch._C._dispatch_get_all_op_names()
    return {name.removeprefix("aten::") for name in names if name.startswith("aten::")}


def reason(overload: str) -> tuple[str, str]:
    """Heading and reason under which an overload without a row is listed."""
    known = next(((heading, why) for heading, why, names in RULES if re.search(names, overload)), None)
    return known or (DECOMPOSED if overload in decomposed() else OTHERS)


@functools.cache
def decomposed() -> set[str]:
    """The ATen overloads that torch can take apart, as "add.Tensor"."""
    names = (overload.name() for overload in torch.export.default_decompositions())
    return {name.removeprefix("aten::") for name in names if name.startswith("aten::")}


def listing(overloads: Iterable[str]) -> str:
    """One line per operator: its overloads."""
    return "".join(f"- `{op}`: {', '.join(names)}\n" for op, names in by_operator(overloads).items())


def page() -> str:
    """The text of docs/operators.md."""
    have = lowered()
    lacking: dict[tuple[str, str], list[str]] = {(rule[0], rule[1]): [] for rule in RULES} | {
        DECOMPOSED: [],
        OTHERS: [],
    }
    for overload in registered() - have:
        lacking[reason(overload)].append(overload)
    counted = {"Lowered": have} | {f"Not lowered: {heading}": names for (heading, _), names in lacking.items()}
    text = INTRODUCTION.format(version=torch.__version__.partition("+")[0])
    text += "".join(f"| {what} | {len(by_operator(names))} | {len(names)} |\n" for what, names in counted.items())
    text += f"{HIGHER_ORDER}\n## Lowered\n\n{listing(have)}\n## Not lowered\n"
    for (heading, why), names in lacking.items():
        text += f"\n### {heading}\n\n{why[0].upper()}{why[1:]}.\n\n{listing(names)}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page())
