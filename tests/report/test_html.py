"""Pages: what the terminal shows, in one file that needs no other."""

import re
from pathlib import Path

from bncheck.report.html import NARROWEST, page
from bncheck.report.screen import Column, Table
from tests.wrong_backward import without_mean_path

CHECK = ("gradcheck", "sample_data/wine.csv")


def test_the_last_line_is_still_the_answer(bncheck, mistake) -> None:
    mistake(without_mean_path)
    result = bncheck(*CHECK, "--figure", "a.svg", "--report", "a.html")
    assert result.status == 1
    assert result.stdout.splitlines()[-1].startswith("fail: ")


def test_a_page_has_what_the_terminal_shows(bncheck, mistake) -> None:
    mistake(without_mean_path)
    shown = bncheck(*CHECK, "--plot").stdout
    bncheck(*CHECK, "--plot", "--report", "a.html", "-q")
    page = Path("a.html").read_text("utf-8")
    text = re.sub(r"<[^>]+>", "", page[page.index("<pre>") :])
    assert text.count("█") == shown.count("█")
    assert [each in text for each in ("worst entries", "chosen: ", "fail: dLdZ is wrong")] == [
        True
    ] * 3


def test_a_page_needs_nothing_else(bncheck) -> None:
    bncheck(*CHECK, "--plot", "--report", "a.html")
    page = Path("a.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert '<meta charset="utf-8">' in page
    assert "<title>bncheck: pass, sample_data/wine.csv</title>" in page
    assert "color-scheme: light dark" in page
    assert not re.search(r"https?:|<script|<link|<img|@import|url\(", page)
    assert "color: #000000" not in page  # black on a dark page


def test_names_are_no_markup_in_a_page(bncheck) -> None:
    Path("{x}<b>&.csv").write_text("<i>,{code},[bold]x[/]\n1,2,3\n4,3,5\n7,9,1\n", "utf-8")
    assert bncheck("gradcheck", "{x}<b>&.csv", "--plot", "--report", "a.html").status == 0
    page = Path("a.html").read_text("utf-8")
    assert "<title>bncheck: pass, {x}&lt;b&gt;&amp;.csv</title>" in page
    assert "&lt;i&gt;" in page
    assert "{code}" in page
    assert "[bold]x[/]" in page


def test_an_existing_file_survives_a_failed_run(bncheck) -> None:
    Path("a.html").write_text("old", "utf-8")
    result = bncheck(*CHECK, "--report", "a.html", "--figure", "no/folder/a.png")
    assert result.status == 2
    assert Path("a.html").read_text("utf-8") == "old"


def test_two_outputs_need_two_files(bncheck) -> None:
    Path("a.html").symlink_to("a.svg")
    result = bncheck(*CHECK, "--report", "a.html", "--figure", "a.svg")
    assert result.status == 2
    assert "is named for two outputs" in result.stderr


def lines_of(text: str) -> list[str]:
    return text[text.index("<pre>") :].splitlines()[1:-3]


def test_sentences_are_folded_and_tables_are_not() -> None:
    sentence = "a word " * 30
    table = Table([Column("name", ["x" * 150])])
    assert max(map(len, lines_of(page("", [sentence])))) <= NARROWEST
    assert lines_of(page("", [table]))[1] == f" {'x' * 150}"


def test_styles_are_classes() -> None:
    shown = page("", [[("<FAIL>", "bold red"), (": <dLdZ>", "")]])
    assert lines_of(shown) == ['<span class="bold red">&lt;FAIL&gt;</span>: &lt;dLdZ&gt;']
    assert ".red {" in shown
    assert ".bold {" in shown
