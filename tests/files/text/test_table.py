from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from bncheck.errors import InputError
from bncheck.files import sources
from bncheck.files.sources import InputFile
from bncheck.files.text.table import read_text


@dataclass(frozen=True, eq=False)
class Table:
    """What was read."""

    values: NDArray[np.float64]
    names: tuple[str, ...] | None


def file_of(content: bytes) -> InputFile:
    return InputFile(content, "batch.csv")


def read(text: str, columns: str | None = None) -> Table:
    values, names = read_text(file_of(text.encode()), columns, "batch.csv")
    return Table(values.array(), names)


def refusal(text: str, columns: str | None = None) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        read(text, columns)
    return caught.value.message, caught.value.help


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4\n",
        "1;2\n3;4\n",
        "1\t2\n3\t4\n",
        "1 2\n3 4\n",
        "  1   2\n3 \t 4  \n",
        " 1 , 2 \n 3 , 4 \n",
        "1,2\r\n3,4\r\n",
        "1,2\r3,4\r",
        "1,2\n3,4",
        "\ufeff1,2\n3,4\n",
        "# comment\n\n1,2\n \t \n  # comment, too\n3,4\n\n",
        '"1","2"\n"3","4"\n',
        '1,2\n3, "4"\n',
        "+1.0e0,.2e1\n3.,4E+0\n",
    ],
)
def test_numbers_without_a_header(text: str) -> None:
    table = read(text)
    assert np.array_equal(table.values, [[1, 2], [3, 4]])
    assert table.names is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b\n1,2\n3,4\n", ("a", "b")),
        ("a b\n1 2\n3 4\n", ("a", "b")),
        (" a ; b \n1;2\n3;4\n", ("a", "b")),
        ('"a, b","c ""d"""\n1,2\n3,4\n', ("a, b", 'c "d"')),
        ('"a b" c\n1 2\n3 4\n', ("a b", "c")),
        ('"a\nb",c\n1,2\n3,4\n', ("a\nb", "c")),
        ("weight; kg,b\n1,2\n3,4\n", ("weight; kg", "b")),
        ("# comment\na,b\n# comment\n1,2\n3,4\n", ("a", "b")),
        (",0\n1,2\n3,4\n", ("", "0")),
        ("0x10,1_000\n1,2\n3,4\n", ("0x10", "1_000")),
    ],
)
def test_a_header_names_the_columns(text: str, names: tuple[str, ...]) -> None:
    table = read(text)
    assert table.names == names
    assert np.array_equal(table.values, [[1, 2], [3, 4]])


def test_one_column_needs_no_delimiter() -> None:
    assert read("1\n2\n").values.shape == (2, 1)


def test_one_row_is_a_matrix() -> None:
    assert read("1,2,3\n").values.shape == (1, 3)


def test_the_values_are_c_contiguous_float64() -> None:
    values = read("1,2,3\n4,5,6\n", "1,3").values
    assert values.dtype == np.float64
    assert values.flags.c_contiguous


def test_columns_are_picked_in_the_order_asked_for() -> None:
    table = read("a,b,c\n1,2,3\n4,5,6\n", "c,1")
    assert table.names == ("c", "a")
    assert np.array_equal(table.values, [[3, 1], [6, 4]])


@pytest.mark.parametrize("cell", ["red", "", "nan", '"a, b"', '"two\nlines"', "#f00", '5" pipe'])
def test_nothing_is_asked_of_columns_that_are_not_picked(cell: str) -> None:
    table = read(f"a,colour,b\n1,{cell},2\n3,{cell},4\n", "a,b")
    assert np.array_equal(table.values, [[1, 2], [3, 4]])


