"""The two files of a benchmark: the pickle that ooDML users load, and the JSON that tells everything.

The pickle holds built-in Python types only:
``{level: {"train", "test", "fid", "split_train", "split_val", "test_episodes"}}``. The JSON holds the same and what is
needed to trust and repeat it, and is the authority. The same benchmark gives the same bytes in both.
"""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from oodml_bench.errors import BenchmarkFileError
from oodml_bench.locations import location
from oodml_bench.output import refuse_to_overwrite, replaced_atomically
from oodml_bench.reading.bounded import MEBIBYTE, UnreadableError, read_bounded
from oodml_bench.reading.cutting import cut, quoted
from oodml_bench.reading.json_files import parse_json
from oodml_bench.splits.benchmark import Benchmark, Level
from oodml_bench.splits.unpickling import load_plain
from oodml_bench.splits.validating import check_numbers, validated

SCHEMA_VERSION = 1

#: Length up to which a file is read: 100,000 classes of 100 samples make 1.5 GB.
MOST_BYTES = 4096 * MEBIBYTE

#: Every Python 3 and Python 2 reads it.
_PICKLE_PROTOCOL = 2

_PICKLED_FIELDS = ("train", "test", "fid", "split_train", "split_val", "test_episodes")

#: Depth down to which the JSON file has one entry a line.
_LINE_DEPTH = 3


def save_benchmark(benchmark: Benchmark, path: Path, *, overwrite: bool = False) -> tuple[Path, Path]:
    """Write a benchmark as `<path>.pkl` and `<path>.json`.

    Parameters
    ----------
    benchmark
        What to write.
    path
        Either of the two files; the other is written beside it.
    overwrite
        Replace files that exist.

    Returns
    -------
    tuple of Path
        The pickle and the JSON file.

    Raises
    ------
    BenchmarkFileError
        Where the suffix is neither `.pkl` nor `.json`.
    OutputExistsError
        Where a file exists and `overwrite` is off.
    OutputError
        Where the folder cannot be written or is full; no half-written file is left.
    """
    pickle_path, json_path = checked_outputs(path, overwrite=overwrite)
    # Both are written whole before either takes its name.
    with replaced_atomically(pickle_path) as new_pickle, replaced_atomically(json_path) as new_json:
        new_pickle.write_bytes(_pickle_bytes(benchmark))
        _write_json(benchmark, new_json)
    return pickle_path, json_path


def checked_outputs(path: Path, *, overwrite: bool) -> tuple[Path, Path]:
    """Give the paths of the pickle and the JSON file, or raise as `save_benchmark` does."""
    _check_suffix(path)
    pickle_path, json_path = path.with_suffix(".pkl"), path.with_suffix(".json")
    for output in (pickle_path, json_path):
        refuse_to_overwrite(output, overwrite=overwrite)
    return pickle_path, json_path


def load_benchmark(path: Path | str) -> Benchmark:
    """Read a benchmark from either of its files, or from a published ooDML pickle.

    A pickle with its JSON file beside it gives the same benchmark as the JSON file. A pickle alone gives the levels,
    without provenance.

    Raises
    ------
    BenchmarkFileError
        Where the file is missing, malformed, of another schema version or unsafe, or where pickle and JSON differ.
    """
    path = location(path)
    check_there(path)
    if path.suffix == ".json":
        return read_json(path)
    levels = read_pickle(path)
    json_path = path.with_suffix(".json")
    if not json_path.exists():
        return Benchmark(name=name_of(path), levels=levels)
    benchmark = read_json(json_path)
    if pickled(levels) != pickled(benchmark.levels):
        raise BenchmarkFileError(
            f"{path} and {json_path} hold different benchmarks. The JSON file is the authority: load it and save it "
            "again, or move it away to read the pickle alone."
        )
    return benchmark


def check_there(path: Path) -> None:
    """Raise `BenchmarkFileError` where a path is none of a benchmark, or leads to no file."""
    _check_suffix(path)
    if not path.is_file():
        raise BenchmarkFileError(f"there is no benchmark file {path}")


def name_of(path: Path) -> str:
    """Give the name of the benchmark whose files have this name: `cub200` for `cub200_splits.pkl`."""
    return path.stem.removesuffix("_splits")


def _check_suffix(path: Path) -> None:
    if path.suffix not in (".pkl", ".json"):
        raise BenchmarkFileError(f"a benchmark file ends in .pkl or .json, got {path}")


