"""Delimited text: encodings, line ends, headers, delimiters, quotes, rows that do not fit."""

from tests.hostile.case import Case, Read, Refused, file_of

FOUR = [[1.0, 2.0], [3.0, 4.0]]
AB = ("a", "b")

SHOULD_WRITE = "check the program that should write it"
DELIMITER = "check for a missing or an extra delimiter"
QUOTES = "check the quotes: one that is opened is closed before the next delimiter"
AS_UTF_8 = "save the file as UTF-8 text"
PLAIN = "write numbers as in 1234.5"
DOUBT = Refused(
    "`Z.csv`, line 1: it may be a header or a row of numbers",
    "add a header above it, or turn it into a comment with #",
)


def told(line: int, fact: str, help_: str) -> Refused:
    return Refused(f"`Z.csv`, line {line}: {fact}", help_)


def without(columns: str) -> str:
    return f"{PLAIN}, or leave the column out with --columns {columns}"


def number(line: int, cell: str, column: str | int, help_: str = PLAIN) -> Refused:
    where = f"`{column}`" if isinstance(column, str) else f"{column} (counting from 0)"
    return told(line, f"`{cell}` in column {where} is not a number", help_)


def empty(line: int, column: str | int, help_: str) -> Refused:
    where = f"`{column}`" if isinstance(column, str) else f"{column} (counting from 0)"
    return told(line, f"an empty cell in column {where}", help_)


def byte(line: int, value: int) -> Refused:
    return told(line, f"byte 0x{value:02x} is not UTF-8", AS_UTF_8)


ZERO = told(1, "it holds a NUL byte, as UTF-16 does", AS_UTF_8)

