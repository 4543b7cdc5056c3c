"""Losses that classify the training classes by cosine: normalised softmax, ArcFace and SoftTriple."""

from __future__ import annotations

from functools import partial
from math import degrees, pi, sqrt

import torch
from pydantic import Field
from pytorch_metric_learning.losses import ArcFaceLoss, NormalizedSoftmaxLoss, SoftTripleLoss
from torch import Tensor
from torch.nn import functional

from oodml_bench.training.objectives.library import LibraryObjective
from oodml_bench.training.objectives.objective import Task, turn_to
from oodml_bench.training.settings import Settings


class NormalisedSoftmaxSettings(Settings):
    """Settings of `normalised_softmax`.

    Attributes
    ----------
    temperature
        What cosine similarities are divided by.
    proxy_lr
        Learning rate of the class weights.
    """

    temperature: float = Field(default=0.05, gt=0)
    proxy_lr: float = Field(default=5e-4, gt=0)


class NormalisedSoftmax(LibraryObjective):
    """Normalised softmax (Zhai and Wu, 2019: Classification is a Strong Baseline for Deep Metric Learning).

    With cosine similarities `s` of samples x and class weights w, y being the class of x::

        L = mean_x -log( exp(s(x, w_y) / temperature) / sum_w exp(s(x, w) / temperature) )

    Class weights are drawn from U(-1, 1) / sqrt(D), D being the dimension, as in the paper's code. ooDML does not
    have it.
    """

    settings_type = NormalisedSoftmaxSettings

    def __init__(self, settings: NormalisedSoftmaxSettings, task: Task) -> None:
        super().__init__(settings, task)
        self.own_lr = settings.proxy_lr
        self.loss = NormalizedSoftmaxLoss(
            task.class_count,
            task.dimension,
            temperature=settings.temperature,
            weight_init_func=_draw_weights(task.dimension),
        )

    def turn_proxies(self, directions: Tensor) -> None:
        """See `Objective.turn_proxies`."""
        turn_to(self.loss.W.T, directions)


class ArcFaceSettings(Settings):
    """Settings of `arcface`.

    Attributes
    ----------
    margin
        What is added to the angle between a sample and its class, in radians.
    scale
        What cosine similarities are multiplied by.
    proxy_lr
        Learning rate of the class weights.
    """

    margin: float = Field(default=0.5, ge=0, le=pi)
    scale: float = Field(default=16, gt=0)
    proxy_lr: float = Field(default=5e-4, gt=0)


class ArcFace(LibraryObjective):
    """ArcFace loss (Deng et al., 2019), equation 3.

    With the angles `h` between samples x and class weights w, y being the class of x::

        L = mean_x -log( exp(scale cos(h_y + m)) / (exp(scale cos(h_y + m)) + sum_{w != w_y} exp(scale cos h_w)) )

    Where `h_y + m` is above a half turn, `cos h_y - m sin m` stands in the place of `cos(h_y + m)`, so that the loss
    still rises with the angle. Class weights are drawn from U(-1, 1) / sqrt(D), D being the dimension, as in ooDML,
    whose published code takes all cosines below 0 as 0.
    """

    settings_type = ArcFaceSettings

    def __init__(self, settings: ArcFaceSettings, task: Task) -> None:
        super().__init__(settings, task)
        self.own_lr = settings.proxy_lr
        self.loss = ArcFaceLoss(
            task.class_count,
            task.dimension,
            margin=degrees(settings.margin),
            scale=settings.scale,
            weight_init_func=_draw_weights(task.dimension),
        )

    def turn_proxies(self, directions: Tensor) -> None:
        """See `Objective.turn_proxies`."""
        turn_to(self.loss.W.T, directions)


class SoftTripleSettings(Settings):
    """Settings of `soft_triple`.

    Attributes
    ----------
    centres
        Number of centres of a class.
    scale
        What similarities to classes are multiplied by (the paper's lambda).
    gamma
        Temperature of the choice among the centres of a class.
    margin
        By how much the similarity to the own class has to exceed the others.
    proxy_lr
        Learning rate of the centres.
    """

    centres: int = Field(default=10, ge=1)
    scale: float = Field(default=20, gt=0)
    gamma: float = Field(default=0.1, gt=0)
    margin: float = Field(default=0.01, ge=0)
    proxy_lr: float = Field(default=5e-4, gt=0)


class SoftTriple(LibraryObjective):
    """SoftTriple loss (Qian et al., 2019), without its regulariser.

    With cosine similarities `s` of samples x and centres w_ck, y being the class of x::

        S(x, c) = sum_k softmax_k(s(x, w_ck) / gamma) s(x, w_ck)
        L = mean_x -log( exp(scale (S(x, y) - m)) / (exp(scale (S(x, y) - m)) + sum_{c != y} exp(scale S(x, c))) )

    The paper's regulariser merges the centres of a class; pytorch-metric-learning has it, but compares all centres with
    all others, which does not fit in memory for ten thousand classes. ooDML does not have this loss.
    """

    settings_type = SoftTripleSettings

    def __init__(self, settings: SoftTripleSettings, task: Task) -> None:
        super().__init__(settings, task)
        self.own_lr = settings.proxy_lr
        self.loss = SoftTripleLoss(
            task.class_count,
            task.dimension,
            centers_per_class=settings.centres,
            la=settings.scale,
            gamma=settings.gamma,
            margin=settings.margin,
        )

    def turn_proxies(self, directions: Tensor) -> None:
        """See `Objective.turn_proxies`. The centres of a class begin a little apart: equal ones would stay so."""
        centres: Tensor = self.loss.fc.T
        around = directions.repeat_interleave(self.loss.centers_per_class, dim=0)
        turn_to(centres, around + 0.1 * functional.normalize(centres))


def _draw_weights(dimension: int) -> partial[Tensor]:
    """Give what draws class weights; their length tells how far one step of Adam turns them."""
    return partial(torch.nn.init.uniform_, a=-1 / sqrt(dimension), b=1 / sqrt(dimension))
