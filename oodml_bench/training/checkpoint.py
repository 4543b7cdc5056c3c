"""Checkpoints: everything that a run needs to go on, in one file that is safe to load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from oodml_bench.errors import RunError
from oodml_bench.locations import local_copy
from oodml_bench.output import replaced_atomically
from oodml_bench.reading.archives import check_archive
from oodml_bench.reading.cutting import cut

#: How many differences between two runs a message lists.
_MOST_NAMED = 20

#: Describes a run, in built-in types: two checkpoints of one identity are states of the same run.
Identity = Mapping[str, Any]


@dataclass(frozen=True)
class CheckpointFile:
    """Where a run keeps its last state.

    Attributes
    ----------
    path
        The file.
    identity
        Of the run: recipe, benchmark, level, seed and whatever else decides its weights.
    """

    path: Path
    identity: Identity

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the state. Whenever the process is killed, the file holds the old one or the new one, whole.

        Raises
        ------
        OutputError
            Where the folder cannot be written or is full.
        """
        with replaced_atomically(self.path) as temporary, temporary.open("wb") as file:
            try:
                torch.save({"identity": dict(self.identity), **state}, file)
            except RuntimeError as error:
                # What torch says of a full disk tells of positions in its file.
                raise error.__context__ if isinstance(error.__context__, OSError) else error from None

    def read(self) -> dict[str, Any] | None:
        """Give the state, on the CPU; None where there is none yet. Nothing in the file is run.

        Raises
        ------
        RunError
            Where the file is damaged, or is of another run.
        """
        if not self.path.exists():
            return None
        with local_copy(self.path) as file:
            return self._read(file)

    def _read(self, file: Path) -> dict[str, Any]:
        try:
            check_archive(file)
            state = torch.load(file, map_location="cpu", weights_only=True)
            identity = dict(state.pop("identity"))
        except Exception as error:  # torch raises errors of many kinds for a damaged or unsafe file
            # Its first sentence: the others say what torch's own functions could do.
            first = str(error).partition(". ")[0].partition("\n")[0]
            reason = f"{type(error).__name__}{': ' if first else ''}{cut(first)}"
            raise RunError(
                f"the checkpoint {self.path} cannot be read: {reason}. Delete it to begin this run anew."
            ) from error
        check_identity(str(self.path), identity, self.identity)
        return dict(state)


def check_identity(place: str, found: Identity, expected: Identity) -> None:
    """Refuse what belongs to another run.

    Raises
    ------
    RunError
        Where the identities differ; names what does.
    """
    different = [name for name in {**expected, **found} if found.get(name) != expected.get(name)]
    if different:
        listed = "; ".join(
            f"{cut(name, 80)}: {cut(found.get(name), 80)} there, {cut(expected.get(name), 80)} here"
            for name in different[:_MOST_NAMED]
        )
        more = "; …" if len(different) > _MOST_NAMED else ""
        raise RunError(
            f"{place} belongs to another run ({listed}{more}). Choose another folder, or repeat the run that it is of."
        )