READ: dict[str, tuple[str | bytes, Read]] = {
    # Encodings and line ends
    "a byte order mark": ("\ufeff1,2\n3,4\n", Read(FOUR)),
    "a byte order mark and a header": ("\ufeffa,b\n1,2\n3,4\n", Read(FOUR, AB)),
    "a byte order mark and a quote": ('\ufeff"a","b"\n1,2\n3,4\n', Read(FOUR, AB)),
    "a byte order mark and a comment": ("\ufeff# by\na,b\n1,2\n3,4\n", Read(FOUR, AB)),
    "CRLF": ("a,b\r\n1,2\r\n3,4\r\n", Read(FOUR, AB)),
    "lone CR": ("a,b\r1,2\r3,4\r", Read(FOUR, AB)),
    "each line end once": ("a,b\n1,2\r\n3,4\r", Read(FOUR, AB)),
    "CR CR LF": ("a,b\r\r\n1,2\r\r\n3,4\r\r\n", Read(FOUR, AB)),
    "no line end": ("a,b\n1,2\n3,4", Read(FOUR, AB)),
    "a header of every script": ("größe,温度\n1,2\n3,4\n", Read(FOUR, ("größe", "温度"))),
    "a header of escape sequences": (
        "\x1b[31ma,\x1b]0;title\x07b\n1,2\n3,4\n",
        Read(FOUR, ("\x1b[31ma", "\x1b]0;title\x07b")),
    ),
    "a header of two directions": ("a\u202eb,c\n1,2\n3,4\n", Read(FOUR, ("a\u202eb", "c"))),
    "a NUL byte in a header": ("a\0,b\n1,2\n3,4\n", Read(FOUR, ("a\0", "b"))),
    "a header of markup": ("[red]a[/],[/b]\n1,2\n3,4\n", Read(FOUR, ("[red]a[/]", "[/b]"))),
    "a header with a line separator": ("a\u2028b,c\n1,2\n3,4\n", Read(FOUR, ("a\u2028b", "c"))),
    "a header of 100 000 letters": (f"{'a' * 10**5},b\n1,2\n3,4\n", Read(FOUR, ("a" * 10**5, "b"))),
    # Blank lines and comments
    "blank lines": ("\n\na,b\n\n1,2\n \t\n3,4\n\n\n", Read(FOUR, AB)),
    "comments": ("# a\n#\na,b\n  # 5,6\n1,2\n#7,8\n3,4\n#", Read(FOUR, AB)),
    "comments with quotes": ('# "a\n1,2\n# it\'s "b\n3,4\n', Read(FOUR)),
    "a long comment": ("#" * 10**6 + "\n1,2\n3,4\n", Read(FOUR)),
    "1 000 blank lines": ("1,2\n" + "\n" * 1000 + "3,4\n", Read(FOUR)),
    # Headers
    "names that are the same": ("a,a\n1,2\n3,4\n", Read(FOUR, ("a", "a"))),
    "names that are empty": (",\n1,2\n3,4\n", Read(FOUR, ("", ""))),
    "a name that is empty": ("a,\n1,2\n3,4\n", Read(FOUR, ("a", ""))),
    "an index column of pandas": (
        ",a\n0,5.5\n1,6.5\n",
        Read([[0, 5.5], [1, 6.5]], ("", "a")),
    ),
    "an index column beside numbered ones": (
        ",0,1\n0,5.5,1\n1,6.5,2\n",
        Read([[0, 5.5, 1], [1, 6.5, 2]], ("", "0", "1")),
    ),
    "an index column of R": ('"","a"\n"1",5.5\n"2",6.5\n', Read([[1, 5.5], [2, 6.5]], ("", "a"))),
    "a first row that counts": ("0,1\n2,3\n", Read([[0, 1], [2, 3]])),
    "a column that starts at 0": ("0\n0.5\n1.5\n", Read([[0], [0.5], [1.5]])),
    "a name that may be a missing value": ("Na\n1\n2\n", Read([[1], [2]], ("Na",))),
    "names with delimiters": ('"a,b","c;d"\n1,2\n3,4\n', Read(FOUR, ("a,b", "c;d"))),
    "names with quotes": ('"a""b",c\n1,2\n3,4\n', Read(FOUR, ('a"b', "c"))),
    "names of two lines": ('"a\nb",c\n1,2\n3,4\n', Read(FOUR, ("a\nb", "c"))),
    # Delimiters
    "semicolons": ("a;b\n1;2\n3;4\n", Read(FOUR, AB)),
    "tabs": ("a\tb\n1\t2\n3\t4\n", Read(FOUR, AB)),
    "blanks": ("a b\n1 2\n3 4\n", Read(FOUR, AB)),
    "columns of blanks": ("   a    b\n   1    2\n   3    4\n", Read(FOUR, AB)),
    "blanks after commas": ("a, b\n1, 2\n3, 4\n", Read(FOUR, AB)),
    "quotes everywhere": ('"a","b"\n"1","2"\n"3","4"\n', Read(FOUR, AB)),
    "quotes of two lines beside numbers": (
        'a,t,b\n1,"x\ny",2\n3,"z\n\n",4\n',
        Read(FOUR, AB),
    ),
    "a quoted line that looks like a comment": (
        'a,t,b\n1,"x\n# y",2\n3,"z\n#",4\n',
        Read(FOUR, AB),
    ),
    "text and missing values beside numbers": (
        "a,t,b\n1,red,2\n3,,4\n",
        Read(FOUR, AB),
    ),
    "semicolons in a name": ("a;b,c\n1,2\n3,4\n", Read(FOUR, ("a;b", "c"))),
    "1 row": ("1,2\n", Read([[1, 2]])),
    "1 column": ("a\n1\n2\n", Read([[1], [2]], ("a",))),
    "1 number": ("7", Read([[7]])),
    "5 000 columns": (",".join(["7"] * 5000) + "\n", Read([[7.0] * 5000])),
    "50 000 rows": ("7\n" * 50_000, Read([[7.0]] * 50_000)),
}

PICKED = {
    "quotes of two lines beside numbers": "a,b",
    "a quoted line that looks like a comment": "a,b",
    "text and missing values beside numbers": "1,3",
}

