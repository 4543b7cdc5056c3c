"""The classes of the features that take no part in a benchmark, and why."""

from __future__ import annotations

from collections.abc import Sequence

from oodml_bench.splits.split import Split


def excluded_classes(classes: Sequence[str], default: Split, start: Split, least: int) -> dict[str, str]:
    """Give the reason why each class that takes no part does not.

    Parameters
    ----------
    classes
        Of the features.
    default
        The default split.
    start
        What the least number of samples leaves of it.
    least
        That number.
    """
    outsiders = dict.fromkeys(sorted({*classes} - default.classes), "in neither default half")
    small = dict.fromkeys(sorted(default.classes - start.classes), f"fewer than {least} samples")
    return outsiders | small
