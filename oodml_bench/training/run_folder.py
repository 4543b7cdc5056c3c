"""The folder of a training run: what it is, how it went, its last state, and its results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from oodml_bench.errors import OutputExistsError, RunError
from oodml_bench.locks import is_bookkeeping
from oodml_bench.output import write_bytes
from oodml_bench.reading.cutting import quoted
from oodml_bench.reading.json_files import read_description
from oodml_bench.training.checkpoint import check_identity
from oodml_bench.training.trainer import EpochRecord

#: The layout that this version writes and reads.
SCHEMA_VERSION = 1

#: What has to be equal for the same command to continue a run; the rest of a description may differ.
_IDENTIFYING = ("recipe", "benchmark", "dataset", "backbone", "level", "seed")

#: Of the recipe, what comes after the training.
_AFTERWARDS = "recipe.few_shot"

#: Of these, what only says where things lie and what they are called.
_NAMES = ("benchmark.file", "benchmark.name", "dataset.spec", "dataset.name")


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run.

    Attributes
    ----------
    path
        The folder.
    """

    path: Path

    @property
    def description_file(self) -> Path:
        """`run.json`: what is trained on what, written first."""
        return self.path / "run.json"

    @property
    def metrics_file(self) -> Path:
        """`metrics.jsonl`: a line an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoint_file(self) -> Path:
        """`checkpoint.pt`: the state after the last finished epoch."""
        return self.path / "checkpoint.pt"

    @property
    def results_file(self) -> Path:
        """`results.jsonl`: the scores, written last."""
        return self.path / "results.jsonl"

    def few_shot_folder(self, shots: int, name: str) -> Path:
        """Give the folder of what an adaptation of this name, at so many shots, makes of the run."""
        return self.path / "few_shot" / f"{shots}-shot" / name

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end."""
        return self.results_file.is_file()

    def begin(self, description: Mapping[str, Any]) -> None:
        """Take the folder for a run, or go on with the same run.

        Raises
        ------
        RunError
            Where the folder is of another run: names the settings that differ.
        OutputExistsError
            Where it holds other files, or is a file.
        OutputError
            Where it cannot be written.
        """
        if self.description_file.exists():
            check_identity(f"the run folder {self.path}", identity_of(self.description()), identity_of(description))
            return
        if self.path.exists() and (not self.path.is_dir() or any(_contents(self.path))):
            raise OutputExistsError(f"{self.path} exists already and is no run folder. Choose another folder.")
        text = json.dumps({"schema_version": SCHEMA_VERSION, **description}, ensure_ascii=False, indent=1)
        write_bytes(self.description_file, (text + "\n").encode())

    def description(self) -> dict[str, Any]:
        """Read `run.json`.

        Raises
        ------
        RunError
            Where it is missing, damaged or of another schema version.
        """
        path = self.description_file
        if not path.is_file():
            raise RunError(f"{self.path} is not a run folder: it holds no {path.name}")
        try:
            content = read_description(path)
            version = content.pop("schema_version")
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise RunError(f"{path} is not the description of a run: {quoted(error)}") from error
        if version != SCHEMA_VERSION:
            raise RunError(
                f"{path} has schema version {quoted(version)}; this version of oodml-bench reads {SCHEMA_VERSION}. "
                "Install the version that wrote it, or repeat the run in another folder."
            )
        missing = [name for name in _IDENTIFYING if name not in content]
        if missing:
            raise RunError(f"{path} is not the description of a run: {', '.join(missing)} missing")
        return dict(content)

    def write_metrics(self, history: Sequence[EpochRecord]) -> None:
        """Write a line for each epoch, replacing the file: so it never tells of epochs that were lost."""
        lines = (json.dumps(asdict(record)) + "\n" for record in history)
        write_bytes(self.metrics_file, "".join(lines).encode())


def identity_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """Give what decides a run's weights, setting by setting: `recipe.objective.margin`."""
    settings = flat({name: description[name] for name in _IDENTIFYING})
    return {name: value for name, value in settings.items() if name not in _NAMES and not name.startswith(_AFTERWARDS)}


def id_of(identity: Mapping[str, Any]) -> str:
    """Give a short name that follows from an identity: the same run, the same id."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Give the leaves of nested tables by the names that lead to them: `objective.margin`."""
    if not isinstance(value, Mapping):
        return {name: value}
    return {
        full: leaf
        for key, inner in value.items()
        for full, leaf in flat(inner, f"{name}.{key}" if name else key).items()
    }


def _contents(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not is_bookkeeping(path.name)]
