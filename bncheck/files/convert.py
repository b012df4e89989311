"""Numbers of any type to float64, value for value, or not at all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.wording import quoted

_REMEDY_OF_KIND = {
    "c": "save its real or its imaginary part, A.real or A.imag",
    "V": "save its fields as the columns of one float64 matrix",
}


def refuse_dtype(dtype: np.dtype[Any], where: str) -> None:
    """Raise InputError unless every value of `dtype` is a real number of at most 64 bits."""
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise InputError(
            f"{where} has dtype {quoted(str(dtype), limit=60)}, expected real numbers",
            _REMEDY_OF_KIND.get(dtype.kind, "save it as numbers, with A.astype(np.float64)"),
        )


def exact_float64(
    A: NDArray[Any], where: str, columns: Sequence[int] | None = None, first_row: int = 0
) -> NDArray[np.float64]:
    """Return the same numbers as float64, as a writable C-contiguous copy.

    Parameters
    ----------
    A
        A matrix of real numbers of any type and byte order.
    where
        What A is called in messages.
    columns
        The columns of a file that A's are, where only some were picked.
    first_row
        The row of a file that A's first one is.

    Raises
    ------
    InputError
        If the type is not one of real numbers, or an integer lies between two float64.

    Examples
    --------
    >>> exact_float64(np.array([[1, 2]], ">i2"), "`Z.npy`")
    array([[1., 2.]])
    """
    refuse_dtype(A.dtype, where)
    F = np.array(A, dtype=np.float64, order="C")
    if A.dtype.kind in "iu" and A.dtype.itemsize == 8:
        # The largest integers round up to 2**63 or 2**64, which the cast back cannot represent.
        rounded = F >= float(np.iinfo(A.dtype).max)
        with np.errstate(invalid="ignore"):
            rounded |= F.astype(A.dtype) != A
        if rounded.any():
            index, place = _first(rounded, columns, first_row)
            raise InputError(
                f"{where}: float64 cannot represent {A[index]} in {place}",
                "scale it, or save it as float64 where the rounding does no harm",
            )
    return F


def refuse_not_finite(
    A: NDArray[np.float64], where: str, columns: Sequence[int] | None = None, first_row: int = 0
) -> None:
    """Raise InputError with the place of the first NaN or infinity, if A has any.

    The parameters are those of `exact_float64`.
    """
    # The sum is finite if all numbers are, unless it overflows: one sweep that needs no memory.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(A.sum()):
            return
    finite = np.isfinite(A)
    if not finite.all():
        index, place = _first(~finite, columns, first_row)
        raise InputError(
            f"{where}: {A[index]} in {place}",
            "only finite numbers can be used: leave such rows or columns out",
        )


def _first(
    mask: NDArray[np.bool], columns: Sequence[int] | None, first_row: int
) -> tuple[tuple[int, int], str]:
    """Return the index of the first True, and its place in the file in words."""
    row, column = divmod(int(np.argmax(mask)), mask.shape[1])
    in_file = column if columns is None else columns[column]
    return (row, column), f"row {row + first_row}, column {in_file} (counting from 0)"
