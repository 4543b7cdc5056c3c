"""Names from files that become names of files and folders."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

#: What ends a name in some system's paths, or splits a line of a table.
_FORBIDDEN = "/\\\0\n\r"


def _names_a_folder(name: str) -> str:
    if not name.strip(". ") or any(character in name for character in _FORBIDDEN):
        raise ValueError("it names folders, so it needs letters or digits, and no slash or line break")
    return name


#: A setting that names a folder, and cannot lead to another one.
FolderName = Annotated[str, AfterValidator(_names_a_folder)]


def as_part_of_a_file_name(name: str) -> str:
    """Give a name, of a dataset for instance, without what would lead to another folder.

    Examples
    --------
    >>> as_part_of_a_file_name("../../cub200")
    '.._.._cub200'
    """
    return "".join("_" if character in _FORBIDDEN else character for character in name)
