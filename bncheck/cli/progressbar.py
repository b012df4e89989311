"""A bar on the terminal, with rate and time left, for work that takes longer than a second."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from bncheck.progress import heard_by

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 1.0
"""Seconds after which a bar is worth a look."""


@contextmanager
def progress_bar(stream: TextIO | None, patience: float = PATIENCE) -> Iterator[None]:
    """Show meanwhile how far the work has come, if the stream is a terminal."""
    if stream is None or not _is_capable(stream):
        yield
        return
    bar = _Bar(stream, patience)
    try:
        with heard_by(bar.hear):
            yield
    finally:
        bar.remove()


def _is_capable(stream: TextIO) -> bool:
    try:
        return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    except (OSError, ValueError):
        return False


class _Bar:
    """A bar that is made when it is first needed, and leaves nothing behind.

    Where the terminal goes away, the work goes on without it.
    """

    def __init__(self, stream: TextIO, patience: float) -> None:
        self._stream = stream
        self._due = time.monotonic() + patience
        self._total = self._done = 0
        self._shown: Progress | None = None

    def hear(self, planned: int, done: int) -> None:
        self._total += planned
        self._done += done
        if not done or time.monotonic() < self._due:
            return
        try:
            self._shown = self._shown or self._new()
            total = max(self._total, self._done)
            self._shown.update(self._shown.task_ids[0], completed=self._done, total=total)
        except (OSError, ValueError):
            self._due = float("inf")

    def remove(self) -> None:
        with suppress(OSError, ValueError):
            if self._shown is not None:
                self._shown.stop()

    def _new(self) -> Progress:
        from rich import progress
        from rich.console import Console

        shown = progress.Progress(
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=Console(file=self._stream),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        shown.add_task("", total=None, completed=self._done)
        shown.start()
        return shown
