"""The pages of the documentation: their programs run, their commands parse, their links lead somewhere.

In every page but that on objectives, which has tests of its own, a block of Python is run, in order with the others of
its page and in a folder with the data that the pages name. A block with a title is the file of that name. A block of
text right behind one of Python is what it prints.
"""

import csv
import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pytest
import torch

from oodml_bench.cli import main
from oodml_bench.datasets import open_dataset
from oodml_bench.evaluation import ResultRow, read_results
from oodml_bench.features import extract, open_features
from oodml_bench.features.store_meta import DatasetMeta, StoreMeta, WeightsMeta
from oodml_bench.hardness.null import Calibration, NullDistribution
from oodml_bench.hardness.size_free import SizeFree
from oodml_bench.splits import Benchmark, Level, build, load_benchmark
from oodml_bench.splits.benchmark import Provenance, Walk, WalkedStep
from oodml_bench.training import Material, Recipe, load_recipe, sweep
from oodml_bench.training.jobs import EXAMPLE_PREFIX, job_file
from oodml_bench.training.miners import MINERS
from oodml_bench.training.trainer import EpochRecord

ROOT = Path(__file__).parent.parent
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md"))}
TESTED_ELSEWHERE = "adding-an-objective.md"
IMAGES_OF_A_CLASS = 6


class Block(NamedTuple):
    language: str
    title: str | None
    content: str
    follows: str
    """What stands between it and the block before."""


def blocks_of(page: str) -> list[Block]:
    pattern = r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$'
    blocks, end = [], 0
    for match in re.finditer(pattern, PAGES[page], re.DOTALL | re.MULTILINE):
        language, title, content = match.groups()
        blocks.append(Block(language, title, content, PAGES[page][end : match.start()].strip()))
        end = match.end()
    assert 2 * len(blocks) == len(re.findall(r"^```", PAGES[page], re.MULTILINE))
    return blocks


