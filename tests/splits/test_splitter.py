"""Graded splits by scikit-learn's protocol."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from oodml_bench import OODSplitter
from oodml_bench.errors import FeatureError, SplitError
from oodml_bench.splits import build
from tests.splits.benchmarks import write_arrays


def arrays(classes=12, samples=5, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), samples)
    return rng.normal(size=(classes, 6))[labels] + 0.2 * rng.normal(size=(len(labels), 6)), labels


def test_classes_stay_whole_and_levels_get_harder():
    features, labels = arrays()
    splitter = OODSplitter(levels=4)
    splits = list(splitter.split(features, labels))
    assert len(splits) == splitter.get_n_splits(features, labels) == 4
    fids = [level.fid for level in splitter.benchmark(features, labels).levels.values()]
    assert fids == sorted(fids)
    for train, test in splits:
        assert train.dtype == test.dtype == np.int64
        assert not set(labels[train]) & set(labels[test])
        for side in (train, test):
            assert (np.diff(side) > 0).all()
            assert len(side) == 5 * len(set(labels[side]))


def test_equal_to_a_benchmark_of_the_same_features(tmp_path):
    path = write_arrays(tmp_path / "a.npz")
    with np.load(path) as file:
        features, classes = file["features"], file["classes"]
    built = build(path, levels=3, episodes=0)
    for (train, test), level in zip(OODSplitter(levels=3).split(features, classes), built.levels.values(), strict=True):
        assert set(classes[train]) == set(level.train)
        assert set(classes[test]) == set(level.test)


def test_the_order_of_samples_does_not_matter():
    features, labels = arrays()
    order = np.random.default_rng(1).permutation(len(labels))
    plain, mixed = (list(OODSplitter(levels=3).split(features[rows], labels[rows])) for rows in (np.arange(60), order))
    for one, other in zip(plain, mixed, strict=True):
        for side, again in zip(one, other, strict=True):
            assert set(side) == set(order[again])


def test_groups_move_between_the_sides_and_targets_are_others():
    features, groups = arrays(classes=14, samples=8)
    targets = np.tile([0, 1], len(groups) // 2)
    features[:, 0] += 4 * targets
    splitter = OODSplitter(levels=3)
    scores = cross_val_score(LogisticRegression(), features, targets, groups=groups, cv=splitter)
    assert scores.shape == (3,)
    assert scores.min() > 0.6
    by_hand = []
    for train, test in splitter.split(features, targets, groups):
        assert not set(groups[train]) & set(groups[test])
        by_hand.append(LogisticRegression().fit(features[train], targets[train]).score(features[test], targets[test]))
    assert scores.tolist() == by_hand


def test_it_serves_a_grid_search():
    features, groups = arrays(classes=10, samples=6)
    targets = np.tile([0, 1], 30)
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3]}, cv=OODSplitter(levels=2))
    assert search.fit(features, targets, groups=groups).n_splits_ == 2


@pytest.mark.parametrize("kind", ["int64", "float32", "<U4"])
def test_classes_of_any_kind(kind):
    features, labels = arrays(classes=8)
    names = labels.astype(kind)
    expected = list(OODSplitter(levels=2).split(features, labels))
    for one, other in zip(OODSplitter(levels=2).split(features.tolist(), names), expected, strict=True):
        assert all(map(np.array_equal, one, other))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": None}, SplitError, "give them as `y`, or as `groups`"),
        ({"y": np.zeros((60, 2))}, FeatureError, r"shape \(60, 2\)"),
        ({"y": np.arange(59)}, FeatureError, r"shape \(59,\) instead of \(60,\)"),
        ({"y": np.repeat([0, 1, 2], 20)}, SplitError, "at least 4 classes, got 3"),
        ({"X": np.full((60, 2), np.nan)}, FeatureError, "not finite"),
        ({"X": np.zeros(60)}, FeatureError, r"shape \(60,\)"),
    ],
)
def test_what_cannot_be_split(change, error, message):
    features, labels = arrays()
    with pytest.raises(error, match=message):
        list(OODSplitter(levels=2).split(**{"X": features, "y": labels} | change))


def test_too_many_levels():
    features, labels = arrays(classes=4)
    with pytest.raises(SplitError, match="ask for 1 to"):
        list(OODSplitter(levels=500).split(features, labels))
