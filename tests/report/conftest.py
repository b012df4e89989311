"""Fixtures: a mistake in the built-in layer, and screens of any width."""

from collections.abc import Callable

import pytest

from bncheck.batchnorm.layer import BatchNorm1d
from bncheck.report.screen import Screen


@pytest.fixture
def mistake(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., object]], None]:
    """Gives the built-in layer another backward."""

    def plant(backward: Callable[..., object]) -> None:
        monkeypatch.setattr(BatchNorm1d, "backward", backward)

    return plant


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets how wide the screen is, and whether in colour."""

    def set_width(width: int, colour: bool = False) -> None:
        monkeypatch.setattr("bncheck.cli.output.screen_of", lambda _: Screen(width, colour))

    return set_width