REFUSED: dict[str, tuple[str | bytes, Refused]] = {
    # Encodings
    "UTF-16": ("a,b\n1,2\n".encode("utf-16-le").join([b"\xff\xfe", b""]), byte(1, 0xFF)),
    "UTF-16, big-endian": (b"\xfe\xff" + "a,b\n1,2\n".encode("utf-16-be"), byte(1, 0xFE)),
    "UTF-16 without its mark": ("a,b\n1,2\n".encode("utf-16-le"), ZERO),
    "UTF-16 without its mark or names": ("1,2\n3,4\n5,6\n".encode("utf-16-be"), ZERO),
    "UTF-32": ("1,2\n".encode("utf-32"), byte(1, 0xFF)),
    "UTF-7": (b"+AGE-,b\n+ADE-,2\n", number(2, "+ADE-", "+AGE-", without("2"))),
    "Latin-1": ("größe,b\n1,2\n".encode("latin-1"), byte(1, 0xF6)),
    "Latin-1 in line 3": ("a,b\n1,2\n\xb5,4\n".encode("latin-1"), byte(3, 0xB5)),
    "Latin-1 in a comment": ("1,2\n# 5\xb0\n3,4\n".encode("latin-1"), byte(2, 0xB0)),
    "Latin-1 in line 3 after lone CR": ("a,b\r1,2\r\xb5,4\r".encode("latin-1"), byte(3, 0xB5)),
    "a character that is cut off": ("1,2\n3,µ".encode()[:-1], byte(2, 0xC2)),
    "a surrogate": (b"a\xed\xa0\x80,b\n1,2\n", byte(1, 0xED)),
    "a character that is too long": (b"a\xc0\xaf,b\n1,2\n", byte(1, 0xC0)),
    "a byte order mark alone": ("\ufeff", Refused("`Z.csv` has no rows", SHOULD_WRITE)),
    "a byte order mark twice": (
        "\ufeff\ufeff1,2\n",
        Refused("`Z.csv` has a header and no rows", "add rows of numbers"),
    ),
    "a byte order mark in line 2": (
        "1,2\n\ufeff3,4\n",
        number(2, r"\ufeff3", 0, without("2")),
    ),
    "compressed": (b"\x1f\x8b\x08\0" + bytes(20), byte(1, 0x8B)),
    "a workbook": (b"PK\3\4\x14\0\x06\0\x08\0\0\0!\0\xb5\x55\x30", byte(1, 0xB5)),
    "a page": (
        "<html>\n<body>1,2</body>\n</html>\n",
        told(2, "2 values where the first row has 1", DELIMITER),
    ),
    "JSON": ("[[1,2],[3,4]]\n", Refused("`Z.csv` has a header and no rows", "add rows of numbers")),
    "zeros": (bytes(1000), ZERO),
    # Nothing
    "nothing": ("", Refused("`Z.csv` is empty", SHOULD_WRITE)),
    "a line end": ("\n", Refused("`Z.csv` has no rows", SHOULD_WRITE)),
    "blanks alone": (" \t \r\n \x0b\x0c\n", Refused("`Z.csv` has no rows", SHOULD_WRITE)),
    "comments alone": ("# 1,2\n#3,4\n", Refused("`Z.csv` has no rows", SHOULD_WRITE)),
    "a header alone": ("a,b\n", Refused("`Z.csv` has a header and no rows", "add rows of numbers")),
    "a delimiter alone": (
        ",\n",
        Refused("`Z.csv` has a header and no rows", "add rows of numbers"),
    ),
    # Decimal commas, thousands separators
    "decimal commas": ("a;b\n1,5;2,5\n", number(2, "1,5", "a")),
    "decimal commas after tabs": ("a\tb\n1,5\t2,5\n", number(2, "1,5", "a")),
    "decimal commas after blanks": ("a b\n1,5 2,5\n", number(2, "1,5", "a")),
    "decimal commas in quotes": ('a,b\n"1,5","2,5"\n', number(2, "1,5", "a")),
    "decimal commas in the second column": ("a;b\n1;2,5\n", number(2, "2,5", "b", without("1"))),
    "decimal commas under one name": (
        "a\n1,5\n2,5\n",
        told(2, "2 values where the first row has 1", DELIMITER),
    ),
    "decimal commas between commas": (
        "a,b\n1,5,2,5\n",
        told(2, "4 values where the first row has 2", DELIMITER),
    ),
    "decimal commas without a header": ("1,5;2,5\n3,5;4,5\n", number(2, "3,5", "1,5")),
    "decimal commas in the first row alone": ("1,5;2,5\n3;4\n5;6\n", DOUBT),
    "decimal commas between blanks": ("1,5 2,5\n3,5 4,5\n", number(2, "3,5", "1,5")),
    "thousands in quotes": ('a,b\n"1,234.5",2\n', number(2, "1,234.5", "a", without("2"))),
    "thousands under names": (
        "a,b\n1,234.5,2,345.5\n",
        told(2, "4 values where the first row has 2", DELIMITER),
    ),
    "thousands between semicolons": ("a;b\n1,234.5;2\n", number(2, "1,234.5", "a", without("2"))),
    "thousands of dots": ("a;b\n1.234,5;2\n", number(2, "1.234,5", "a", without("2"))),
    "thousands of blanks": ("a;b\n1 234.5;2\n", number(2, "1 234.5", "a", without("2"))),
    "thousands in some rows": (
        "1,2\n1,234,5\n",
        told(2, "3 values where the first row has 2", DELIMITER),
    ),
    # A first row that lacks a number is no header, and must not be lost.
    "an empty cell in the first row": ("5.1,,1.4\n4.9,3.0,1.4\n4.7,3.2,1.3\n", DOUBT),
    "an empty cell at the end of the first row": ("5.1,3.5,\n4.9,3.0,1.4\n", DOUBT),
    "an NA in the first row": ("5.1,NA,1.4\n4.9,3.0,1.4\n", DOUBT),
    "a question mark in the first row": ("5.1,?,1.4\n4.9,3.0,1.4\n", DOUBT),
    "a hexadecimal number in the first row": ("5.1,0x1A\n4.9,3.0\n", DOUBT),
    "thousands in the first row": ('5.1,"1,234.5"\n4.9,3.0\n', DOUBT),
    # Nor are numbers that only count the columns a row of them.
    "a header of numbers, as pandas writes it": ("0,1,2\n5.1,3.5,1.4\n4.9,3.0,1.4\n", DOUBT),
    "a word at the end of every row": (
        "5.1,3.5,setosa\n4.9,3.0,setosa\n",
        number(2, "setosa", "setosa", without("1-2")),
    ),
    # Empty cells
    "an empty cell": ("a,b\n1,\n", empty(2, "b", without("1"))),
    "an empty cell in quotes": ('a,b\n1,""\n', empty(2, "b", without("1"))),
    "an empty cell of blanks": ("a,b\n  ,2\n", empty(2, "a", without("2"))),
    "an empty row": ("a,b\n1,2\n,\n3,4\n", empty(3, "a", PLAIN)),
    "a delimiter at the end of each row": ("a,b,\n1,2,\n", empty(2, 2, without("1-2"))),
    "a delimiter at the start of each row": (",a\n,1\n", empty(2, 0, without("2"))),
    # Rows that do not fit
    "a row too short": ("1,2,3\n4,5\n", told(2, "2 values where the first row has 3", DELIMITER)),
    "a row too long": ("1,2\n3,4,5\n", told(2, "3 values where the first row has 2", DELIMITER)),
    "a last row cut off": ("1,2\n3,4\n5", told(3, "1 value where the first row has 2", DELIMITER)),
    "an extra delimiter": ("1,2\n3,4,\n", told(2, "3 values where the first row has 2", DELIMITER)),
    "a header too short, as R writes it": (
        "a b\n1 1.5 2.5\n2 3.5 4.5\n",
        told(2, "3 values where the first row has 2", DELIMITER),
    ),
    "a title above the header": (
        "measurements\na,b\n1,2\n",
        told(2, "2 values where the first row has 1", DELIMITER),
    ),
    "a sum below": ("a,b\n1,2\nsum: 1\n", told(3, "1 value where the first row has 2", DELIMITER)),
    "units below the header": ("a,b\nkg,m\n1,2\n", number(2, "kg", "a")),
    "two headers": ("a,b\n1,2\na,b\n3,4\n", number(3, "a", "a")),
    "another delimiter from row 2 on": (
        "1,2\n3;4\n",
        told(2, "1 value where the first row has 2", DELIMITER),
    ),
    "10 000 columns and 10 001": (
        ",".join(["7"] * 10_000) + "\n" + ",".join(["7"] * 10_001) + "\n",
        told(2, "10001 values where the first row has 10000", DELIMITER),
    ),
    "a bad cell in row 50 000": ("7\n" * 49_999 + "x\n", number(50_000, "x", 0)),
    # Quotes
    "a quote that is not closed": ('1,2\n3,"4\n5,6\n', told(2, "unexpected end of data", QUOTES)),
    "a quote in the header that is not closed": (
        '"a,b\n1,2\n3,4\n',
        told(1, "unexpected end of data", QUOTES),
    ),
    "a letter after a quote": ('1,2\n"3"x,4\n', told(2, "',' expected after '\"'", QUOTES)),
    "a digit after a quote": ('1,2\n3,4\n"5"6,7\n', told(3, "',' expected after '\"'", QUOTES)),
    "a letter after a quote, between tabs": (
        'a\tb\n"3"x\t4\n',
        told(2, "'\\t' expected after '\"'", QUOTES),
    ),
    "a blank after a quote": ('1,2\n"3" ,"4"\n', told(2, "',' expected after '\"'", QUOTES)),
    "a quote in a number": ('1,2\n3"5,4\n', number(2, '3"5', 0, without("2"))),
    "single quotes": ("a,b\n'1','2'\n", number(2, "'1'", "a")),
    "typographic quotes": ("a,b\n“1”,“2”\n", number(2, "“1”", "a")),
    "a quoted line end in a number": ('a,b\n"1\n5",2\n', number(2, r"1\n5", "a", without("2"))),
    "a quoted row": ('a,b\n"1,2"\n', told(2, "1 value where the first row has 2", DELIMITER)),
}


def content(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


CASES: list[Case] = [
    *(
        file_of(
            name,
            "Z.csv",
            content(text),
            verdict,
            columns=PICKED.get(name),
        )
        for name, (text, verdict) in READ.items()
    ),
    *(file_of(name, "Z.csv", content(text), verdict) for name, (text, verdict) in REFUSED.items()),
]
