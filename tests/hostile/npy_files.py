"""NumPy's .npy files: types, forged headers and shapes, pickles, what is cut off or appended."""

import gzip
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile.case import Case, Read, Refused, file_of

Z = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
NUMBERS = Z.tobytes()
WHOLE = Read(Z.tolist())

SAVE_AGAIN = "save it again with np.save"
DAMAGED = "the file is damaged or incomplete; save or copy it again"
AS_NUMBERS = "save it as numbers, with A.astype(np.float64)"
AS_FIELDS = "save its fields as the columns of one float64 matrix"
AS_PARTS = "save its real or its imaginary part, A.real or A.imag"
ONE_FEATURE = "save it with shape (N, 1) for one feature, as A.reshape(-1, 1) does"

NO_HEADER = Refused("`Z.npy` has a header that cannot be read", SAVE_AGAIN)
NO_NPY = Refused("`Z.npy` is not in NumPy's .npy format", "save it with np.save")


def npy(A: np.ndarray[Any, Any], version: tuple[int, int] = (1, 0)) -> bytes:
    """The file that NumPy writes, pickled where it has to be."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, A, version)
    return stream.getvalue()


def forged(
    descr: str = "'<f8'",
    order: str = "False",
    shape: str = "(2, 3)",
    numbers: bytes = NUMBERS,
) -> bytes:
    """A file whose header has these texts in it."""
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"
    return with_header(header.encode("latin-1"), numbers)


def with_header(
    header: bytes, numbers: bytes = NUMBERS, version: bytes = b"\1\0", length: int | None = None
) -> bytes:
    """A file of this header, whose length may be a lie."""
    length = len(header) if length is None else length
    size = length.to_bytes(2 if version == b"\1\0" else 4, "little")
    return b"\x93NUMPY" + version + size + header + numbers


def size(there: int, promised: int) -> Refused:
    return Refused(
        f"`Z.npy` has {there} bytes of numbers where its header promises {promised}", DAMAGED
    )


def dtype(name: str, remedy: str = AS_NUMBERS) -> Refused:
    return Refused(f"`Z.npy` has dtype `{name}`, expected real numbers", remedy)


def shape(text: str, remedy: str) -> Refused:
    return Refused(f"`Z.npy` has shape {text}, expected (N, C)", remedy)


def nothing(text: str) -> Refused:
    return Refused(
        f"`Z.npy` holds no numbers: its shape is {text}", "check the program that should write it"
    )


class Bomb:
    """What leaves a file behind where it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (Path("exploded"),)


PLAIN = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\n"
LONG = 10**4000
MANY_ONES = str((1,) * 64)
RECORD = np.dtype([("a", "<f8"), ("b", "<f8")])
NESTED = np.dtype([("a", [("b", "<f8"), ("c", "O")]), ("d", "<i4", (2,))])

# Types that hold real numbers: the values must be those of Z.
NUMERIC = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]

READ: dict[str, bytes] = {
    **{f"type {order}{t}": npy(Z.astype(order + t)) for t in NUMERIC for order in "<>"},
    "version 2": npy(Z, (2, 0)),
    "version 3": npy(Z, (3, 0)),
    "fortran order": npy(np.asfortranarray(Z)),
    "native byte order": forged("'=f8'"),
    "no byte order": forged("'f8'"),
    "type by name": forged("'float64'"),
    "type by letter": forged("'d'"),
    "long integers of Python 2": forged(shape="(2L, 3L)"),
    "hexadecimal shape": forged(shape="(0x2, 0x3)"),
    "signed shape": forged(shape="(+2, +3)"),
    "keys in another order": with_header(
        b"{'shape': (2, 3), 'fortran_order': False, 'descr': '<f8'}"
    ),
    "line feeds in the header": with_header(PLAIN.replace(b" ", b"\n")),
    "a comment in the header": with_header(PLAIN.rstrip() + b" # here\n"),
    "a header of 9 000 bytes": with_header(PLAIN.rstrip().ljust(8999) + b"\n"),
    "an odd header length": with_header(PLAIN.rstrip().ljust(77)),
}

