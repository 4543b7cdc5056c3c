"""Zip archives that are to hold about as much as they are long."""

from __future__ import annotations

import zipfile
from pathlib import Path

from oodml_bench.reading.expansion import check_expansion


def check_archive(path: Path) -> None:
    """Refuse a zip archive that would become much larger than it is; a file that is no archive passes.

    Raises
    ------
    UnreadableError
        Where it would.
    zipfile.BadZipFile, OSError
        Where it is damaged, or the system cannot read it.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            check_expansion(sum(member.file_size for member in archive.infolist()), path.stat().st_size)
