"""The README's blocks of code. `python -m tests.readme` renews the outputs and the picture."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import screenshot

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


FILE = re.compile(r"(?:#|//) (?P<name>\w+\.\w+)\n")
"""First line of a block that is a file: a comment with its name."""


def blocks(language: str) -> list[str]:
    """The README's blocks in this language (sh, console, bash, json, python), without files."""
    return [text for each, text in _blocks() if each == language and not FILE.match(text)]


def files() -> dict[str, str]:
    """The README's blocks that are files, by name."""
    return {match["name"]: text for _, text in _blocks() if (match := FILE.match(text))}


def _blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(README.read_text("utf-8"))


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder with what the README's commands need: the data, and the files that it shows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "sample_data", folder / "sample_data")
        shutil.copytree(ROOT / "tests" / "recorded", folder / "tests" / "recorded")
        for file, text in files().items():
            (folder / file).write_text(text, "utf-8")
        yield folder


def environment() -> dict[str, str]:
    """Ours, with this interpreter's bncheck."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path}


def renewed(session: str) -> str:
    """A console session with what its commands print now."""
    commands = [line for line in session.splitlines() if line.startswith("$ ")]
    with workplace() as folder:
        return "".join(
            f"{command}\n"
            + subprocess.run(
                ["bash", "-c", command.removeprefix("$ ")],
                cwd=folder,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                timeout=60,
                check=False,
            ).stdout
            for command in commands
        )


def picture() -> str:
    """The picture of the failing check, as it looks now."""
    with workplace() as folder:
        shown = screenshot.on_a_terminal(screenshot.COMMAND, folder, environment())
    return screenshot.svg(screenshot.COMMAND, shown)


def _renew() -> None:
    def block(match: re.Match[str]) -> str:
        if match["language"] != "console":
            return match[0]
        return f"```console\n{renewed(match['text'])}```"

    README.write_text(BLOCK.sub(block, README.read_text("utf-8")), "utf-8")
    screenshot.SCREENSHOT.write_text(picture(), "utf-8")


if __name__ == "__main__":
    _renew()
