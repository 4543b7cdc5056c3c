"""Keeping what files name inside of a dataset's folder."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePath

_ADVICE = "Replace it by what it leads to; or, for one folder a class and links that you trust, write linked:PATH."


@dataclass(frozen=True)
class Enclosure:
    """A folder that the names of samples, which come from files, must not lead out of.

    The folder itself may be reached by links. Nothing in it is meant to change meanwhile: what is checked is names and
    links as they are, not what another process puts in their place afterwards.

    Attributes
    ----------
    root
        The folder.
    linked
        Whether links in it may lead outside.
    """

    root: Path
    linked: bool = False
    _checked: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def path_of(self, name: str) -> Path:
        """Give the file that a name stands for.

        Parameters
        ----------
        name
            A path relative to the root.

        Raises
        ------
        OSError
            Where the name leads out of the root, or names no regular file.
        """
        if leads_out(name):
            raise OSError(
                f"{name!r} is no path inside of {self.root}: it is absolute, or has '..' or a NUL character. "
                "Correct the file that names it."
            )
        path = self.root / name
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            self.check(path)
            found = path.stat()
        elif str(path.parent) not in self._checked:
            # Following links takes as long as decoding a small picture, and a folder holds many.
            self.check(path.parent)
            self._checked.add(str(path.parent))
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is no regular file")
        return path

    def check(self, path: Path) -> None:
        """Raise `OSError` where a file or folder lies outside of the root once every link is followed."""
        if not self.linked and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root)):
            raise OSError(f"{path} leads out of {self.root} by a link. {_ADVICE}")


def leads_out(name: str, flavour: type[PurePath] = PurePath) -> bool:
    """Tell whether a relative path, as text, is none: absolute, with a drive, with `..` or with a NUL character.

    Examples
    --------
    >>> leads_out("cat/1.jpg"), leads_out("cat/../../1.jpg"), leads_out("/etc/passwd")
    (False, True, True)
    """
    path = flavour(name)
    return "\0" in name or bool(path.anchor) or ".." in path.parts
