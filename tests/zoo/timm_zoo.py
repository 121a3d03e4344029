"""One model of every timm family, at its usual size, with random weights.

``timm_families.txt`` has a line for each of timm's model modules: the module, and the smallest model in it.
"""

from __future__ import annotations

from pathlib import Path

import torch

from tests.zoo.absent_torchvision import torchvision_imports

with torchvision_imports():
    import timm

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


def build(name: str) -> torch.nn.Module:
    """A model with random weights, in eval mode."""
    torch.manual_seed(0)
    return timm.create_model(name, pretrained=False).eval()


def inputs(model: torch.nn.Module, batch: int, length: int) -> dict[str, torch.Tensor]:
    """Pictures of the size that the model is made for; they have no length."""
    return {"x": torch.randn(batch, *model.default_cfg["input_size"])}
