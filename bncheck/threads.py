"""Work on all cores, its results in order."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Item = TypeVar("Item")
Part = TypeVar("Part")


def map_in_order(function: Callable[[Item], Part], items: Iterable[Item]) -> Iterator[Part]:
    """Yield what a function gives for each item, in order, computed on all cores.

    The function may not change anything that another call of it reads, nor map in order itself.

    >>> list(map_in_order(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    if cores() == 1:
        yield from map(function, items)
        return
    pool = _pool()

    def submit(item: Item) -> "Future[Part]":
        # In the caller's context: which warnings are not to be given is part of it.
        return pool.submit(copy_context().run, function, item)

    rest = iter(items)
    started = deque(submit(item) for item in itertools.islice(rest, cores() + 1))
    try:
        while started:
            result = started.popleft().result()
            started.extend(submit(item) for item in itertools.islice(rest, 1))
            yield result
    finally:
        for future in started:
            future.cancel()


@cache
def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # which costs time to import

    return ThreadPoolExecutor(cores(), thread_name_prefix="bncheck")


if hasattr(os, "register_at_fork"):  # the child of a fork has none of its threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
