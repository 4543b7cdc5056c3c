"""Adversarial separation: parts of an embedding that say as little of one another as possible."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class AdversarialSeparation(torch.nn.Module):
    """Decorrelates one part of an embedding from another (Milbich et al., 2020, section 3).

    A small network M predicts the target part t from the source part s. It learns to correlate with it, and the parts,
    whose gradient is reversed, learn that it cannot::

        L = - mean over the batch and the dimensions of ( R(t) * M(R(s)) )^2

    with R, the gradient reversal, on both parts, and both factors at the length 1.

    Parameters
    ----------
    dimension
        Of the parts.
    hidden
        Width of the network's inner layer.
    """

    def __init__(self, dimension: int, hidden: int) -> None:
        super().__init__()
        self.network = torch.nn.Sequential(
            torch.nn.Linear(dimension, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, dimension)
        )

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of unit vectors (B, D) and (B, D)."""
        predicted = functional.normalize(self.network(functional.normalize(reverse_gradient(source))))
        return -(functional.normalize(reverse_gradient(target)) * predicted).square().mean()


class _GradientReversal(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, inputs: Tensor) -> Tensor:
        return inputs.view_as(inputs)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return -gradient


def reverse_gradient(inputs: Tensor) -> Tensor:
    """Give the inputs; what is backpropagated through them changes its sign (Ganin and Lempitsky, 2015)."""
    reversed_inputs: Tensor = _GradientReversal.apply(inputs)
    return reversed_inputs
