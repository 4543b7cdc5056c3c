"""The objectives there are, and how one is made from a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oodml_bench.errors import RecipeError
from oodml_bench.training.miners.miner import Miner
from oodml_bench.training.objectives.angular import Angular
from oodml_bench.training.objectives.classification import ArcFace, NormalisedSoftmax, SoftTriple
from oodml_bench.training.objectives.margin import Margin
from oodml_bench.training.objectives.multisimilarity import MultiSimilarity
from oodml_bench.training.objectives.objective import Objective, Task
from oodml_bench.training.objectives.pairs import Contrastive, SupCon
from oodml_bench.training.objectives.proxies import ProxyAnchor, ProxyNCA
from oodml_bench.training.objectives.quadruplet import Quadruplet
from oodml_bench.training.objectives.triplet import Triplet
from oodml_bench.training.registry import Registry
from oodml_bench.training.settings import Settings

#: Names to objectives; `OBJECTIVES.register("name")` decorates another one.
OBJECTIVES: Registry[Objective] = Registry(
    "objective",
    {
        "angular": Angular,
        "arcface": ArcFace,
        "contrastive": Contrastive,
        "margin": Margin,
        "multisimilarity": MultiSimilarity,
        "normalised_softmax": NormalisedSoftmax,
        "proxy_anchor": ProxyAnchor,
        "proxy_nca": ProxyNCA,
        "quadruplet": Quadruplet,
        "soft_triple": SoftTriple,
        "supcon": SupCon,
        "triplet": Triplet,
    },
)


def check_objective(settings: Mapping[str, Any], where: str = "[objective]", *, has_miner: bool = False) -> None:
    """Check a recipe's `[objective]` table without making the objective.

    Parameters
    ----------
    settings, where
        See `build_objective`.
    has_miner
        Whether the recipe has a `[miner]`.

    Raises
    ------
    RecipeError
        As `build_objective`.
    """
    _parse(settings, where, has_miner=has_miner)


def build_objective(
    settings: Mapping[str, Any],
    *,
    class_count: int,
    dimension: int,
    miner: Miner | None = None,
    where: str = "[objective]",
) -> Objective:
    """Make an objective.

    Parameters
    ----------
    settings
        The recipe's `[objective]` table: `name`, and the settings of that objective.
    class_count
        Number of training classes.
    dimension
        Length of an embedding.
    miner
        What picks the triplets. None: `distance` with its defaults, for objectives that take a miner.
    where
        The place in the recipe, for messages.

    Raises
    ------
    RecipeError
        Where the name is missing or unknown (the message gives the nearest one), a setting is unknown or not allowed,
        or there is a miner and the objective takes none.
    """
    objective, own = _parse(settings, where, has_miner=miner is not None)
    return objective(own, Task(class_count, dimension, miner))


def _parse(settings: Mapping[str, Any], where: str, *, has_miner: bool) -> tuple[type[Objective], Settings]:
    objective, own = OBJECTIVES.parse(settings, where)
    if has_miner and not objective.takes_miner:
        takers = ", ".join(name for name, other in sorted(OBJECTIVES.parts.items()) if other.takes_miner)
        raise RecipeError(
            f"{where}: {settings['name']} takes no miner, it uses the whole batch or picks pairs itself; remove the "
            f"miner, or choose an objective that takes one: {takers}"
        )
    return objective, own