def test_rows_must_be_whole_in_columns_that_are_not_picked_too() -> None:
    message, _ = refusal("1,2,3\n4,5\n", "1-2")
    assert message == "`batch.csv`, line 2: 2 values where the first row has 3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n4,5\n", "`batch.csv`, line 2: 2 values where the first row has 3"),
        ("a,b\n1,2\n# -\n\n3,4,5\n", "`batch.csv`, line 5: 3 values where the first row has 2"),
        ("1 2 3\n4\n", "`batch.csv`, line 2: 1 value where the first row has 3"),
        ('"a\nb",c\n1,2\n3\n', "`batch.csv`, line 4: 1 value where the first row has 2"),
    ],
)
def test_ragged_rows_are_refused(text: str, message: str) -> None:
    assert refusal(text) == (message, "check for a missing or an extra delimiter")


@pytest.mark.parametrize(
    ("text", "message", "help_"),
    [
        (
            "a,b,c\n1,2,3\n4,x,6\n",
            "`batch.csv`, line 3: `x` in column `b` is not a number",
            "write numbers as in 1234.5, or leave the column out with --columns 1,3",
        ),
        (
            "1,2,3\n4,x,6\n",
            "`batch.csv`, line 2: `x` in column 1 (counting from 0) is not a number",
            "write numbers as in 1234.5, or leave the column out with --columns 1,3",
        ),
        (
            "a,b,c\n1,2,\n",
            "`batch.csv`, line 2: an empty cell in column `c`",
            "write numbers as in 1234.5, or leave the column out with --columns 1-2",
        ),
        (
            "a;b\n1,5;2,5\n",
            "`batch.csv`, line 2: `1,5` in column `a` is not a number",
            "write numbers as in 1234.5",
        ),
        (
            "1\n1_000\n",
            "`batch.csv`, line 2: `1_000` in column 0 (counting from 0) is not a number",
            "write numbers as in 1234.5",
        ),
        (
            "a,b\n1,nan\n",
            "`batch.csv`, line 2: `nan` in column `b` is not finite",
            "only finite numbers can be used: leave such rows or columns out",
        ),
        (
            "1,2\n-inf,3\n",
            "`batch.csv`, line 2: `-inf` in column 0 (counting from 0) is not finite",
            "only finite numbers can be used: leave such rows or columns out",
        ),
        (
            "1,1e400\n",
            "`batch.csv`, line 1: `1e400` in column 1 (counting from 0) is not finite",
            "only finite numbers can be used: leave such rows or columns out",
        ),
        (
            'a,"b\x1b\n"\n1,2\n3,\x00\n',
            r"`batch.csv`, line 4: `\x00` in column `b\x1b` is not a number",
            "write numbers as in 1234.5, or leave the column out with --columns 1",
        ),
    ],
)
def test_a_cell_that_is_no_finite_number_is_told(text: str, message: str, help_: str) -> None:
    assert refusal(text) == (message, help_)


def test_a_long_cell_is_shortened() -> None:
    message, _ = refusal(f"a\n{'x' * 100}\n")
    assert message == f"`batch.csv`, line 2: `{'x' * 40}…` in column `a` is not a number"


def test_the_remedy_leaves_every_column_of_text_out() -> None:
    _, help_ = refusal("a,b,c,d,e\n1,x,3,y,5\n", "2-5")
    assert help_.endswith("leave the column out with --columns 3,5")


@pytest.mark.parametrize(
    ("text", "message", "help_"),
    [
        ("\n\n", "`batch.csv` has no rows", "check the program that should write it"),
        ("# only\n", "`batch.csv` has no rows", "check the program that should write it"),
        ("a,b\n", "`batch.csv` has a header and no rows", "add rows of numbers"),
        (
            'a,b\n1,2\n3,"4\n5,6\n',
            "`batch.csv`, line 3: unexpected end of data",
            "check the quotes: one that is opened is closed before the next delimiter",
        ),
    ],
)
def test_text_without_whole_rows_is_refused(text: str, message: str, help_: str) -> None:
    assert refusal(text) == (message, help_)


def test_text_in_another_encoding_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        read_text(file_of("a,b\n1,2\nµ,3\n".encode("latin-1")), None, "batch.csv")
    assert caught.value.message == "`batch.csv`, line 3: byte 0xb5 is not UTF-8"
    assert caught.value.help == "save the file as UTF-8 text"


