"""Width and colour of what is printed, in pipes and on terminals."""

import itertools
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from bncheck.report.screen import Column, Screen, Table, legend
from tests.conftest import on_a_terminal

CHECK = ("gradcheck", "sample_data/wine.csv")
PROGRAM = [sys.executable, "-m", "bncheck", *CHECK]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_a_pipe_gets_no_colour(program) -> None:
    assert "\x1b" not in program(*CHECK).stdout


def test_a_terminal_gets_colour_and_the_same_words_as_a_pipe(
    folder: Path, bncheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = on_a_terminal(PROGRAM)
    assert "\x1b[32mpass\x1b[0m" in report
    monkeypatch.setattr("bncheck.cli.output.screen_of", lambda _: Screen(width=80))
    words = [line.rstrip() for line in COLOUR.sub("", report).splitlines()]
    assert words == bncheck(*CHECK).stdout.splitlines()


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": ""}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_a_pipe_is_coloured_only_if_forced_and_never_cut(
    environment: dict[str, str], coloured: bool, bncheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = bncheck(*CHECK).stdout
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    report = bncheck(*CHECK).stdout
    assert ("\x1b" in report) is coloured
    words = [line.rstrip() for line in COLOUR.sub("", report).splitlines()]
    assert words == plain.splitlines()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_is_not_coloured_if_it_must_not_be(
    folder: Path, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert "\x1b" not in on_a_terminal(PROGRAM)


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize(
    "arguments",
    [CHECK, (*CHECK, "--mode", "eval"), ("forward", "sample_data/wine.csv")],
    ids=["gradcheck", "eval", "forward"],
)
def test_no_number_or_verdict_is_cut_on_a_narrow_terminal(
    arguments: tuple[str, ...], columns: int, bncheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bncheck.cli.output.screen_of", lambda _: Screen(width=columns))
    cut = [
        word
        for word in re.findall(r"\S*…", bncheck(*arguments).stdout)
        if word[0] in "-0123456789…"
    ]
    assert cut == []


def test_verdicts_are_below_each_other(bncheck) -> None:
    rows = re.findall(r"^ .*(?=pass$)", bncheck(*CHECK).stdout, re.MULTILINE)
    assert len(rows) == 9
    assert len(set(map(len, rows))) == 1


def test_names_are_printed_as_they_are(bncheck) -> None:
    Path("[bold]/a[").mkdir(parents=True)
    path = "[bold]/a[/].csv"
    Path(path).write_text("[red]x[/red],:smile:\n1,2\n3,5\n5,4\n", "utf-8")
    report = bncheck("forward", path).stdout
    assert report.startswith(f"{path}   3 × 2")
    assert " [red]x[/red] " in report
    assert " :smile: " in report


def test_what_is_not_printable_is_escaped(bncheck) -> None:
    Path("a\x1b[31m.csv").write_text('"x\ny",\x07\n1,2\n3,5\n', "utf-8")
    report = bncheck("gradcheck", "a\x1b[31m.csv").stdout
    assert "\x1b" not in report
    assert "\x07" not in report
    assert report.startswith(r"a\x1b[31m.csv   2 × 2")


def test_a_terminal_without_unicode_gets_its_table(program) -> None:
    result = program(*CHECK, PYTHONIOENCODING="ascii")
    assert result.status == 0
    assert result.stdout.startswith("sample_data/wine.csv   178 ? 13")


@pytest.mark.parametrize("C", [20, 21, 500])
def test_twenty_features_are_shown(C: int, bncheck) -> None:
    np.save("Z.npy", np.sin(np.arange(8.0 * C)).reshape(8, C))
    lines = bncheck("forward", "Z.npy").stdout.splitlines()
    rows = [line for line in lines if re.match(r" \d+ +-?\d+\.\d", line)]
    assert len(rows) == 20
    assert (f" 20 of {C} features shown; all of them with --json" in lines) is (C > 20)


SENTENCE = "the quick brown fox jumps over the lazy dog"


@pytest.mark.parametrize("width", [5, 9, 10, 11, 20, 43, 44])
def test_sentences_are_folded_between_words(width: int) -> None:
    lines = Screen(width).text([SENTENCE]).splitlines()
    assert " ".join(lines) == SENTENCE
    assert max(map(len, lines)) <= width
    for line, following in itertools.pairwise(lines):  # as few lines as can be
        assert len(f"{line} {following.split()[0]}") > width


def test_a_word_wider_than_the_screen_is_broken() -> None:
    assert Screen(5).text(["a 日本語日本語 abcdefgh ij"]).splitlines() == [
        *("a", "日本", "語日", "本語", "abcde", "fgh", "ij")
    ]


def test_folding_keeps_the_styles() -> None:
    line = [("fail", "bold red"), (": all of it is wrong", "")]
    assert Screen(12, colour=True).text([line]) == ("\x1b[1;31mfail\x1b[0m: all of\nit is wrong\n")


def test_what_is_blank_has_no_colour() -> None:
    assert Screen(colour=True).text([[("a  ", "red"), ("  ", "red")], ""]) == (
        "\x1b[31ma\x1b[0m\n\n"
    )


TABLE = Table(
    [
        Column("place", ["row 12, proanthocyanins", "row 3, ash", "日本"], names=True),
        Column("shape", ["178 × 13", "1", "2"], spare=True),
        Column("error", ["1.2e-03", "0", "17"], right=True),
        Column("", [("FAIL", "bold red"), "pass", ("", "dim")]),
    ]
)


def test_columns_are_aligned() -> None:
    assert Screen().text([TABLE]).splitlines() == [
        " place                    shape       error",
        " row 12, proanthocyanins  178 × 13  1.2e-03  FAIL",
        " row 3, ash               1               0  pass",
        " 日本                     2              17",
    ]


@pytest.mark.parametrize(
    ("width", "first"),
    [
        (49, " row 12, proanthocyanins  178 × 13  1.2e-03  FAIL"),
        (48, " row 12, proanthocyanins  1.2e-03  FAIL"),
        (39, " row 12, proanthocyanins  1.2e-03  FAIL"),
        (38, " row 12, proanthocyani…  1.2e-03  FAIL"),
        (28, " row 12, pro…  1.2e-03  FAIL"),
        (10, " row 12, pro…  1.2e-03  FAIL"),
    ],
)
def test_a_narrow_table_loses_a_column_and_then_letters_of_names(width: int, first: str) -> None:
    assert Screen(width).text([TABLE]).splitlines()[1] == first


def test_a_legend_tears_no_item_apart() -> None:
    items = [[(f"item {number}", "")] for number in range(5)]
    lines = ["".join(text for text, _ in line) for line in legend(items, 20)]
    assert lines == [" item 0  item 1", " item 2  item 3", " item 4"]
