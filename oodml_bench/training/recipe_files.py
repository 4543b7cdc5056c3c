"""Finding recipes and reading them from TOML files."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import oodml_bench
from oodml_bench.errors import RecipeError
from oodml_bench.training.recipe import Recipe, parse_recipe
from oodml_bench.training.settings import unknown_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: The table of a recipe that holds what differs between datasets.
BY_DATASET = "datasets"

#: Tables that say which of several parts is used; they are replaced as a whole where they name another part.
_CHOOSING = ("objective", "miner")


def load_recipe(name_or_path: str | Path, *, dataset: str | None = None) -> Recipe:
    """Read a recipe.

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
    path = _found(name_or_path)
    content = {"name": path.stem, **_read(path)}
    by_dataset = content.pop(BY_DATASET, {})
    if not (isinstance(by_dataset, dict) and all(isinstance(over, dict) for over in by_dataset.values())):
        raise RecipeError(f'{path}: {BY_DATASET} must hold tables by patterns of names: [datasets."cars196*".miner]')
    resolved = content
    for pattern, over in by_dataset.items():
        # Also what is not used now is checked now.
        parse_recipe(laid_over(content, over), f'[{BY_DATASET}."{pattern}"] of {path}')
        if dataset is not None and any(fnmatchcase(dataset, part) for part in pattern.split("|")):
            resolved = laid_over(resolved, over)
    return parse_recipe(resolved, str(path))


def bundled_recipes() -> dict[str, Path]:
    """Give the bundled recipes by name: those of a clone, or those that were installed with the package."""
    folders = (
        Path(oodml_bench.__file__).parent.parent / "baselines",
        Path(sysconfig.get_path("data")) / "share" / "oodml-bench" / "baselines",
    )
    for folder in folders:
        if files := {path.stem: path for path in sorted(folder.glob("*.toml"))}:
            return files
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


def _found(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.is_file():
        return path
    bundled = bundled_recipes()
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    if path.suffix == ".toml":
        raise RecipeError(f"there is no recipe file {path}. Bundled recipes: {', '.join(bundled) or 'none'}.")
    raise RecipeError(unknown_name("recipe", str(name_or_path), list(bundled)))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"the recipe {path} cannot be read: {error}") from error
