"""Exit statuses, and the two exceptions that are not bugs: of the input, and of the layer."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process reports to the shell."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    BUG = 4
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class InputError(ValueError):
    """Input that cannot be used: one fact, and one line that says what to do about it.

    Parameters
    ----------
    message
        The fact, lower case and without a full stop.
    help
        The remedy, in the same form.
    """

    def __init__(self, message: str, help: str) -> None:  # noqa: A002
        super().__init__(message)
        self.message = message
        self.help = help


class LayerError(Exception):
    """The layer under test raised, or returned what is no array of numbers.

    Attributes
    ----------
    method
        "forward" or "backward".
    reason
        What happened, in words.
    """

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(f"{method} {reason}")
        self.method = method
        self.reason = reason


def closed_stdout() -> InputError:
    """What is said where there is something to print, and nowhere to print it to."""
    return InputError("stdout is closed", "redirect it to a file, or to /dev/null")


def error_text(error: InputError) -> str:
    """What is printed about an error: one fact, then one line of help."""
    return f"bncheck: error: {error.message}\n  help: {error.help}\n"
