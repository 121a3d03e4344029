"""Exports every sample of torch's OpInfo database that concerns inference and prints what passes, what fails, and why.

    python -m tests.zoo.opinfo [--only add,var_mean.unbiased] [--dtypes float32,int64,bool] [--opset 14,20] [--jobs 2]
                               [--json results.json]

A pair of operator and dtype passes when every one of its samples is captured by torch.export, exported without
fallback, accepted by onnx's checker and equal to eager - number, shapes, dtypes and values of the outputs - in
onnxruntime, without and with its optimisations. What crashes or hangs takes only its own process along. Ends with 1
when less than 95 % of the pairs pass.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from torch.testing._internal.opinfo.core import SampleInput

from tests.ops.harness import OPSETS
from tests.ops.opinfo import SUMS, cases, entries, failures, operation_of, samples
from tests.zoo.__main__ import chosen
from tests.zoo.pool import Lost, run_each

SECONDS_EACH = 900
# The share of pairs that are to pass.
LEAST = 0.95
# Samples that share a program: capturing one call takes torch.export as long as several calls more beside it.
BATCH = 24
# Entries outside of inference, by reason.
EXCLUDED = {
    "random numbers": """
        bernoulli cauchy exponential geometric log_normal multinomial nn.functional.alpha_dropout nn.functional.dropout
        nn.functional.dropout2d nn.functional.dropout3d nn.functional.feature_alpha_dropout.with_train
        nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d nn.functional.rrelu normal
        normal.in_place normal.number_mean rand_like randint randint_like randn randn_like uniform""",
    "sparse tensors": "sparse.mm.reduce sparse.sampled_addmm to_sparse",
    "linear algebra decomposition": """
        geqrf linalg.cond linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh
        linalg.householder_product linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve linalg.lstsq
        linalg.lstsq.grad_oriented linalg.lu linalg.lu_factor linalg.lu_factor_ex linalg.lu_solve linalg.matrix_rank
        linalg.matrix_rank.hermitian linalg.pinv linalg.pinv.hermitian linalg.pinv.singular linalg.qr linalg.svd
        linalg.svdvals lu lu_solve norm.nuc ormqr pca_lowrank pinverse qr svd svd_lowrank""",
    "run on GPUs alone": """
        jiterator_2inputs_2outputs jiterator_4inputs_with_extra_args jiterator_binary
        jiterator_binary_return_by_ref jiterator_unary""",
    "special function without an ONNX form": """
        igamma igammac polygamma.polygamma_n_0 polygamma.polygamma_n_1 polygamma.polygamma_n_2
        polygamma.polygamma_n_3 polygamma.polygamma_n_4 special.airy_ai special.chebyshev_polynomial_t
        special.chebyshev_polynomial_u special.chebyshev_polynomial_v special.chebyshev_polynomial_w
        special.hermite_polynomial_h special.hermite_polynomial_he special.laguerre_polynomial_l
        special.legendre_polynomial_p special.polygamma.special_polygamma_n_0 special.shifted_chebyshev_polynomial_t
        special.shifted_chebyshev_polynomial_u special.shifted_chebyshev_polynomial_v
        special.shifted_chebyshev_polynomial_w special.zeta""",
}


def draws(name: str, sample: SampleInput) -> bool:
    """Whether the sample drops elements at random."""
    dropout = sample.kwargs.get("dropout_p", 0)
    if name == "nn.functional.multi_head_attention_forward" and sample.kwargs.get("training", True):
        dropout = sample.args[9]
    return bool(dropout > 0)


def included() -> list[str]:
    """The names of the entries that concern inference."""
    outside = {name for names in EXCLUDED.values() for name in names.split()}
    return sorted(set(entries()) - outside)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The number of samples of a pair, and how often what went wrong."""

    samples: int
    failures: dict[str, int]


def attempt(pair: str, opsets: Sequence[int]) -> Outcome:
    """Tries every sample of a pair, "add float32"."""
    warnings.filterwarnings("ignore")
    name, dtype = pair.split()
    operations = [operation_of(name, sample) for sample in samples(name, dtype) if not draws(name, sample)]
    batches = [operations[start : start + BATCH] for start in range(0, len(operations), BATCH)]
    found = [why for batch in batches for why in failures(batch, opsets, normwise=name.startswith(SUMS))]
    return Outcome(len(operations), dict(Counter(found)))


def show(pair: str, outcome: Outcome) -> None:
    """Prints a line for a pair, and its reasons."""
    failed = sum(outcome.failures.values())
    print(f"{'FAIL' if failed else 'ok  '} {pair} {outcome.samples - failed}/{outcome.samples}", flush=True)
    for why, count in Counter(outcome.failures).most_common(5):
        print(f"     {count}x {why}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="OpInfo names, comma separated; a/b: part a of b")
    parser.add_argument("--dtypes", default="float32,int64,bool")
    parser.add_argument("--opset", default=str(OPSETS[-1]), help="one or several, comma separated")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, help="outcomes by pair; those that are in the file are not tried again")
    options = parser.parse_args()
    pairs = [" ".join(case) for case in cases(chosen(included(), options.only), options.dtypes.split(","))]
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    outcomes = {pair: Outcome(**known[pair]) for pair in pairs if pair in known}
    function = functools.partial(attempt, opsets=[int(opset) for opset in options.opset.split(",")])
    missing = [pair for pair in pairs if pair not in outcomes]
    for pair, answer in run_each(function, missing, options.jobs, SECONDS_EACH, ("tests.zoo.warm", "tests.ops.opinfo")):
        outcomes[pair] = Outcome(1, {str(answer): 1}) if isinstance(answer, Lost) else answer
        show(pair, outcomes[pair])
        if options.json:
            options.json.write_text(
                json.dumps({p: dataclasses.asdict(o) for p, o in sorted(outcomes.items())}, indent=1)
            )
    passed = sum(not outcome.failures for outcome in outcomes.values())
    total = sum(outcome.samples for outcome in outcomes.values())
    print(f"\nleft out: {', '.join(f'{len(names.split())} {why}' for why, names in EXCLUDED.items())}")
    print(f"passed {passed} of {len(outcomes)} pairs of operator and dtype with every sample ({total} samples)")
    return int(passed < LEAST * len(outcomes))


if __name__ == "__main__":
    sys.exit(main())
