"""A matrix, and files of it as bytes."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def npy(A: NDArray[Any], version: tuple[int, int] = (1, 0), *, pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, A, version, allow_pickle=pickle)
    return stream.getvalue()


def npy_with_header(header: str, numbers: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + numbers


def npz(**arrays: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()
