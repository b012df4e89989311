"""Outcome: what a command leaves to be printed, and its exit status."""

from dataclasses import dataclass

from bncheck.errors import ExitCode


@dataclass(frozen=True)
class Outcome:
    """What goes to the two streams, once all else is done."""

    stdout: str = ""
    stderr: str = ""
    code: ExitCode = ExitCode.OK
