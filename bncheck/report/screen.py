"""Where text goes to: how wide it may be, and whether in colour."""

import io
import os
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

UNLIMITED = 100_000
"""Columns of what is no terminal: nothing is ever cut or folded there."""

USUAL = 80
"""Columns of a terminal that does not tell."""

NARROWEST = 40
"""Below this a terminal folds the lines itself."""


@dataclass(frozen=True)
class Screen:
    """What a report is laid out for.

    Attributes
    ----------
    width
        In columns; UNLIMITED in a pipe.
    colour
        Whether to colour the text.
    """

    width: int = UNLIMITED
    colour: bool = False

    def text(self, *parts: Any) -> str:
        """Lay out rich's objects one below the other; every line ends with its last letter.

        Sentences are folded at the screen's width. Everything else comes as wide as it is: rich
        would cut numbers to make a table fit.
        """
        return "".join(
            self._laid_out(part, self.width if isinstance(part, Text) else UNLIMITED)
            for part in parts
        )

    def _laid_out(self, part: Any, width: int) -> str:
        console = Console(
            file=io.StringIO(),
            width=width,
            force_terminal=self.colour,
            color_system="standard" if self.colour else None,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
            # The environment has been asked already: rich must not take a dumb terminal for one of
            # 80 columns.
            _environ={},
        )
        with console.capture() as capture:
            console.print(part)
        return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def screen_of(stream: TextIO | None) -> Screen:
    """The screen behind a stream, as the stream and the environment tell.

    NO_COLOR, FORCE_COLOR and TERM=dumb are honoured, in this order.
    """
    terminal = stream is not None and stream.isatty()
    colour = terminal and os.environ.get("TERM") != "dumb"
    if os.environ.get("FORCE_COLOR"):
        colour = True
    if os.environ.get("NO_COLOR"):
        colour = False
    return Screen(max(_columns(stream), NARROWEST) if terminal and stream else UNLIMITED, colour)


def _columns(terminal: TextIO) -> int:
    """How wide a terminal is: as COLUMNS says, or else as it says itself."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and len(told) < 7 and int(told) > 0:  # no terminal is wider
        return int(told)
    try:
        return os.get_terminal_size(terminal.fileno()).columns or USUAL
    except (OSError, ValueError):
        return USUAL
