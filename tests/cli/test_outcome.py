"""What a command leaves to be printed."""

from bncheck.cli.outcome import Outcome
from bncheck.errors import ExitCode


def test_a_command_that_says_nothing_has_done_its_work() -> None:
    assert Outcome() == Outcome(stdout="", stderr="", code=ExitCode.OK)
