"""How many threads linear algebra takes."""

from __future__ import annotations

from contextlib import AbstractContextManager

from threadpoolctl import threadpool_info, threadpool_limits


def one_thread() -> AbstractContextManager[object]:
    """Hold linear algebra to one thread.

    Where work is thousands of small matrix products, threads that wait for one another make it several times slower on
    a busy machine; and sums that they share out differ in their last digits with the number of processors.
    """
    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


def usual_threads() -> int:
    """Give how many threads linear algebra takes unless it is held to fewer."""
    return max((library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"), default=1)
