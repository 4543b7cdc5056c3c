"""The results table: one tidy row a score, one JSON object a line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from oodml_bench.errors import RunError
from oodml_bench.locations import location
from oodml_bench.output import write_bytes
from oodml_bench.reading.bounded import UnreadableError
from oodml_bench.reading.cutting import cut, quoted
from oodml_bench.reading.json_files import parse_json

#: In the order in which a reader wants them.
Weights = Literal["selected", "last", "given"]

#: Name of a results table in the folder of a run.
RESULTS_NAME = "results.jsonl"

#: A line of this length is no score.
MOST_LINE_BYTES = 65_536


@dataclass(frozen=True)
class ResultRow:
    """One score.

    Attributes
    ----------
    benchmark
        Name of the benchmark.
    level
        Number of the level.
    fid
        FID of the level, in squared feature units.
    recipe
        What was trained, or the name of the embeddings that were scored.
    seed
        Seed of the training.
    weights
        `last`: those after the last epoch; `selected`: those of the epoch that was best on the validation classes;
        `given`: somebody else's.
    shots
        Support samples a class in few-shot adaptation; 0: none, zero-shot.
    episode
        Number of the few-shot episode.
    gallery_classes
        None: all test classes of the level. Else the mean over galleries of so many of them.
    metric
        Name of the metric.
    value
        The score; not finite where it has no finite value, which is written as null and read as NaN.
    adaptation
        Name of the few-shot adaptation that changed the weights before; None: they are scored as they were trained.
    """

    benchmark: str
    level: int
    fid: float
    recipe: str
    seed: int
    weights: Weights
    shots: int
    episode: int | None
    gallery_classes: int | None
    metric: str
    value: float
    adaptation: str | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """All but the FID and the value: what was scored, and how."""
        return tuple(value for name, value in asdict(self).items() if name not in ("fid", "value"))


def write_results(path: Path, rows: Iterable[ResultRow]) -> None:
    """Write a results table, replacing it whole.

    Raises
    ------
    OutputError
        Where the file cannot be written.
    """
    records = [asdict(row) | {"value": row.value if math.isfinite(row.value) else None} for row in rows]
    lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records]
    write_bytes(path, "".join(lines).encode())


def read_results(path: Path | str) -> list[ResultRow]:
    """Read a results table, or all that are called `results.jsonl` in a folder and below, sorted by their paths.

    Raises
    ------
    RunError
        Where there is no table, a line is damaged, or two rows tell the same score.
    """
    path = location(path)
    files = sorted(path.rglob(RESULTS_NAME)) if path.is_dir() else [path]
    if not files:
        raise RunError(f"there is no {RESULTS_NAME} in {path} or below: no run there is finished")
    rows: dict[tuple[Any, ...], tuple[ResultRow, str]] = {}
    for file in files:
        for row, place in _read(file):
            if row.key in rows:
                raise RunError(
                    f"{place} and {rows[row.key][1]} both tell {cut(row.metric)} of {cut(row.recipe)}, seed "
                    f"{quoted(row.seed)}, on level {quoted(row.level)} of {cut(row.benchmark)}. Keep one of them, or "
                    "read them apart."
                )
            rows[row.key] = (row, place)
    return [row for row, _ in rows.values()]


def _read(file: Path) -> Iterable[tuple[ResultRow, str]]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(iter(partial(lines.readline, MOST_LINE_BYTES), b""), start=1):
                place = f"{file}, line {number}"
                yield _row(line, place), place
    except OSError as error:
        raise RunError(f"cannot read the results {file}: {error.strerror or error}") from error


def _row(line: bytes, place: str) -> ResultRow:
    from pydantic import ValidationError

    try:
        if len(line) == MOST_LINE_BYTES:
            raise UnreadableError(f"it is longer than {MOST_LINE_BYTES} bytes")
        record = parse_json(line)
        if isinstance(record, dict) and record.get("value", 0) is None:
            record["value"] = math.nan
        return _schema().validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc'])) or 'the line'}: {first['msg']}"
    except UnreadableError as error:
        reason = str(error)
    raise RunError(f"{place} is no result ({cut(reason)}). Score that run again.")


@cache
def _schema() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(ResultRow)
