"""main(argv) -> exit status: the one place where an exception becomes an exit status."""

# What comes before `entry_point` has seen to Ctrl-C is kept short: all that takes long to import,
# typer above all, is imported where it is used.

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from bncheck.cli.progressbar import progress_bar
from bncheck.cli.signals import end_on_signals
from bncheck.errors import ExitCode, InputError, closed_stdout, error_text

if TYPE_CHECKING:
    from bncheck.cli.outcome import Outcome

_SUGGESTION = re.compile(r"[(\s]+(?=Did you mean|Possible options)")
"""Where typer goes on from what is wrong to what may be meant."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run bncheck with these arguments, print what it has to say, and return its exit status."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        outcome = _run(argv)
        try:
            with progress_bar(sys.stderr):  # what is printed may be computed meanwhile
                _print(outcome.stdout, sys.stdout)
        except Exception as error:
            outcome = _ended_by(error, as_json=False)
        with suppress(InputError):  # nobody can be told, and the status stands
            _print(outcome.stderr, sys.stderr)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return outcome.code


def entry_point() -> NoReturn:
    """Run bncheck as a program."""
    end_on_signals()
    # Imports make much that stays: to look through it again and again for what does not is a
    # twentieth of a start.
    gc.set_threshold(50_000)
    sys.exit(main())


def _run(argv: list[str]) -> Outcome:
    """Run a command; every exception but an interrupt becomes an Outcome."""
    import typer

    from bncheck.cli.app import app
    from bncheck.cli.outcome import Outcome

    # All of typer's complaints about a command line; not every version gives this a name.
    WrongCommandLine: type[Exception] = typer.BadParameter.__mro__[2]
    as_json = "--json" in argv
    try:
        with progress_bar(sys.stderr):
            result = typer.main.get_command(app).main(argv, "bncheck", standalone_mode=False)
    except WrongCommandLine as error:
        return _ended_by(_usage_error(error), as_json=as_json)
    except SystemExit:  # typer's answer to a help page of which nobody reads the end
        return Outcome()
    except Exception as error:
        return _ended_by(error, as_json=as_json)
    if result == ExitCode.INTERRUPTED:  # typer's answer to Ctrl-C
        raise KeyboardInterrupt
    return result if isinstance(result, Outcome) else Outcome()


def _ended_by(error: Exception, *, as_json: bool) -> Outcome:
    """Return what is printed about input that cannot be used, or about a bug."""
    from bncheck.cli.outcome import Outcome

    if isinstance(error, MemoryError):
        error = InputError("there is not enough memory for this", "use fewer rows or columns")
    if not isinstance(error, InputError):
        import traceback

        return Outcome(stderr="".join(traceback.format_exception(error)), code=ExitCode.BUG)
    if as_json:
        from bncheck.report.json_document import error_document

        return Outcome(stdout=error_document(error), code=ExitCode.USAGE)
    return Outcome(stderr=error_text(error), code=ExitCode.USAGE)


def _usage_error(error: Any) -> InputError:
    """Return a message of typer's about a wrong command line in the form of all others."""
    context = getattr(error, "ctx", None)
    see = f"see `{context.command_path if context else 'bncheck'} --help`"
    if not str(error):
        return InputError("no command given", see)
    # Some versions have a tuple, ('(Possible options: --rtol)',), in place of a text.
    message = error.format_message().replace("('(", "(").replace(")',)", ")")
    fact, *guess = _SUGGESTION.split(message.replace("'", "`").replace("\n", " "))
    parts = [fact.rstrip(" ."), *(each.strip(" ().,?") for each in guess)]
    fact, *guess = (f"{part[:1].lower()}{part[1:]}" for part in parts)
    return InputError(fact, "; ".join([*guess, see]))


def _print(text: str | Iterable[str], stream: TextIO | None) -> None:
    """Write text and flush it. A pipe that nobody reads is no error, but a full disk is one."""
    if not text:
        return
    if stream is None:
        raise closed_stdout()
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")  # a terminal without × is still to get its table
    try:
        for piece in [text] if isinstance(text, str) else text:
            stream.write(piece)
        stream.flush()
    except BrokenPipeError:
        _point_to_null(stream)
    except OSError as error:
        _point_to_null(stream)
        reason = str(error.strerror).lower()
        raise InputError(f"stdout cannot be written: {reason}", "redirect it elsewhere") from error


def _point_to_null(stream: TextIO) -> None:
    """Let the interpreter flush what is left in the stream's buffer to nowhere when it ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


if __name__ == "__main__":
    entry_point()
