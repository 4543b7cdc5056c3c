"""Whether the pickle and the JSON file of a benchmark can be read, and hold the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from oodml_bench.errors import BenchmarkFileError
from oodml_bench.splits.benchmark import Benchmark, Level
from oodml_bench.splits.files import check_there, name_of, pickled, read_json, read_pickle
from oodml_bench.splits.verification.check import Check, checked, unchecked

READABLE = "the files are readable and safe"
EQUAL = "pickle and JSON are equal"


@dataclass(frozen=True)
class Opened:
    """What the files hold.

    Attributes
    ----------
    checks
        Of the files.
    benchmark
        What is checked further: the JSON file's, else the pickle's; None where neither can be read.
    """

    checks: list[Check]
    benchmark: Benchmark | None


def open_files(path: Path) -> Opened:
    """Read both files of a benchmark, each by itself.

    Raises
    ------
    BenchmarkFileError
        Where there is no file at `path`, or it ends in neither `.pkl` nor `.json`.
    """
    check_there(path)
    there = [file for file in (path.with_suffix(".pkl"), path.with_suffix(".json")) if file.is_file()]
    problems: list[str] = []
    levels: dict[int, Level] | None = None
    benchmark: Benchmark | None = None
    for file in there:
        try:
            if file.suffix == ".pkl":
                levels = read_pickle(file)
            else:
                benchmark = read_json(file)
        except BenchmarkFileError as error:
            problems.append(str(error))
    readable = checked(READABLE, problems, " and ".join(file.name for file in there))
    if levels is not None and benchmark is None:
        alone = unchecked(EQUAL, "one of them could not be read" if problems else "no JSON file")
        return Opened([readable, alone], Benchmark(name_of(path), levels))
    return Opened([readable, _equal(levels, benchmark)], benchmark)


def _equal(levels: dict[int, Level] | None, benchmark: Benchmark | None) -> Check:
    if levels is None or benchmark is None:
        return unchecked(EQUAL, "there are not two files that can be read")
    there, here = pickled(levels), pickled(benchmark.levels)
    problems = [f"level {number} is in one of the files alone" for number in sorted(there.keys() ^ here.keys())] + [
        f"level {number}: {name} differs"
        for number in sorted(there.keys() & here.keys())
        for name in here[number]
        if there[number][name] != here[number][name]
    ]
    return checked(EQUAL, problems, f"{len(here)} levels")
