"""The figure of a progression."""

from dataclasses import replace

import pytest

from oodml_bench.reporting.fid_progression import draw_progression

from ..splits.benchmarks import small_benchmark
from .drawn import drawn


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    return small_benchmark(tmp_path_factory.mktemp("benchmark"))


def test_bars_are_as_high_as_the_levels_made_by_removal_and_the_hardest_split_by_swaps(benchmark):
    _, right = drawn(draw_progression, benchmark).axes
    by_removal = [level for level in benchmark.levels.values() if level.removed]
    assert len(by_removal) == 2
    (hardest,) = [walk.steps[-1].fid for walk in benchmark.walks if walk.kind == "harder"]
    expected = {0: hardest} | {len(level.removed) // 2: level.fid for level in by_removal}
    bars = {bar.get_x() + bar.get_width() / 2: bar.get_height() for bar in right.patches}
    assert bars == pytest.approx(expected)


def test_both_panels_have_one_scale_from_0(benchmark):
    left, right = drawn(draw_progression, benchmark).axes
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylim()[0] == 0
    assert left.get_ylim()[1] > max(level.fid for level in benchmark.levels.values())


def test_lines_go_through_every_step(benchmark):
    axes = drawn(draw_progression, benchmark).axes
    lines = {line.get_label(): line for panel in axes for line in panel.lines}
    for walk in benchmark.walks:
        assert lines[walk.kind].get_ydata() == pytest.approx([step.fid for step in walk.steps])
        places = [int(step.id.removeprefix("R")) for step in walk.steps]
        assert lines[walk.kind].get_xdata().tolist() == places


def test_without_removal_there_is_one_panel(benchmark):
    walks = tuple(walk for walk in benchmark.walks if walk.kind != "removal")
    levels = {number: level for number, level in benchmark.levels.items() if not level.removed}
    (axes,) = drawn(draw_progression, replace(benchmark, walks=walks, levels=levels)).axes
    assert not axes.patches[1:]
    assert "removed" not in axes.get_xlabel()
