"""The miners there are, and how one is made from a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oodml_bench.training.miners.cross_class import CrossClassMiner
from oodml_bench.training.miners.distance import DistanceMiner
from oodml_bench.training.miners.easy_positive_semihard import EasyPositiveSemihardMiner
from oodml_bench.training.miners.intra_class import IntraClassMiner
from oodml_bench.training.miners.miner import Miner
from oodml_bench.training.miners.random_distance import RandomDistanceMiner
from oodml_bench.training.miners.random_triplets import RandomMiner
from oodml_bench.training.miners.rho_distance import RhoDistanceMiner
from oodml_bench.training.miners.semihard import SemihardMiner
from oodml_bench.training.miners.softhard import SofthardMiner
from oodml_bench.training.registry import Registry

#: Names to miners; `MINERS.register("name")` decorates another one.
MINERS: Registry[Miner] = Registry(
    "miner",
    {
        "cross_class": CrossClassMiner,
        "distance": DistanceMiner,
        "easy_positive_semihard": EasyPositiveSemihardMiner,
        "intra_class": IntraClassMiner,
        "random": RandomMiner,
        "random_distance": RandomDistanceMiner,
        "rho_distance": RhoDistanceMiner,
        "semihard": SemihardMiner,
        "softhard": SofthardMiner,
    },
)


def check_miner(settings: Mapping[str, Any], where: str = "[miner]") -> None:
    """Check a recipe's `[miner]` table without making the miner; see `build_miner`."""
    MINERS.parse(settings, where)


def build_miner(settings: Mapping[str, Any], where: str = "[miner]") -> Miner:
    """Make a miner.

    Parameters
    ----------
    settings
        The recipe's `[miner]` table: `name`, and the settings of that miner.
    where
        The place in the recipe, for messages.

    Raises
    ------
    RecipeError
        Where the name is missing or unknown (the message gives the nearest one), or a setting is unknown or not
        allowed.
    """
    miner, own = MINERS.parse(settings, where)
    return miner(own)
