"""Finding recipes and adaptations, and reading them from TOML files."""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import oodml_bench
from oodml_bench.errors import RecipeError
from oodml_bench.reading.bounded import UnreadableError
from oodml_bench.reading.cutting import cut, quoted
from oodml_bench.reading.toml_files import read_toml
from oodml_bench.training.adaptation import Adaptation, parse_adaptation
from oodml_bench.training.recipe import Recipe, parse_recipe
from oodml_bench.training.settings import unknown_name

#: The table of a recipe that holds what differs between datasets.
BY_DATASET = "datasets"

#: The setting that names the recipe whose tables a recipe's own are laid over.
BASE = "base"

#: Most recipes that are laid over each other by their bases.
MOST_BASES = 16

#: Most tables for datasets in a recipe; each of them is checked whenever it is read.
MOST_DATASETS = 64

#: The folder of the bundled adaptations.
_ADAPTATIONS = "adaptations"

#: Tables that say which of several parts is used; they are replaced as a whole where they name another part.
_CHOOSING = ("objective", "miner")


def load_recipe(name_or_path: str | Path, *, dataset: str | None = None) -> Recipe:
    """Read a recipe.

    A recipe file may name another as its `base`, by name or by its place beside it: its tables are laid over those.
    The table `datasets` of a recipe file holds, by shell patterns of dataset names, tables that are laid over the
    others, in the order of the file: ``[datasets."cars196*".miner]``, or ``[datasets."sop*|online_products*"]``. Of the
    recipe that is given none is left.

    Parameters
    ----------
    name_or_path
        A file, or the name of a bundled recipe: `margin`.
    dataset
        Name of the benchmark; None: nothing is laid over.

    Raises
    ------
    RecipeError
        Where there is no such recipe (the message lists the names and gives the nearest), it is not valid TOML, a key
        is unknown, or a value is not allowed; also in the tables of other datasets.
    """
    path = _found(name_or_path, bundled_recipes(), "recipe")
    content = {"name": path.stem, **_with_base(path, ())}
    by_dataset = content.pop(BY_DATASET, {})
    if not (isinstance(by_dataset, dict) and all(isinstance(over, dict) for over in by_dataset.values())):
        raise RecipeError(f'{path}: {BY_DATASET} must hold tables by patterns of names: [datasets."cars196*".miner]')
    if len(by_dataset) > MOST_DATASETS:
        raise RecipeError(f"{path}: {BY_DATASET} holds {len(by_dataset)} tables; at most {MOST_DATASETS} are allowed")
    resolved = content
    for pattern, over in by_dataset.items():
        # Also what is not used now is checked now.
        parse_recipe(laid_over(content, over), f'[{BY_DATASET}."{cut(pattern, 60)}"] of {path}')
        if dataset is not None and any(fnmatchcase(dataset, part) for part in pattern.split("|")):
            resolved = laid_over(resolved, over)
    recipe = parse_recipe(resolved, str(path))
    for adaptation in () if recipe.few_shot is None else dict.fromkeys(recipe.few_shot.adaptations):
        load_adaptation(adaptation)
    return recipe


def load_recipes(names: Sequence[str], *, dataset: str | None = None) -> list[Recipe]:
    """Read several recipes; the name of a bundled folder, or of a folder of TOML files, stands for all that are in it.

    `study` stands for the published study. Parameters and errors as of `load_recipe`.
    """
    return [load_recipe(member, dataset=dataset) for member in recipes_named(names)]


def recipes_named(names: Sequence[str]) -> list[str]:
    """Give the names or files that `load_recipe` takes, one a recipe, for those that `load_recipes` takes."""
    bundled = bundled_recipes()
    members: list[str] = []
    for name in names:
        folder = [str(file) for file in sorted(Path(name).glob("*.toml"))] if Path(name).is_dir() else []
        members += folder or [known for known in bundled if known.startswith(f"{name}/")] or [name]
    return members


def load_adaptation(name_or_path: str | Path) -> Adaptation:
    """Read an adaptation: a file, or the name of a bundled one, such as `margin`.

    Raises
    ------
    RecipeError
        Where there is none such (the message lists the names and gives the nearest), it is not valid TOML, a key is
        unknown, or a value is not allowed.
    """
    path = _found(name_or_path, bundled_adaptations(), "adaptation")
    return parse_adaptation({"name": path.stem, **_with_base(path, ())}, str(path))


def bundled_recipes() -> dict[str, Path]:
    """Give the bundled recipes by name, those of folders as `study/margin`."""
    return {name: path for name, path in _bundled("**/*.toml").items() if not name.startswith(f"{_ADAPTATIONS}/")}


def bundled_adaptations() -> dict[str, Path]:
    """Give the bundled adaptations by name."""
    return {path.stem: path for path in _bundled(f"{_ADAPTATIONS}/*.toml").values()}


def _bundled(pattern: str) -> dict[str, Path]:
    """Give the bundled files by their names: those of a clone, or those that were installed with the package."""
    folders = (
        Path(oodml_bench.__file__).parent.parent / "baselines",
        Path(sysconfig.get_path("data")) / "share" / "oodml-bench" / "baselines",
    )
    for folder in folders:
        if files := sorted(folder.glob(pattern)):
            return {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}
    return {}


def laid_over(content: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay tables over others: table in table, and value for value.

    A table that names another objective or miner replaces the other's, settings and all.
    """
    merged = dict(content)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and not _names_another(key, below, value):
            merged[key] = laid_over(below, value)
        else:
            merged[key] = value
    return merged


def _names_another(key: str, below: Mapping[str, Any], over: Mapping[str, Any]) -> bool:
    return key in _CHOOSING and over.get("name", below.get("name")) != below.get("name")


def _found(name_or_path: str | Path, bundled: Mapping[str, Path], kind: str, beside: Path | None = None) -> Path:
    for path in (Path(name_or_path), *(() if beside is None else (beside / name_or_path,))):
        if _is_file(path):
            return path
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    if Path(name_or_path).suffix == ".toml":
        raise RecipeError(f"there is no {kind} file {cut(name_or_path)}. Bundled: {', '.join(bundled) or 'none'}.")
    raise RecipeError(unknown_name(kind, str(name_or_path), list(bundled)))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no system allows such a name
        return False


def _with_base(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file, laid over its base and the base's base; `above` are the files that led here."""
    content = _read(path)
    base = content.pop(BASE, None)
    if base is None:
        return content
    if not isinstance(base, str):
        raise RecipeError(f"{path}: {BASE} = {quoted(base)} must be the name of a recipe, or its file")
    if len(above) == MOST_BASES:
        raise RecipeError(f"{path}: its {BASE} is the {MOST_BASES + 1}th in a row; at most {MOST_BASES} are allowed")
    below = _found(base, _bundled("**/*.toml"), "recipe", beside=path.parent)
    if below.resolve() in {file.resolve() for file in (*above, path)}:
        raise RecipeError(f"{path}: {BASE} = {base!r} leads back to itself")
    inherited = _with_base(below, (*above, path))
    inherited.pop("name", None)
    return laid_over(inherited, content)


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except (OSError, UnreadableError) as error:
        raise RecipeError(f"the recipe {path} cannot be read: {cut(error)}") from error
