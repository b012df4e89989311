"""From a signal to the end of the program: Ctrl-C, SIGTERM and SIGHUP."""

from __future__ import annotations

import _thread
import os
import select
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from bncheck.errors import ExitCode

STATUSES = {
    "SIGHUP": ExitCode.HUNG_UP,
    "SIGINT": ExitCode.INTERRUPTED,
    "SIGTERM": ExitCode.TERMINATED,
}
"""Not every system has every signal."""

RESTORED = b"\x1b[0m\x1b[?25h"
"""To a terminal: the usual colours, and a cursor."""


def end_on_signals() -> None:
    """End the process, from now on, when it is told to, with the status that a shell expects.

    No exception is raised: somebody's layer might catch it, and one that is raised while Python
    cleans up or runs a callback is printed and lost. What was ignored when the program started, as
    under `nohup`, stays ignored.
    """
    _keep_streams_closed()
    there = {name: getattr(signal, name) for name in STATUSES if hasattr(signal, name)}
    ending = {
        int(number): STATUSES[name]
        for name, number in there.items()
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    one_thread = _thread.RLock()

    def end(number: int, _: FrameType | None = None) -> NoReturn:
        one_thread.acquire()  # for good: both may be told, and one is enough
        # Not imported here, where the other thread may be importing it: then it has no files yet.
        remove_all = getattr(sys.modules.get("bncheck.files.atomic"), "remove_all", None)
        if remove_all:
            remove_all()
        _restore_terminal()
        os._exit(ending[number])

    for number in ending:
        signal.signal(number, end)
    if hasattr(os, "register_at_fork") and hasattr(signal, "pthread_sigmask"):  # not on Windows
        _watch(ending, end)


def _watch(ending: Mapping[int, ExitCode], end: Callable[[int], NoReturn]) -> None:
    """End the process too while Python waits for a long calculation in C.

    Python runs a handler only between two of its own instructions. The number of a signal is
    written to a pipe at once, though, and a second thread waits for it.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait() -> None:
        with suppress(OSError):  # where a layer closes all that is open
            while told := os.read(reader, 1):
                if told[0] in ending:
                    end(told[0])

    # A process that a layer forks has the same pipe. What is sent to it alone waits until it has
    # let go of the pipe, and does then what it usually does.
    def hold() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, ending)

    def release() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)

    def let_go() -> None:
        signal.set_wakeup_fd(-1)
        for number in ending:
            signal.signal(number, signal.SIG_DFL)
        release()

    os.register_at_fork(before=hold, after_in_parent=release, after_in_child=let_go)
    _thread.start_new_thread(wait, ())


def _keep_streams_closed() -> None:
    """Let no file take the number of a stream that was closed by `>&-`.

    What a layer prints, whatever way it prints, would end up in that file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _restore_terminal() -> None:
    """End colours and show the cursor, where what went to a terminal was cut short."""
    if os.environ.get("TERM", "dumb") == "dumb":
        return
    for descriptor in (1, 2):
        with suppress(OSError, ValueError):  # OSError: select takes sockets only, on Windows
            # A terminal that is stopped, by Ctrl-S say, must not hold up the end.
            if os.isatty(descriptor) and select.select((), (descriptor,), (), 0)[1]:
                os.write(descriptor, RESTORED)
                return
