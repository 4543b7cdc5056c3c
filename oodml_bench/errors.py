"""The one family of errors that this package raises on purpose.

A message says what failed, the value given, what is allowed and what to do. The command line prints it without a
traceback and exits with the class's `exit_code`: 2 for bad input, 1 for a failure.
"""

from __future__ import annotations


class OodmlError(Exception):
    """Something failed; the base of every error of this package.

    Its arguments are the lines of the message, mostly one: a line break inside of one came from data.
    """

    exit_code = 1

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class InputError(OodmlError):
    """What the user gave cannot be used."""

    exit_code = 2


class DatasetError(InputError):
    """A dataset cannot be read as labelled images."""


class BackboneError(InputError):
    """A backbone, its weights file or its device cannot be used."""


class FeatureError(InputError):
    """Features are missing, malformed or not finite."""


class SplitError(InputError):
    """A split, progression or level that was asked for cannot be made."""


class BenchmarkFileError(InputError):
    """A benchmark file is malformed, unsafe or of another version."""


class EmbeddingError(InputError):
    """Embeddings are missing, malformed, incomplete or not finite."""


class RecipeError(InputError):
    """A recipe, an objective or a miner is unknown, malformed or asks for what cannot be done."""


class RunError(InputError):
    """A run folder, a checkpoint or a results table is malformed, unfinished, or of another run."""


class OutputExistsError(InputError):
    """The output exists and overwriting it was not asked for."""


class OutputError(OodmlError):
    """The output cannot be written: read-only, full, or not a folder."""


class LockedError(OodmlError):
    """Another process is writing there; the same command works when that one has ended."""


class StorageError(OodmlError):
    """Storage at a URL cannot be reached, or refuses; what is finished is kept."""


class LoaderError(OodmlError):
    """A process that loads pictures died; the same command continues."""


class ClusterError(OodmlError):
    """A cluster cannot be reached, has too little, or was lost; what is finished is kept."""


class TrainingError(OodmlError):
    """A training run could not go on: the loss is not finite, or memory is full."""


class WeightsUnavailableError(OodmlError):
    """Pretrained weights could be neither found nor downloaded."""


class DownloadError(OodmlError):
    """A dataset could be neither found nor downloaded."""


class MissingExtraError(OodmlError):
    """An optional dependency is not installed."""
