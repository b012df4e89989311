"""Outcome: what a command leaves to be printed, and its exit status."""

from collections.abc import Iterable
from dataclasses import dataclass

from bncheck.errors import ExitCode


@dataclass(frozen=True)
class Outcome:
    """What goes to the two streams, once all else is done; stdout may come in pieces."""

    stdout: str | Iterable[str] = ""
    stderr: str = ""
    code: ExitCode = ExitCode.OK