def test_a_first_row_that_may_be_data_is_not_taken_for_a_header() -> None:
    assert refusal("5.1,3.5,setosa\n4.9,3.0,setosa\n", "1-2") == (
        "`batch.csv`, line 1: it may be a header or a row of numbers",
        "add a header above it, or turn it into a comment with #",
    )


def test_a_header_of_numbers_is_known_by_text_above_a_number() -> None:
    assert read("id,400,410\n1,0.2,0.3\n", "2-3").names == ("400", "410")


def test_a_delimiter_in_a_name_of_two_lines_is_part_of_the_name() -> None:
    assert read('feature,";\n0"\n1,2\n').names == ("feature", ";\n0")


@pytest.mark.parametrize("columns", [None, "1,3"])
@pytest.mark.parametrize(
    ("text", "line"),
    [("5.1,NA,1.4\n4.9,3.0,1.4\n", 1), ("# from a\n\n5.1,,1.4\n# b\n4.9,3.0,1.4\n", 3)],
)
def test_a_first_row_that_lacks_a_number_is_not_lost(
    text: str, line: int, columns: str | None
) -> None:
    message, _ = refusal(text, columns)
    assert message == f"`batch.csv`, line {line}: it may be a header or a row of numbers"


@pytest.mark.parametrize("delimiter", [",", "\t", " "])
def test_rows_longer_than_what_is_read_at_once(delimiter: str) -> None:
    A = np.arange(3 * 100_000.0).reshape(3, -1)
    text = "".join(delimiter.join(map(repr, row)) + "\n" for row in A.tolist())
    assert np.array_equal(read(text).values, A)
    assert np.array_equal(read(text, "2,99999").values, A[:, [1, 99998]])
    short = text.rpartition(delimiter)[0]
    for columns in (None, "2"):
        message, _ = refusal(short, columns)
        assert message == "`batch.csv`, line 3: 99999 values where the first row has 100000"


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("text", ["\ufeffa,µ\r\n1,2\r\r3,4", 'a,"µ\r\n#"\n#\r1,2\n3,"4"\n'])
def test_nothing_depends_on_where_a_text_is_cut(
    text: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read(text)
    monkeypatch.setattr(sources, "CHUNK", size)
    cut = read(text)
    assert cut.names == whole.names
    assert np.array_equal(cut.values, whole.values)
    assert np.array_equal(cut.values, [[1, 2], [3, 4]])


@pytest.mark.parametrize("limit", [0, 100])
def test_nothing_depends_on_whether_the_numbers_are_held(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    A = np.random.default_rng(0).standard_normal((50_000, 3))
    text = "a,b,c\n" + "".join(",".join(map(repr, row)) + "\n" for row in A.tolist())
    monkeypatch.setattr(sources, "IN_MEMORY", limit)
    table = read(text, "c,a")
    assert table.names == ("c", "a")
    assert np.array_equal(table.values, A[:, [2, 0]])


def test_a_quoted_cell_may_go_on_in_another_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "CHUNK", 16)
    text = "a,t,b\n1,x,2\n" + '3,"two\n# lines\n\n",4\n' * 5 + "5,y,6\n"
    assert np.array_equal(read(text, "1,3").values, [[1, 2], *[[3, 4]] * 5, [5, 6]])


@pytest.mark.parametrize("below", ["0.5,1.5\n", "5e-1,1.5\n"])
def test_a_row_that_counts_columns_above_floats_is_doubtful(below: str) -> None:
    message, _ = refusal("0,1\n" + below)
    assert message == "`batch.csv`, line 1: it may be a header or a row of numbers"
    assert read("0,1\n2,0.5\n").names is None
    assert read("1,2\n" + below).names is None
    assert read("0.0,1.0\n" + below).names is None


def test_the_second_row_is_found_below_comments() -> None:
    text = "5.1,NA\n" + "# comment\n" * 5000 + "4.9,3.0\n"
    assert refusal(text)[0] == "`batch.csv`, line 1: it may be a header or a row of numbers"
