import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.files.text.cells import Form, Row, checked_numbers, number_in, plain_numbers, rows_in


def form_of(width: int, picked: Sequence[int] | None = None, delimiter: str = ",") -> Form:
    return Form(delimiter, width, range(width) if picked is None else picked, None, "batch.csv")


def rows_of(*lines: str, delimiter: str = ",", before: int = 0) -> list[Row]:
    return list(rows_in(lines, before, delimiter, "batch.csv"))


def checked(lines: Sequence[str], form: Form) -> NDArray[np.float64]:
    rows = rows_in(lines, 0, form.delimiter, form.source)
    return np.concatenate(list(checked_numbers(rows, form)))


@pytest.mark.parametrize(
    ("cell", "number"),
    [("1", 1.0), ("-.5e-1", -0.05), ("+5.", 5.0), ("1E400", np.inf), ("-Infinity", -np.inf)],
)
def test_a_cell_that_is_a_number(cell: str, number: float) -> None:
    assert number_in(cell) == number


@pytest.mark.parametrize("cell", ["", "x", "1_000", "٥", "1,5", "0x10", "1 2", "1\0", "--1", "1d5"])
def test_a_cell_that_is_no_number(cell: str) -> None:
    assert number_in(cell) is None


def test_nan_is_a_number_that_is_not_finite() -> None:
    assert np.isnan(number_in("NaN"))  # type: ignore[arg-type]


def test_rows_have_the_numbers_of_their_lines() -> None:
    rows = rows_of("# a", "1, 2 ", "", '"3\n"', "4,5", before=10)
    assert rows == [
        Row(12, 12, ["1", "2"]),
        Row(14, 14, ["3"]),
        Row(15, 15, ["4", "5"]),
    ]


def test_a_quoted_cell_goes_on_in_the_lines_that_follow() -> None:
    assert rows_of('a,"b', "# c", "", 'd",e', "1,2,3") == [
        Row(1, 4, ["a", "b\n# c\n\nd", "e"]),
        Row(5, 5, ["1", "2", "3"]),
    ]


def test_blanks_and_tabs_are_one_delimiter() -> None:
    assert rows_of(" 1 \t  2\t", '"a b"   c', delimiter=" ") == [
        Row(1, 1, ["1", "2"]),
        Row(2, 2, ["a b", "c"]),
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1,2", '3,"4', "5,6"], "line 2: unexpected end of data"),
        (['"3"x,4'], "line 1: ',' expected after '\"'"),
        (["1,2", "", f'3,"{"x" * 200_000}"'], "line 3: a cell of more than 131072 characters"),
    ],
)
def test_wrong_quotes_are_told_by_the_line_that_they_begin_in(
    lines: list[str], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        rows_of(*lines)
    assert caught.value.message == f"`batch.csv`, {message}"


NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.integers(0, 99).map(str)


@given(
    st.lists(st.tuples(NUMBERS, st.text("ab ,\"#é'", max_size=4), NUMBERS), min_size=1, max_size=5),
    st.sampled_from(",;\t"),
)
def test_both_readers_give_the_same_numbers(
    table: list[tuple[str, str, str]], delimiter: str
) -> None:
    lines = []
    for first, text, last in table:
        quoted = '"' + text.replace('"', '""') + '"'
        lines.append(delimiter.join((first, quoted, f'"{last}"')))
    form = form_of(3, [2, 0], delimiter)
    expected = [[float(last), float(first)] for first, _, last in table]
    assert np.array_equal(checked(lines, form), expected)
    plain = plain_numbers(lines, form)
    assert plain is not None
    assert np.array_equal(plain, expected)


def test_comments_and_blank_lines_are_no_rows() -> None:
    plain = plain_numbers(["1,2", "", " # a", "\t", "-3,+4"], form_of(2))
    assert plain is not None
    assert np.array_equal(plain, [[1, 2], [-3, 4]])
    nothing = plain_numbers(["", "#"], form_of(2))
    assert nothing is not None
    assert nothing.shape == (0, 2)


@pytest.mark.parametrize(
    "line", ["1", "1,2,3", "1,x", "1,", "1,nan", "1,1e400", "1_0,2", '1,"2', '"1"2,3', '1,2"3"']
)
@pytest.mark.parametrize("picked", [[0, 1], [1]])
def test_what_is_unusual_is_left_to_the_careful_reader(line: str, picked: list[int]) -> None:
    assert plain_numbers(["1,2"], form_of(2, picked)) is not None
    if picked == [1] and line == "1_0,2":
        return  # nothing is asked of the first column
    assert plain_numbers(["1,2", line], form_of(2, picked)) is None


def test_many_rows_come_some_at_a_time() -> None:
    blocks = list(checked_numbers(rows_of(*["1,2"] * 40_000), form_of(2)))
    assert len(blocks) == 2
    assert np.array_equal(np.concatenate(blocks), [[1, 2]] * 40_000)


def test_quoted_cells_between_blanks_are_recognised_at_once() -> None:
    """They could be matched in exponentially many ways."""
    form = form_of(31, delimiter=" ")
    row = '"1"    ' * 30
    plain = plain_numbers([row + '"1"'], form)
    assert plain is not None
    assert np.array_equal(plain, [[1.0] * 31])
    start = time.monotonic()
    assert plain_numbers([row + '"1"x'], form) is None
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("names", "cells", "message", "help_"),
    [
        (
            None,
            ["1", "x", "3"],
            "line 7: `x` in column 1 (counting from 0) is not a number",
            "write numbers as in 1234.5, or leave the column out with --columns 1,3",
        ),
        (
            ["a", "b", "c"],
            ["1", "", "x"],
            "line 7: an empty cell in column `b`",
            "write numbers as in 1234.5, or leave the column out with --columns 1",
        ),
        (
            ["a", "", "c"],
            ["x", "x", "x"],
            "line 7: `x` in column `a` is not a number",
            "write numbers as in 1234.5",
        ),
        (
            ["a", "", "c"],
            ["1", "inf", "x"],
            "line 7: `inf` in column 1 (counting from 0) is not finite",
            "only finite numbers can be used: leave such rows or columns out",
        ),
        (
            ["a", "b", "c"],
            ["1", "2"],
            "line 7: 2 values where the first row has 3",
            "check for a missing or an extra delimiter",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_told(
    names: list[str] | None, cells: list[str], message: str, help_: str
) -> None:
    form = Form(",", 3, range(3), names, "batch.csv")
    with pytest.raises(InputError) as caught:
        list(checked_numbers([Row(7, 7, cells)], form))
    assert (caught.value.message, caught.value.help) == (f"`batch.csv`, {message}", help_)
