from collections.abc import Iterator

import pytest

from bncheck.errors import InputError
from bncheck.files.sources import CHUNK
from bncheck.files.text.lines import Lines, is_skipped


def lines_of(*chunks: bytes) -> Lines:
    return Lines(chunks, "batch.csv")


def refusal(lines: Lines) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        list(iter(lines.take, []))
    return caught.value.message, caught.value.help


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a\nb"], ["a", "b"]),
        ([b"a\r\nb\rc\n"], ["a", "b", "c"]),
        ([b"a\r", b"\nb\r", b"c"], ["a", "b", "c"]),
        ([b"a\r"], ["a"]),
        ([b"\n\na\n\n"], ["", "", "a", ""]),
        ([b"\xef\xbb\xbfa\n", b"\xef\xbb\xbfb\n"], ["a", "\ufeffb"]),
        ([b"\xc2", b"\xb5\n"], ["µ"]),
        (["a\u2028b\x0bc\x85d\n".encode()], ["a\u2028b\x0bc\x85d"]),
        ([b"a\0\nb\n"], ["a\0", "b"]),
        ([], []),
    ],
)
def test_lines_are_told_by_their_ends_alone(chunks: list[bytes], lines: list[str]) -> None:
    text = lines_of(*chunks)
    assert list(text.look()) == lines
    assert text.taken == 0
    assert [line for taken in iter(text.take, []) for line in taken] == lines
    assert text.taken == len(lines)


def test_lines_are_taken_some_at_a_time() -> None:
    text = lines_of(b"1\n2\n3\n", b"4\n5\n")
    assert text.take(2) == ["1", "2"]
    assert text.take() == ["3"]  # the others are not here yet
    assert next(text.look()) == "4"
    assert text.take(5) == ["4", "5"]
    assert text.take() == []
    assert text.taken == 5


def test_what_is_no_row_is_left_out() -> None:
    text = lines_of(b"\n# a\n", b" \t\n#\n1\n# b\n", b"2\n")
    assert text.skip()
    assert (text.taken, next(text.look())) == (4, "1")
    text.take(1)
    assert text.skip()
    assert (text.taken, next(text.look())) == (6, "2")
    text.take(1)
    assert not text.skip()


@pytest.mark.parametrize("line", ["", " \t\x0b", "#", "  # 1,2", "#N/A?", "#NAME"])
def test_a_line_that_is_no_row(line: str) -> None:
    assert is_skipped(line) == (line != "#N/A?")


@pytest.mark.parametrize(
    ("chunks", "line", "byte"),
    [
        ([b"1\n\xb5\n"], 2, "b5"),
        ([b"1\r\n2\r\n3\xff"], 3, "ff"),
        ([b"1\n2\n", b"3\n\xc2"], 4, "c2"),
        ([b"\xef\xbb\xbf1\n\xfe"], 2, "fe"),
    ],
)
def test_a_byte_that_is_not_utf_8_is_told(chunks: list[bytes], line: int, byte: str) -> None:
    assert refusal(lines_of(*chunks)) == (
        f"`batch.csv`, line {line}: byte 0x{byte} is not UTF-8",
        "save the file as UTF-8 text",
    )


@pytest.mark.parametrize(
    "content", ["1,2\n3,4\n".encode("utf-16-le"), bytes(10), b"\0,1\n2\n3,\0\n"]
)
def test_utf_16_without_a_mark_is_told(content: bytes) -> None:
    assert refusal(lines_of(content)) == (
        "`batch.csv`, line 1: it holds a NUL byte, as UTF-16 does",
        "save the file as UTF-8 text",
    )


def endless(first: bytes, piece: bytes) -> Iterator[bytes]:
    yield first
    while True:
        yield piece


@pytest.mark.parametrize(
    ("first", "piece", "fact"),
    [
        (b"1,2\n", b"9" * CHUNK, "line 2: a cell of more than 131072 characters"),
        (b"", b"x" * CHUNK, "line 1: a cell of more than 131072 characters"),
        (b"", b'"' * CHUNK, "line 1: a cell of more than 131072 characters"),
        (b"", bytes(CHUNK), "line 1: it holds a NUL byte, as UTF-16 does"),
        (b"1\n", bytes(CHUNK), "line 2: a cell of more than 131072 characters"),
    ],
)
def test_a_cell_without_an_end_is_refused_before_it_is_read(
    first: bytes, piece: bytes, fact: str
) -> None:
    message, _ = refusal(Lines(endless(first, piece), "batch.csv"))
    assert message == f"`batch.csv`, {fact}"


@pytest.mark.parametrize("start", [b"#", b" "])
def test_a_long_comment_or_blank_line_is_not_kept(start: bytes) -> None:
    text = lines_of(start, *[b" " * CHUNK] * 20, b"\n1\n")
    assert text.skip()
    assert (text.taken, next(text.look())) == (1, "1")
    kept = lines_of(start, *[b" " * CHUNK] * 20, b"\n1\n").take(1)
    assert len(kept[0]) < 3 * CHUNK


def test_a_long_line_of_many_cells_is_kept() -> None:
    row = b"1," * CHUNK + b"2"
    pieces = [row[start : start + CHUNK] for start in range(0, len(row), CHUNK)]
    assert lines_of(*pieces).take() == [row.decode()]
