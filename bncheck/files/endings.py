"""Which kinds of files can be written, by the ending of their names."""

import os.path

from bncheck.errors import InputError
from bncheck.wording import quoted


def ending_of(path: str, *possible: str) -> str:
    """The ending of a path in small letters.

    Raises
    ------
    InputError
        Where it is none of those that are possible.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending not in possible:
        raise InputError(
            f"{quoted(path)} has an ending that cannot be written here",
            f"end the name in {' or '.join(possible)}",
        )
    return ending
