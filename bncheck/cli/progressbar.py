"""A bar on the terminal, with rate and time left, for work that takes longer than a second."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bncheck.progress import heard_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO, TypeGuard

    from rich.progress import Progress

PATIENCE = 1.0
"""Seconds after which a bar is worth a look."""


@contextmanager
def progress_bar(stream: TextIO | None) -> Iterator[None]:
    """Show meanwhile how far the work has come, if the stream is a terminal."""
    if not _is_capable(stream):
        yield
        return
    bar = _Bar(stream)
    try:
        with heard_by(bar):
            yield
    finally:
        bar.remove()


def _is_capable(stream: TextIO | None) -> TypeGuard[TextIO]:
    try:
        terminal = stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False
    return terminal and os.environ.get("TERM", "dumb") != "dumb"


class _Bar:
    """A bar that is made when it is first needed, and leaves nothing behind.

    Where the terminal goes away, the work goes on without it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._start = time.monotonic()
        self._total = self._done = 0
        self._shown: Progress | None = None
        self._wanted = True

    def plan(self, size: int) -> None:
        self._total += size

    def advance(self, size: int) -> None:
        self._done += size
        if not self._wanted or time.monotonic() - self._start < PATIENCE:
            return
        with self._terminal_errors():
            self._shown = self._shown or self._new()
            total = max(self._total, self._done)
            self._shown.update(self._shown.task_ids[0], completed=self._done, total=total)

    def remove(self) -> None:
        if self._shown is not None:
            with self._terminal_errors():
                self._shown.stop()

    @contextmanager
    def _terminal_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):
            self._wanted = False

    def _new(self) -> Progress:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        shown = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=self._stream),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        shown.add_task("", total=None, completed=self._done)
        shown.start()
        return shown
