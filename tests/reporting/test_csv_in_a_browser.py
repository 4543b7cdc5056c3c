"""The table that the page gives as CSV, as a browser writes it and a spreadsheet reads it."""

import csv
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from oodml_bench.reporting.report import write_report
from oodml_bench.splits import Level
from tests.splits.benchmarks import small_benchmark

from .test_report_in_a_browser import CHROMIUM, browser  # noqa: F401 (a fixture)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")

#: Steps of a benchmark that somebody else has written, and the cells that they become.
STEPS = {
    '=HYPERLINK("http://x","y")': '\'=HYPERLINK("http://x","y")',
    "+1+1": "'+1+1",
    "-2+cmd|' /C calc'!A0": "'-2+cmd|' /C calc'!A0",
    "@SUM(1)": "'@SUM(1)",
    "\t=1+1": "'\t=1+1",
    "\r=1+1": "'\r=1+1",
    "\n=1+1": "'\n=1+1",
    " =1+1": "' =1+1",
    "＝1+1": "'＝1+1",
    "-": "'-",
    "-Infinity": "'-Infinity",
    "-6": "-6",
    "+3.5": "+3.5",
    "-1e-3": "-1e-3",
    'a "b", c\nd': 'a "b", c\nd',
    "R18": "R18",
    "<script>": "<script>",
}


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("csv")
    benchmark = small_benchmark(folder)
    level: Level = replace(benchmark.levels[1], mean_term=-3.5)
    levels = {number: replace(level, fid=float(number), step=step) for number, step in enumerate(STEPS, start=1)}
    return write_report(replace(benchmark, levels=levels, walks=()), folder / "page")


def test_cells_are_text_or_numbers_and_never_formulas(page_file: Path, browser) -> None:  # noqa: F811
    page = browser.new_page(accept_downloads=True)
    page.goto(page_file.as_uri())
    with page.expect_download() as download:
        page.click("#csv")
    text = Path(download.value.path()).read_bytes().decode()
    page.close()
    header, *rows = csv.reader(StringIO(text, newline=""))
    cells = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["step"] for row in cells] == list(STEPS.values())
    assert [float(row["fid"]) for row in cells] == [float(number) for number in range(1, len(STEPS) + 1)]
    assert {float(row["mean_term"]) for row in cells} == {-3.5}
