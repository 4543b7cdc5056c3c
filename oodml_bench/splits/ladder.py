"""Turning chosen steps into levels: numbered, with validation splits and few-shot episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oodml_bench.errors import FeatureError, SplitError
from oodml_bench.splits.benchmark import Episode, Level
from oodml_bench.splits.episodes import (
    MIN_EPISODE_CLASSES,
    SupportKind,
    draw_episode,
    draw_support_classes,
    episode_classes,
)
from oodml_bench.splits.progression import Step
from oodml_bench.splits.split import Split
from oodml_bench.splits.validation import validation_split

#: Streams of random numbers: each level, shot count and episode has its own, so that none depends on another.
_VALIDATION_STREAM, _EPISODE_STREAM = 0, 1

Samples = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class LadderSettings:
    """How levels are completed.

    Attributes
    ----------
    val_fraction
        Share of the train classes held out for validation.
    shots
        Support samples a class, or support classes, for each kind of episode.
    episodes
        Number of episodes for each.
    seed
        Decides validation splits and episodes.
    support
        What shots count.

    Raises
    ------
    SplitError
        Where a value is out of range.
    """

    val_fraction: float
    shots: tuple[int, ...]
    episodes: int
    seed: int
    support: SupportKind = "samples"

    def __post_init__(self) -> None:
        if not 0 <= self.val_fraction < 1:
            raise SplitError(f"the validation fraction must be at least 0 and below 1, got {self.val_fraction}")
        if self.episodes < 0 or any(shots < 1 for shots in self.shots) or len(set(self.shots)) < len(self.shots):
            raise SplitError(
                "shots must be different numbers of at least 1, and the number of episodes at least 0; got shots "
                f"{list(self.shots)} and {self.episodes} episodes"
            )
        if self.seed < 0:
            raise SplitError(f"the seed must be at least 0, got {self.seed}")


def ladder(steps: Sequence[Step], start: Split, samples: Samples, settings: LadderSettings) -> dict[int, Level]:
    """Number steps from 1 and complete each as a level.

    Parameters
    ----------
    steps
        By rising FID.
    start
        The default split, from which swaps and removals are counted.
    samples
        File names of the samples of each class, inside the class; empty where the features name none.
    settings
        How to complete them.

    Raises
    ------
    FeatureError
        Where a class holds two samples of one name.
    """
    for name, of_class in samples.items():
        if len(set(of_class)) < len(of_class):
            twice = sorted({sample for sample in of_class if list(of_class).count(sample) > 1})
            raise FeatureError(f"class {name!r} holds several samples of one file name: {twice[:3]}; rename them")
    return {number: _level(number, step, start, samples, settings) for number, step in enumerate(steps, start=1)}


def _level(number: int, step: Step, start: Split, samples: Samples, settings: LadderSettings) -> Level:
    split_train, split_val = validation_split(
        step.split.train, settings.val_fraction, np.random.default_rng([settings.seed, _VALIDATION_STREAM, number])
    )
    test_samples = {name: samples[name] for name in step.split.test}
    # Without sample names there are no episodes, and no class to leave out of them.
    by_samples = settings.support == "samples" and any(test_samples.values())
    sampled = {shots: episode_classes(test_samples, shots) for shots in settings.shots if by_samples}
    return Level(
        train=step.split.train,
        test=step.split.test,
        fid=step.fid,
        split_train=split_train,
        split_val=split_val,
        test_episodes={
            shots: {
                episode: draw_episode(test_samples, classes, shots, _generator(settings, number, shots, episode))
                for episode in range(settings.episodes)
            }
            for shots, (classes, _) in sampled.items()
            if len(classes) >= MIN_EPISODE_CLASSES
        }
        if settings.support == "samples"
        else _episodes_of_classes(number, step.split.test, settings),
        step=step.id,
        mean_term=step.distance.mean_term,
        covariance_term=step.distance.covariance_term,
        swaps=step.split.swaps_from(start),
        removed=tuple(sorted(start.classes - step.split.classes)),
        left_out={shots: left_out for shots, (_, left_out) in sampled.items() if left_out},
    )


def _episodes_of_classes(number: int, test: Sequence[str], settings: LadderSettings) -> dict[int, dict[int, Episode]]:
    return {
        count: {
            episode: draw_support_classes(test, count, _generator(settings, number, count, episode))
            for episode in range(settings.episodes)
        }
        for count in settings.shots
        if len(test) - count >= MIN_EPISODE_CLASSES
    }


def _generator(settings: LadderSettings, number: int, shots: int, episode: int) -> np.random.Generator:
    return np.random.default_rng([settings.seed, _EPISODE_STREAM, number, shots, episode])
