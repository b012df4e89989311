"""How far the work has come, for whoever shows it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listeners: list[Callable[[int], None]] = []


def advance(entries: int) -> None:
    """Tell that so many entries of a matrix more have been gone through."""
    for listener in _listeners:
        listener(entries)


@contextmanager
def heard_by(listener: Callable[[int], None]) -> Iterator[None]:
    """Have a listener hear of all progress meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
