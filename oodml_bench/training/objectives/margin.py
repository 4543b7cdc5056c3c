"""The margin loss, with a learnable boundary for each class."""

from __future__ import annotations

from pydantic import Field
from pytorch_metric_learning.losses import MarginLoss

from oodml_bench.training.objectives.library import LibraryTupleObjective
from oodml_bench.training.objectives.objective import Task
from oodml_bench.training.settings import Settings


class MarginSettings(Settings):
    """Settings of `margin`.

    Attributes
    ----------
    margin
        How far from its class's boundary a pair has to be, in units of distance.
    beta
        Where the boundaries are at first, in units of distance between unit vectors.
    learn_beta
        Whether they are learned, one a class.
    beta_lr
        Their learning rate.
    nu
        Weight of the boundaries themselves: what pulls them to 0.
    """

    margin: float = Field(default=0.2, ge=0)
    beta: float = Field(default=1.2, gt=0)
    learn_beta: bool = True
    beta_lr: float = Field(default=5e-4, gt=0)
    nu: float = Field(default=0, ge=0)


class Margin(LibraryTupleObjective):
    """Margin loss (Wu et al., 2017: Sampling Matters in Deep Embedding Learning).

    With distances `d` between unit vectors and the boundary `b` of the anchor's class, over triplets (a, p, n)::

        L = sum([d(a, p) - b + m]+ + [b - d(a, n) + m]+ + nu b) / number of terms [.]+ above 0

    and 0 where no term is above 0. With the miner `rho_distance` this is R-Margin (Roth et al., 2020).

    The published code of ooDML adds 1e-8 under the root of the distance, fails with `nu` above 0, and gives a zero
    without gradient where the miner finds nothing.
    """

    settings_type = MarginSettings

    def __init__(self, settings: MarginSettings, task: Task) -> None:
        super().__init__(settings, task)
        self.own_lr = settings.beta_lr
        self.loss = MarginLoss(
            margin=settings.margin,
            nu=settings.nu,
            beta=settings.beta,
            learn_beta=settings.learn_beta,
            # One for all where they are constant: the library leaves those on the CPU, where it cannot index them.
            num_classes=task.class_count if settings.learn_beta else None,
        )
