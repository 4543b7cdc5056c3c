"""Checking what a benchmark file holds, at a cost that is bounded by its length."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from oodml_bench.errors import BenchmarkFileError
from oodml_bench.reading.cutting import cut

#: Digits of a level, a number of shots, or the number of an episode.
_MOST_DIGITS = 9

_MOST_QUOTED_NAME = 60


def validated(of: Any, content: Any, path: Path) -> Any:
    """Give plain content as a type.

    Raises
    ------
    BenchmarkFileError
        Where it does not fit; says where.
    """
    from pydantic import ValidationError

    try:
        return _validator(of).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = " → ".join(cut(part, _MOST_QUOTED_NAME) for part in first["loc"]) or "the top"
        raise BenchmarkFileError(f"{path} is no benchmark: at {place}: {cut(first['msg'])}") from error


@cache
def _validator(of: Any) -> Any:
    from pydantic import TypeAdapter
    from pydantic_core import SchemaValidator

    return SchemaValidator(_failing_fast(TypeAdapter(of).core_schema))


def _failing_fast(schema: Any) -> Any:
    """Read no container on after its first error: an error takes a kilobyte, and a damaged entry three bytes."""
    if isinstance(schema, list | tuple):
        return type(schema)(map(_failing_fast, schema))
    if not isinstance(schema, dict):
        return schema
    changed = {key: _failing_fast(value) for key, value in schema.items()}
    return changed | {"fail_fast": True} if changed.get("type") in _kinds_that_fail_fast() else changed


@cache
def _kinds_that_fail_fast() -> frozenset[str]:
    """Give the containers for which the installed version of pydantic knows it."""
    from pydantic_core import core_schema

    kinds = {"tuple": core_schema.TupleSchema, "dict": core_schema.DictSchema}
    return frozenset(name for name, schema in kinds.items() if "fail_fast" in schema.__annotations__)


def check_numbers(levels: Any, path: Path) -> None:
    """Refuse numbers of levels, shots and episodes that are no small ones: large ones can be made to collide as keys.

    Raises
    ------
    BenchmarkFileError
        Where one has more than nine digits.
    """
    for number in _numbers_in(levels):
        if len(str(number)) > _MOST_DIGITS:
            raise BenchmarkFileError(
                f"{path} is no benchmark: {cut(number, _MOST_QUOTED_NAME)} numbers a level, shots or an episode; "
                f"at most {_MOST_DIGITS} digits are allowed"
            )


def _numbers_in(levels: Any) -> Iterator[Any]:
    yield from _keys(levels)
    for level in _values(levels):
        for name in ("test_episodes", "left_out"):
            by_shots = level.get(name) if isinstance(level, dict) else None
            yield from _keys(by_shots)
            if name == "test_episodes":
                for episodes in _values(by_shots):
                    yield from _keys(episodes)


def _keys(mapping: Any) -> list[Any]:
    return list(mapping) if isinstance(mapping, dict) else []


def _values(mapping: Any) -> list[Any]:
    return list(mapping.values()) if isinstance(mapping, dict) else []
