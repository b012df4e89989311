"""Where the matrices of several inputs go."""

import os
from collections.abc import Sequence

from bncheck.errors import InputError
from bncheck.wording import quoted, reason

ENDINGS = {".npy": ".npy", ".npz": ".npy"}
"""A matrix is written in the form it came in, as .npy or else as .csv."""


def targets_of(output: str, sources: Sequence[str]) -> list[str]:
    """One path for each input: `output` itself, or files in that folder named after the inputs.

    A folder that is missing is made.

    Raises
    ------
    InputError
        Where several inputs would go to one file, or the folder cannot be made.
    """
    is_folder = os.path.isdir(output) or output.endswith(os.sep)
    if len(sources) == 1 and not is_folder:
        return [output]
    if os.path.splitext(output)[1].lower() in (".npy", ".csv") and not is_folder:
        raise InputError(
            f"there are {len(sources)} inputs for one file {quoted(output)}",
            "name a folder with -o; each output gets its input's name there",
        )
    names = [_name(source) for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two inputs would both go to {quoted(os.path.join(output, name))}",
                "rename one of them, or run them one at a time",
            )
    try:
        os.makedirs(output, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {quoted(output)} cannot be made: {reason(error)}", "choose another"
        ) from error
    return [os.path.join(output, name) for name in names]


def becomes_npy(output: str, source: str, *, alone: bool) -> bool:
    """Whether the matrix of an input is written as .npy, as `targets_of` would name it."""
    is_file = alone and not (os.path.isdir(output) or output.endswith(os.sep))
    return os.path.splitext(output if is_file else _name(source))[1].lower() == ".npy"


def _name(source: str) -> str:
    """The output's name for an input such as `a/b.csv`, `a/b.npz:Z` or `stdin`."""
    stem, ending = os.path.splitext(os.path.basename(source))
    kind, _, member = ending.partition(":")
    return "_".join(filter(None, (stem, member))) + ENDINGS.get(kind.lower(), ".csv")
