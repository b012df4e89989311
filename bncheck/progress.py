"""How far the work has come, for whoever shows it.

Work is told in bytes of the matrices that are gone through: first how much there will be, as far as
that is known, and then what is done.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Listener(Protocol):
    """Whoever wants to know."""

    def plan(self, size: int) -> None:
        """There will be so many bytes more."""

    def advance(self, size: int) -> None:
        """So many of them are done."""


_listeners: list[Listener] = []


def plan(size: int) -> None:
    """Tell that so many bytes more are to be gone through."""
    for listener in _listeners:
        listener.plan(size)


def advance(size: int) -> None:
    """Tell that so many bytes more have been gone through."""
    for listener in _listeners:
        listener.advance(size)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Have a listener hear of all work meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
