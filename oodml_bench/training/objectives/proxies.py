"""Losses that compare samples with a learned proxy of each class: Proxy-Anchor and ProxyNCA."""

from __future__ import annotations

from functools import partial

import torch
from pydantic import Field
from pytorch_metric_learning.losses import ProxyAnchorLoss, ProxyNCALoss
from torch import Tensor

from oodml_bench.training.objectives.library import LibraryObjective
from oodml_bench.training.objectives.objective import Task, turn_to
from oodml_bench.training.settings import Settings

#: How proxies are drawn. A proxy's length tells how far one step of Adam turns it: it belongs to the learning rate.
_draw_proxies = partial(torch.nn.init.normal_, std=1 / 8)


class ProxyAnchorSettings(Settings):
    """Settings of `proxy_anchor`.

    Attributes
    ----------
    margin
        Similarity that samples of the proxy's class have to exceed, and others, negated, have to stay below.
    alpha
        Steepness.
    proxy_lr
        Learning rate of the proxies.
    """

    margin: float = Field(default=0.1, ge=0, le=1)
    alpha: float = Field(default=32, gt=0)
    proxy_lr: float = Field(default=0.02, gt=0)


class ProxyAnchor(LibraryObjective):
    """Proxy-Anchor loss (Kim et al., 2020), equation 4.

    With cosine similarities `s` of samples x and proxies q, over all classes C and the classes C+ in the batch::

        L = 1/|C+| sum_{q in C+} log(1 + sum_{x of q} exp(-alpha (s(x, q) - m)))
          + 1/|C|  sum_{q in C}  log(1 + sum_{x not of q} exp(alpha (s(x, q) + m)))

    Proxies are drawn from N(0, 1/64) as in ooDML, whose positive part is a mean over samples instead of classes.
    `proxy_lr` is the study's: 2000 times its learning rate of 1e-5.
    """

    settings_type = ProxyAnchorSettings

    def __init__(self, settings: ProxyAnchorSettings, task: Task) -> None:
        super().__init__(settings, task)
        self.own_lr = settings.proxy_lr
        self.loss = ProxyAnchorLoss(
            task.class_count,
            task.dimension,
            margin=settings.margin,
            alpha=settings.alpha,
            weight_init_func=_draw_proxies,
        )

    def turn_proxies(self, directions: Tensor) -> None:
        """See `Objective.turn_proxies`."""
        turn_to(self.loss.proxies, directions)


class ProxyNCASettings(Settings):
    """Settings of `proxy_nca`.

    Attributes
    ----------
    scale
        What squared distances between unit vectors are multiplied by: the squared radius of the sphere that samples and
        proxies lie on.
    proxy_lr
        Learning rate of the proxies.
    """

    scale: float = Field(default=9, gt=0)
    proxy_lr: float = Field(default=5e-4, gt=0)


class ProxyNCA(LibraryObjective):
    """ProxyNCA loss (Movshovitz-Attias et al., 2017), with the own proxy in the sum, as a softmax (Teh et al., 2020).

    With squared distances `d2` between samples and proxies, both of unit length, and q(x) the proxy of the class of x::

        L = mean_x -log( exp(-scale d2(x, q(x))) / sum_q exp(-scale d2(x, q)) )

    Proxies are drawn from N(0, 1/64) as in ooDML, which leaves the own proxy out of the sum unless told otherwise.
    `proxy_lr` is its 50 times the learning rate of 1e-5.
    """

    settings_type = ProxyNCASettings

    def __init__(self, settings: ProxyNCASettings, task: Task) -> None:
        super().__init__(settings, task)
        self.own_lr = settings.proxy_lr
        self.loss = ProxyNCALoss(
            task.class_count, task.dimension, softmax_scale=settings.scale, weight_init_func=_draw_proxies
        )

    def turn_proxies(self, directions: Tensor) -> None:
        """See `Objective.turn_proxies`."""
        turn_to(self.loss.proxies, directions)
