"""The documents say what is so: every command in the README is run, every option has help."""

import ctypes
import doctest
import importlib.metadata
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import typer

import bncheck as package
from bncheck.batchnorm.quantities import QUANTITIES, RESULTS
from bncheck.cli.app import app
from tests import readme
from tests.conftest import Result
from tests.noise_free import noise_free
from tests.screenshot import SCREENSHOT, lines_of

INSTALL, TEST = (block.strip() for block in readme.blocks("sh"))
SESSIONS = readme.blocks("console")
SCRIPT, GRADE, SANDBOX = readme.blocks("bash")
(LIBRARY,) = readme.blocks("python")
(OUTLINE,) = readme.blocks("json")

OF_EVERY_COMMAND = "--layer --state --alpha --eps --columns --json -q --quiet"
OPTIONS = {
    "forward": f"{OF_EVERY_COMMAND} --save-state -o --output",
    "eval": f"{OF_EVERY_COMMAND} -o --output",
    "backward": f"{OF_EVERY_COMMAND} --upstream --mode -o --output --gradients",
    "gradcheck": f"{OF_EVERY_COMMAND} --upstream --mode --results --rtol --method --dtype --seed"
    " --full --worst --plot --figure --report",
}
"""All that users may rely on, command by command: a script's options do not change unnoticed."""


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.splitlines()[0])
def test_readme_shows_what_the_commands_print(session: str) -> None:
    assert noise_free(readme.renewed(session)) == noise_free(session)


def test_readme_shows_the_failing_check_as_it_looks() -> None:
    now, shown = map(lines_of, (readme.picture(), SCREENSHOT.read_text("utf-8")))
    assert noise_free(now) == noise_free(shown)
    assert shown.endswith("10 other checks passed\n")


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
            r"it is inconclusive:\nnote: dLdNZ of hue can be known only to .*\n(note: .*\n)*",
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
        "from bncheck.batchnorm.layer import BatchNorm1d\n"
        "BatchNorm1d.backward = lambda layer, dLdBZ: dLdBZ\n",
        "utf-8",
    )
    result = bash(f"export PYTHONPATH=$PWD\n{SCRIPT}", "sample_data/wine.csv")
    assert (result.status, result.stderr) == (1, "")
    assert re.fullmatch(r"a gradient is wrong:\nfail: dLdZ is wrong in .*\n", result.stdout)


CRASHING = "import os\n\nos._exit(0)\n"


@pytest.mark.skipif(shutil.which("jq") is None, reason="the script needs jq")
def test_readme_grades_a_folder(folder: Path, bash) -> None:
    layers = readme.ROOT / "tests" / "layers" / "right"
    submissions = folder / "submissions"
    submissions.mkdir()
    shutil.copy(layers / "spec_names.py", submissions / "right one.py")
    for name, text in {"wrong.py": readme.files()["my_batchnorm.py"], "crash.py": CRASHING}.items():
        (submissions / name).write_text(text, "utf-8")
    result = bash(GRADE, "submissions")
    assert result.stdout.splitlines() == [
        "not checked  submissions/crash.py",
        "pass  submissions/right one.py",
        "fail  submissions/wrong.py",
    ]


STRANGER = """
import os, socket, sys
from bncheck import BatchNorm1d

HOME, PORT, ITSELF = {home!r}, {port}, os.path.abspath(__file__)

ATTEMPTS = {{
    "write to home": lambda: open(os.path.join(HOME, "written"), "w"),
    "read from home": lambda: open(os.path.join(HOME, "secret")).read(),
    "write beside itself": lambda: open(os.path.join(os.path.dirname(ITSELF), "written"), "w"),
    "write to the current folder": lambda: open("written", "w"),
    "write to the root": lambda: open("/written-by-a-stranger", "w").close(),
    "change itself": lambda: open(ITSELF, "a"),
    "connect": lambda: socket.create_connection(("127.0.0.1", PORT), timeout=5),
    "see a process": lambda: os.kill({process}, 0),
}}

for what, attempt in ATTEMPTS.items():
    try:
        attempt()
        print(what, file=sys.stderr)
    except OSError:
        pass

class Layer(BatchNorm1d):
    pass
"""
"""A layer that says which of its attempts to do harm it succeeded in."""


def sandbox_works() -> bool:
    command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    return shutil.which("bwrap") is not None and not subprocess.call(
        command, stderr=subprocess.DEVNULL
    )


