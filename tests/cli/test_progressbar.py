"""The bar on a terminal, for work that takes long."""

import sys

import numpy as np
import pytest

from bncheck import progress
from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.cli.progressbar import progress_bar


class Terminal:
    """A stream that says it is one, or not, or that it is gone."""

    def __init__(self, is_one: bool = True, lost_after: float = float("inf")) -> None:
        self.text, self._is_one, self._lost_after = "", is_one, lost_after

    def isatty(self) -> bool:
        return self._is_one

    def write(self, text: str) -> None:
        if len(self.text) >= self._lost_after:
            raise OSError("the terminal is gone")
        self.text += text

    def flush(self) -> None:
        pass


@pytest.mark.parametrize(
    ("terminal", "patience", "shown"), [(True, 0, True), (False, 0, False), (True, 60, False)]
)
def test_a_bar_on_terminals_alone_and_after_a_while(
    terminal: bool, patience: float, shown: bool
) -> None:
    stream = Terminal(terminal)
    with progress_bar(stream, patience):  # type: ignore[arg-type]
        BatchNorm1d(6).forward(np.sin(np.arange(60_000.0)).reshape(-1, 6))
    assert bool(stream.text) == shown
    if shown:
        assert "100%" in stream.text
        assert stream.text.count("\x1b[?25l") == stream.text.count("\x1b[?25h")  # cursor


def test_no_bar_on_a_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with progress_bar(stream, 0):  # type: ignore[arg-type]
        progress.plan(2)
        progress.advance(1)
    assert stream.text == ""


def test_no_bar_without_work() -> None:
    stream = Terminal()
    with progress_bar(stream, 0):  # type: ignore[arg-type]
        progress.plan(2)
    assert stream.text == ""


@pytest.mark.parametrize("letters", [0, 10])
def test_the_work_goes_on_where_the_terminal_goes_away(letters: int) -> None:
    done = []
    with progress_bar(Terminal(lost_after=letters), 0):  # type: ignore[arg-type]
        progress.plan(3)
        for step in range(3):
            progress.advance(1)
            done.append(step)
    assert done == [0, 1, 2]


def test_a_closed_or_missing_stream_has_no_bar() -> None:
    stream = open(sys.executable, "rb")  # noqa: SIM115
    stream.close()
    for each in (stream, None):
        with progress_bar(each, 0):  # type: ignore[arg-type]
            progress.advance(1)
