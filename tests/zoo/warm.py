"""Importing this makes torch load all that its first capture loads, once for the processes that are forked later."""

from __future__ import annotations

import torch

from tests.ops.harness import Operation, capture

torch.set_num_threads(1)
_call = Operation(torch.add, (torch.zeros(1), torch.zeros(1)), {})
capture(_call, _call.tensors())
