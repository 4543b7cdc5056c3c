"""How far apart two sets of classes are."""

from oodml_bench.hardness.class_space import ClassSpace
from oodml_bench.hardness.frechet import FrechetDistance, frechet_distance
from oodml_bench.hardness.linalg import on_device

__all__ = ["ClassSpace", "FrechetDistance", "frechet_distance", "on_device"]
