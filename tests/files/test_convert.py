import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bncheck.errors import InputError
from bncheck.files.convert import exact_float64, refuse_not_finite


@pytest.mark.parametrize(
    "dtype", ["f2", ">f2", "f4", ">f4", "f8", ">f8", "i1", "u1", ">i2", "u4", "i8", ">u8"]
)
def test_real_numbers_keep_their_values(dtype: str) -> None:
    A = np.array([[0, 1], [3, 100]], dtype)
    assert np.array_equal(exact_float64(A, "`Z`"), [[0.0, 1.0], [3.0, 100.0]])


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_result_is_a_writable_c_contiguous_copy(order: str) -> None:
    A = np.array([[1.0, 2.0], [3.0, 4.0]], order=order)  # type: ignore[call-overload]
    F = exact_float64(A, "`Z`")
    assert F.dtype == np.float64
    assert F.flags.c_contiguous
    F[0, 0] = 9
    assert A[0, 0] == 1


@pytest.mark.parametrize(
    ("dtype", "remedy"),
    [
        ("object", "save it as numbers, with A.astype(np.float64)"),
        ("bool", "save it as numbers, with A.astype(np.float64)"),
        ("<U3", "save it as numbers, with A.astype(np.float64)"),
        ("|S3", "save it as numbers, with A.astype(np.float64)"),
        ("datetime64[s]", "save it as numbers, with A.astype(np.float64)"),
        ("complex128", "save its real or its imaginary part, A.real or A.imag"),
        ("[('a', '<f8')]", "save its fields as the columns of one float64 matrix"),
    ],
)
def test_other_types_are_refused(dtype: str, remedy: str) -> None:
    A = np.zeros((2, 2), [("a", "f8")] if dtype.startswith("[") else dtype)
    with pytest.raises(InputError) as refusal:
        exact_float64(A, "`Z.npy`")
    message = f"`Z.npy` has dtype `{dtype}`, expected real numbers"
    assert (refusal.value.message, refusal.value.help) == (message, remedy)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="longdouble is float64 here")
def test_longdouble_is_refused() -> None:
    with pytest.raises(InputError, match="expected real numbers"):
        exact_float64(np.zeros((1, 1), np.longdouble), "`Z.npy`")


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
@given(st.data())
def test_an_integer_is_exact_or_refused(dtype: type, data: st.DataObject) -> None:
    limits = np.iinfo(dtype)
    near_a_power = st.builds(
        lambda sign, power, offset: sign * 2**power + offset,
        st.sampled_from([-1, 1]),
        st.integers(50, 64),
        st.integers(-3, 3),
    ).filter(lambda number: limits.min <= number <= limits.max)
    number = data.draw(st.integers(int(limits.min), int(limits.max)) | near_a_power)
    A = np.array([[number]], dtype)
    if int(float(number)) == number:
        assert exact_float64(A, "`Z`")[0, 0] == float(number)
    else:
        with pytest.raises(InputError):
            exact_float64(A, "`Z`")


def test_the_place_of_an_inexact_integer_is_told() -> None:
    A = np.array([[1, 2], [3, 2**53 + 1]])
    with pytest.raises(InputError) as refusal:
        exact_float64(A, "`Z.npy`")
    assert refusal.value.message == (
        "`Z.npy`: float64 cannot represent 9007199254740993 in row 1, column 1 (counting from 0)"
    )
    assert refusal.value.help == ("scale it, or save it as float64 where the rounding does no harm")


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_the_first_number_that_is_not_finite_is_told(value: float, shown: str) -> None:
    A = np.array([[1.0, 2.0], [3.0, value], [np.nan, 4.0]])
    with pytest.raises(InputError) as refusal:
        refuse_not_finite(A, "`Z.npy`")
    assert refusal.value.message == f"`Z.npy`: {shown} in row 1, column 1 (counting from 0)"
    assert refusal.value.help == "only finite numbers can be used: leave such rows or columns out"


def test_a_place_is_that_in_the_file_where_columns_were_picked() -> None:
    with pytest.raises(InputError, match=r"nan in row 0, column 7 \("):
        refuse_not_finite(np.array([[1.0, np.nan]]), "`Z.npy`", columns=[3, 7])


def test_a_place_is_that_in_the_file_where_rows_before_were_read_already() -> None:
    A = np.array([[1, 2], [3, 2**53 + 1]])
    with pytest.raises(InputError, match=r"cannot represent 9007199254740993 in row 1001, column"):
        exact_float64(A, "`Z.npy`", first_row=1000)
    with pytest.raises(InputError, match=r"inf in row 1001, column 0 \("):
        refuse_not_finite(np.array([[0.0], [np.inf]]), "`Z.npy`", first_row=1000)


def test_finite_numbers_whose_sum_is_not_are_taken() -> None:
    refuse_not_finite(np.full((2, 2), 1e308), "`Z.npy`")
