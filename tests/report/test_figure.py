"""Figures: written whole, always the same, and of every kind of report."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bncheck.report.figure import figure
from tests.report.made import comparison, input_report, report, with_error
from tests.wrong_backward import MISTAKES

CHECK = ("gradcheck", "sample_data/wine.csv")

STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("ending", STARTS)
def test_a_figure_is_written_whole_and_always_the_same(ending: str, bncheck) -> None:
    for name in ("a", "b"):
        result = bncheck(*CHECK, "--columns", "1-3", "--figure", f"{name}.{ending}")
        assert (result.status, result.stderr) == (0, "")
        assert f"saved: pictures in `{name}.{ending}`" in result.stdout
    content = Path(f"a.{ending}").read_bytes()
    assert content.startswith(STARTS[ending])
    assert content == Path(f"b.{ending}").read_bytes()
    assert list(Path().glob(".bncheck-*")) == []


@pytest.mark.parametrize("backward", [*MISTAKES, lambda layer, dLdBZ: 1 / 0])
def test_every_failure_can_be_drawn(backward, bncheck, mistake) -> None:
    mistake(backward)
    result = bncheck(*CHECK, "-q", "--figure", "a.svg", "--report", "a.html")
    assert (result.status, result.stderr) == (1, "")
    assert Path("a.svg").stat().st_size
    assert Path("a.html").stat().st_size


def test_names_are_no_formulas(bncheck) -> None:
    Path("$x.csv").write_text('"$a$","\\frac{",😀\n1,2,3\n4,3,5\n7,9,1\n', "utf-8")
    assert bncheck("gradcheck", "$x.csv", "--figure", "a.svg").status == 0
    assert "$a$" in Path("a.svg").read_text("utf-8")


@pytest.mark.parametrize("option", ["--figure", "--report"])
@pytest.mark.parametrize("path", ["a.jpg", "a", "-"])
def test_another_ending_is_refused_before_the_work(option: str, path: str, bncheck) -> None:
    result = bncheck("gradcheck", "missing.csv", option, path)
    assert result.status == 2
    assert "has an ending that cannot be written here" in result.stderr


def test_without_matplotlib_the_remedy_is_told(bncheck, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = bncheck(*CHECK, "--figure", "a.png")
    assert result.status == 2
    assert "a figure needs matplotlib" in result.stderr
    assert "help: pip install 'bncheck[figure]'" in result.stderr
    assert not Path("a.png").exists()


def test_a_report_without_errors_to_draw_has_a_figure_that_says_so() -> None:
    drawn = figure(report(input_report(comparison("BZ"))), "a.svg").decode()
    assert "nothing to draw: no array of errors decides the verdict" in drawn
    assert "no step-size curve: there is no forward to difference" in drawn


def test_a_map_has_the_names_of_the_features() -> None:
    names = tuple("abcdef")
    wrong = input_report(with_error(np.s_[2, 3], names=names), names=names)
    drawn = figure(report(wrong), "a.svg").decode()
    assert "dLdZ, error" in drawn
    assert all(f">{name}</text>" in drawn for name in names)
