"""The figure of an agreement."""

from dataclasses import replace

import pytest

from oodml_bench import agreement, plot_agreement
from oodml_bench.errors import OutputExistsError, SplitError

from ..splits.benchmarks import small_benchmark, write_arrays


@pytest.fixture
def features(tmp_path):
    return {name: write_arrays(tmp_path / f"{name}.npz", seed=seed) for seed, name in ((3, "first"), (4, "second"))}


def test_shows_a_line_and_a_row_for_each_of_the_features(tmp_path, features):
    benchmark = small_benchmark(tmp_path)
    measured = agreement(benchmark, {**features, "built from": tmp_path / "small.npz"})
    text = plot_agreement(measured, tmp_path / "a.svg").read_text()
    for number, label in enumerate(("benchmark", "first", "second"), start=1):
        assert text.count(f"<!-- {label} -->") == 1
        assert text.count(f"<!-- {label}  {number} -->") == 1
    # The features that the benchmark was built from would lie upon its own.
    assert "built from" not in text
    for pair in measured.correlations:
        if "built from" not in (pair.first, pair.second):
            assert f"<!-- {pair.spearman:.2f} -->" in text
            assert f"<!-- {pair.kendall:.2f} -->" in text


def test_long_labels_are_broken_not_cut(tmp_path, features):
    label = "features/of/a/backbone/with/a/long/name"
    measured = agreement(small_benchmark(tmp_path), {label: features["first"]})
    text = plot_agreement(measured, tmp_path / "a.svg").read_text()
    assert label[:24] in text
    assert label[24:] in text


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_the_same_agreement_gives_the_same_picture(tmp_path, features, suffix):
    measured = agreement(small_benchmark(tmp_path), features)
    first, second = (plot_agreement(measured, tmp_path / f"{name}{suffix}") for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    with pytest.raises(OutputExistsError):
        plot_agreement(measured, first)


def test_one_level_has_nothing_to_draw(tmp_path, features):
    benchmark = small_benchmark(tmp_path)
    measured = agreement(replace(benchmark, levels={1: benchmark.levels[1]}), features)
    with pytest.raises(SplitError, match="no order that a figure could show"):
        plot_agreement(measured, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
