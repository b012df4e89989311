import pytest
from hypothesis import given
from hypothesis import strategies as st

from bncheck.errors import InputError
from bncheck.files.select_columns import column_list, select_columns

NAMES = ("alcohol", "ash", "2", "2-3", "proline")


@pytest.mark.parametrize(
    ("columns", "picked"),
    [
        (None, [0, 1, 2, 3, 4]),
        ("1", [0]),
        ("3-5", [2, 3, 4]),
        ("4-4", [3]),
        ("proline", [4]),
        ("proline,1", [4, 0]),
        (" ash , 1 ", [1, 0]),
        ("4-5,ash", [3, 4, 1]),
    ],
)
def test_names_positions_and_ranges(columns: str | None, picked: list[int]) -> None:
    assert list(select_columns(columns, 5, NAMES, "wine.csv")) == picked


def test_a_name_wins_over_a_number() -> None:
    assert select_columns("2", 5, NAMES, "wine.csv") == [2]
    assert select_columns("2-3", 5, NAMES, "wine.csv") == [3]


@pytest.mark.parametrize(
    ("columns", "message", "help_"),
    [
        (
            "",
            "`--columns` has an empty entry: ``",
            "put one comma between names, positions and ranges, as in 2-5,proline",
        ),
        (
            "1,,2",
            "`--columns` has an empty entry: `1,,2`",
            "put one comma between names, positions and ranges, as in 2-5,proline",
        ),
        ("0", "`--columns` has position 0 in `0`", "positions start at 1"),
        ("0-3", "`--columns` has position 0 in `0-3`", "positions start at 1"),
        ("5-3", "`--columns` has a range that runs backwards: `5-3`", "write 3-5"),
        ("1,ash,1-3", "`--columns` picks column 1 twice", "name each column once"),
        (
            "prolin",
            "`wine.csv` has no column `prolin`",
            "it has 5 columns: `alcohol`, `ash`, `2`, `2-3`, `proline`",
        ),
        (
            "3-6",
            "`wine.csv` has no column `3-6`",
            "it has 5 columns: `alcohol`, `ash`, `2`, `2-3`, `proline`",
        ),
    ],
)
def test_what_picks_no_columns_is_refused(columns: str, message: str, help_: str) -> None:
    with pytest.raises(InputError) as refusal:
        select_columns(columns, 5, NAMES, "wine.csv")
    assert (refusal.value.message, refusal.value.help) == (message, help_)


@pytest.mark.parametrize("columns", ["ash", "-1", "1.5", "٣", "9" * 5000])
def test_without_a_header_only_positions_pick(columns: str) -> None:
    with pytest.raises(InputError, match=r"^`Z\.npy` has no column") as refusal:
        select_columns(columns, 1, None, "Z.npy")
    assert refusal.value.help == "it has 1 column"


def test_a_name_that_two_columns_have_is_refused() -> None:
    with pytest.raises(InputError) as refusal:
        select_columns("b", 4, ("a", "b", "c", "b"), "wine.csv")
    assert refusal.value.message == "`wine.csv` has 2 columns with the name `b`"
    assert refusal.value.help == "pick one by its position: 2, 4"


def test_a_column_list_has_ranges() -> None:
    assert column_list([0, 1, 2, 4, 6, 7]) == "1-3,5,7-8"


@given(st.lists(st.integers(0, 30), unique=True, min_size=1))
def test_a_column_list_picks_the_same_columns(picked: list[int]) -> None:
    assert select_columns(column_list(picked), 31, None, "Z.npy") == picked
