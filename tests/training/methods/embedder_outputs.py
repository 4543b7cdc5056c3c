"""What an embedder puts out, for tests of methods: of features that learn, so that gradients can be looked at."""

from __future__ import annotations

import torch
from torch.nn import functional

from oodml_bench.training.embedder import Outputs

FEATURES = 8
DIMENSION = 4
#: Of a batch of three classes.
LABELS = torch.tensor([0, 0, 1, 1, 2, 2])


def features(seed: int = 0) -> torch.Tensor:
    """Draw float64 features of a batch, which take gradients."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(LABELS), FEATURES, generator=generator, dtype=torch.float64).requires_grad_()


def projection(seed: int = 0) -> torch.Tensor:
    """Draw the float64 weights of an embedding layer, which take gradients."""
    generator = torch.Generator().manual_seed(100 + seed)
    return torch.randn(FEATURES, DIMENSION, generator=generator, dtype=torch.float64).requires_grad_()


def outputs(pooled: torch.Tensor, weights: torch.Tensor, maxima: torch.Tensor | None = None) -> Outputs:
    """Give what an embedder of such weights makes of features."""
    projected = pooled @ weights
    unit = functional.normalize(projected)
    return Outputs(pooled, projected, (unit,), unit, maxima)
