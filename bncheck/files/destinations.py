"""Where outputs go: the names of derived files, and which endings can be written."""

import os
import re
from collections.abc import Sequence

from bncheck.errors import InputError
from bncheck.files.sources import split_member
from bncheck.wording import quoted, reason


def ending_of(path: str, *possible: str) -> str:
    """Return the ending of a path in small letters.

    >>> ending_of("BZ.CSV", ".npy", ".csv")
    '.csv'

    Raises
    ------
    InputError
        If it is none of those that are possible.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending not in possible:
        raise InputError(
            f"{quoted(path)} has an ending that cannot be written here",
            f"end the name in {' or '.join(possible)}",
        )
    return ending


def targets_of(output: str, sources: Sequence[str]) -> list[str]:
    """Return a path for each input: `output` itself, or if it is a folder, files in it.

    These are named after the inputs. A folder that is missing is made.

    Raises
    ------
    InputError
        If several inputs would go to one file, a derived name is that of an input, or the folder
        cannot be made.
    """
    if len(sources) == 1 and not _is_folder(output):
        return [output]
    if os.path.splitext(output)[1].lower() in (".npy", ".csv") and not _is_folder(output):
        raise InputError(
            f"there are {len(sources)} inputs for one file {quoted(output)}",
            "name a folder with -o; each output gets its input's name there",
        )
    inputs = {os.path.realpath(split_member(source)[0]) for source in sources}
    targets = [os.path.join(output, _name(source)) for source in sources]
    for target in targets:
        if targets.count(target) > 1:
            raise InputError(
                f"two inputs would both go to {quoted(target)}",
                "rename one of them, or run them one at a time",
            )
        if os.path.realpath(target) in inputs:
            raise InputError(
                f"{quoted(target)} is an input, and an output would replace it",
                "name another folder with -o",
            )
    try:
        os.makedirs(output, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {quoted(output)} cannot be made: {reason(error)}", "choose another"
        ) from error
    return targets


def becomes_npy(output: str, source: str, *, alone: bool) -> bool:
    """Tell whether the matrix of an input is written as .npy, as `targets_of` would name it.

    >>> becomes_npy("BZ.npy", "wine.csv", alone=True), becomes_npy("out/", "wine.csv", alone=True)
    (True, False)
    """
    path = output if alone and not _is_folder(output) else _name(source)
    return os.path.splitext(path)[1].lower() == ".npy"


def _is_folder(output: str) -> bool:
    return os.path.isdir(output) or output.endswith(("/", os.sep))


def _name(source: str) -> str:
    """Return the output's name for an input such as `a/b.csv`, `a/b.npz:Z` or `stdin`."""
    path, member = split_member(source)
    stem, ending = os.path.splitext(os.path.basename(path))
    if member is not None:
        stem += "_" + re.sub(r"[/\\:]", "_", member)
    # A matrix is written in the form it came in, as .npy or else as .csv.
    return stem + (".npy" if ending.lower() in (".npy", ".npz") else ".csv")
