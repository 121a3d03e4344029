"""torch's own samples (OpInfo) for operators, as test cases and as a table.

python -m tests.ops.opinfo add sub --dtypes float32,int64   # passed and failed, with reasons
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import OpInfo, SampleInput

from tests.ops.harness import OPSETS, check

DTYPES = {
    name: getattr(torch, name)
    for name in ("float32", "int64", "bool", "float64", "int32", "float16", "bfloat16", "complex64")
}


@cache
def entries() -> dict[str, OpInfo]:
    """OpInfo entries by full name, "add" or "var_mean.unbiased"."""
    return {
        f"{entry.name}.{entry.variant_test_name}" if entry.variant_test_name else entry.name: entry for entry in op_db
    }


def cases(names: Sequence[str], dtypes: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of entry name and dtype name that torch runs on the CPU."""
    return [
        (name, dtype) for name in names for dtype in dtypes if DTYPES[dtype] in entries()[name].supported_dtypes("cpu")
    ]


def samples(name: str, dtype: str, limit: int | None = None) -> Iterator[SampleInput]:
    """The entry's samples, the same in every run; at most `limit`, spread over all."""
    torch.manual_seed(0)
    random.seed(0)
    found = list(entries()[name].sample_inputs("cpu", DTYPES[dtype], requires_grad=False))
    step = 1 if limit is None else max(1, len(found) // limit)
    yield from itertools.islice(found, 0, None, step)


def check_sample(name: str, sample: SampleInput, opsets: Sequence[int] = OPSETS, **options: Any) -> None:
    """Compares one sample's export with eager; see :func:`tests.ops.harness.check`."""
    check(entries()[name].op, sample.input, *sample.args, opsets=opsets, **options, **sample.kwargs)


def check_case(name: str, dtype: str, limit: int | None = 8, **options: Any) -> None:
    """Compares up to `limit` samples of an entry with eager."""
    for sample in samples(name, dtype, limit):
        check_sample(name, sample, **options)


def reason(error: Exception) -> str:
    """The first telling line of an error."""
    lines = [line.strip() for line in f"{type(error).__name__}: {error}".splitlines() if line.strip()]
    return " ".join(lines)[:200]


def main() -> None:
    """Prints a line for every pair of operator and dtype, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="OpInfo names; all when none is given")
    parser.add_argument("--dtypes", default="float32,int64,bool")
    parser.add_argument("--limit", type=int, help="samples of each pair, all when not given")
    parser.add_argument("--opsets", default=",".join(map(str, OPSETS)))
    parser.add_argument("--dynamic", action="store_true", help="first dimensions are symbolic")
    options = parser.parse_args()
    opsets = [int(opset) for opset in options.opsets.split(",")]
    totals: Counter[bool] = Counter()
    for name, dtype in cases(options.names or sorted(entries()), options.dtypes.split(",")):
        failures: list[str] = []
        count = 0
        for sample in samples(name, dtype, options.limit):
            count += 1
            try:
                check_sample(name, sample, opsets=opsets, dynamic=options.dynamic)
            except Exception as error:  # whatever is wrong belongs in the table
                failures.append(reason(error))
        totals[not failures] += 1
        print(f"{'FAIL' if failures else 'pass'} {name} {dtype} {count - len(failures)}/{count}", flush=True)
        for text, repeats in Counter(failures).most_common(6):
            print(f"     {repeats}x {text}")
    print(f"{totals[True]} of {sum(totals.values())} pairs pass")


if __name__ == "__main__":
    main()
