"""How a benchmark is made: split, progression, levels, validation, episodes, files."""

from oodml_bench.splits.agreement import Agreement, agreement
from oodml_bench.splits.benchmark import Benchmark, Level
from oodml_bench.splits.building import build
from oodml_bench.splits.files import load_benchmark, save_benchmark
from oodml_bench.splits.measuring import measure_split
from oodml_bench.splits.splitter import OODSplitter

__all__ = [
    "Agreement",
    "Benchmark",
    "Level",
    "OODSplitter",
    "agreement",
    "build",
    "load_benchmark",
    "measure_split",
    "save_benchmark",
]
