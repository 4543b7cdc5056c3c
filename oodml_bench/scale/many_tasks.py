"""Many small tasks on a cluster, a few at a time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from oodml_bench.scale.cluster import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")

#: Tasks that wait or run at once, for each CPU of the cluster: enough that none is idle.
_A_CPU = 4


def in_turn(start: Callable[[Item], Any], items: Iterable[Item]) -> Iterator[Any]:
    """Start a task for each item, and give what they return in the order of the items.

    Parameters
    ----------
    start
        Starts the task of an item, and gives Ray's reference to what it will return.
    items
        Asked for as tasks end, so that neither items nor results gather.
    """
    import ray

    window = _A_CPU * max(1, round(resource("CPU")))
    pending: deque[Any] = deque()
    for item in items:
        pending.append(start(item))
        if len(pending) == window:
            yield ray.get(pending.popleft())
    while pending:
        yield ray.get(pending.popleft())