def programs() -> list[str]:
    pages = {page for page in PAGES if any(block.language == "python" for block in blocks_of(page))}
    return sorted(pages - {TESTED_ELSEWHERE})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Make what the pages name: pictures, features, a benchmark, a sweep of heads."""
    root = tmp_path_factory.mktemp("data")
    glyphs = open_dataset("glyphs:24")
    labels = []
    for name in glyphs.classes:
        (root / "photos" / name).mkdir(parents=True)
        for sample in glyphs.samples[name][:IMAGES_OF_A_CLASS]:
            glyphs.images.open(sample).save(root / "photos" / sample)
            labels.append((sample, name))
    with (root / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "class"), *labels])
    photos, features, splits = f"folder:{root}/photos", root / "features" / "photos", root / "datasplits"
    extract(photos, features, backbone="efficientnet_lite0", image_size=32, workers=0)
    benchmark = build(features, levels=5, shots=(2,), episodes=1, null_draws=20)
    benchmark.save(splits / "photos_splits.pkl")
    material = Material(benchmark, open_features(features), str(splits / "photos_splits.pkl"), str(features))
    quick = {"batches": {"size": 8, "per_class": 2}, "training": {"epochs": 1}}
    recipe = Recipe.model_validate(load_recipe("head-contrastive").as_dict() | quick)
    sweep(material, [recipe], levels=[1, 5], out=root / "runs" / "photos", device="cpu", metrics=["recall@1"])
    return root


@pytest.fixture
def folder(data, tmp_path, monkeypatch):
    shutil.copytree(data, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_page(page: str, capsys) -> dict:
    torch.manual_seed(0)
    names: dict = {"__name__": "__main__"}
    printed = None
    for block in blocks_of(page):
        if block.title is not None:
            Path(block.title).write_text(block.content, encoding="utf-8")
        elif block.language == "python":
            exec(compile(block.content, page, "exec"), names)  # noqa: S102 (the page is ours)
            printed = capsys.readouterr().out
            continue
        elif block.language == "text" and printed is not None and not block.follows:
            assert block.content == printed
        printed = None
    return names


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", [page for page in programs() if page not in ("own-code.md", "adding.md")])
def test_programs_run_and_print_what_is_shown(page, capsys):
    run_page(page, capsys)


@pytest.mark.usefixtures("folder")
def test_splits_in_code_of_ones_own(capsys):
    names = run_page("own-code.md", capsys)
    train, test = names["level"].train, names["level"].test
    assert [f"{path.parent.name}/{path.name}" for path, _ in names["pairs"]] == list(train.samples)
    assert [label for _, label in names["pairs"]] == list(train.targets)
    assert 0 < names["accuracy"] <= 1
    theirs, ours = names["theirs"], names["ours"]
    assert theirs["precision_at_1"] == pytest.approx(ours["recall@1"])
    assert theirs["mean_average_precision_at_r"] == pytest.approx(ours["map@r"])
    recall = next(row for row in names["rows"] if row.metric == "recall@1" and row.gallery_classes is None)
    assert (recall.level, recall.recipe, recall.weights) == (3, "mine", "given")
    assert len(names["embeddings"]) == len(test)
    assert names["scores"].shape == (5,)
    assert names["fids"] == sorted(names["fids"])
    assert names["beyond_chance"][-1]


def test_parts_of_ones_own(folder, capsys):
    try:
        names = run_page("adding.md", capsys)
    finally:
        MINERS.parts.pop("batch_hard", None)
    assert names["dataset"].samples == open_dataset(f"folder:{folder}/photos").samples
    assert open_features("features/photos-mine").row_count == 24 * IMAGES_OF_A_CLASS
    embeddings = torch.nn.functional.normalize(names["batch"])
    triplets = torch.stack(names["objective"].triplets(embeddings, names["labels"])).T.tolist()
    distances, label = torch.cdist(embeddings, embeddings), names["labels"]
    assert len(triplets) == 12
    for anchor, positive, negative in triplets:
        mates = [i for i in range(12) if label[i] == label[anchor] and i != anchor]
        others = [i for i in range(12) if label[i] != label[anchor]]
        assert positive == max(mates, key=lambda i: distances[anchor, i])
        assert negative == min(others, key=lambda i: distances[anchor, i])
    assert np.isfinite(names["loss"].item())
    assert len(read_results("silhouette.jsonl")) == 5


def parsed(line: list[str]) -> None:
    """Let click read a command line without running it: unknown commands, options and values are refused."""
    command: click.Command = main
    arguments, context = line[1:], None
    while isinstance(command, click.Group):
        context = click.Context(command, info_name=line[0], parent=context)
        _, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command = found
    command.make_context(command.name, arguments, parent=context)


def commands_of(page: str) -> list[list[str]]:
    text = "".join(block.content for block in blocks_of(page) if block.language == "sh").replace("\\\n", "")
    commands = [line.partition(" >")[0] for line in text.splitlines() if line.startswith("oodml-bench ")]
    return [shlex.split(command, comments=True) for command in commands]


@pytest.mark.parametrize("page", PAGES)
def test_commands_parse(page, monkeypatch):
    # Else each URL would be tried.
    monkeypatch.setattr("oodml_bench.cli.parameters.location", Path)
    for line in commands_of(page):
        try:
            parsed([word for word in line if word != "…"])
        except click.MissingParameter:
            assert "…" in line, line
        except click.UsageError as error:
            pytest.fail(f"{shlex.join(line)}: {error.format_message()}")


def test_a_command_that_does_not_exist_is_found():
    for line in (
        "oodml-bench plots fid a.pkl",
        "oodml-bench inspect a.pkl --fast",
        "oodml-bench build f --levels many",
    ):
        with pytest.raises(click.UsageError):
            parsed(line.split())


def recorded(script: str, folder: Path, tasks: range) -> list[list[str]]:
    """Run a job script once a task, with a command in the place of ours that notes how it was called."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "oodml-bench").write_text('#!/bin/sh\nprintf "%s\\t" oodml-bench "$@" >>calls\necho >>calls\n')
    (folder / "bin" / "oodml-bench").chmod(0o755)
    (folder / "calls").write_text("")
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    for task in tasks:
        environment = {"PATH": path, "SLURM_ARRAY_TASK_ID": str(task)}
        subprocess.run(["bash", "-euc", script], cwd=folder, env=environment, check=True)  # noqa: S607
    return [line.rstrip("\t").split("\t") for line in (folder / "calls").read_text().splitlines()]


def test_the_array_script_of_an_extraction_does_every_shard_once(tmp_path):
    (script,) = (block.content for block in blocks_of("cluster.md") if block.title == "extract.sh")
    count = int(re.search(r"--array=1-(\d+)", script)[1])
    calls = recorded(script, tmp_path, range(1, count + 1))
    for call in calls:
        parsed(call)
    assert [call[-2:] for call in calls] == [["--shard", f"{shard}/{count}"] for shard in range(1, count + 1)]


