"""The name of a sample inside its class."""

from __future__ import annotations


def name_in_class(class_name: str, sample: str) -> str:
    """Give the file name of a sample inside its class: the name that a benchmark file lists.

    Parameters
    ----------
    class_name
        The class; holds slashes where classes are nested.
    sample
        Path of the sample relative to the dataset's root, `/`-separated.

    Returns
    -------
    str
        What follows the class's own folder in the path; the last part of the path where no folder bears the class's
        name.

    Examples
    --------
    >>> name_in_class("001.Albatross", "images/001.Albatross/a.jpg")
    'a.jpg'
    >>> name_in_class("111085122871", "images/bicycle_final/111085122871_0.JPG")
    '111085122871_0.JPG'
    """
    # The leading slash makes a folder match by its whole name: class "cat" is not in "bobcat/1.jpg".
    _, folder, rest = f"/{sample}".partition(f"/{class_name}/")
    return rest if folder else sample.rpartition("/")[2]
