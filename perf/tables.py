"""Tables of results: printed as Markdown, kept as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from oodml_bench.output import write_bytes

#: A missing number is None: shown as a dash, and null in JSON.
Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """One table of results.

    Attributes
    ----------
    title
        What is compared, and at which size.
    columns
        Names of the columns, with units.
    rows
        As many cells as there are columns.
    note
        How it was measured.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str

    def markdown(self) -> str:
        """Give the table in Markdown, numbers to four digits."""
        lines = [_line(self.columns), _line(["---"] * len(self.columns)), *map(_line, self.rows)]
        return f"### {self.title}\n\n" + "\n".join(lines) + f"\n\n{self.note}\n"


def report(tables: Sequence[Table], json_file: Path | None) -> None:
    """Print tables, and write them as JSON where a file is named."""
    print("\n".join(table.markdown() for table in tables))
    if json_file is not None:
        write_json(json_file, [asdict(table) for table in tables])


def write_json(path: Path, content: object) -> None:
    """Write a file of JSON, replacing it whole."""
    write_bytes(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def read_tables(path: Path) -> list[Table]:
    """Read the tables that `report` wrote."""
    return [
        Table(record["title"], tuple(record["columns"]), tuple(map(tuple, record["rows"])), record["note"])
        for record in json.loads(path.read_text())
    ]


def finite(number: float) -> float | None:
    """Give a number, or None where it is NaN or infinite."""
    return number if math.isfinite(number) else None


def _line(cells: Sequence[Cell]) -> str:
    return "| " + " | ".join(map(_shown, cells)) + " |"


def _shown(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        # Four digits, and no exponent that a reader has to undo.
        return f"{cell:.0f}" if 1e4 <= abs(cell) < 1e9 else f"{cell:.4g}"
    return str(cell)
