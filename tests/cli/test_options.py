"""Options: which of them exclude each other, and that nothing is ignored in silence."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import typer

from bncheck.cli.app import app
from bncheck.cli.options import EXCLUSIVE

WINE = "sample_data/wine.csv"
LAYER = str(Path(__file__).parent.parent / "layers" / "right" / "spec_names.py")

REFUSED = [
    *(("--results", other) for other in ("--layer", "--seed", "--method", "--dtype", "--full")),
    ("--layer", "--dtype"),
    *(("-o -", other) for other in ("--json", "--quiet")),
    ("--json", "--quiet"),
    *(("--plot", other) for other in ("--json", "--quiet")),
    ("--worst", "--quiet"),
]
UNLESS_A_PAGE_SHOWS_IT = [pair for pair in REFUSED if pair[0] in ("--plot", "--worst")]

VALUES = {
    "--layer": [LAYER],
    "--results": ["results.npz"],
    "--seed": ["0"],
    "--method": ["richardson"],
    "--dtype": ["float64"],
    "--worst": ["2"],
    "--report": ["a.html"],
    "-o": ["-"],
}
"""Where it can be, the value that an option has anyway: it counts as given all the same."""


def words(option: str) -> list[str]:
    name = option.split()[0]
    return [name, *VALUES.get(name, [])]


@pytest.fixture(autouse=True)
def _results(folder: Path) -> None:
    np.savez("results.npz", BZ=np.ones((178, 13)))


@pytest.mark.parametrize("pair", REFUSED, ids=" ".join)
def test_what_has_no_meaning_beside_another_is_refused(pair: tuple[str, str], bncheck) -> None:
    command = "forward" if "-o -" in pair else "gradcheck"
    for options in (pair, pair[::-1]):
        result = bncheck(command, WINE, *itertools.chain(*map(words, options)))
        assert result.status == 2
        if "--json" in pair:
            assert result.stderr == ""
            error = json.loads(result.stdout)["error"]
            message, remedy = error["message"], error["help"]
        else:
            assert result.stdout == ""
            first, second = result.stderr.splitlines()
            message, remedy = first.removeprefix("bncheck: error: "), second.strip()
        assert set(message.split(" cannot be used with ")) == set(pair)
        assert remedy
        assert sorted(Path().iterdir()) == [Path("results.npz"), Path("sample_data")]


def test_the_table_has_no_other_pairs() -> None:
    assert {frozenset(row[:2]) for row in EXCLUSIVE} == set(map(frozenset, REFUSED))


@pytest.mark.parametrize(("option", "other"), UNLESS_A_PAGE_SHOWS_IT)
def test_it_is_accepted_where_a_page_shows_it(option: str, other: str, bncheck) -> None:
    pair = itertools.chain(words(option), words(other))
    assert bncheck("gradcheck", WINE, *pair, "--report", "a.html").status == 0
    shown = {"--plot": "error of dLdZ by step size", "--worst": "dLdZ, worst entries"}[option]
    assert shown in Path("a.html").read_text("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--results", "results.npz", "--alpha", "0.8", "--eps", "1e-5", "--rtol", "1e-3"],
        ["--results", "results.npz", "--mode", "train", "--columns", "1-13", "--plot"],
        ["--layer", LAYER, "--seed", "3", "--method", "central", "--full"],
        ["--json", "--worst", "3"],
        ["--quiet", "--figure", "a.svg"],
    ],
)
def test_what_has_a_meaning_is_accepted(arguments: list[str], bncheck) -> None:
    assert bncheck("gradcheck", WINE, *arguments).status in (0, 1)


def test_the_table_names_options_that_exist() -> None:
    commands = typer.main.get_command(app).commands.values()  # type: ignore[attr-defined]
    known = {name for each in commands for option in each.params for name in option.opts}
    named = {name.split()[0] for row in EXCLUSIVE for name in row[:3] if name}
    assert named <= known


@pytest.mark.parametrize(
    ("option", "value", "what"),
    [
        ("--upstream", "sample_data/digits_batch_1_dLdBZ.npy", "upstream gradient"),
        ("--results", "results.npz", "file of results"),
    ],
)
def test_one_file_for_several_inputs_is_refused(
    option: str, value: str, what: str, bncheck
) -> None:
    result = bncheck("gradcheck", WINE, WINE, option, value)
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == (
        f"bncheck: error: there are 2 inputs for one {what}\n  help: check them one by one\n"
    )
