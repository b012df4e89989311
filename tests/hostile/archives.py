"""NumPy's .npz archives: members that mislead, bombs, forged directories, names with a purpose."""

import io
import stat
import warnings
import zipfile

import numpy as np

from tests.hostile.case import Case, Read, Refused, file_of
from tests.hostile.npy_files import NUMBERS, WHOLE, Z, forged, npy

BROKEN = Refused("`a.npz` is not an .npz archive, or a damaged one", "save it again with np.savez")
NO_ARRAY = Refused("`a.npz` holds no array", "save some with np.savez")
DAMAGED = "the file is damaged or incomplete; save or copy it again"

ARRAY = npy(Z)
OBJECTS = npy(np.array([[1.0, None]]))
ZEROS = bytes(5_000_000)
"""What a bomb consists of: compressed, a thousandth of it is left."""

LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of these members, in this order; a name may come twice."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as target:
        warnings.simplefilter("ignore")  # that a name comes twice
        for name, content in members:
            member = zipfile.ZipInfo(name)
            member.compress_type = method
            target.writestr(member, content)
    return stream.getvalue()


def zip64(content: bytes) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w") as target,
        target.open(zipfile.ZipInfo("Z.npy"), "w", force_zip64=True) as member,
    ):
        member.write(content)
    return stream.getvalue()


