"""The report page in a real browser: without a network, in two widths and two themes, by mouse and by keyboard."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from oodml_bench.datasets import dataset_from_arrays
from oodml_bench.evaluation.results import write_results
from oodml_bench.reporting.report import write_report
from oodml_bench.splits import build
from tests.reporting.test_report import HOSTILE, rows
from tests.splits.benchmarks import write_arrays

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

if CHROMIUM is None and os.environ.get("OODML_BENCH_NEEDS_BROWSER"):
    pytest.fail("OODML_BENCH_NEEDS_BROWSER is set, but there is no chromium: install it", pytrace=False)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")

NAMES = [HOSTILE, "<b>bold</b> & co", *(f"class {number:02}" for number in range(18))]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a page with every section."""
    folder = tmp_path_factory.mktemp("page")
    features = write_arrays(folder / "small.npz", names=NAMES)
    benchmark = build(features, levels=4, shots=(2,), episodes=2, null_draws=20)
    pictures = np.random.default_rng(0).integers(0, 255, (20, 24, 24, 3)).astype(np.uint8)
    images = dataset_from_arrays("small", pictures, NAMES)
    write_results(folder / "runs" / "results.jsonl", rows(benchmark, recipes=(HOSTILE, "margin"), seeds=(0, 1, 2)))
    return write_report(benchmark, folder / "out", features=features, images=images, runs=folder / "runs")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, page_file, request):
    """Give the page as a reader sees it, and fail on anything that the console calls an error."""
    width, scheme = getattr(request, "param", (1280, "light"))
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, accept_downloads=True
    )
    page, problems = context.new_page(), []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
    page.on(
        "request", lambda sent: None if sent.url.startswith(("file:", "data:", "blob:")) else problems.append(sent.url)
    )
    page.goto(page_file.as_uri())
    page.wait_for_selector("#map-chart .plot-container")
    yield page
    assert problems == []
    context.close()


@pytest.mark.parametrize(
    "opened", [(width, scheme) for width in (1280, 400) for scheme in ("light", "dark")], indirect=True
)
def test_nothing_overflows_and_every_section_is_drawn(opened):
    assert opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for name in ("progression-chart", "map-chart", "curves-chart", "ags-chart"):
        assert opened.locator(f"#{name} .scatterlayer .trace").count() > 0, name
    for section in ("about", "progression", "map", "moves", "sides", "leaks", "results", "origin"):
        assert opened.locator(f"#{section} h2").is_visible()


@pytest.mark.parametrize("opened", [(1280, "light"), (1280, "dark")], indirect=True)
def test_text_can_be_read(opened):
    """The contrast of text to what lies behind it is at least 4.5, as WCAG asks."""
    contrast = """(selector) => {
        const luminance = (colour) => {
            const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((value) => {
                const part = value / 255;
                return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const element = document.querySelector(selector);
        let back = element;
        const clear = (element) => getComputedStyle(element).backgroundColor === "rgba(0, 0, 0, 0)";
        while (clear(back)) back = back.parentElement;
        const [a, b] = [getComputedStyle(element).color, getComputedStyle(back).backgroundColor].map(luminance);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }"""
    for selector in (
        "h1",
        ".sub",
        "nav a",
        "section > p",
        ".hint",
        "#levels td",
        "#levels th button",
        "#leak-counts th small",
        "dt",
        "dd",
    ):
        assert opened.evaluate(contrast, selector) >= 4.5, selector


def test_the_theme_can_be_switched(opened):
    back = "getComputedStyle(document.body).backgroundColor"
    light = opened.evaluate(back)
    opened.click("#theme")
    assert opened.evaluate(back) != light
    opened.click("#theme")
    assert opened.evaluate(back) == light


def test_the_slider_moves_classes_between_the_sides(opened):
    counts = "() => document.getElementById('map-chart').data.map((trace) => [trace.name, trace.x.length])"
    first = opened.evaluate(counts)
    places = "() => document.getElementById('map-chart').data.flatMap((trace) => trace.x).sort()"
    where = opened.evaluate(places)
    opened.focus("#level-slider")
    opened.keyboard.press("End")
    last = opened.evaluate(counts)
    assert last != first
    assert opened.evaluate(places) == where
    assert opened.inner_text("#level-name").startswith("4 – FID")
    assert opened.get_attribute("#level-slider", "aria-valuetext") == "level 4"


def test_a_table_is_sorted_and_downloaded(opened):
    fids = [float(text) for text in opened.locator("#levels tbody td:nth-child(2)").all_inner_texts()]
    opened.click('#levels button[data-key="fid"]')
    assert opened.get_attribute("#levels th:nth-child(2)", "aria-sort") == "ascending"
    opened.keyboard.press("Enter")
    assert opened.get_attribute("#levels th:nth-child(2)", "aria-sort") == "descending"
    down = [float(text) for text in opened.locator("#levels tbody td:nth-child(2)").all_inner_texts()]
    assert down == sorted(fids, reverse=True)
    with opened.expect_download() as download:
        opened.click("#csv")
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("level,step,fid,")


def test_classes_are_found_by_name(opened):
    opened.uncheck("#moving")
    assert opened.locator("#moved tbody tr").count() == 20
    opened.fill("#filter", "class 1")
    names = opened.locator("#moved tbody td.name").all_inner_texts()
    assert len(names) == 8
    assert all(name.startswith("class 1") for name in names)
    assert opened.inner_text("#found") == "8 of 20 classes"


def test_a_name_is_text_wherever_it_stands(opened):
    """A class that is called like a script is shown as it is called, and nothing of it is run."""
    opened.fill("#filter", "alert")
    assert opened.locator("#moved tbody td.name").all_inner_texts() == [HOSTILE]
    opened.click("#moved tbody td.name button")
    assert HOSTILE in opened.inner_text("#marked")
    assert HOSTILE in " ".join(opened.locator("#scores td.name").all_inner_texts())
    assert HOSTILE in " ".join(opened.locator("#curves-chart .legendtext").all_text_contents())
    assert opened.locator("main b").count() == 0


def test_a_marked_class_is_marked_in_every_panel(opened):
    traces = "() => document.getElementById('map-chart').data.length"
    before = opened.evaluate(traces)
    opened.uncheck("#moving")
    opened.locator("#moved tbody td.name button", has_text="class 03").click()
    assert opened.evaluate(traces) == before + 1
    assert opened.locator("#moved tr.mark").count() == 1
    assert opened.inner_text("#marked").startswith("Marked: class 03 (")
    opened.click("#marked button")
    assert opened.evaluate(traces) == before
    assert opened.locator("#marked").is_hidden()


def test_sides_and_results_follow_what_is_chosen(opened):
    captions = opened.locator("#side-grids figcaption").all_inner_texts()
    opened.select_option("#side-level", "0")
    assert opened.locator("#side-grids figcaption").all_inner_texts() != captions
    assert opened.locator("#side-grids img").count() > 0
    opened.check('input[value="controlled"]')
    assert "galleries of 6 classes" in opened.inner_text("#curves-chart")


def test_everything_can_be_reached_by_keyboard(opened):
    reached = set()
    for _ in range(200):
        opened.keyboard.press("Tab")
        name = opened.evaluate("document.activeElement.id || document.activeElement.tagName")
        reached.add(name)
    assert {"theme", "csv", "level-slider", "play", "filter", "moving", "side-level", "metric"} <= reached
