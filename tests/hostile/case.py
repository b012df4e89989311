"""A case: the files to make, what is typed, and what must come of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Read:
    """The matrix that must be read, and the names of its columns where there are any."""

    values: Sequence[Sequence[float]]
    names: Sequence[str] | None = None


@dataclass(frozen=True)
class Refused:
    """The fact and the help that the input must be refused with, status 2."""

    message: str
    help: str


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes
    ----------
    name
        Of the case, without that of its kind.
    argument
        What is typed as INPUT.
    files
        Name to content, or to a function that makes something else under that name.
    verdict
        What must come of it.
    columns
        What is given to --columns.
    known
        Why it is known not to come out like that yet; empty if it does.
    """

    name: str
    argument: str
    files: dict[str, bytes | Callable[[Path], object]] = field(repr=False)
    verdict: Read | Refused
    columns: str | None = None
    known: str = ""

    def make(self, folder: Path) -> None:
        """Make the files in a folder."""
        for name, content in self.files.items():
            path = folder / name
            if isinstance(content, bytes):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            else:
                content(path)


def file_of(
    name: str, path: str, content: bytes, verdict: Read | Refused, **more: str | None
) -> Case:
    """A case of one file that is typed as it is called."""
    return Case(name, path, {path: content}, verdict, **more)  # type: ignore[arg-type]
