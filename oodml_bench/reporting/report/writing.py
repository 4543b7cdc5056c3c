"""Writing the page."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.features import Features, class_means, open_features
from oodml_bench.locations import location
from oodml_bench.output import check_writable, refuse_to_overwrite, write_bytes
from oodml_bench.progress import working_on
from oodml_bench.reporting.embedding import umap_of
from oodml_bench.reporting.report.classes import ClassTable
from oodml_bench.reporting.report.findings import findings
from oodml_bench.reporting.report.leaks import MOST_SAMPLES, leaks_of
from oodml_bench.reporting.report.overview import facts, level_rows
from oodml_bench.reporting.report.scores import Results
from oodml_bench.reporting.report.sides import shown_classes, sides_of_levels
from oodml_bench.reporting.report.thumbnails import MOST, thumbnails
from oodml_bench.reporting.report.walks import walks_of
from oodml_bench.splits import Benchmark, load_benchmark
from oodml_bench.splits.audit import Audit, audit

#: Name of the page in a folder.
PAGE = "index.html"


def write_report(
    benchmark: Benchmark | Path | str,
    out: Path | str,
    *,
    features: Features | Path | str | None = None,
    images: Dataset | str | None = None,
    runs: Path | str | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Path:
    """Write a benchmark, and what was trained on it, as one page that opens in a browser without any network.

    Parameters
    ----------
    benchmark
        A benchmark, or the path of one of its files.
    out
        A folder that gets `index.html`; or a file that ends in `.html`.
    features
        Features of its classes: for the map, the typical classes, the distances and the audit for leaks. Samples are
        compared with each other up to 100,000 of them.
    images
        The dataset or its specification: for thumbnails, and to confirm leaks.
    runs
        A folder of runs, or a results table: for the scores.
    overwrite
        Replace a page that exists.
    progress
        Show progress on standard error.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    BenchmarkFileError, FeatureError, DatasetError, RunError
        Where what is given cannot be opened.
    SplitError
        Where the features lack classes of the benchmark.
    InputError
        Where the page exists and `overwrite` is off.
    OutputError
        Where it cannot be written.
    """
    place = location(out)
    page = place if place.suffix == ".html" else place / PAGE
    refuse_to_overwrite(page, overwrite=overwrite)
    check_writable(page)
    opened = benchmark if isinstance(benchmark, Benchmark) else load_benchmark(benchmark)
    source = features if features is None or isinstance(features, Features) else open_features(features)
    table = _table(opened, source, progress=progress)
    results = None if runs is None else Results.of(location(runs), opened)
    dataset = open_dataset(images) if isinstance(images, str) else images
    audited = None if source is None else _audit(table, source, dataset, progress=progress)
    content = _content(table, results, dataset, progress=progress)
    write_bytes(page, _rendered(table, results, content, audited, dataset).encode())
    return page


def _table(benchmark: Benchmark, features: Features | None, *, progress: bool) -> ClassTable:
    if features is None:
        return ClassTable(benchmark)
    means = class_means(features, progress=progress)
    table = ClassTable(benchmark, means)
    rows = table.rows(table.names)
    with working_on("Fitting UMAP", shown=progress):
        return ClassTable(benchmark, means, umap_of(means.means[rows]))


def _audit(table: ClassTable, features: Features, dataset: Dataset | None, *, progress: bool) -> Audit:
    compare = features.row_count <= MOST_SAMPLES
    return audit(
        table.benchmark, features, dataset=dataset, means=table.means, compare_samples=compare, progress=progress
    )


def _content(table: ClassTable, results: Results | None, dataset: Dataset | None, *, progress: bool) -> dict[str, Any]:
    sides = sides_of_levels(table)
    pictured = (
        table.names if len(table.names) <= MOST else [table.names[place] for place in sorted(shown_classes(sides))]
    )
    return {
        "name": table.benchmark.name,
        "levels": level_rows(table.benchmark, table),
        "walks": walks_of(table),
        "classes": table.records(),
        "sides": table.sides(),
        "shown": sides,
        "pictures": {} if dataset is None else thumbnails(dataset, pictured, progress=progress),
        "results": None if results is None else results.content(),
    }


def _rendered(
    table: ClassTable, results: Results | None, content: dict[str, Any], audited: Audit | None, dataset: Dataset | None
) -> str:
    from jinja2 import Environment, StrictUndefined
    from plotly.offline import get_plotlyjs

    folder = resources.files("oodml_bench.reporting.report")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        (folder / "page.html.j2").read_text(encoding="utf-8")
    )
    benchmark = table.benchmark
    curves = [] if results is None else _judged(results)
    return template.render(
        name=benchmark.name,
        facts=facts(benchmark),
        notes=benchmark.notes,
        findings=findings(benchmark, curves, audited),
        leaks=None if audited is None else leaks_of(audited, dataset),
        has_map=table.positions is not None,
        has_sides=content["shown"] is not None,
        has_walks=bool(content["walks"]),
        has_results=results is not None,
        has_pictures=bool(content["pictures"]),
        has_few_shot=results is not None and bool(content["results"]["few_shot"]),
        unfinished=() if results is None else results.unfinished,
        style=(folder / "page.css").read_text(encoding="utf-8"),
        script=(folder / "page.js").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        content=_as_script(content),
    )


def _judged(results: Results) -> Any:
    """Give the curves that are judged by whether they fall: on galleries of one size, where there are any."""
    return results.curves("recall@1", fixed_gallery=True) or results.curves("recall@1", fixed_gallery=False)


def _as_script(content: dict[str, Any]) -> str:
    """Write content as JSON that may stand inside a script element: no name in it can end the element."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