def pickled(levels: dict[int, Level]) -> dict[int, dict[str, Any]]:
    """Give the levels in the layout of the pickle, as built-in types with every string held once.

    Pickle writes a second occurrence of one object as a reference: only with equal strings being one object do equal
    benchmarks give equal bytes.
    """
    held: dict[str, str] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {plain(key): plain(entry) for key, entry in value.items()}
        if isinstance(value, list | tuple):
            return [plain(entry) for entry in value]
        return held.setdefault(value, value) if isinstance(value, str) else value

    return {
        number: {plain(name): plain(getattr(level, name)) for name in _PICKLED_FIELDS}
        for number, level in sorted(levels.items())
    }


def _pickle_bytes(benchmark: Benchmark) -> bytes:
    return pickle.dumps(pickled(benchmark.levels), protocol=_PICKLE_PROTOCOL)


@cache
def _schema(of: type) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(of)


def _write_json(benchmark: Benchmark, path: Path) -> None:
    # Of very many samples no second list is made, and never the whole text.
    content = _schema(Benchmark).dump_python(benchmark, mode="json", exclude={"samples"})
    content["samples"] = benchmark.samples
    # The bulk comes last, so that a look at the file begins with what it is.
    bulk = {name: content.pop(name) for name in ("excluded", "samples", "walks", "levels")}
    document = {"schema_version": SCHEMA_VERSION, **content, **bulk}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_pieces(document))
        file.write("\n")


def _pieces(value: Any, depth: int = 0) -> Iterator[str]:
    """Write JSON with a line for every entry of the outer levels: readable, and small where the bulk is."""
    if not isinstance(value, dict) or not value or depth == _LINE_DEPTH:
        yield json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return
    for number, key in enumerate(value):
        yield (",\n" if number else "{\n") + " " * (depth + 1) + json.dumps(key, ensure_ascii=False) + ": "
        yield from _pieces(value[key], depth + 1)
    yield "\n" + " " * depth + "}"


def read_json(path: Path) -> Benchmark:
    """Read a JSON file alone; raises as `load_benchmark` does."""
    try:
        document = parse_json(_content(path))
    except UnreadableError as error:
        raise BenchmarkFileError(f"{path} is not valid JSON: {cut(error)}. Build the benchmark again.") from error
    version = document.pop("schema_version", None) if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise BenchmarkFileError(
            f"{path} has schema version {quoted(version)}; this version of oodml-bench reads {SCHEMA_VERSION}. Install "
            "the version of oodml-bench that wrote it, or build the benchmark again."
        )
    check_numbers(document.get("levels"), path)
    benchmark: Benchmark = validated(Benchmark, document, path)
    _check_levels(benchmark.levels, path)
    return benchmark


def read_pickle(path: Path) -> dict[int, Level]:
    """Read the levels of a pickle alone; raises as `load_benchmark` does."""
    content = _names_as_strings(load_plain(_content(path), str(path)))
    check_numbers(content, path)
    levels: dict[int, Level] = validated(dict[int, Level], content, path)
    _check_levels(levels, path)
    return levels


def _check_levels(levels: dict[int, Level], path: Path) -> None:
    if not levels:
        raise BenchmarkFileError(f"{path} is no benchmark: it holds no level")
    for number, level in levels.items():
        if not math.isfinite(level.fid):
            raise BenchmarkFileError(f"{path} is no benchmark: the FID of level {number} is {level.fid}")


def _content(path: Path) -> bytes:
    try:
        return read_bounded(path, MOST_BYTES)
    except UnreadableError as error:
        raise BenchmarkFileError(f"cannot read {path}: {error}. It is no benchmark of this tool.") from error
    except OSError as error:
        raise BenchmarkFileError(f"cannot read {path}: {error.strerror or error}") from error


def _names_as_strings(levels: Any) -> Any:
    """Write class names as strings: the published Online Products pickle has some product ids as integers."""
    if not isinstance(levels, dict):
        return levels
    return {number: _level_with_string_names(level) for number, level in levels.items()}


def _level_with_string_names(level: Any) -> Any:
    if not isinstance(level, dict):
        return level
    lists = {
        name: [str(entry) if type(entry) is int else entry for entry in level[name]]
        for name in level
        if isinstance(level[name], list | tuple)
    }
    return {name: level[name] for name in _PICKLED_FIELDS if name in level} | lists
