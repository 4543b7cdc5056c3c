"""Settings of the parts of a recipe: checked when they are read, and strict about their names."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from oodml_bench.errors import RecipeError
from oodml_bench.reading.cutting import cut, quoted


class Settings(BaseModel):
    """Base of the settings of a part; each part declares its own beside what it configures."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Of = TypeVar("Of", bound=Settings)


def parse_settings(of: type[Of], content: Mapping[str, Any], where: str) -> Of:
    """Check settings as they stand in a recipe.

    Parameters
    ----------
    of
        The part's settings.
    content
        Names to values.
    where
        The place in the recipe, for messages: `[objective] of baselines/margin.toml`.

    Raises
    ------
    RecipeError
        Where a name is unknown (the message gives the nearest one), a value is missing or is not allowed.
    """
    try:
        return of.model_validate(dict(content))
    except ValidationError as error:
        raise RecipeError(f"{where}: {_explained(of, error)}") from None


def _explained(of: type[Settings], error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return unknown_name("setting", place, [_dotted(first["loc"][:-1], name) for name in _fields(of, first["loc"])])
    if first["type"] == "missing":
        return f"the setting {place!r} is missing"
    return f"{cut(place)} = {quoted(first['input'])}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _fields(of: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Give the names that are allowed where a name is unknown."""
    for name in location[:-1]:
        annotation = of.model_fields[str(name)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        of = annotation
    return [field.alias or name for name, field in of.model_fields.items()]


def _dotted(above: tuple[int | str, ...], name: str) -> str:
    return ".".join([*map(str, above), name])


def unknown_name(kind: str, name: str, allowed: list[str]) -> str:
    """Say that a name is unknown, which are allowed, and which of them was probably meant."""
    name = cut(name)
    close = get_close_matches(name, allowed, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"unknown {kind} {name!r}{hint} Allowed: {', '.join(sorted(allowed)) or 'none'}"
