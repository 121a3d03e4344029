"""One model of every timm family, of its usual width and depth, with random weights.

``timm_families.txt`` has a line for each of timm's model modules: the module, and the smallest model in it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from tests.zoo.absent_torchvision import torchvision_imports

with torchvision_imports():
    import timm

SMALL = (96, 112, 224)
"""Heights and widths tried before a model's own: multiples of the usual patch sizes, 8, 12, 14, 16 and 32."""

FAMILIES = Path(__file__).with_name("timm_families.txt")


def names() -> list[str]:
    """The models of the list.

    Raises:
        ValueError: timm has a family that the list lacks, or the other way round.
    """
    families = dict(line.split() for line in FAMILIES.read_text().splitlines())
    differences = set(families) ^ set(timm.list_modules())
    if differences:
        raise ValueError(f"{FAMILIES.name} and timm {timm.__version__} differ in {', '.join(sorted(differences))}")
    return list(families.values())


def make(name: str) -> tuple[torch.nn.Module, Callable[[int, int], dict[str, torch.Tensor]]]:
    """A model with random weights, in eval mode, and a maker of pictures, small ones if it takes them."""
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False).eval()
    channels, height, width = model.default_cfg["input_size"]
    for size in SMALL:
        try:
            with torch.no_grad():
                model(x=torch.randn(1, channels, size, size))
        except Exception:  # whatever it says about sizes that it does not take
            continue
        height = width = size
        break
    return model, lambda batch, length: {"x": torch.randn(batch, channels, height, width)}