def link() -> bytes:
    """A member that says of itself that it is a symbolic link."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        member = zipfile.ZipInfo("Z.npy")
        member.create_system = 3
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        target.writestr(member, "/etc/passwd")
    return stream.getvalue()


def with_comment(comment: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        target.writestr("Z.npy", ARRAY)
        target.comment = comment
    return stream.getvalue()


def patched(content: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """Bytes in the last record of that signature replaced."""
    place = content.rindex(signature) + offset
    return content[:place] + value + content[place + len(value) :]


ONE = archive(("Z.npy", ARRAY))
DEFLATED = archive(("Z.npy", ARRAY), method=zipfile.ZIP_DEFLATED)
BZIP2 = archive(("Z.npy", ARRAY), method=zipfile.ZIP_BZIP2)
BOMB = archive(("Z.npy", ARRAY + ZEROS), method=zipfile.ZIP_DEFLATED)
TWICE = archive(("Z.npy", npy(-Z)), ("Z.npy", ARRAY))


def both(content: bytes, central: int, local: int, value: bytes) -> bytes:
    """The same field replaced in the directory and before the member."""
    return patched(patched(content, CENTRAL, central, value), LOCAL, local, value)


def no_npy(name: str) -> Refused:
    return Refused(f"`a.npz:{name}` is not in NumPy's .npy format", "save it with np.save")


# One array, found without its name.
READ: dict[str, bytes] = {
    "stored": ONE,
    "deflated": DEFLATED,
    "bzip2": BZIP2,
    "lzma": archive(("Z.npy", ARRAY), method=zipfile.ZIP_LZMA),
    "zip64": zip64(ARRAY),
    "a comment": with_comment(b"x" * 1000),
    "a program before it": b"#!/bin/sh\nexit\n" * 100 + ONE,
    "a folder beside it": archive(("d/", b""), ("Z.npy", ARRAY)),
    "a text beside it": archive(("README.txt", b"1,2\n"), ("Z.npy", ARRAY)),
    "labels beside it": archive(("y.npy", npy(np.ones(2))), ("Z.npy", ARRAY)),
    "a scalar and a tensor beside it": archive(
        ("s.npy", npy(np.array(1.0))), ("Z.npy", ARRAY), ("t.npy", npy(np.zeros((1, 2, 3))))
    ),
    "fortran order": archive(("Z.npy", npy(np.asfortranarray(Z)))),
    "big-endian float32": archive(("Z.npy", npy(Z.astype(">f4")))),
}

# The name of an array to what is typed after the colon.
NAMES: dict[str, str] = {
    "an absolute path": "/etc/passwd",
    "a path upwards": "../../outside",
    "a path of Windows": "C:\\Windows\\system",
    "a path back and forth": "a/../Z",
    "the ending twice": "Z.npy",
    "another ending": "Z.csv",
    "a line feed": "a\nb",
    "an escape sequence": "\x1b[31mred",
    "brackets": "[bold]Z[/]",
    "colons": "a:b::c",
    "another archive": "b.npz:Z",
    "a blank": " Z ",
    "a dash": "-",
    "an emoji": "🧪",
    "letters of two directions": "a\u202eb",
    "60 000 letters": "Z" * 60_000,
}

REFUSED: dict[str, tuple[bytes, str, Refused]] = {
    "no archive": (b"1,2\n3,4\n", "a.npz", BROKEN),
    "a .npy file": (ARRAY, "a.npz", BROKEN),
    "zeros": (bytes(1000), "a.npz", BROKEN),
    "compressed otherwise": (b"\x1f\x8b\x08\0" + bytes(100), "a.npz", BROKEN),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(100), "a.npz", BROKEN),
    "nothing": (
        b"",
        "a.npz",
        Refused("`a.npz` is empty", "check the program that should write it"),
    ),
    "an end alone": (archive(), "a.npz", NO_ARRAY),
    "a text alone": (archive(("README.txt", b"1,2\n")), "a.npz", NO_ARRAY),
    "a folder called as an array": (archive(("Z.npy/", b"")), "a.npz", NO_ARRAY),
    "an archive in it": (archive(("b.npz", ONE)), "a.npz", NO_ARRAY),
    "an archive as an array": (archive(("Z.npy", ONE)), "a.npz", no_npy("Z")),
    "a text as an array": (archive(("Z.npy", b"1,2\n")), "a.npz:Z", no_npy("Z")),
    "a link as an array": (link(), "a.npz:Z", no_npy("Z")),
    "nothing as an array": (archive(("Z.npy", b"")), "a.npz:Z", no_npy("Z")),
    "objects": (
        archive(("Z.npy", OBJECTS)),
        "a.npz",
        Refused(
            "`a.npz:Z` has dtype `object`, expected real numbers",
            "save it as numbers, with A.astype(np.float64)",
        ),
    ),
    "two matrices": (
        archive(("X.npy", ARRAY), ("Y.npy", ARRAY)),
        "a.npz",
        Refused("`a.npz` has 2 arrays: `X`, `Y`", "pick one, as in `a.npz:X`"),
    ),
    "another name": (ONE, "a.npz:Y", Refused("`a.npz` has no array `Y`", "it has `Z`")),
    "a name with its ending": (
        ONE,
        "a.npz:Z.npy",
        Refused("`a.npz` has no array `Z.npy`", "it has `Z`"),
    ),
    "no name": (ONE, "a.npz:", Refused("`a.npz` has no array ``", "it has `Z`")),
    "one name twice": (
        TWICE,
        "a.npz",
        Refused("`a.npz` has 2 arrays with the name `Z`", "save it again with np.savez"),
    ),
    "one name twice, picked": (
        TWICE,
        "a.npz:Z",
        Refused("`a.npz` has 2 arrays with the name `Z`", "save it again with np.savez"),
    ),
    # Bombs
    "a bomb behind an array": (
        BOMB,
        "a.npz",
        Refused("`a.npz:Z` has 5000048 bytes of numbers where its header promises 48", DAMAGED),
    ),
    "a bomb without a header": (
        archive(("Z.npy", ZEROS), method=zipfile.ZIP_DEFLATED),
        "a.npz:Z",
        no_npy("Z"),
    ),
    "a bomb in a header": (
        archive(("Z.npy", b"\x93NUMPY\2\0\xff\xff\xff\x7f" + ZEROS), method=zipfile.ZIP_DEFLATED),
        "a.npz:Z",
        Refused("`a.npz:Z` has a header that cannot be read", "save it again with np.save"),
    ),
    "a bomb that does not do": (
        archive(
            ("Z.npy", forged(shape="(1000000000000000000, 2)", numbers=ZEROS)),
            method=zipfile.ZIP_DEFLATED,
        ),
        "a.npz:Z",
        Refused(
            "`a.npz:Z` has 5000000 bytes of numbers where its header promises 16000000000000000000",
            DAMAGED,
        ),
    ),
    "a bomb that hides its size": (both(BOMB, 24, 22, b"\x10\0\0\0"), "a.npz:Z", BROKEN),
    # Forged directories
    "a comment that looks like an end": (with_comment(b"PK\5\6" * 100), "a.npz", BROKEN),
    "a member that is encrypted": (both(ONE, 8, 6, b"\1\0"), "a.npz:Z", BROKEN),
    "a method that is not known": (both(ONE, 10, 8, b"\x63\0"), "a.npz:Z", BROKEN),
    "a method that is not its own": (both(ONE, 10, 8, b"\x08\0"), "a.npz:Z", BROKEN),
    "a checksum that is wrong": (both(ONE, 16, 14, b"\0\0\0\0"), "a.npz:Z", BROKEN),
    "numbers that were changed": (
        ONE.replace(NUMBERS, NUMBERS[::-1]),
        "a.npz",
        BROKEN,
    ),
    "another name before the member": (patched(ONE, LOCAL, 30, b"Y.npy"), "a.npz:Z", BROKEN),
    "a member outside of the file": (
        patched(ONE, CENTRAL, 42, b"\xff\xff\xff\x7f"),
        "a.npz:Z",
        BROKEN,
    ),
    "a member that is the directory": (
        patched(ONE, CENTRAL, 42, ONE.rindex(CENTRAL).to_bytes(4, "little")),
        "a.npz:Z",
        BROKEN,
    ),
    "a directory outside of the file": (
        patched(ONE, END, 16, b"\xff\xff\xff\x7f"),
        "a.npz",
        BROKEN,
    ),
    "a directory of 4 GB": (patched(ONE, END, 12, b"\xff\xff\xff\x7f"), "a.npz", BROKEN),
    "a name that is no text": (
        both(ONE, 8, 6, b"\0\x08").replace(b"Z.npy", b"\xff.npy"),
        "a.npz",
        BROKEN,
    ),
    "cut off at the start": (DEFLATED[:10], "a.npz", BROKEN),
    "cut off in the member": (DEFLATED[: len(DEFLATED) // 2], "a.npz", BROKEN),
    "cut off in the end": (DEFLATED[:-5], "a.npz", BROKEN),
    "its start cut off": (DEFLATED[20:], "a.npz", BROKEN),
    "uploaded as text": (DEFLATED.decode("latin-1").encode(), "a.npz", BROKEN),
}

CASES: list[Case] = [
    *(file_of(name, "a.npz", content, WHOLE) for name, content in READ.items()),
    *(
        Case(
            f"{what} for a name",
            f"a.npz:{name}",
            {"a.npz": content},
            WHOLE,
        )
        for what, name in NAMES.items()
        for content in [archive(("X.npy", npy(-Z)), (f"{name}.npy", ARRAY))]
    ),
    Case("no name, picked", "a.npz:", {"a.npz": archive((".npy", ARRAY))}, WHOLE),
    Case(
        "a damaged array beside the one that is picked",
        "a.npz:Z",
        {"a.npz": archive(("X.npy", ARRAY[:70]), ("Z.npy", ARRAY), ("o.npy", OBJECTS))},
        WHOLE,
    ),
    Case(
        "a bomb beside the array that is picked",
        "a.npz:Z",
        {
            "a.npz": archive(
                ("Z.npy", npy(np.zeros((1, 5)))), ("b.npy", ZEROS), method=zipfile.ZIP_DEFLATED
            )
        },
        Read([[0.0] * 5]),
    ),
    *(
        Case(name, argument, {"a.npz": content}, verdict)
        for name, (content, argument, verdict) in REFUSED.items()
    ),
]
