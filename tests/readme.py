"""The README's blocks of code. `python -m tests.readme` renews the outputs in it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """The README's blocks in this language: sh, console, bash, json or python."""
    return [
        block["text"]
        for block in BLOCK.finditer(README.read_text("utf-8"))
        if block["language"] == language
    ]


def renewed(session: str) -> str:
    """A console session with what its commands print now, in a folder with sample_data/ alone."""
    commands = [line for line in session.splitlines() if line.startswith("$ ")]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "sample_data", Path(folder, "sample_data"))
        return "".join(
            f"{command}\n"
            + subprocess.run(
                ["bash", "-c", command.removeprefix("$ ")],
                cwd=folder,
                env=os.environ | {"PATH": path},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                timeout=60,
                check=False,
            ).stdout
            for command in commands
        )


def _renew() -> None:
    def block(match: re.Match[str]) -> str:
        if match["language"] != "console":
            return match[0]
        return f"```console\n{renewed(match['text'])}```"

    README.write_text(BLOCK.sub(block, README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    _renew()
