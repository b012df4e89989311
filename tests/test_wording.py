import pytest

from bncheck.wording import (
    byte_size,
    counted,
    listed,
    place,
    quoted,
    reason,
    scientific,
    short,
    thousands,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("batch.csv", "`batch.csv`"),
        ("größe [µm]", "`größe [µm]`"),
        ("a\nb\t\x1b[31m", r"`a\nb\t\x1b[31m`"),
        ("undecodable \udcff", r"`undecodable \udcff`"),
        ("right to left \u202e", r"`right to left \u202e`"),
        ("", "``"),
    ],
)
def test_quoted_text_is_one_printable_line(text: str, expected: str) -> None:
    assert quoted(text) == expected


def test_quoted_text_is_cut_at_the_limit() -> None:
    assert quoted("abcdef", limit=3) == "`abc…`"
    assert quoted("abc", limit=3) == "`abc`"


def test_a_list_shows_a_few_names() -> None:
    assert listed(["a", "b"]) == "`a`, `b`"
    assert listed(["a", "b", "c"], limit=2) == "`a`, `b`, …"


def test_a_count_agrees_with_its_noun() -> None:
    assert counted(1, "column") == "1 column"
    assert counted(0, "column") == "0 columns"


def test_a_reason_is_the_systems_where_there_is_one() -> None:
    assert reason(OSError(28, "No space left on device")) == "no space left on device"
    for said in ("Embedded null byte", "lstat: embedded null character in path"):
        assert reason(ValueError(said)) == "embedded null byte"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (18_512, "18.5 kB"), (4e9, "4 GB"), (123e9, "123 GB")],
)
def test_sizes_of_files(size: float, text: str) -> None:
    assert byte_size(size) == text


def test_a_place_has_the_name_of_the_feature_or_its_number() -> None:
    assert place(0, "a\nb") == r"a\nb"
    assert place(0, "") == ""
    assert place(3, None, row=0) == "row 0, feature 3"


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1000, "1 000"), (1234567, "1 234 567")]
)
def test_thousands_are_apart(number: int, text: str) -> None:
    assert thousands(number) == text


@pytest.mark.parametrize(
    ("x", "plain", "powers"),
    [
        (0, "0", "0"),
        (0.9, "0.9", "9e-1"),
        (1e-8, "1e-8", "1e-8"),
        (2.34e-12, "2.34e-12", "2.3e-12"),
        (1e-100, "1e-100", "1e-100"),
        (1e16, "1e16", "1e16"),
        (float("inf"), "inf", "inf"),
    ],
)
def test_numbers_are_as_short_as_one_would_type_them(x: float, plain: str, powers: str) -> None:
    assert short(x) == plain
    assert short(x, ".1e") == powers


def test_tables_have_as_many_digits_as_asked_for() -> None:
    assert [scientific(-2 / 3, digits) for digits in (1, 2, 5)] == [
        "-7e-01",
        "-6.7e-01",
        "-6.6667e-01",
    ]
    assert scientific(-0.0, 5) == "0"
