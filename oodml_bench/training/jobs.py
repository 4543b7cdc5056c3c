"""A sweep as command lines, for schedulers that start commands."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oodml_bench.errors import RecipeError
from oodml_bench.evaluation.results import RESULTS_NAME, read_results
from oodml_bench.printing import printable
from oodml_bench.training.episodes import episodes_of
from oodml_bench.training.few_shot import AS_TRAINED, FewShot
from oodml_bench.training.material import Material
from oodml_bench.training.planning import Planned, opened_from
from oodml_bench.training.recipe_files import recipes_named
from oodml_bench.training.run_folder import RunFolder, flat

#: What stands before each line of the example that is kept in comments.
EXAMPLE_PREFIX = "#| "


@dataclass(frozen=True, eq=False)
class Jobs:
    """What the command lines of a sweep have in common.

    Attributes
    ----------
    material
        The benchmark and the samples, opened from files.
    sources
        Recipe → the name or file that gives it; see `recipe_sources`.
    out
        Folder that gets a folder for each run.
    options
        Further options of the commands `train` and `adapt`, such as `("--device", "cpu")`.
    train_options
        Of `train` alone.
    """

    material: Material
    sources: Mapping[str, str]
    out: Path
    options: Sequence[str] = ()
    train_options: Sequence[str] = ()

    def lines(self, planned: Sequence[Planned]) -> list[str]:
        """Give a line for bash a run, in the order of the runs; without the runs that are finished.

        Paths in them are absolute. Control characters in names are escaped, so that a run is always one line.

        Raises
        ------
        RunError
            Where the material was not opened from files.
        RecipeError
            Where the file of an adaptation cannot be named on a command line.
        """
        return [self._line(run) for run in planned if not self._finished(run)]

    def _line(self, run: Planned) -> str:
        folder = str(self._folder(run))
        train = [
            *("oodml-bench", "train", *opened_from(self.material)),
            *("--level", str(run.level), "--recipe", self.sources[run.recipe.name], "--seed", str(run.seed)),
            *("--out", folder, *self.options, *self.train_options),
        ]
        if run.few_shot is None or run.recipe.few_shot is None:
            return _quoted(train)
        shots = ",".join(map(str, run.few_shot.shots))
        episodes = () if run.few_shot.episodes is None else ("--episodes", str(run.few_shot.episodes))
        by = ",".join(_adaptation_source(name) for name in run.recipe.few_shot.adaptations)
        adapt = ["oodml-bench", "adapt", folder, "--shots", shots, *episodes, "--by", by, *self.options]
        return f"{_quoted(train)} && {_quoted(adapt)}"

    def _folder(self, run: Planned) -> Path:
        return (self.out / run.name).absolute()

    def _finished(self, run: Planned) -> bool:
        """Say whether a run and its adaptation are finished; one of other settings is not, and will be refused."""
        folder = RunFolder(self._folder(run))
        if not folder.finished or not self._is_of(run, folder):
            return False
        return run.few_shot is None or self._adapted(run, folder, run.few_shot)

    def _is_of(self, run: Planned, folder: RunFolder) -> bool:
        recipe = {name: value for name, value in run.recipe.as_dict().items() if name != "few_shot"}
        expected = {
            "recipe": recipe,
            "benchmark": {"digest": self.material.benchmark_digest},
            "dataset": {"fingerprint": self.material.samples.fingerprint},
            "level": run.level,
            "seed": run.seed,
        }
        return flat(expected).items() <= flat(folder.description()).items()

    def _adapted(self, run: Planned, folder: RunFolder, few_shot: FewShot) -> bool:
        for shots in few_shot.shots:
            expected = set(episodes_of(self.material.benchmark, run.level, shots, few_shot.episodes))
            for name in (AS_TRAINED, *(adaptation.name for adaptation in few_shot.adaptations)):
                file = folder.few_shot_folder(shots, name) / RESULTS_NAME
                if not file.is_file() or not expected <= {row.episode for row in read_results(file)}:
                    return False
        return True


def job_file(lines: Sequence[str], planned: int) -> list[str]:
    """Give the lines of a file of command lines: bash runs them one after another, Slurm each by its number.

    An example of a Slurm array script stands in it as comments; `sed -n 's/^#| //p'` takes it out.

    Parameters
    ----------
    lines
        See `Jobs.lines`.
    planned
        How many runs the sweep has, those included that are finished.
    """
    if not lines:
        return [f"# all {planned} runs are finished: nothing is left to do"]
    example = (
        "#!/bin/bash",
        f"#SBATCH --array=1-{len(lines)}",
        "#SBATCH --gpus=1",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --requeue",
        "grep -v '^#' jobs.sh | sed -n \"${SLURM_ARRAY_TASK_ID}p\" | bash",
    )
    head = (
        f"# {len(lines)} of the sweep's {planned} runs, one a line; the others are finished, and left out.",
        "# Keep this as jobs.sh. `bash jobs.sh` runs them one after another. An example of a Slurm array script",
        "# follows. Take it out and start it in this folder:",
        "#   sed -n 's/^#| //p' jobs.sh >array.sh && sbatch array.sh",
    )
    return [*head, *(EXAMPLE_PREFIX + line for line in example), *lines]


def recipe_sources(names: Sequence[str]) -> list[str]:
    """Give what `train --recipe` takes, one a recipe, in the order of `load_recipes` of the same names.

    Paths of files are absolute.
    """
    return [_absolute_file(name) for name in recipes_named(names)]


def _adaptation_source(name: str) -> str:
    source = _absolute_file(name)
    if "," in source:
        raise RecipeError(
            f"the adaptation {source!r} has a comma in its name, but a command line takes adaptations separated by "
            "commas: rename the file"
        )
    return source


def _absolute_file(name: str) -> str:
    return str(Path(name).absolute()) if Path(name).is_file() else name


def _quoted(words: Sequence[str]) -> str:
    return " ".join(map(_word, words))


def _word(text: str) -> str:
    """Quote a word for bash, so that it stays on its line and steers no terminal."""
    if printable(text) == text:
        return shlex.quote(text)
    return "$'" + "".join(_byte(value) for value in os.fsencode(text)) + "'"


def _byte(value: int) -> str:
    plain = 0x20 <= value < 0x7F and chr(value) not in "\\'"
    return chr(value) if plain else f"\\x{value:02x}"
