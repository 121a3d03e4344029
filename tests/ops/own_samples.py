"""Arguments for the rows of the op table that torch has no samples for, or none that suit a comparison."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

torch.manual_seed(0)
X = torch.rand(2, 3, 4) - 0.5
N = torch.tensor([[3, -1, 0], [7, 2, -5]])
B = torch.tensor([[True, False, True], [False, False, True]])
C = torch.randn(2, 3, dtype=torch.complex64)
LINE, IMAGE, VOLUME = torch.rand(1, 2, 6), torch.rand(1, 2, 6, 6), torch.rand(1, 2, 4, 4, 4)
SQUARE, STACK = torch.rand(3, 3), torch.rand(2, 3, 3)
LOGITS, CLASSES = torch.randn(4, 5), torch.tensor([0, 4, 2, 1])
PIXELS, LABELS = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
WEIGHTS = torch.rand(3)
TABLE, BAG, OFFSETS = torch.rand(6, 3), torch.tensor([0, 2, 5, 5, 1]), torch.tensor([0, 2])
HEADS = torch.rand(2, 2, 4, 8)
STATISTICS = (torch.rand(2), torch.rand(2), torch.rand(2), torch.rand(2) + 0.5)  # weight, bias, mean, variance
SCALES, ZEROS = torch.rand(3) + 0.1, torch.tensor([0, 3, -2], dtype=torch.int32)
BYTE = (-128, 127, torch.int8)

Arguments = tuple[Any, ...]


def recurrent(gates: int) -> list[torch.Tensor]:
    """The weights of a layer from 4 to 5 features; ``gates`` of them."""
    return [
        torch.rand(5 * gates, 4) - 0.5,
        torch.rand(5 * gates, 5) - 0.5,
        torch.rand(5 * gates),
        torch.rand(5 * gates),
    ]


SEQUENCE, STATE = torch.rand(6, 2, 4), torch.rand(1, 2, 5)
LAYER = (True, 1, 0.0, False, False, False)
STEP, CELL_STATE = torch.rand(2, 4), torch.rand(2, 5)

ARGUMENTS: dict[str, list[Arguments]] = {
    **{f"__{name}__.Tensor": [(N, N + 2), (B, ~B)] for name in ("iand", "ior", "ixor")},
    **{f"__{name}__.Scalar": [(N, 3), (B, True)] for name in ("iand", "ior", "ixor")},
    **{f"__{name}__.Tensor": [(N, torch.tensor([0, 2, 3]))] for name in ("ilshift", "irshift")},
    **{f"__{name}__.Scalar": [(N, 2)] for name in ("ilshift", "irshift")},
    "fill_diagonal_": [(SQUARE, 0.5), (torch.rand(7, 3), 2.0, True)],
    "_pdist_forward": [(LOGITS, 2.0), (LOGITS, 1.0)],
    "multilabel_margin_loss_forward": [(LOGITS, torch.tensor([[1, 0, -1, 2, 2]] * 4), 1)],
    "huber_loss": [(X, X + 1, 1, 0.7)],
    "kl_div": [(LOGITS.log_softmax(1), LOGITS.softmax(0))],
    "margin_ranking_loss": [(X, X.flip(0), torch.ones(2, 3, 4), 0.1)],
    "poisson_nll_loss": [(X, X + 1, True, False, 1e-8, 1)],
    "cosine_embedding_loss": [(LOGITS, LOGITS + 1, torch.tensor([1, -1, 1, -1]), 0.1)],
    "nll_loss_nd": [(LOGITS, CLASSES), (PIXELS, LABELS, WEIGHTS)],
    "nll_loss2d": [(PIXELS, LABELS, WEIGHTS, 0)],
    "nll_loss_forward": [(LOGITS, CLASSES, None, 1, -100)],
    "nll_loss2d_forward": [(PIXELS, LABELS, WEIGHTS, 2, 1)],
    "cross_entropy_loss": [(LOGITS, CLASSES), (PIXELS, LABELS, WEIGHTS, 1, 2, 0.1)],
    "cdist": [(X, X + 1, 2.0), (X, X + 1, 1.0)],
    "_prelu_kernel": [(X, torch.tensor([0.2]))],
    "_softmax": [(X, -1, False)],
    "_log_softmax": [(X, 1, False)],
    "_safe_softmax": [(X, -1)],
    "type_as": [(X, N), (N, X)],
    "_autocast_to_full_precision": [(X.half(), False, True)],
    "_autocast_to_reduced_precision": [(X, False, True, torch.float16, torch.float16)],
    **{name: [(X,), (N,)] for name in ("detach", "detach_", "detach_copy", "alias", "lift", "zero_")},
    **{name: [(X,), (N,)] for name in ("lift_fresh_copy", "zero", "numpy_T", "_to_copy")},
    **{f"_cast_{name}": [(X,), (N,)] for name in ("Float", "Double", "Half", "Int", "Long", "Byte")},
    "copy": [(X, N[0, 0])],
    "copy_": [(X, N[0, 0])],
    "float_power_.Tensor": [(X.double() + 1, N[0, 0])],
    "float_power_.Scalar": [(X.double() + 1, 2.5)],
    **{f"__{name}__.Tensor": [(N, N + 1), (B, ~B)] for name in ("and", "or", "xor")},
    **{f"__{name}__.Scalar": [(N, 6), (B, True)] for name in ("and", "or", "xor")},
    **{f"__{name}__.Tensor": [(N, N.abs() % 4)] for name in ("lshift", "rshift")},
    **{f"__{name}__.Scalar": [(N, 2)] for name in ("lshift", "rshift")},
    **{f"__{name}__.Tensor_out": [(N, N.abs() % 4, {"out": torch.zeros_like(N)})] for name in ("lshift", "rshift")},
    **{f"__{name}__.Scalar_out": [(N, 2, {"out": torch.zeros_like(N)})] for name in ("lshift", "rshift")},
    "_is_any_true": [(B,), (B & False,)],
    "_is_all_true": [(B,), (B | True,)],
    "norm.ScalarOpt_dim_dtype": [(X.half(), 2, [1], True, {"dtype": torch.float32})],
    "norm.ScalarOpt_dtype": [(X.half(), 2, {"dtype": torch.float32})],
    "norm.ScalarOpt_dtype_out": [(X, 2, {"dtype": torch.float32, "out": torch.zeros(())})],
    "norm.dtype_out": [(X, 2, [1], True, {"dtype": torch.float32, "out": torch.zeros(2, 1, 4)})],
    "frobenius_norm.dim": [(X, [1, 2], True)],
    "frobenius_norm.out": [(X, [1, 2], True, {"out": torch.zeros(2, 1, 1)})],
    "view.dtype": [(X, torch.float32)],
    "view_copy.dtype": [(X, torch.float32)],
    "_unsafe_view": [(X, [6, 4])],
    "_reshape_alias": [(X, [6, 4], [4, 1])],
    "matrix_H": [(SQUARE,)],
    "movedim.int": [(X, 0, -1)],
    "moveaxis.int": [(X, 2, 0)],
    "broadcast_tensors": [([X, X[:1, :1]],)],
    "squeeze_copy.dims": [(X[:1, :, :1], [0, 2])],
    "select_copy.int": [(X, 1, -1)],
    "slice_copy.Tensor": [(X, 2, 1, None, 2)],
    "split_copy.Tensor": [(X, 2, 1)],
    "unsafe_split_with_sizes": [(X, [1, 3], 2)],
    "index.Tensor": [(X, [torch.tensor([1, -1]), None, torch.tensor([[0], [2]])]), (X[:, :, 0], [B])],
    "_unsafe_index.Tensor": [(X, [None, torch.tensor([2, 0])])],
    "_unsafe_index_put": [(X, [torch.tensor([1])], torch.tensor(5.0)), (X, [torch.tensor([0, 0])], X[:1], True)],
    "index.Tensor_out": [(X, [torch.tensor([1, -1])], {"out": torch.zeros_like(X)})],
    "embedding_renorm": [(TABLE.clone(), BAG, 0.5, 2.0)],
    "embedding_renorm_": [(TABLE.clone(), BAG, 0.5, 2.0)],
    "where": [(B,)],
    "_unique": [(N, True, True)],
    "_unique2": [(N, True, True, True)],
    "unique_dim": [(N, 0, True, True, True)],
    "unique_dim_consecutive": [(N, 0, True, True)],
    "nonzero": [(N,), (B,)],
    "nonzero_numpy": [(N,)],
    "isin.Tensor_Scalar": [(N, 7)],
    "isin.Scalar_Tensor": [(7, N)],
    "reflection_pad1d": [(LINE, [1, 2])],
    "reflection_pad2d": [(IMAGE, [1, 2, 0, 3])],
    "reflection_pad3d": [(VOLUME, [1, 2, 0, 3, 1, 1])],
    "pad_sequence": [([IMAGE[0], IMAGE[0, :1]], True, 0.5)],
    "replication_pad1d": [(LINE, [1, 2])],
    "replication_pad2d": [(IMAGE, [1, 2, 0, 3])],
    "replication_pad3d": [(VOLUME, [1, 2, 0, 3, 1, 1])],
    "_pad_circular": [(IMAGE, [1, 2, 0, 3])],
    "repeat_interleave.Tensor": [(torch.tensor([1, 0, 3]),)],
    "meshgrid": [([N[0], N[1]],)],
    "cartesian_prod": [([N[0], N[1]],)],
    "block_diag": [([SQUARE, N[0].float()],)],
    "_int_mm": [(torch.randint(-9, 9, (17, 8), dtype=torch.int8), torch.randint(-9, 9, (8, 8), dtype=torch.int8))],
    "chain_matmul": [([SQUARE, SQUARE + 1, SQUARE],)],
    "tensordot": [(X, X, [0, 2], [0, 2])],
    "einsum": [("bij,bkj->bik", [X, X])],
    "_scaled_dot_product_attention_math": [(HEADS, HEADS + 1, HEADS)],
    "_scaled_dot_product_flash_attention_for_cpu": [(HEADS, HEADS + 1, HEADS)],
    "_convolution_mode": [(IMAGE, torch.rand(3, 2, 3, 3), torch.rand(3), [1, 1], "same", [1, 1], 1)],
    "convolution": [(IMAGE, torch.rand(3, 2, 3, 3), torch.rand(3), [2, 1], [1, 0], [1, 2], False, [0, 0], 1)],
    "_convolution": [
        (IMAGE, torch.rand(2, 3, 3, 3), None, [2, 1], [1, 0], [1, 1], True, [1, 0], 1, False, False, False, False)
    ],
    "_convolution.deprecated": [
        (IMAGE, torch.rand(3, 2, 3, 3), None, [2, 1], [1, 0], [1, 1], False, [0, 0], 1, False, False, False)
    ],
    "conv_tbc": [(torch.rand(6, 2, 3), torch.rand(3, 3, 4), torch.rand(4), 1)],
    "col2im": [(torch.rand(1, 8, 9), [4, 4], [2, 2], [1, 1], [0, 0], [1, 1])],
    "max_pool1d": [(LINE, [2])],
    "max_pool2d": [(IMAGE, [3, 2], [2, 2], [1, 0])],
    "max_pool3d": [(VOLUME, [2, 2, 2])],
    "max_pool1d_with_indices": [(LINE, [2])],
    "max_pool2d_with_indices": [(IMAGE, [3, 2], [2, 2], [1, 0])],
    "max_pool3d_with_indices": [(VOLUME, [2, 2, 2])],
    "max_unpool2d": [(*F.max_pool2d(IMAGE, 2, return_indices=True), [6, 6])],
    "max_unpool3d": [(*F.max_pool3d(VOLUME, 2, return_indices=True), [4, 4, 4], [2, 2, 2], [0, 0, 0])],
    "_adaptive_avg_pool2d": [(IMAGE, [3, 2])],
    "_adaptive_avg_pool3d": [(VOLUME, [2, 2, 1])],
    "adaptive_max_pool1d": [(LINE, [3])],
    "adaptive_max_pool2d": [(IMAGE, [3, 2])],
    "adaptive_max_pool3d": [(VOLUME, [2, 2, 1])],
    "_fused_rms_norm": [(X, [4], torch.rand(4), 1e-5)],
    "instance_norm": [(IMAGE, *STATISTICS[:2], None, None, True, 0.1, 1e-5, False)],
    "norm_except_dim": [(X, 2, 1)],
    "_weight_norm": [(X, torch.rand(2, 1, 1), 0)],
    "_weight_norm_interface": [(X, torch.rand(2, 1, 1), 0)],
    "batch_norm": [(IMAGE, *STATISTICS, False, 0.1, 1e-5, False)],
    "_native_batch_norm_legit_no_training": [(IMAGE, *STATISTICS, 0.1, 1e-5)],
    "_native_batch_norm_legit_functional": [(IMAGE, *STATISTICS, training, 0.1, 1e-5) for training in (False, True)],
    "_batch_norm_no_update": [(IMAGE, *STATISTICS, 0.1, 1e-5)],
    "_batch_norm_with_update_functional": [(IMAGE, *STATISTICS, 0.1, 1e-5)],
    "lstm.input": [(SEQUENCE, [STATE, STATE + 1], recurrent(4), *LAYER)],
    "gru.input": [(SEQUENCE, STATE, recurrent(3), *LAYER)],
    "rnn_tanh.input": [(SEQUENCE, STATE, recurrent(1), *LAYER)],
    "rnn_relu.input": [(SEQUENCE, STATE, recurrent(1), *LAYER)],
    "lstm_cell": [(STEP, [CELL_STATE, CELL_STATE + 1], *recurrent(4))],
    "gru_cell": [(STEP, CELL_STATE, *recurrent(3))],
    "rnn_tanh_cell": [(STEP, CELL_STATE, *recurrent(1))],
    "rnn_relu_cell": [(STEP, CELL_STATE, *recurrent(1))],
    "affine_grid_generator": [(torch.rand(1, 2, 3), [1, 2, 4, 5], False), (torch.rand(1, 3, 4), [1, 2, 3, 4, 5], True)],
    "native_channel_shuffle": [(torch.rand(1, 4, 2, 2), 2)],
    "grid_sampler": [(IMAGE, torch.rand(1, 3, 3, 2) * 2 - 1, 0, 0, False)],
    "_grouped_mm": [
        (torch.rand(8, 16).bfloat16(), torch.rand(2, 16, 8).bfloat16(), torch.tensor([3, 8], dtype=torch.int32))
    ],
    "view_as_complex_copy": [(torch.rand(3, 2),)],
    "view_as_real_copy": [(C,)],
    "_fft_c2c": [(C, [1], 0, True)],
    "_fft_r2c": [(X, [2], 0, True)],
    "_fft_c2r": [(torch.fft.rfft(X), [2], 2, 4)],
    "fake_quantize_per_tensor_affine": [(X, 0.03, 2, -128, 127)],
    "fake_quantize_per_tensor_affine.tensor_qparams": [(X, torch.tensor(0.03), torch.tensor(2), -128, 127)],
    "fake_quantize_per_tensor_affine_cachemask": [(X, 0.003, 2, -128, 127)],
    "fake_quantize_per_channel_affine": [(X, SCALES, ZEROS, 1, -128, 127)],
    "fake_quantize_per_channel_affine_cachemask": [(X, SCALES / 100, ZEROS, 1, -128, 127)],
    "scalar_tensor": [(2.5,), (True,)],
    "range": [(1, 4)],
    "range.step": [(1, 6, 2)],
    "eye": [(3,)],
    "eye.m": [(3, 4)],
    "fft_fftfreq": [(5, 0.5)],
    "fft_rfftfreq": [(5, 0.5)],
    **{f"{name}_window": [(7,)] for name in ("hann", "hamming", "blackman", "bartlett", "kaiser")},
    **{f"{name}_window.periodic": [(7, False)] for name in ("hann", "hamming", "blackman", "bartlett", "kaiser")},
    "hamming_window.periodic_alpha": [(7, True, 0.6)],
    "hamming_window.periodic_alpha_beta": [(7, True, 0.6, 0.3)],
    "kaiser_window.beta": [(7, True, 9.0)],
    "_efficientzerotensor": [([2, 3],)],
}
for _dims, _image in ((1, LINE), (2, IMAGE), (3, VOLUME)):
    for _name in (f"upsample_nearest{_dims}d", f"_upsample_nearest_exact{_dims}d"):
        ARGUMENTS[_name] = [(_image, [7] * _dims)]
        ARGUMENTS[f"{_name}.vec"] = [(_image, [7] * _dims, None), (_image, None, [1.5] * _dims)]
for _name, _image in (("linear1d", LINE), ("bilinear2d", IMAGE), ("trilinear3d", VOLUME), ("bicubic2d", IMAGE)):
    _sizes = [7] * (_image.dim() - 2)
    ARGUMENTS[f"upsample_{_name}"] = [(_image, _sizes, False), (_image, _sizes, True)]
    ARGUMENTS[f"upsample_{_name}.vec"] = [(_image, _sizes, False, None), (_image, None, True, [1.5] * len(_sizes))]
for _name in ("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"):
    ARGUMENTS[_name] = [(IMAGE, [4, 7], False)]
    ARGUMENTS[f"{_name}.vec"] = [(IMAGE, [4, 7], False, None), (IMAGE, None, False, [0.5, 1.5])]
_BAGS = (TABLE, BAG, OFFSETS, False, 1, False, None, False)
ARGUMENTS |= {
    **{name: [(STACK,)] for name in ("matrix_exp", "linalg_matrix_exp")},
    "resize": [(X, [3, 4]), (X, [4, 6])],
    "resize_": [(X.clone(), [3, 4])],
    "resize_as": [(X, N[0])],
    "resize_as_": [(X.clone(), N[0])],
    "bitwise_right_shift.Tensor": [(N, N.abs()), (*(torch.tensor(x, dtype=torch.uint8) for x in ([255, 3], [7, 9])),)],
    "gradient.scalararray": [(X, {"spacing": 0.5, "dim": [0, 2]})],
    "gradient.array": [(X, {"dim": [0, 1]})],
    "gradient.scalarrayarray": [(X, {"spacing": [0.5, 2.0], "dim": [1, 2], "edge_order": 2})],
    "gradient.tensorarrayint": [(X, {"spacing": [torch.tensor([0.0, 1, 4])], "dim": 1, "edge_order": 2})],
    **{f"{name}": [(X, -0.2, 0.3), (N, 0, None)] for name in ("clamp", "clamp_", "clip", "clip_")},
    **{f"{name}.out": [(X, -0.2, 0.3, {"out": torch.zeros_like(X)})] for name in ("clamp", "clip")},
    **{f"{name}.dim": [(X, 1, True), (N, -1)] for name in ("max", "min")},
    "max.dim_max": [(X, 1, {"max": torch.zeros(2, 4), "max_values": torch.zeros(2, 4, dtype=torch.int64)})],
    "min.dim_min": [(X, 1, {"min": torch.zeros(2, 4), "min_indices": torch.zeros(2, 4, dtype=torch.int64)})],
    "linalg_norm.ord_str": [(SQUARE, "fro"), (STACK, "fro", [1, 2], True)],
    "unsqueeze_": [(X.clone(), 1)],
    "narrow": [(X, 1, 1, 2)],
    "tensor_split.sections": [(X, 2, 1)],
    "tensor_split.indices": [(X, [1, 2], 1)],
    "sort": [(X, 1, True), (N, 0)],
    "argsort": [(X, 1, True)],
    "topk": [(X, 2, 1, False)],
    "kthvalue": [(X, 2, 1)],
    "unique_consecutive": [(N, True, True, 0)],
    "one_hot": [(N.abs(), 9)],
    "addbmm_": [(SQUARE.clone(), STACK, STACK)],
    "as_strided_": [(X.clone(), [2, 2], [4, 1], 1)],
    "avg_pool2d": [(IMAGE, [3, 2], [2, 1], [1, 1], True, False), (N[None], [2, 1], [1, 1], [0, 0], False, True, 3)],
    "rrelu": [(X, 0.1, 0.3)],
    "rrelu_": [(X.clone(), 0.1, 0.3)],
    **{name: [(IMAGE.clone(), 0.5, False)] for name in ("alpha_dropout", "alpha_dropout_", "feature_alpha_dropout")},
    **{name: [(C,)] for name in ("view_as_real", "imag", "_conj", "_conj_physical")},
    "istft": [(torch.stft(torch.rand(40), 8, return_complex=True), 8)],
    "view_as_complex": [(torch.rand(3, 2),)],
    "embedding_bag": [_BAGS],
    "embedding_bag.padding_idx": [(*_BAGS, 5)],
    "_embedding_bag": [_BAGS],
    "_embedding_bag_forward_only": [_BAGS],
}
# Results that depend on chance, or on what the memory held: sizes and dtypes are compared.
UNPREDICTABLE: dict[str, list[Arguments]] = {
    "empty.memory_format": [([2, 3],)],
    "empty_like": [(X,)],
    "empty_strided": [([2, 3], [3, 1])],
    "empty_permuted": [([2, 3], [1, 0])],
    "new_empty": [(X, [2, 3])],
    "new_empty_strided": [(X, [2, 3], [3, 1])],
    **{name: [([2, 3],)] for name in ("rand", "randn")},
    **{f"{name}.generator": [([2, 3], {"generator": None})] for name in ("rand", "randn")},
    **{name: [(X,)] for name in ("rand_like", "randn_like", "normal_functional", "uniform", "exponential")},
    **{f"{name}.generator": [(X, {"generator": None})] for name in ("rand_like", "randn_like")},
    "randint": [(9, [2, 3])],
    "randint.generator": [(9, [2, 3], {"generator": None})],
    "randint.low": [(-3, 9, [2, 3])],
    "randint.low_generator": [(-3, 9, [2, 3], {"generator": None})],
    "randint_like": [(X, 9)],
    "randint_like.low_dtype": [(X, -3, 9)],
    "randint_like.generator": [(X, 9, {"generator": None})],
    "randint_like.low_generator_dtype": [(X, -3, 9, {"generator": None})],
    "randperm": [(7,)],
    "multinomial": [(X.abs()[0], 2), (X.abs()[0, 0], 5, True)],
    "randperm.generator": [(7, {"generator": None})],
    **{name: [(X.abs(),)] for name in ("bernoulli", "normal_", "uniform_", "exponential_", "bernoulli_.float")},
    "bernoulli.p": [(X, 0.3)],
    "bernoulli.Tensor": [(X, X.abs())],
    "bernoulli_.Tensor": [(X.clone(), X.abs())],
    "normal.Tensor_float": [(X, 2.0)],
    "normal.float_Tensor": [(2.0, X.abs())],
    "normal.Tensor_Tensor": [(X, X.abs())],
    "normal.float_float": [(1.0, 2.0, [2, 3])],
    "native_dropout": [(X, 0.5, True)],
    **{name: [(IMAGE, 0.5, True)] for name in ("dropout", "dropout_", "feature_dropout", "feature_dropout_")},
}
# The first result alone: the others are for gradients.
FIRST_RESULT = {"embedding_bag", "embedding_bag.padding_idx", "_embedding_bag", "_embedding_bag_forward_only"}
FIRST_RESULT |= {"_scaled_dot_product_flash_attention_for_cpu"}
# Torch refuses to capture these on an input of the program.
ON_INTERMEDIATE: dict[str, list[Arguments]] = {
    "unsqueeze_": [(X, 1)],
    "as_strided_": [(X, [2, 2], [4, 1], 1)],
}
# Rows whose operator is not called as the others are: why, and the test that is theirs.
ELSEWHERE = {
    ("torch.export answers it while capturing", "tests/ops/test_metadata.py::test_answers_decide_while_capturing"): """
        promote_types can_cast result_type.Tensor result_type.Scalar result_type.Scalar_Tensor
        result_type.Scalar_Scalar is_same_size is_set_to is_pinned is_distributed is_vulkan_available
        cudnn_is_acceptable _nnpack_available _has_compatible_shallow_copy_type data pin_memory lift_fresh""",
    ("has no result of its own", "tests/ops/test_data_dependent.py::test_slices_and_selections"): """
        _assert_tensor_metadata _assert_async _assert_async.msg _assert_scalar _functional_assert_async.msg
        _functional_assert_scalar sym_constrain_range sym_constrain_range_for_size""",
    ("gives a number", "tests/ops/test_symbolic_numbers.py::test_function"): "sym_size.int",
    ("torch.export captures it in no form", "tests/ops/test_stand_ins.py::test_stand_in"): """
        masked_select.out narrow.Tensor unique_dim_consecutive
        sym_numel sym_stride.int _local_scalar_dense is_nonzero
        mm.dtype bmm.dtype addmm.dtype baddbmm.dtype""",
    ("torch has no CPU kernel to compare with", "tests/functional/test_attention.py"): """
        _scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention
        _scaled_dot_product_cudnn_attention""",
}
# Rows beyond aten, by their whole names.
_TENSOR_PARAMETERS = (torch.tensor(0.03), torch.tensor(2))
_BOUNDS = (torch.tensor(-128), torch.tensor(127))
_ROWS_OF_8 = torch.rand(3, 8) - 0.5
_GROUPS = (torch.rand(3, 2) / 50 + 0.001, torch.tensor([[0, 3], [-2, 1], [4, 0]], dtype=torch.int32))
_TOKENS = (torch.rand(3, 1) / 50 + 0.001, torch.tensor([[0], [3], [-2]], dtype=torch.int32))
_INTEGERS = torch.randint(-128, 128, (2, 3, 4), dtype=torch.int8)
_INTEGERS_OF_8 = torch.randint(-128, 128, (3, 8), dtype=torch.int8)


def _quantized(samples: dict[str, list[Arguments]]) -> dict[str, list[Arguments]]:
    return {f"quantized_decomposed::{name}": calls for name, calls in samples.items()}


BEYOND_ATEN: dict[str, list[Arguments]] = {
    "prims::convert_element_type": [(X, torch.float16), (N, torch.bool)],
    "prims::device_put": [(X, torch.device("cpu"))],
    "prims::clone": [(X,)],
    "transformers::grouped_mm_fallback": [
        (torch.rand(5, 4), torch.rand(3, 4, 2), torch.tensor([2, 2, 5], dtype=torch.int32))
    ],
    **_quantized({
        "quantize_per_tensor": [(X, 0.003, 2, *BYTE), (X, 0.003, 2, 0, 255, torch.uint8)],
        "quantize_per_tensor.tensor": [(X, *_TENSOR_PARAMETERS, *BYTE)],
        "quantize_per_tensor.tensor2": [(X, *_TENSOR_PARAMETERS, *_BOUNDS, torch.int8)],
        "dequantize_per_tensor": [(_INTEGERS, 0.003, 2, *BYTE)],
        "dequantize_per_tensor.tensor": [(_INTEGERS, *_TENSOR_PARAMETERS, *BYTE)],
        "dequantize_per_tensor.tensor2": [(_INTEGERS, *_TENSOR_PARAMETERS, *_BOUNDS, torch.int8)],
        "quantize_per_channel": [(X, SCALES, ZEROS, 1, *BYTE)],
        "dequantize_per_channel": [(_INTEGERS, SCALES, ZEROS, 1, *BYTE), (_INTEGERS, SCALES, None, 1, *BYTE)],
        "quantize_per_channel_group": [(_ROWS_OF_8, *_GROUPS, *BYTE, 4)],
        "dequantize_per_channel_group": [(_INTEGERS_OF_8, *_GROUPS, *BYTE, 4, torch.float32)],
        "quantize_per_token": [(_ROWS_OF_8, *_TOKENS, *BYTE)],
        "dequantize_per_token": [(_INTEGERS_OF_8, *_TOKENS, *BYTE, torch.float32)],
        "choose_qparams.tensor": [(X, -128, 127, 1e-6, torch.int8)],
        "choose_qparams_symmetric.tensor": [(X, -127, 127, 1e-6, torch.int8)],
        "choose_qparams_per_token": [(_ROWS_OF_8, torch.int8)],
        "choose_qparams_per_token_asymmetric": [(_ROWS_OF_8, torch.int8)],
        "_choose_qparams_per_token_asymmetric_impl": [(_ROWS_OF_8, torch.int8)],
        "fake_quant_per_channel": [(X, SCALES, ZEROS, 1, -128, 127)],
        "convert_element_type.no_fuse": [(X, torch.float16)],
    }),
}  # fmt: skip
# Torch records float64 for what it computes in float32.
RECORDED_AS_DOUBLE = {"quantized_decomposed::choose_qparams_per_token"}
# Rows that take graphs or symbolic numbers, and their tests.
BEYOND_TENSORS = {
    "higher_order": "tests/functional/test_control_flow.py::test_same_as_eager",
    **dict.fromkeys(("_operator", "math", "builtins", "torch"), "tests/ops/test_symbolic_numbers.py::test_function"),
}
