"""torch's own samples for views, indexing, scatters, sorts and joins."""

from __future__ import annotations

import pytest

from .harness import OPSETS, Operation, capture
from .opinfo import cases, check_sample, entries, samples

VIEWS = """T as_strided as_strided.partial_views as_strided_copy alias_copy atleast_1d atleast_2d atleast_3d
broadcast_tensors broadcast_to chunk diag diag_embed diagflat diagonal diagonal_copy dsplit expand expand_as expand_copy
flatten H hsplit linalg.diagonal mH mT movedim narrow narrow_copy permute permute_copy ravel reshape reshape_as
select split split.list_args split_with_sizes split_with_sizes_copy squeeze squeeze.multiple
squeeze_copy t t_copy tensor_split transpose transpose_copy unbind unbind_copy unflatten unfold unfold_copy
unsafe_chunk unsafe_split unsqueeze unsqueeze_copy view view_as view_copy vsplit"""
INDEXING = """__getitem__ _unsafe_masked_index gather index_select nn.functional.embedding nn.functional.embedding_bag
take take_along_dim"""
SCATTERS = """as_strided_scatter diagonal_scatter index_add index_copy index_fill index_put index_reduce.amax
index_reduce.amin index_reduce.mean index_reduce.prod masked_fill masked_scatter masked_select put scatter scatter_add
scatter_reduce.amax scatter_reduce.amin scatter_reduce.mean scatter_reduce.prod scatter_reduce.sum select_scatter
slice_scatter where"""
SORTS = """argsort argwhere bincount bucketize histc isin kthvalue median mode msort nanmedian
nonzero nonzero_static searchsorted sort topk unique unique_consecutive"""
JOINS = """block_diag cartesian_prod cat column_stack combinations constant_pad_nd dstack
flip fliplr flipud hstack kron meshgrid.list_of_tensors meshgrid.variadic_tensors nn.functional.pad.circular
nn.functional.pad.constant nn.functional.pad.reflect nn.functional.pad.replicate nn.functional.pad.replicate_negative
repeat repeat_interleave roll rot90 stack tile vstack"""
NAMES = f"{VIEWS} {INDEXING} {SCATTERS} {SORTS} {JOINS}".split()

# Torch leaves open which of several equal elements comes first; test_sort.py has samples without them.
UNDEFINED_ORDER = {(name, "int64") for name in ("kthvalue", "mode", "topk")}
UNDEFINED_ORDER |= {(name, "bool") for name in ("argsort", "mode", "sort")}
UNSUPPORTED_INPUTS = {
    # Pieces cut at positions that a tensor holds: torch captures checks of storage offsets with them.
    "tensor_split": lambda sample: not isinstance(sample.args[0], (int, tuple, list)),
    # torch records a wrong rank for negative ones.
    "unique_consecutive": lambda sample: (sample.kwargs["dim"] or 0) < 0,
}
CASES = [case for case in cases(NAMES, ["float32", "int64", "bool"]) if case not in UNDEFINED_ORDER]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_samples(name: str, dtype: str) -> None:
    exported = 0
    for position, sample in enumerate(samples(name, dtype, 3)):
        if UNSUPPORTED_INPUTS.get(name, lambda _: False)(sample):
            continue
        operation = Operation(entries()[name].op, (sample.input, *sample.args), sample.kwargs)
        try:
            operation(*operation.tensors())
            capture(operation, operation.tensors())
        except Exception:  # not to be captured: a size that depends on data, or an input that is part of a larger one
            continue
        # Every opset sees samples; each sample one opset and the newest.
        check_sample(name, sample, opsets=sorted({OPSETS[position % len(OPSETS)], OPSETS[-1]}))
        exported += 1
    assert exported > 0