@pytest.mark.skipif(not sandbox_works(), reason="bubblewrap is missing or may make no namespaces")
def test_readme_sandbox(folder: Path, bash) -> None:
    home = folder / "home"
    (home / "stranger").mkdir(parents=True)
    (home / "secret").write_text("secret", "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = STRANGER.format(home=str(home), port=port, process=os.getpid())
        (home / "stranger" / "layer.py").write_text(text, "utf-8")
        inside = bash(SANDBOX, "home/stranger/layer.py", "sample_data/wine.csv")
        assert (inside.status, inside.stderr) == (0, "")
        assert inside.stdout.splitlines()[-1].startswith("pass: ")
        assert os.listdir(home / "stranger") == ["layer.py"]
        # Outside, all of it is possible: the attempts are real.
        text = text.replace("/written-by-a-stranger", str(folder / "written"))
        (home / "stranger" / "layer.py").write_text(text, "utf-8")
        outside = bash("bncheck gradcheck -q sample_data/wine.csv --layer home/stranger/layer.py")
    assert (outside.status, outside.stdout) == (0, "")
    assert outside.stderr.splitlines() == re.findall('^    "(.*)": lambda', text, re.MULTILINE)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_readme_writes_arrays_from_c(folder: Path, bncheck) -> None:
    Path("save_npy.c").write_text(readme.files()["save_npy.c"], "utf-8")
    command = "cc -Wall -Wextra -Werror -shared -fPIC -o save_npy.so save_npy.c"
    subprocess.run(command.split(), check=True)
    save = ctypes.CDLL(str(folder / "save_npy.so")).save_npy
    recorded = readme.ROOT / "tests" / "recorded"
    given, computed = np.load(recorded / "torch_input.npz"), np.load(recorded / "torch_train.npz")
    with zipfile.ZipFile("results.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("out", "input.grad", "weight.grad"):
            A = np.atleast_2d(np.ascontiguousarray(computed[name]))
            assert save(f"{name}.npy".encode(), ctypes.c_void_p(A.ctypes.data), *A.shape) == 0
            archive.write(f"{name}.npy")
    np.savez("input.npz", **given)
    command = "gradcheck input.npz:Z --upstream input.npz:dLdBZ --results results.npz --state"
    result = bncheck(*command.split(), str(recorded / "torch_state.npz"))
    assert result.status == 0, result


def test_readme_names_every_spelling_of_results() -> None:
    section = readme.README.read_text("utf-8").split("## Arrays of another program")[1]
    prose = readme.BLOCK.sub("", section.split("\n## ")[0])
    named = set(re.findall(r"`([^`]+)`", prose))
    assert {name for each in RESULTS for name in QUANTITIES[each].names} <= named


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
    headings = re.findall(r"^##+ (.*)", text, re.MULTILINE)
    anchors = {f"#{heading.lower().replace(' ', '-')}" for heading in headings}
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        assert target in anchors or (readme.ROOT / target).exists()


def test_changelog_has_this_version() -> None:
    changelog = (readme.ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"## {package.__version__}" in changelog


def commands() -> dict[str, typer.core.TyperCommand]:
    return typer.main.get_command(app).commands


@pytest.mark.parametrize("command", OPTIONS)
def test_the_options_are_those_of_the_contract(command: str) -> None:
    known = [name for each in commands()[command].params for name in each.opts if name[0] == "-"]
    assert sorted(known) == sorted(OPTIONS[command].split())


@pytest.mark.parametrize("command", OPTIONS)
def test_help_shows_every_option_and_no_other(command: str, bncheck: Callable[..., Result]) -> None:
    shown = re.findall(
        r"^  (-[\w-]+)(?:, (--[\w-]+))?", bncheck(command, "--help").stdout, re.MULTILINE
    )
    options = {name for pair in shown for name in pair if name}
    assert options == {*OPTIONS[command].split(), "-h", "--help"}


def test_the_commands_are_those_of_the_contract() -> None:
    assert list(commands()) == list(OPTIONS)


@pytest.mark.parametrize("command", OPTIONS)
def test_every_command_and_option_has_help(command: str) -> None:
    described = commands()[command]
    assert described.help
    sentence = re.compile(r"[A-Z].*\.", re.DOTALL)
    told = {option.name: option.help for option in described.params}
    assert {name for name, text in told.items() if not sentence.fullmatch(text or "")} == set()


def test_the_list_of_commands_cuts_none_of_their_descriptions(bncheck) -> None:
    _, listed = bncheck("--help").stdout.split("Commands:\n")
    assert [line.split()[0] for line in listed.splitlines()] == list(OPTIONS)
    assert "..." not in listed


MODULES = sorted(
    ".".join(path.relative_to(readme.ROOT).with_suffix("").parts)
    for path in (readme.ROOT / "bncheck").rglob("*.py")
    if ">>> " in path.read_text("utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failed == 0


def test_version(bncheck) -> None:
    assert bncheck("--version").stdout == f"bncheck {package.__version__}\n"
    assert importlib.metadata.version("bncheck") == package.__version__
