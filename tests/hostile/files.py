"""Names of files that mislead a shell, a terminal or a formatter, and what is no regular file."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from tests.hostile.case import Case, Read, Refused
from tests.hostile.npy_files import WHOLE, Z, npy

TABLE = b"a,b\n1,2\n3,4\n"
FOUR = Read([[1.0, 2.0], [3.0, 4.0]], ("a", "b"))

MISSING = "check the name and the folder"
ENDINGS = "it can be .npy, .npz, .csv, .tsv, .txt; - reads stdin"
PERMISSIONS = "check its name and its permissions"

# What a file is called, by what is special about it; it is typed like that.
NAMES: dict[str, str] = {
    "blanks": "a b .csv",
    "a blank alone": " .csv",
    "a line feed": "a\nb.csv",
    "a carriage return": "a\rb.csv",
    "a tab": "a\tb.csv",
    "an escape sequence": "\x1b[31mred\x1b[0m.csv",
    "a bell": "\x07.csv",
    "an undecodable byte": os.fsdecode(b"Z\xff.csv"),
    "half a character": os.fsdecode(b"\xf0\x9f.csv"),
    "brackets": "a[/].csv",
    "markup": "[bold red]a[/].csv",
    "braces": "{0}{a}.csv",
    "percent signs": "%s%n%.csv",
    "backticks": "`touch exploded`.csv",
    "a command": "$(touch exploded);.csv",
    "quotes": "a\"b'c.csv",
    "backslashes": "a\\nb.csv",
    "wildcards": "*?[a].csv",
    "a tilde": "~.csv",
    "colons": "a:b:.csv",
    "commas": "a,b.csv",
    "a hash": "#.csv",
    "an equals sign": "=1+1.csv",
    "an emoji": "🧪.csv",
    "letters of two directions": "a\u202evsc.csv",
    "a letter in two parts": "e\u0301.csv",
    "a blank of no width": "a\u200bb.csv",
    "250 letters": "a" * 246 + ".csv",
    "capital letters": "Z.CSV",
    "two endings": "Z.npy.csv",
    "an ending as a folder": "a.npz/Z.csv",
    "a dash after a folder": "./-o.csv",
    "a dash alone after a folder": "./-.csv",
    "an archive and a colon": "a.npz:Z.csv",
    "the name of a device": "dev/zero.csv",
}

# What is typed, where there is no file that can be meant.
NO_FILES: dict[str, tuple[str, Refused]] = {
    "no file": ("Z.csv", Refused("`Z.csv` does not exist", MISSING)),
    "no folder": ("a/Z.csv", Refused("`a/Z.csv` does not exist", MISSING)),
    "no archive": ("a.npz:Z", Refused("`a.npz` does not exist", MISSING)),
    "markup": ("[/red].csv", Refused("`[/red].csv` does not exist", MISSING)),
    "a line feed": ("a\nb.csv", Refused(r"`a\nb.csv` does not exist", MISSING)),
    "an escape sequence": ("\x1b[2J.csv", Refused(r"`\x1b[2J.csv` does not exist", MISSING)),
    "an undecodable byte": ("Z\udcff.csv", Refused(r"`Z\udcff.csv` does not exist", MISSING)),
    "a NUL byte": (
        "a\0b.csv",
        Refused(r"`a\x00b.csv` cannot be read: embedded null byte", PERMISSIONS),
    ),
    "300 letters": (
        "a" * 300 + ".csv",
        Refused(f"`{'a' * 300}.csv` cannot be read: file name too long", PERMISSIONS),
    ),
    "5 000 folders": (
        "a/" * 5000 + "Z.csv",
        Refused(f"`{'a/' * 5000}Z.csv` cannot be read: file name too long", PERMISSIONS),
    ),
    "an empty name": ("", Refused("`` has an unknown ending", ENDINGS)),
    "this folder": (".", Refused("`.` is a folder", "name a file in it")),
    "the folder above": ("..", Refused("`..` is a folder", "name a file in it")),
    "an ending alone": (".csv", Refused("`.csv` has an unknown ending", ENDINGS)),
    "a device": ("/dev/zero", Refused("`/dev/zero` has an unknown ending", ENDINGS)),
    "an address": (
        "https://example.org/Z.csv",
        Refused("`https://example.org/Z.csv` does not exist", MISSING),
    ),
}


def folder(path: Path) -> None:
    path.mkdir()


def link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)  # the whole path may be too long for a socket


Files = dict[str, bytes | Callable[[Path], object]]

# Other files, what is typed, and what comes of it.
KINDS: dict[str, tuple[Files, str, Read | Refused]] = {
    "a link": ({"Z.csv": TABLE, "a.csv": link("Z.csv")}, "a.csv", FOUR),
    "a link to a link": (
        {"Z.csv": TABLE, "a.csv": link("b.csv"), "b.csv": link("Z.csv")},
        "a.csv",
        FOUR,
    ),
    "a link with an ending of its own": ({"Z.csv": TABLE, "a.txt": link("Z.csv")}, "a.txt", FOUR),
    "a link from another ending": ({"Z": npy(Z), "a.npy": link("Z")}, "a.npy", WHOLE),
    "a file in a linked folder": ({"f/Z.csv": TABLE, "g": link("f")}, "g/Z.csv", FOUR),
    "a link to nothing": (
        {"a.csv": link("Z.csv")},
        "a.csv",
        Refused("`a.csv` does not exist", MISSING),
    ),
    "a link to itself": (
        {"a.csv": link("a.csv")},
        "a.csv",
        Refused("`a.csv` cannot be read: too many levels of symbolic links", PERMISSIONS),
    ),
    "a link to a folder": (
        {"f": folder, "a.npz": link("f")},
        "a.npz",
        Refused("`a.npz` is a folder", "name a file in it"),
    ),
    "a link to no bytes": (
        {"a.csv": link("/dev/null")},
        "a.csv",
        Refused("`a.csv` is empty", "check the program that should write it"),
    ),
    **{
        f"a folder called {name}": (
            {name: folder},
            name,
            Refused(f"`{name}` is a folder", "name a file in it"),
        )
        for name in ("Z.npy", "Z.npz", "Z.csv", "Z")
    },
    "a folder called as an archive": (
        {"a.npz": folder},
        "a.npz:Z",
        Refused("`a.npz` is a folder", "name a file in it"),
    ),
    "a slash after a file": (
        {"Z.csv": TABLE},
        "Z.csv/",
        Refused("`Z.csv/` has an unknown ending", ENDINGS),
    ),
    "a file as a folder": (
        {"Z.csv": TABLE},
        "Z.csv/Z.csv",
        Refused("`Z.csv/Z.csv` cannot be read: not a directory", PERMISSIONS),
    ),
    "a colon after a table": (
        {"Z.csv": TABLE},
        "Z.csv:a",
        Refused("`Z.csv:a` has an unknown ending", ENDINGS),
    ),
    "a socket": (
        {"Z.csv": bound_socket},
        "Z.csv",
        Refused("`Z.csv` cannot be read: no such device or address", PERMISSIONS),
    ),
    **{
        f"a file called {name}": (
            {name: TABLE},
            name,
            Refused(f"`{name}` has an unknown ending", ENDINGS),
        )
        for name in ("Z", "Z.csv.gz", "Z.xlsx", "Z.json", "Z.csv~", "Z.csv ")
    },
    "a table called .npy": (
        {"Z.npy": TABLE},
        "Z.npy",
        Refused("`Z.npy` is not in NumPy's .npy format", "save it with np.save"),
    ),
    "an array called .csv": (
        {"Z.csv": npy(Z)},
        "Z.csv",
        Refused(
            "`Z.csv`, line 1: byte 0x93 is not UTF-8",
            "save the file as UTF-8 text",
        ),
    ),
}

CASES: list[Case] = [
    *(
        Case(
            f"{what} for a name",
            name,
            {name: TABLE},
            FOUR,
        )
        for what, name in NAMES.items()
    ),
    *(Case(f"{what}, missing", name, {}, verdict) for what, (name, verdict) in NO_FILES.items()),
    *(Case(what, argument, files, verdict) for what, (files, argument, verdict) in KINDS.items()),
]
