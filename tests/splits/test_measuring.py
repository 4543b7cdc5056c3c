"""The calibrated distance of any split."""

import numpy as np
import pytest

from oodml_bench import measure_split
from oodml_bench.errors import SplitError
from oodml_bench.features import open_features
from oodml_bench.hardness import frechet_distance
from oodml_bench.splits.class_names import read_class_names
from oodml_bench.splits.start import start_of

from .benchmarks import write_arrays

NAMES = [f"class {number:02}" for number in range(12)]


@pytest.fixture
def features(tmp_path):
    return write_arrays(tmp_path / "x.npz", names=NAMES)


def test_measures_the_classes_that_are_given(features):
    measured = measure_split(features, NAMES[:4], NAMES[4:9], null_draws=20)
    means = start_of(open_features(features)).means.means
    assert measured.distance.fid == pytest.approx(frechet_distance(means[:4], means[4:9]).fid)
    assert (measured.is_default, measured.others) == (False, 3)
    low, high = measured.interval
    assert low <= measured.distance.fid <= high
    assert measured.calibration.null.draws == 20
    assert measured.size_free.mean_distance < measured.distance.mean_term


def test_the_default_split_without_sides(features):
    measured = measure_split(features, null_draws=0)
    assert measured.is_default
    assert measured.split.train == tuple(NAMES[:6])
    assert measured.calibration is None


def test_seeds_decide_the_random_splits(features):
    nulls = [measure_split(features, seed=seed, null_draws=10).calibration for seed in (1, 1, 2)]
    assert nulls[0] == nulls[1] != nulls[2]


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (NAMES[:4], None, "the train classes were given without the test classes"),
        (None, NAMES[:4], "the test classes were given without the train classes"),
        (NAMES[:4], ["ghost", *NAMES[5:7]], "no features for class 'ghost'"),
        (NAMES[:4], NAMES[3:6], "named more often: \\['class 03'\\]"),
        (NAMES[:1], NAMES[3:6], "at least 2 classes on each side, got 1 train and 3 test"),
    ],
)
def test_bad_sides(features, train, test, message):
    with pytest.raises(SplitError, match=message):
        measure_split(features, train, test)


def test_class_names_are_read_as_they_are(tmp_path):
    file = tmp_path / "names.txt"
    file.write_bytes("\ufeff# not a comment\r\n\n  Ünïcödé 鳥 \na,b\n".encode())
    assert read_class_names(file) == ("# not a comment", "Ünïcödé 鳥", "a,b")


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot read"), (b"\n \n", "names no class"), (b"\xff\xfe", "UTF-8")]
)
def test_bad_files(tmp_path, content, message):
    file = tmp_path / "names.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SplitError, match=message):
        read_class_names(file)


def test_constant_features_have_no_interval_to_speak_of(tmp_path):
    file = tmp_path / "flat.npz"
    np.savez(file, features=np.ones((8, 3)), classes=np.array(NAMES[:8]))
    measured = measure_split(file, null_draws=10)
    assert measured.distance.fid == 0
    assert measured.interval == (0, 0)
    assert measured.calibration.z is None
    assert measured.calibration.inside_band
