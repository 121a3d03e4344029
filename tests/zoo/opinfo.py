"""Exports every sample of torch's OpInfo database that concerns inference and prints what passes, what fails, and why.

    python -m tests.zoo.opinfo [--only add,var_mean.unbiased] [--dtypes float32,int64,bool] [--opset 14,20] [--jobs 2]
                               [--json results.json]

A pair of operator and dtype passes when every one of its samples is captured by torch.export, exported without
fallback, accepted by onnx's checker and equal to eager - number, shapes, dtypes and values of the outputs - in
onnxruntime, without and with its optimisations. What crashes or hangs takes only its own process along.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import torch

from tests.ops.harness import OPSETS
from tests.ops.opinfo import cases, entries, failures, operation_of, samples

SPAWN = multiprocessing.get_context("spawn")
SECONDS_EACH = 900
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
        cholesky cholesky_inverse cholesky_solve geqrf linalg.cholesky linalg.cholesky_ex linalg.cond linalg.eig
        linalg.eigh linalg.eigvals linalg.eigvalsh linalg.householder_product linalg.inv linalg.inv_ex
        linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve linalg.lstsq linalg.lstsq.grad_oriented linalg.lu
        linalg.lu_factor linalg.lu_factor_ex linalg.lu_solve linalg.matrix_rank linalg.matrix_rank.hermitian
        linalg.pinv linalg.pinv.hermitian linalg.pinv.singular linalg.qr linalg.slogdet linalg.solve linalg.solve_ex
        linalg.solve_triangular linalg.svd linalg.svdvals linalg.tensorinv linalg.tensorsolve logdet lu lu_solve
        matrix_exp norm.nuc ormqr pca_lowrank pinverse qr svd svd_lowrank triangular_solve""",
    "special function without an ONNX form": """
        igamma igammac polygamma.polygamma_n_0 polygamma.polygamma_n_1 polygamma.polygamma_n_2
        polygamma.polygamma_n_3 polygamma.polygamma_n_4 special.airy_ai special.bessel_j0 special.bessel_j1
        special.bessel_y0 special.bessel_y1 special.chebyshev_polynomial_t special.chebyshev_polynomial_u
        special.chebyshev_polynomial_v special.chebyshev_polynomial_w special.hermite_polynomial_h
        special.hermite_polynomial_he special.laguerre_polynomial_l special.legendre_polynomial_p
        special.modified_bessel_i0 special.modified_bessel_i1 special.modified_bessel_k0 special.modified_bessel_k1
        special.polygamma.special_polygamma_n_0 special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1
        special.shifted_chebyshev_polynomial_t special.shifted_chebyshev_polynomial_u
        special.shifted_chebyshev_polynomial_v special.shifted_chebyshev_polynomial_w special.spherical_bessel_j0
        special.zeta""",
}


def included() -> list[str]:
    """The names of the entries that concern inference."""
    outside = {name for names in EXCLUDED.values() for name in names.split()}
    return sorted(set(entries()) - outside)


class Worker:
    """A child process that runs pair after pair; another takes its place when it dies or takes too long."""

    def __init__(self, opsets: Sequence[int]) -> None:
        self.opsets = opsets
        self.child: SpawnProcess | None = None

    def run(self, name: str, dtype: str) -> tuple[int, list[str]]:
        """The number of samples, and the reasons of those that fail."""
        if self.child is None:
            self.pipe, theirs = SPAWN.Pipe()
            self.child = SPAWN.Process(target=serve, args=(theirs, self.opsets), daemon=True)
            self.child.start()
            theirs.close()
        self.pipe.send((name, dtype))
        why = f"no result within {SECONDS_EACH} s"
        try:
            if self.pipe.poll(SECONDS_EACH):
                return self.pipe.recv()  # type: ignore[no-any-return]
        except (EOFError, ConnectionError):
            self.child.join()
            why = f"the process ended with {self.child.exitcode}"
        self.stop()
        return 1, [why]

    def stop(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.join()
            self.child = None


def serve(requests: Connection, opsets: Sequence[int]) -> None:
    """Answers pairs of operator and dtype until its end of the pipe is closed."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    while True:
        name, dtype = requests.recv()
        operations = [operation_of(name, sample) for sample in samples(name, dtype)]
        batches = [operations[start : start + BATCH] for start in range(0, len(operations), BATCH)]
        requests.send((len(operations), [why for batch in batches for why in failures(batch, opsets)]))


def results_of(pairs: Sequence[tuple[str, str]], opsets: Sequence[int], jobs: int) -> Iterator[dict[str, Any]]:
    """What became of each pair, in their order, with so many workers."""
    idle: SimpleQueue[Worker] = SimpleQueue()
    for worker in (workers := [Worker(opsets) for _ in range(jobs)]):
        idle.put(worker)

    def result(pair: tuple[str, str]) -> dict[str, Any]:
        worker = idle.get()
        count, found = worker.run(*pair)
        idle.put(worker)
        return {"name": pair[0], "dtype": pair[1], "samples": count, "failures": dict(Counter(found))}

    with ThreadPoolExecutor(jobs) as threads:
        yield from threads.map(result, pairs)
    for worker in workers:
        worker.stop()


def show(result: dict[str, Any]) -> None:
    """Prints a line for a pair, and its reasons."""
    failed = sum(result["failures"].values())
    mark = "FAIL" if failed else "ok  "
    print(f"{mark} {result['name']} {result['dtype']} {result['samples'] - failed}/{result['samples']}", flush=True)
    for why, count in Counter(result["failures"]).most_common(5):
        print(f"     {count}x {why}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="OpInfo names, comma separated")
    parser.add_argument("--dtypes", default="float32,int64,bool")
    parser.add_argument("--opset", default=str(OPSETS[-1]), help="one or several, comma separated")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    opsets = [int(opset) for opset in options.opset.split(",")]
    pairs = cases(options.only.split(",") if options.only else included(), options.dtypes.split(","))
    results = []
    for result in results_of(pairs, opsets, options.jobs):
        results.append(result)
        show(result)
        if options.json:
            options.json.write_text(json.dumps(results, indent=1))
    passed = sum(not result["failures"] for result in results)
    total = sum(result["samples"] for result in results)
    print(f"\nleft out: {', '.join(f'{len(names.split())} {why}' for why, names in EXCLUDED.items())}")
    print(f"passed {passed} of {len(results)} pairs of operator and dtype with every sample ({total} samples)")


if __name__ == "__main__":
    main()
