"""How far the work has come, for whoever shows it.

Work is told in bytes of the matrices that are gone through: first how much there will be, as far as
that is known, and then what is done.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[int, int], None]
"""Hears of so many bytes more that are planned, and so many more that are done."""

_listeners: list[Listener] = []


def plan(size: int) -> None:
    """Tell that so many bytes more are to be gone through."""
    for listener in _listeners:
        listener(size, 0)


def advance(size: int) -> None:
    """Tell that so many bytes more have been gone through."""
    for listener in _listeners:
        listener(0, size)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Let a listener hear of all work meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
