"""Outcome: what a command leaves to be printed, and its exit status."""

from collections.abc import Iterable
from typing import NamedTuple

from bncheck.errors import ExitCode


class Outcome(NamedTuple):
    """What goes to the two streams, once all else is done; stdout may come in pieces."""

    stdout: str | Iterable[str] = ""
    stderr: str = ""
    code: ExitCode = ExitCode.OK
