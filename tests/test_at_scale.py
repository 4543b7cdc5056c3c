"""Numbers on the page about scale are those of the measurements that it names."""

import json
import re
from pathlib import Path

import pytest

from oodml_bench.splits.files import MOST_BYTES

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "at-scale.md").read_text(encoding="utf-8")
TABLES = {
    table["title"].partition(":")[0]: table["rows"]
    for tables in json.loads((ROOT / "perf" / "results.json").read_text(encoding="utf-8"))["results"].values()
    for table in tables
}
UNITS = {"s": 1, "min": 60, "h": 3600, "MB": 1, "GB": 1000}


def rows_under(heading: str) -> list[list[str]]:
    """Give the cells of the table whose header begins so."""
    lines = PAGE[PAGE.index(f"| {heading}") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def number(cell: str) -> float:
    value, *unit = cell.removeprefix("at most ").replace(",", "").split()
    return float(value) * (UNITS[unit[0]] if unit else 1)


def test_what_the_engine_takes():
    costs = {(what, classes): (seconds, peak) for what, _, classes, seconds, _, peak, _ in
             TABLES["Cost by the number of classes"]}  # fmt: skip
    growth = {what: row for what, *row in TABLES["Growth"]}
    for told, *cells, _ in rows_under("classes | one exact distance"):
        classes = int(number(told))
        for what, cell in zip(("one exact distance", "one batch of swaps", "two random splits"), cells, strict=False):
            seconds = costs[what, classes][0] if classes < 1_000_000 else growth[what][-2]
            assert number(cell) == pytest.approx(seconds, rel=0.03, abs=0.005)
        peak = costs["one batch of swaps", classes][1] if classes < 1_000_000 else growth["one batch of swaps"][-1]
        assert number(cells[3]) == pytest.approx(peak, rel=0.06)


def test_how_it_grows():
    for what, whole, beyond, memory, _ in rows_under("what | from 10³"):
        first, second = (row for row in TABLES["Growth"] if row[0] == what)
        assert [whole, beyond, memory] == [f"{first[4]:.2f}", f"{second[4]:.2f}", f"{second[5]:.2f}"]


def test_whole_benchmarks():
    found = {row[0]: row for row in TABLES["A whole benchmark from its batches and random splits"]}
    for told, batches, nulls, few, whole, how in rows_under("classes | batches"):
        _, *counts, rest, _, _, computed, measured = found[int(number(told))]
        assert [int(batches), int(nulls)] == counts
        assert number(few) == pytest.approx(rest, rel=0.05)
        assert (measured is not None) == (how == "measured")
        assert number(whole) == pytest.approx(computed if measured is None else measured, rel=0.05)


def test_files():
    found = {row[1]: row for row in TABLES["Files of a benchmark"]}
    for told, pickled, written, memory, how in rows_under("classes | pickle"):
        row = found[int(number(told))]
        assert how == row[0]
        assert [number(cell) for cell in (pickled, written, memory)] == pytest.approx([row[2], row[3], row[6]], rel=0.1)
    bytes_a_class = found[10_000][3] * 1e6 / 10_000
    limit = re.search(r"reached at ([\d,]+) classes", PAGE)
    assert f"more than {MOST_BYTES // 2**20} MiB" in PAGE
    assert number(limit[1]) == pytest.approx(MOST_BYTES / bytes_a_class, rel=0.05)


def test_what_an_image_costs():
    costs = {row[0]: row[2] for row in TABLES["What an image costs, and 100,000,000"]}
    told = {cells[0]: cells[1] for cells in rows_under("what | an image")}
    measured = {
        "fingerprint": "fingerprint: read and digest",
        "read, decode": "read, decode, resize, normalise",
        "the same, ResNet": "the same, ResNet-50 on the processor, and storage",
        "class means": "class means, 2048 values",
    }
    for start, row in measured.items():
        (cell,) = (cell for what, cell in told.items() if what.startswith(start))
        assert float(cell.split()[0]) == pytest.approx(costs[row], rel=0.03)
