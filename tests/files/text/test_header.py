import pytest

from bncheck.files.text.header import delimiter_of, is_doubtful


@pytest.mark.parametrize(
    ("first", "second", "delimiter"),
    [
        ("a,b", "1,2", ","),
        ("a;b", "1;2", ";"),
        ("a\tb", "1\t2", "\t"),
        ("a b", "1 2", " "),
        ("a", "1", ","),
        ("a, b", "1, 2", ","),
        ("  a  ", "1", ","),
        ("weight; kg,b", "1,2", ","),  # that of both lines
        ("a;b", "1", ";"),  # or else of the first one
        ("a;b\tc", "1;2\t3", "\t"),
        ('"a;b",c', "1,2", ","),  # not that in quotes
        ('"a b" c', "1 2", " "),
        ('"a;b', "1,2", ","),
        ("1,5 2,5", "3,5 4,5", " "),  # decimal commas
        ("1,5\t2,5", "3,5\t4,5", "\t"),
        ("1,5 2,5", "3 4", " "),
        ("1,5;2,5", "3,5;4,5", ";"),
    ],
)
def test_a_delimiter_is_that_of_two_lines(first: str, second: str, delimiter: str) -> None:
    assert delimiter_of(first, second) == delimiter


@pytest.mark.parametrize(
    ("first", "second", "doubtful"),
    [
        # A header, since some text of it stands above a number
        ("length,width", "1.5,2.5", False),
        ("id,400,410", "1,0.2,0.3", False),
        ("a,", "1,2", False),
        (",", "1,2", False),
        ("Na,K", "1,2", False),
        # Numbers of which some are missing, or written as they are elsewhere
        ("5.1,NA", "4.9,3.0", True),
        ("5.1,", "4.9,3.0", True),
        ("5.1,?", "4.9,3.0", True),
        ("5.1,0x1A", "4.9,3.0", True),
        ("5.1,1.234.567", "4.9,3.0", True),
        ("5.1,1 234", "4.9,3.0", True),
        ("NA,NA", "4.9,3.0", False),
        # An index without a name
        (",a", "0,5.5", False),
        (",0,1", "0,5.5,1.5", False),
        (",0,2", "0,5.5,1.5", True),
        # Text above text: all that is left of the row may be numbers
        ("5.1,setosa", "4.9,setosa", False),
        # Numbers that count the columns
        ("0,1", "0.5,1.5", True),
        ("0,1", "0.5,1", False),
        ("0,1", "2,3", False),
        ("1,2", "0.5,1.5", False),
        ("0", "0.5", False),
        ("0,1", "1e5,x", True),
    ],
)
def test_a_first_row_that_may_be_a_header_or_not(first: str, second: str, doubtful: bool) -> None:
    cells, below = first.split(","), second.split(",")
    assert is_doubtful(cells, below, range(len(cells))) == doubtful


def test_text_that_is_left_out_leaves_a_doubt() -> None:
    first, second = ["5.1", "3.5", "setosa"], ["4.9", "3.0", "setosa"]
    assert is_doubtful(first, second, [0, 1])
    assert not is_doubtful(first, second, [0, 2])


@pytest.mark.parametrize("second", [["1"], ["1", "2", "3"]])
def test_rows_of_other_lengths_are_compared_as_far_as_they_go(second: list[str]) -> None:
    assert not is_doubtful(["a", "b"], second, [0, 1])
