"""A benchmark: the finished ladder of levels, and where it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from oodml_bench.errors import SplitError
from oodml_bench.hardness.null import Calibration
from oodml_bench.hardness.size_free import SizeFree
from oodml_bench.locations import location

if TYPE_CHECKING:
    from PIL.Image import Image

    from oodml_bench.datasets import Dataset
    from oodml_bench.splits.torch_datasets import EpisodeDatasets, LevelDatasets

#: Support samples of each class; in the published Online Products files, the classes whose every sample is support.
Episode = dict[str, tuple[str, ...]] | tuple[str, ...]

Setting = str | int | float | None | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]


@dataclass(frozen=True)
class Level:
    """One rung of the ladder. What a published pickle does not tell is None or empty.

    Attributes
    ----------
    train, test
        Class names.
    fid
        Squared Fréchet distance between the class means of both sides, in squared feature units.
    split_train, split_val
        The train classes divided for model selection.
    test_episodes
        Shots → episode (from 0) → class → its support samples, by file name inside the class.
    step
        The step of the search that this level is: `-6`, `0`, `16`, `R18`.
    mean_term, covariance_term
        The two parts of the FID.
    swaps
        Train classes of the default split that are test classes here.
    removed
        Classes of the default split that are on neither side.
    left_out
        Shots → test class → its number of samples, for the classes with too few samples for that many shots.
    calibration
        The FID against those of random splits of the same classes at the same sizes.
    interval
        Ends of a 95 % interval of the FID, by jackknife over classes; None where it is too dear.
    size_free
        Distances that do not depend on the numbers of classes; None where they are too dear.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    fid: float
    split_train: tuple[str, ...] = ()
    split_val: tuple[str, ...] = ()
    test_episodes: dict[int, dict[int, Episode]] = field(default_factory=dict, repr=False)
    step: str | None = None
    mean_term: float | None = None
    covariance_term: float | None = None
    swaps: int | None = None
    removed: tuple[str, ...] = ()
    left_out: dict[int, dict[str, int]] = field(default_factory=dict, repr=False)
    calibration: Calibration | None = None
    interval: tuple[float, float] | None = None
    size_free: SizeFree | None = None


@dataclass(frozen=True)
class WalkedStep:
    """A step of a progression by what changed since the step before it."""

    id: str
    fid: float
    mean_term: float
    covariance_term: float
    to_test: tuple[str, ...] = ()
    to_train: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Walk:
    """A progression as a benchmark keeps it. The first step of `removal` is the hardest of `harder`."""

    kind: Literal["harder", "easier", "removal"]
    steps: tuple[WalkedStep, ...]


@dataclass(frozen=True)
class Provenance:
    """Everything needed to trust a benchmark and to make it again.

    Attributes
    ----------
    tool_version
        Version of this package.
    dataset_fingerprint
        SHA-256 of the dataset's content; None where features came without a dataset.
    features
        The feature specification (backbone, weights, transform, dimension, …) and the SHA-256 of the features.
    settings
        The settings of the search, the levels, the validation splits and the episodes, with the seed.
    """

    tool_version: str
    dataset_fingerprint: str | None
    features: dict[str, str | int | None]
    settings: dict[str, Setting]


@dataclass(frozen=True)
class Benchmark:
    """A graded benchmark.

    Attributes
    ----------
    name
        The dataset's name.
    levels
        Level number, from 1 by rising FID → level.
    provenance
        None for a pickle that lies without its JSON file.
    walks
        The progressions that the levels were chosen from.
    notes
        What a user should know about this benchmark, a sentence each.
    samples
        The samples of every class, by file name inside the class: what is scored where somebody brings embeddings.
        Empty where the features named none, and for a pickle that lies without its JSON file.
    excluded
        The classes of the features that take no part at any level, with the reason.
    """

    name: str
    levels: dict[int, Level]
    provenance: Provenance | None = None
    walks: tuple[Walk, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    samples: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    excluded: dict[str, str] = field(default_factory=dict, repr=False)

    def datasets(
        self, level: int, data: Dataset | Path | str, transform: Callable[[Image], Any] | None = None
    ) -> LevelDatasets:
        """Give a level as torch datasets; see `oodml_bench.splits.torch_datasets.level_datasets`."""
        from oodml_bench.splits.torch_datasets import level_datasets

        return level_datasets(self, level, data, transform)

    def episode(
        self,
        level: int,
        shots: int,
        episode: int,
        data: Dataset | Path | str,
        transform: Callable[[Image], Any] | None = None,
    ) -> EpisodeDatasets:
        """Give an episode as torch datasets; see `oodml_bench.splits.torch_datasets.episode_datasets`."""
        from oodml_bench.splits.torch_datasets import episode_datasets

        return episode_datasets(self, level, shots, episode, data, transform)

    def save(self, path: Path | str, *, overwrite: bool = False) -> tuple[Path, Path]:
        """Write the `.pkl` and the `.json` file; see `oodml_bench.splits.files.save_benchmark`."""
        from oodml_bench.splits.files import save_benchmark

        return save_benchmark(self, location(path), overwrite=overwrite)


def level_of(benchmark: Benchmark, number: int) -> Level:
    """Give a level of a benchmark by its number.

    Raises
    ------
    SplitError
        Where the benchmark has no such level.
    """
    if number not in benchmark.levels:
        known = ", ".join(map(str, sorted(benchmark.levels)))
        raise SplitError(f"there is no level {number} in the benchmark {benchmark.name}; it has {known}")
    return benchmark.levels[number]