REFUSED: dict[str, tuple[bytes, Refused]] = {
    # Types
    "object": (npy(np.array([[1.0, None]])), dtype("object")),
    "object that leaves a file": (npy(np.array([[Bomb()]])), dtype("object")),
    "object without a pickle": (forged("'|O'", numbers=b""), dtype("object")),
    "object with numbers": (forged("'|O8'"), dtype("object")),
    "bool": (npy(Z > 2), dtype("bool")),
    "complex64": (npy(Z.astype("c8")), dtype("complex64", AS_PARTS)),
    "complex128": (npy(Z.astype("c16")), dtype("complex128", AS_PARTS)),
    "text": (npy(Z.astype("U3")), dtype("<U3")),
    "bytes": (npy(Z.astype("S3")), dtype("|S3")),
    "void": (npy(Z.view("V8")), dtype("|V8", AS_FIELDS)),
    "date": (npy(Z.astype("M8[s]")), dtype("datetime64[s]")),
    "duration": (npy(Z.astype("m8[D]")), dtype("timedelta64[D]")),
    "record": (npy(np.zeros(2, RECORD)), dtype("[('a', '<f8'), ('b', '<f8')]", AS_FIELDS)),
    "nested record with objects": (
        npy(np.zeros(1, NESTED)),
        dtype("[('a', [('b', '<f8'), ('c', 'O')]), ('d', '<i4', (2,))]", AS_FIELDS),
    ),
    "record of nothing": (forged("[]", numbers=b""), dtype("[]", AS_FIELDS)),
    "record by commas": (
        forged("'f8,f8'", shape="(3,)"),
        dtype("[('f0', '<f8'), ('f1', '<f8')]", AS_FIELDS),
    ),
    "numbers of three": (forged("('<f8', (3,))", shape="(2,)"), dtype("('<f8', (3,))", AS_FIELDS)),
    "record of many fields": (
        forged(str([(f"f{i}", "<f8") for i in range(300)]), numbers=b""),
        dtype("[('f0', '<f8'), ('f1', '<f8'), ('f2', '<f8'), ('f3', '<f8'),…", AS_FIELDS),
    ),
    "integers that float64 cannot hold": (
        npy(np.array([[1, 2**53 + 1]])),
        Refused(
            "`Z.npy`: float64 cannot represent 9007199254740993 in row 0, column 1 "
            "(counting from 0)",
            "scale it, or save it as float64 where the rounding does no harm",
        ),
    ),
    "the largest unsigned integer": (
        npy(np.array([[2**64 - 1]], "u8")),
        Refused(
            "`Z.npy`: float64 cannot represent 18446744073709551615 in row 0, column 0 "
            "(counting from 0)",
            "scale it, or save it as float64 where the rounding does no harm",
        ),
    ),
    "a type that is none": (forged("'<f3'"), NO_HEADER),
    "a type of words": (forged("'numbers'"), NO_HEADER),
    "a type that is a number": (forged("8"), NO_HEADER),
    "a type that is code": (forged("__import__('pathlib').Path('exploded').touch()"), NO_HEADER),
    "a type of a huge size": (forged("'<U99999999999999999999'"), NO_HEADER),
    "a text of a huge size": (forged("'<U500000000'"), dtype("<U500000000")),
    # Shapes
    "shape of 10^18 rows": (forged(shape="(1000000000000000000, 3)"), size(48, 24 * 10**18)),
    "shape of 10^18 columns": (forged(shape="(2, 1000000000000000000)"), size(48, 16 * 10**18)),
    "shape that wraps around to 48 bytes": (
        forged(shape=f"({2**61 + 2}, 3)"),
        size(48, 24 * (2**61 + 2)),
    ),
    "shape that wraps around to 0 bytes": (
        forged(shape=f"({2**32}, {2**32})", numbers=b""),
        size(0, 8 * 2**64),
    ),
    "shape of a number of 4 000 digits": (forged(shape=f"({LONG}, 3)"), NO_HEADER),
    "shape of two numbers of 4 000 digits": (forged(shape=f"({LONG}, {LONG})"), NO_HEADER),
    "shape of a number of 9 000 digits": (forged(shape=f"({'9' * 9000}, 3)"), NO_HEADER),
    "shape of nothing by 4 000 digits": (forged(shape=f"(0, {LONG})", numbers=b""), NO_HEADER),
    "negative shape": (forged(shape="(-2, 3)"), NO_HEADER),
    "twice negative shape": (forged(shape="(-2, -3)"), NO_HEADER),
    "nested shape": (forged(shape="((2,), 3)"), NO_HEADER),
    "shape of floats": (forged(shape="(2.0, 3.0)"), NO_HEADER),
    "shape of texts": (forged(shape="('2', '3')"), NO_HEADER),
    "shape of None": (forged(shape="(None, 3)"), NO_HEADER),
    "shape in a list": (forged(shape="[2, 3]"), NO_HEADER),
    "shape in a set": (forged(shape="{2, 3}"), NO_HEADER),
    "shape that is a product": (forged(shape="(2 * 1, 3)"), NO_HEADER),
    "shape that is a power": (forged(shape="(9 ** 9 ** 9, 3)"), NO_HEADER),
    "no shape": (forged(shape="None"), NO_HEADER),
    "no dimension": (forged(shape="()", numbers=bytes(8)), shape("()", ONE_FEATURE)),
    "one dimension": (forged(shape="(6,)"), shape("(6,)", ONE_FEATURE)),
    "three dimensions": (
        forged(shape="(1, 2, 3)"),
        shape("(1, 2, 3)", "save it with the features as columns, as in A.reshape(-1, 3)"),
    ),
    "64 dimensions": (
        forged(shape=MANY_ONES, numbers=bytes(8)),
        shape(MANY_ONES, "save it with the features as columns, as in A.reshape(-1, 1)"),
    ),
    "65 dimensions": (forged(shape=str((1,) * 65), numbers=bytes(8)), NO_HEADER),
    "no rows": (forged(shape="(0, 3)", numbers=b""), nothing("(0, 3)")),
    "no columns": (forged(shape="(3, 0)", numbers=b""), nothing("(3, 0)")),
    "no rows of 10^18 columns": (
        forged(shape="(0, 1000000000000000000)", numbers=b""),
        nothing("(0, 1000000000000000000)"),
    ),
    # Headers
    "order that is a number": (forged(order="0"), NO_HEADER),
    "order that is a word": (forged(order="'C'"), NO_HEADER),
    "a header of 64 KB": (with_header(PLAIN.ljust(65535)), NO_HEADER),
    "a header of 1 MB": (with_header(PLAIN.ljust(2**20), version=b"\2\0"), NO_HEADER),
    "a header said to be of 4 GB": (
        with_header(PLAIN, version=b"\2\0", length=2**32 - 1),
        NO_HEADER,
    ),
    "a header longer than the file": (with_header(PLAIN, length=65535), NO_HEADER),
    "a header shorter than it is": (with_header(PLAIN, length=30), NO_HEADER),
    "a header of length 0": (with_header(b""), NO_HEADER),
    "a header of blanks": (with_header(b" " * 118), NO_HEADER),
    "a header of zeros": (with_header(bytes(118)), NO_HEADER),
    "a header with a zero": (with_header(PLAIN.replace(b", }", b",\0}")), NO_HEADER),
    "a header of brackets": (with_header(b"[" * 9000), NO_HEADER),
    "a header of braces": (with_header(b"{" * 9000), NO_HEADER),
    "a header of minus signs": (with_header(b"-" * 9000 + b"1"), NO_HEADER),
    "a header of nots": (with_header(b"not " * 2000 + b"1"), NO_HEADER),
    "a header of sums": (with_header(b"1" + b"+1" * 4000), NO_HEADER),
    "a header of strings": (with_header(b"'' " * 3000), NO_HEADER),
    "a header of another encoding": (with_header(b"{'\xe9': 1}"), NO_HEADER),
    "a header that is code": (with_header(b"open('exploded', 'w')"), NO_HEADER),
    "a header that is a list": (with_header(b"['<f8', False, (2, 3)]"), NO_HEADER),
    "a header without a shape": (
        with_header(b"{'descr': '<f8', 'fortran_order': False}"),
        NO_HEADER,
    ),
    "a header with one key more": (with_header(PLAIN.replace(b", }", b", 'x': 1}")), NO_HEADER),
    "a header that ends early": (with_header(PLAIN[:-10]), NO_HEADER),
    "two headers": (with_header(PLAIN.rstrip() + PLAIN), NO_HEADER),
    "version 0": (with_header(PLAIN, version=b"\0\0"), NO_HEADER),
    "version 1.1": (with_header(PLAIN, version=b"\1\1"), NO_HEADER),
    "version 4": (with_header(PLAIN, version=b"\4\0"), NO_HEADER),
    "version 255": (with_header(PLAIN, version=b"\xff\xff"), NO_HEADER),
    # What is cut off or appended
    "nothing": (b"", Refused("`Z.npy` is empty", "check the program that should write it")),
    "cut off in the magic": (npy(Z)[:5], NO_NPY),
    "cut off after the magic": (npy(Z)[:6], NO_HEADER),
    "cut off in the version": (npy(Z)[:7], NO_HEADER),
    "cut off before the length": (npy(Z)[:8], NO_HEADER),
    "cut off in the length": (npy(Z)[:9], NO_HEADER),
    "cut off in the header": (npy(Z)[:70], NO_HEADER),
    "cut off before the numbers": (npy(Z)[:128], size(0, 48)),
    "cut off in a number": (npy(Z)[:-1], size(47, 48)),
    "cut off between numbers": (npy(Z)[:-8], size(40, 48)),
    "a line feed appended": (npy(Z) + b"\n", size(49, 48)),
    "zeros appended": (npy(Z) + bytes(4096), size(48 + 4096, 48)),
    "a second array appended": (npy(Z) * 2, size(48 + 176, 48)),
    # Other formats
    "wrong magic": (b"\x93NUMPZ" + npy(Z)[6:], NO_NPY),
    "magic after a blank": (b" " + npy(Z), NO_NPY),
    "magic in UTF-8": (npy(Z).decode("latin-1").encode(), NO_NPY),
    "line feeds made into CRLF": (npy(Z).replace(b"\n", b"\r\n"), size(49, 48)),
    "pickle": (pickle.dumps(Z), NO_NPY),
    "pickle that leaves a file": (pickle.dumps(Bomb()), NO_NPY),
    "pickle of protocol 0": (pickle.dumps(Bomb(), protocol=0), NO_NPY),
    "compressed": (gzip.compress(npy(Z), mtime=0), NO_NPY),
    "archive": (b"PK\3\4" + bytes(100), NO_NPY),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), NO_NPY),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(100), NO_NPY),
    "lines of text": (b"1,2\n3,4\n", NO_NPY),
    "zeros": (bytes(1000), NO_NPY),
}

if np.dtype("longdouble").itemsize == 16:  # not on every machine
    REFUSED["longdouble"] = (npy(Z.astype("longdouble")), dtype("float128"))

CASES: list[Case] = [
    *(file_of(name, "Z.npy", content, WHOLE) for name, content in READ.items()),
    *(file_of(name, "Z.npy", content, verdict) for name, (content, verdict) in REFUSED.items()),
]
