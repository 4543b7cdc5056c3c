"""DiVA: diverse features in the parts of one embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator
from torch import Tensor

from oodml_bench.errors import RecipeError, TrainingError
from oodml_bench.training.methods.method import Method, ObjectiveMaker
from oodml_bench.training.methods.momentum import MomentumEncoder
from oodml_bench.training.methods.noise_contrast import KeyQueue, noise_contrast
from oodml_bench.training.methods.separation import AdversarialSeparation
from oodml_bench.training.miners import MINERS
from oodml_bench.training.objectives import OBJECTIVES
from oodml_bench.training.settings import Settings

if TYPE_CHECKING:
    from oodml_bench.training.embedder import Embedder, Outputs
    from oodml_bench.training.objectives import Objective

#: The parts of an embedding, in their order.
PARTS = ("discriminative", "shared", "self_similarity", "intra")

_Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class DiVASettings(Settings):
    """The `[diva]` table of a recipe.

    Attributes
    ----------
    part_weights
        What the discriminative, shared, self-similarity and intra-class parts are multiplied by where embeddings are
        evaluated.
    shared_weight, self_similarity_weight, intra_weight
        Weights of the losses of these parts; 0 leaves a loss out.
    shared_miner, intra_miner
        What picks the triplets of these parts: `[miner]` tables. The study's scripts take `random_distance` for both;
        `cross_class` and `intra_class` are those of the paper, and the latter needs `per_class` of [batches] to be 3 or
        more.
    separation
        Weight of what separates each of the other parts from the discriminative one.
    separation_hidden
        Width of the networks that separate.
    temperature
        Of the self-similarity.
    momentum
        Of the network that gives the keys.
    queue_batches
        How many batches of keys are kept as negatives.
    """

    part_weights: tuple[_Weight, _Weight, _Weight, _Weight] = (1.0, 1.0, 1.0, 1.0)
    shared_weight: NonNegativeFloat = 0.3
    self_similarity_weight: NonNegativeFloat = 0.3
    intra_weight: NonNegativeFloat = 0.3
    shared_miner: dict[str, Any] = Field(default={"name": "random_distance"}, validate_default=True)
    intra_miner: dict[str, Any] = Field(default={"name": "random_distance"}, validate_default=True)
    separation: NonNegativeFloat = 1500
    separation_hidden: PositiveInt = 512
    temperature: PositiveFloat = 0.01
    momentum: float = Field(default=0.9, ge=0, lt=1)
    queue_batches: PositiveInt = 30

    @field_validator("shared_miner", "intra_miner")
    @classmethod
    def _spelled_out(cls, table: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return MINERS.spelled_out(table, "it")
        except RecipeError as error:
            raise ValueError(str(error)) from None


class DiVA(Method):
    """Diverse visual feature aggregation (Milbich et al., 2020).

    An embedding of four parts of one dimension: discriminative x_d, learned by the objective; shared x_s, by the
    objective on triplets that cross classes; self-similarity x_n, by telling two views of a picture from others; and
    intra-class x_i, by the objective on triplets within classes::

        L = L(x_d) + a_s L(x_s) + a_n NCE(x_n, key, queue) + a_i L(x_i) + separation sum_p Sep(x_p, x_d)

    with `noise_contrast`, whose keys a momentum encoder makes of the second view, and `AdversarialSeparation` of the
    other three parts. The parts are evaluated together: each at the length 1, times its weight.

    Where the published code does otherwise: it weights the negatives wrongly (see `noise_contrast`), does not copy the
    buffers of the momentum encoder, ignores what its user selects as the shared and intra-class parts, and fills the
    queue before training; here it begins empty and grows, and losses of fewer negatives come first.

    Trained on stored features, both views are the same features: the keys then differ by the momentum alone.

    Parameters
    ----------
    settings
        The `[diva]` table.
    make_objective
        Makes an objective that takes a miner.
    embedder
        With four parts, at its beginning.
    batch_size
        Of the recipe.
    lr
        Learning rate of the networks that separate.

    Raises
    ------
    RecipeError
        Where the objective takes no miner.
    """

    views: ClassVar[int] = 2

    def __init__(
        self,
        settings: DiVASettings,
        make_objective: ObjectiveMaker,
        embedder: Embedder,
        *,
        batch_size: int,
        lr: float,
    ) -> None:
        dimension = embedder.settings.dimension // len(PARTS)
        objective = make_objective(dimension)
        if not objective.takes_miner:
            raise RecipeError(_no_miner(objective))
        super().__init__(objective)
        self.settings = settings
        self.lr = lr
        self.shared_objective = make_objective(dimension, miner=settings.shared_miner)
        self.intra_objective = make_objective(dimension, miner=settings.intra_miner)
        self.key_encoder = MomentumEncoder(embedder, settings.momentum)
        self.queue = KeyQueue(settings.queue_batches * batch_size, dimension)
        self.separations = torch.nn.ModuleDict(
            {part: AdversarialSeparation(dimension, settings.separation_hidden) for part in PARTS[1:]}
        )

    def before_step(self, embedder: Embedder) -> None:
        """Let the momentum encoder follow the embedder."""
        self.key_encoder.follow(embedder)

    def forward(self, outputs: Outputs, labels: Tensor, second_view: Tensor | None = None) -> Tensor:
        """Compute the loss; see `Method.forward`.

        Raises
        ------
        TrainingError
            Where there is no second view.
        """
        parts = dict(zip(PARTS, outputs.parts, strict=True))
        settings = self.settings
        loss: Tensor = self.objective(parts["discriminative"], labels)
        if settings.shared_weight:
            loss = loss + settings.shared_weight * self.shared_objective(parts["shared"], labels)
        if settings.self_similarity_weight:
            loss = loss + settings.self_similarity_weight * self._self_similarity(parts["self_similarity"], second_view)
        if settings.intra_weight:
            loss = loss + settings.intra_weight * self.intra_objective(parts["intra"], labels)
        if settings.separation:
            loss = loss + settings.separation * self._separation(parts)
        return loss

    def _self_similarity(self, queries: Tensor, second_view: Tensor | None) -> Tensor:
        if second_view is None:
            raise TrainingError(
                "[diva] compares two views of each picture, but there is one; give the batch's second view as well, or "
                "set self_similarity_weight = 0"
            )
        keys = self.key_encoder(second_view).parts[PARTS.index("self_similarity")]
        with torch.autocast(queries.device.type, enabled=False):
            loss = noise_contrast(queries, keys, self.queue.held(), self.settings.temperature)
        if self.training:
            self.queue.add(keys)
        return loss

    def _separation(self, parts: Mapping[str, Tensor]) -> Tensor:
        target = parts["discriminative"]
        with torch.autocast(target.device.type, enabled=False):
            losses = [separation(parts[name], target) for name, separation in self.separations.items()]
            return torch.stack(losses).sum()

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Give the groups of the separating networks, at `lr`, and of the objectives; all without weight decay."""
        separations = {"params": list(self.separations.parameters()), "lr": self.lr, "weight_decay": 0.0}
        objectives = (self.objective, self.shared_objective, self.intra_objective)
        return [separations, *(group for objective in objectives for group in objective.parameter_groups())]


def _no_miner(objective: Objective) -> str:
    takers = ", ".join(name for name, other in sorted(OBJECTIVES.parts.items()) if other.takes_miner)
    return (
        "[diva] needs an objective that takes a miner, since its shared and intra-class parts mine triplets of other "
        f"kinds, but {type(objective).__name__} takes none. Choose one of {takers}."
    )
