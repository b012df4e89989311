"""The suite on every supported Python, with the oldest and the newest of what it needs.

`python -m tests.versions` makes an environment for each in a temporary folder, builds and installs
what is distributed, and prints a table. `python -m tests.versions 3.12 wheel` does a part of it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

SUPPORTED = ("3.11", "3.12", "3.13")
SHOWN = ("numpy", "rich", "typer")


class NotRunError(Exception):
    """What stood in the way, and what it said."""


def interpreter(version: str) -> str:
    """An interpreter of this version, as it is called or as pyenv keeps it."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in (f"python{version}", *map(str, reversed(kept))):
        ask = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if shutil.which(candidate) and output(ask, check=False).strip() == version:
            return candidate
    raise NotRunError("there is no such interpreter")


def output(command: list[str], folder: Path | None = None, *, check: bool = True) -> str:
    """What a command prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if check and done.returncode:
        raise NotRunError(f"{' '.join(command)}\n{done.stdout}")
    return done.stdout


def environment(place: Path, version: str, *packages: str) -> str:
    """The Python of a new environment with these packages."""
    output([interpreter(version), "-m", "venv", str(place)])
    python = str(place / "bin" / "python")
    output([python, "-m", "pip", "install", "-q", *packages])
    return python


def oldest() -> list[str]:
    """Everything at the lowest version that pyproject.toml admits."""
    extras = PROJECT["optional-dependencies"]
    needed = dict.fromkeys([*PROJECT["dependencies"], *extras["figure"], *extras["dev"]])
    return [re.sub(r">=([\d.]+).*", r"==\1", each) for each in needed]


def suite(place: Path, version: str, *packages: str) -> tuple[str, str]:
    """The versions used, and the last line of the tests."""
    copy = place / "project"
    hidden = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, copy, ignore=hidden)
    python = environment(place / "venv", version, "-e", f"{copy}[dev]", *packages)
    said = output([python, "-m", "pytest", "-n", "2"], copy, check=False)
    last = said.splitlines()[-1]
    if "failed" in last or "error" in last or "passed" not in last:
        print(said)
    return versions_in(python), last


def distributed(place: Path, kind: str) -> tuple[str, str]:
    """The versions used, and the last line of a check by a bncheck that was built and installed."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    builder = environment(place / "builder", version, "build")
    # As its users do: the wheel from the sdist, not from the folder.
    output([builder, "-m", "build", "--outdir", str(place / "dist"), str(ROOT)])
    pattern = {"wheel": "*.whl", "sdist": "*.tar.gz"}[kind]
    (built,) = map(str, (place / "dist").glob(pattern))
    python = environment(place / "venv", version, built)
    bncheck = str(Path(python).with_name("bncheck"))
    said = output([bncheck, "gradcheck", str(ROOT / "sample_data" / "wine.csv")], place)
    return versions_in(python), said.splitlines()[-1]


def versions_in(python: str) -> str:
    """The versions of what bncheck needs."""
    ask = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    versions = output([python, "-c", ask, *SHOWN]).split()
    return ", ".join(f"{name} {each}" for name, each in zip(SHOWN, versions, strict=True))


def _main(wanted: list[str]) -> None:
    rows: dict[str, Callable[[Path], tuple[str, str]]] = {
        version: lambda place, version=version: suite(place, version)  # type: ignore[misc]
        for version in SUPPORTED
    }
    rows["oldest"] = lambda place: suite(place, SUPPORTED[0], *oldest())
    for kind in ("wheel", "sdist"):
        rows[kind] = lambda place, kind=kind: distributed(place, kind)  # type: ignore[misc]
    failed = False
    for name in wanted or rows:
        with tempfile.TemporaryDirectory() as place:
            try:
                used, result = rows[name](Path(place))
            except NotRunError as error:
                used, result = "", f"not run: {error}"
        failed |= "pass" not in result or "failed" in result
        print(f"{name:8}{used:42}{result}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    _main(sys.argv[1:])
