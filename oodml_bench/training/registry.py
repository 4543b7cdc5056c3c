"""Parts of a recipe that are chosen by name: objectives and miners, ours and other people's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from oodml_bench.errors import RecipeError
from oodml_bench.training.settings import Settings, parse_settings, unknown_name


class Configured(Protocol):
    """A class whose objects are made from settings of their own."""

    settings_type: ClassVar[type[Settings]]


Part = TypeVar("Part", bound=Configured)


@dataclass(frozen=True)
class Registry(Generic[Part]):
    """The classes that a table of a recipe chooses from by its `name`.

    A name that is not among `parts` is looked for among the entry points of installed packages, in the group
    `oodml_bench.objectives` or `oodml_bench.miners`: so a package adds to what the command line knows.

    Attributes
    ----------
    kind
        What the parts are, for messages and for the group of entry points: `objective`.
    parts
        Names to classes.
    """

    kind: str
    parts: dict[str, type[Part]]

    def register(self, name: str) -> Callable[[type[Part]], type[Part]]:
        """Give a class decorator that adds the class under a name.

        Raises
        ------
        RecipeError
            Where another class has the name.
        """

        def add(part: type[Part]) -> type[Part]:
            if self.parts.setdefault(name, part) is not part:
                raise RecipeError(f"the {self.kind} {name!r} exists already; register {part.__name__} by another name")
            return part

        return add

    def names(self) -> list[str]:
        """Give all names there are, sorted."""
        return sorted({*self.parts, *self._installed()})

    def parse(self, content: Mapping[str, Any], where: str) -> tuple[type[Part], Settings]:
        """Find the class that a table names, and check the table's other settings by it.

        Raises
        ------
        RecipeError
            Where the name is missing or unknown, or a setting is unknown, missing or not allowed.
        """
        own = {key: value for key, value in content.items() if key != "name"}
        part = self._find(content.get("name"), where)
        return part, parse_settings(part.settings_type, own, where)

    def spelled_out(self, content: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Give a table with every setting of what it names; errors as of `parse`."""
        _, settings = self.parse(content, where)
        return {"name": content["name"], **settings.model_dump(mode="json")}

    def _find(self, name: Any, where: str) -> type[Part]:
        if not isinstance(name, str):
            raise RecipeError(f"{where}: name must be one of {', '.join(self.names())}; it is {name!r}")
        if name not in self.parts and name in self._installed():
            self.parts.setdefault(name, self._loaded(name, where))
        if name not in self.parts:
            raise RecipeError(f"{where}: {unknown_name(self.kind, name, self.names())}")
        return self.parts[name]

    def _loaded(self, name: str, where: str) -> type[Part]:
        point = self._installed()[name]
        try:
            part: type[Part] = point.load()
        except (ImportError, AttributeError) as error:
            raise RecipeError(
                f"{where}: the {self.kind} {name!r} cannot be loaded from {point.value}: {error}. "
                "Repair the package that it comes from."
            ) from error
        return part

    def _installed(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=f"oodml_bench.{self.kind}s")}
