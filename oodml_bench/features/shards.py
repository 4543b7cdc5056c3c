"""`3/16`: one part of the work on a feature store, where several processes share it without knowing of each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oodml_bench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Shard:
    """Share `number` of `count`, counted from 1: every part of a store belongs to exactly one of them.

    Raises
    ------
    InputError
        Where the number is not between 1 and the count.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InputError(f"shard {self} does not exist; allowed: 1/N to N/N, such as 3/16")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `3/16`.

        Raises
        ------
        InputError
            Where the text is something else, or there is no such shard.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if found is None:
            raise InputError(f"{text!r} is no shard; allowed: 1/N to N/N, such as 3/16")
        return cls(int(found[1]), int(found[2]))

    def parts_of(self, part_count: int) -> Sequence[int]:
        """Give the numbers of its parts of a store: every `count`-th, so that shards differ by at most one part."""
        return range(self.number - 1, part_count, self.count)
