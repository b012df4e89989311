"""The documents say what is so: every command in the README is run, every option has help."""

import importlib.metadata
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

import bncheck as package
from bncheck.cli import app
from tests import readme
from tests.noise_free import noise_free

INSTALL, TEST = (block.strip() for block in readme.blocks("sh"))
SESSIONS = readme.blocks("console")
(SCRIPT,) = readme.blocks("bash")
(LIBRARY,) = readme.blocks("python")
(OUTLINE,) = readme.blocks("json")

OPTIONS = {
    "forward": "--state --save-state --alpha --eps -o --output --layer --columns --json -q --quiet",
    "eval": "--state --alpha --eps -o --output --layer --columns --json -q --quiet",
    "backward": "--state --alpha --eps -o --output --gradients --upstream --mode --layer --columns"
    " --json -q --quiet",
    "gradcheck": "--state --alpha --eps --upstream --mode --layer --results --method --rtol"
    " --columns --seed --json -q --quiet",
}
"""The contract's table, command by command."""


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.splitlines()[0])
def test_readme_shows_what_the_commands_print(session: str) -> None:
    assert noise_free(readme.renewed(session)) == noise_free(session)


def test_readme_shows_every_command() -> None:
    shown = re.findall(r"(?:^\$|\|) bncheck (\w+)", "".join(SESSIONS), re.MULTILINE)
    assert set(shown) == set(OPTIONS)


def test_ci_runs_the_commands_of_the_readme() -> None:
    ci = (readme.ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert INSTALL in ci
    assert TEST in ci


def test_ci_can_be_run() -> None:
    assert os.stat(readme.ROOT / ".ci" / "run").st_mode & stat.S_IXUSR


@pytest.mark.parametrize(
    ("arguments", "status", "printed"),
    [
        (["sample_data/wine.csv"], 0, "the gradients are right\n"),
        (
            ["sample_data/wine.csv", "--columns", "hue", "--rtol", "1e-16"],
            0,
            r"it cannot be told:\nnote: dLdNZ of hue can be known only to .*\n(note: .*\n)*",
        ),
        (["missing.csv"], 2, ""),
    ],
)
def test_readme_script(arguments: list[str], status: int, printed: str, bash) -> None:
    result = bash(SCRIPT, *arguments)
    assert result.status == status
    assert re.fullmatch(printed, result.stdout)
    assert result.stderr.endswith("the check did not run\n" if status == 2 else "")


def test_readme_script_tells_of_a_mistake(folder: Path, bash) -> None:
    Path("sitecustomize.py").write_text(
        "from bncheck.batchnorm import BatchNorm1d\n"
        "BatchNorm1d.backward = lambda layer, dLdBZ: dLdBZ\n",
        "utf-8",
    )
    result = bash(f"export PYTHONPATH=$PWD\n{SCRIPT}", "sample_data/wine.csv")
    assert (result.status, result.stderr) == (1, "")
    assert re.fullmatch(r"a gradient is wrong:\nfail: dLdZ is wrong in .*\n", result.stdout)


def test_readme_library() -> None:
    exec(LIBRARY, {})


def test_readme_outlines_the_document(bncheck) -> None:
    document = json.loads(bncheck("gradcheck", "sample_data/wine.csv", "--json").stdout)
    assert set(paths_of(json.loads(OUTLINE))) <= set(paths_of(document))


def paths_of(document: object, path: str = "") -> Iterator[str]:
    """Every key of a JSON document with those it is under, as in `inputs.checks.name`."""
    if isinstance(document, list):
        for each in document:
            yield from paths_of(each, path)
    elif isinstance(document, dict):
        for key, value in document.items():
            yield f"{path}.{key}"
            yield from paths_of(value, f"{path}.{key}")


def test_readme_links_to_files_that_exist() -> None:
    text = readme.README.read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        assert (readme.ROOT / target).exists()


def test_changelog_has_this_version() -> None:
    changelog = (readme.ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"## {package.__version__}" in changelog


@pytest.mark.parametrize("command", OPTIONS)
def test_help_has_every_option_of_the_contract(
    command: str, bncheck: Callable[..., object]
) -> None:
    text = bncheck(command, "--help").stdout
    assert set(OPTIONS[command].split()) <= set(re.findall(r"(?<!\S)--?[\w-]+", text))


def commands() -> dict[str, typer.core.TyperCommand]:
    return typer.main.get_command(app).commands


def test_the_commands_are_those_of_the_contract() -> None:
    assert list(commands()) == list(OPTIONS)


@pytest.mark.parametrize("command", OPTIONS)
def test_every_command_and_option_has_help(command: str) -> None:
    described = commands()[command]
    assert described.help
    assert [option.name for option in described.params if not option.help] == []


def test_version(bncheck) -> None:
    assert bncheck("--version").stdout == f"bncheck {package.__version__}\n"
    assert importlib.metadata.version("bncheck") == package.__version__