def test_the_array_script_of_a_sweep_is_what_is_printed_with_the_jobs():
    (script,) = (block.content for block in blocks_of("cluster.md") if block.title == "array.sh")
    (printing,) = (line for line in commands_of("cluster.md") if "--print-jobs" in line)
    recipes, seeds = (printing[printing.index(name) + 1].split(",") for name in ("--recipes", "--seeds"))
    count = len(recipes) * len(seeds) * 9
    example = [line for line in job_file(["…"] * count, count) if line.startswith(EXAMPLE_PREFIX)]
    assert [line.removeprefix(EXAMPLE_PREFIX) for line in example] == script.splitlines()


@pytest.mark.parametrize(
    "of",
    [Benchmark, Level, Provenance, Walk, WalkedStep, Calibration, NullDistribution, SizeFree, ResultRow, EpochRecord,
     StoreMeta, DatasetMeta, WeightsMeta],
    ids=lambda of: of.__name__,
)  # fmt: skip
def test_every_field_of_a_file_is_on_the_page_of_formats(of):
    fields = of.model_fields if hasattr(of, "model_fields") else [field.name for field in dataclasses.fields(of)]
    missing = [name for name in fields if f"`{name}`" not in PAGES["formats.md"]]
    assert not missing


def test_every_table_of_a_recipe_is_on_the_page_of_formats():
    named = {"name", "trains"}
    missing = [name for name in set(Recipe.model_fields) - named if f"`[{name}]`" not in PAGES["formats.md"]]
    assert not missing


def test_what_the_folder_of_a_run_holds_is_on_the_page_of_formats(data):
    run = next((data / "runs" / "photos").iterdir())
    held = [file.name for file in run.iterdir()] + list(json.loads((run / "run.json").read_text()))
    missing = [name for name in held if f"`{name}`" not in PAGES["formats.md"]]
    assert not missing


def test_the_ladder_of_the_glyphs_is_as_told():
    """Numbers on pages are those of the files that they come from."""
    level = load_benchmark(ROOT / "datasplits" / "glyphs_splits.pkl").levels
    table = re.search(r"\| step \|(.+)\|\n\| FID \|(.+)\|\n\| Recall@1 \|(.+)\|\n", PAGES["trust.md"])
    steps, fids, scores = ([cell.strip() for cell in row.split("|")] for row in table.groups())
    assert steps == [each.step for each in level.values()]
    assert fids == [f"{each.fid:.0f}" for each in level.values()]
    rows = read_results(ROOT / "baselines" / "results" / "glyphs_heads.jsonl")
    for number, told in zip(level, scores, strict=True):
        values = [
            row.value
            for row in rows
            if (row.level, row.recipe, row.gallery_classes, row.metric, row.weights)
            == (number, "head-contrastive", 90, "recall@1", "selected")
        ]
        assert told == f"{np.mean(values):.3f}"
    assert f"{level[5].size_free.kid:.2f} at the" in PAGES["fid.md"]
    assert f"to {level[8].size_free.kid:.2f} at the" in PAGES["fid.md"]
    assert f"at {level[5].calibration.null.mean:.0f} with 150" in PAGES["fid.md"]
    assert f"at {level[8].calibration.null.mean:.0f} with the 90" in PAGES["fid.md"]


def test_the_site_builds_without_warnings(tmp_path):
    """MkDocs follows relative links, to pages, headings and pictures; strictly, a dead one is a failure."""
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    built = {page.with_suffix(".md").name for page in (tmp_path / "site").glob("*.html")} - {"404.md"}
    assert built == set(PAGES)
    for page in (tmp_path / "site").glob("*.html"):
        loaded = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        assert not loaded, (page.name, loaded)


@pytest.mark.parametrize("page", PAGES)
def test_files_that_pages_name_are_there(page):
    named = re.findall(r"`((?:baselines|oodml_bench|docs|tests|perf)/[\w./-]+)`", PAGES[page])
    for name in named:
        assert (ROOT / name).exists(), name
    for target in re.findall(r"\]\((?!https?:)([^)#]*)[^)]*\)", PAGES[page]):
        assert (ROOT / "docs" / target).exists(), target
