"""The one family of errors that this package raises on purpose.

A message says what failed, the value given, what is allowed and what to do. The command line prints it without a
traceback and exits with the class's `exit_code`: 2 for bad input, 1 for a failure.
"""

from __future__ import annotations


class OodmlError(Exception):
    """Something failed; the base of every error of this package."""

    exit_code = 1


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


class OutputExistsError(InputError):
    """The output exists and overwriting it was not asked for."""


class OutputError(OodmlError):
    """The output cannot be written: read-only, full, or not a folder."""


class WeightsUnavailableError(OodmlError):
    """Pretrained weights could be neither found nor downloaded."""


class DownloadError(OodmlError):
    """A dataset could be neither found nor downloaded."""


class MissingExtraError(OodmlError):
    """An optional dependency is not installed."""
