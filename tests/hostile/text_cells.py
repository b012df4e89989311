"""What is a number in a text, and what only looks like one, cell by cell.

A cell is the first one of the second row. It is a number just where a spreadsheet, R and Python
would all take it for the same one.
"""

from tests.hostile.case import Case, Read, Refused, file_of

# Cells to their values.
NUMBERS: dict[str, float] = {
    "0": 0.0,
    "-0": -0.0,
    "007": 7.0,
    "+5": 5.0,
    "5.": 5.0,
    ".5": 0.5,
    "-.5e-1": -0.05,
    "1E5": 1e5,
    "1e+05": 1e5,
    "1e-400": 0.0,
    "5e-324": 5e-324,
    "2.2250738585072011e-308": 2.2250738585072011e-308,  # on which PHP and Java once hung
    "9007199254740993": 9007199254740992.0,
    "0.1000000000000000055511151231257827021181583404541015625": 0.1,
    "1.00000000000000011102230246251565404236316680908203126": 1.0000000000000002,
    "123456789012345678901234567890": 123456789012345678901234567890.0,
    "0" * 400 + "1": 1.0,
    "0." + "0" * 400 + "1e401": 1.0,
    "1" + "0" * 400 + "e-400": 1.0,
    "1e00000000000000000005": 1e5,
    " 5 ": 5.0,
    "\t5": 5.0,
    '"5"': 5.0,
    '" 5 "': 5.0,
    "\u00a05\u00a0": 5.0,  # blanks that do not break, as spreadsheets write them
}

# Cells that are no numbers. None of them may be read as one, least of all as a wrong one.
WORDS = [
    # hexadecimal, other bases, other languages
    "0x10",
    "0x1p3",
    "0b11",
    "0o17",
    "1d5",
    "1f",
    "1.5f",
    "5L",
    "1j",
    "1+2j",
    "1_000",
    "1__0",
    "_1",
    "1/2",
    "1e",
    "e5",
    "1e5.5",
    "1e 5",
    "1 e5",
    ".",
    "-",
    "+",
    "+-5",
    "--5",
    "- 5",
    "1..5",
    "1.5.2",
    "1-",
    # thousands, currencies, shares, dates
    "1.234.567",
    "1'234.5",
    "1 234.5",
    "1\u00a0234.5",
    "1\u202f234.5",
    "1\u2009234",
    "$5",
    "5 €",
    "5%",
    "5kg",
    "(5)",
    "=5",
    "'5",
    "2026-01-02",
    "12:30",
    # digits and signs of other scripts
    "٥",
    "५",
    "５",
    "²",
    "½",
    "Ⅴ",
    "−5",
    "–5",
    "1٫5",
    "1·5",
    "1e−5",
    # what stands for a missing value or a truth
    "NA",
    "N/A",
    "null",
    "None",
    "?",
    "true",
    "TRUE",
    "#N/A",
    "#DIV/0!",
    "1.#INF",
    "1.#QNAN",
    "nan(1)",
    "nan0",
    "inf5",
    "infinit",
    # what hides
    "5\0",
    "\x005",
    "5\x008",
    "5\x1b[0m",
    "5\u200b",
    "5\ufeff",
    "\u202e5",
    "5\x7f",
    "🧪",
    "{0}",
    "%s",
    "[bold]5[/]",
    "5 # note",
    "x" * 40,
]

INFINITE = ["nan", "NaN", "-nan", "inf", "-Inf", "Infinity", "1e400", "-1e999999999999", "9" * 400]

FIRST = "column 0 (counting from 0)"
WITHOUT = "write numbers as in 1234.5, or leave the column out with --columns 2"
OUTSIDE = "only finite numbers can be used: leave such rows or columns out"


def shown(cell: str) -> str:
    """A cell as a message shows it: escaped, and cut after forty characters."""
    cell = cell if len(cell) <= 40 else cell[:40] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cell)


def short(cell: str) -> str:
    return ascii(cell if len(cell) < 60 else f"{cell[:9]}… of {len(cell)}")


def below(cell: str, verdict: Read | Refused) -> Case:
    """A case of a cell in the second row."""
    content = f"1,2\n{cell},4\n".encode()
    return file_of(short(cell), "Z.csv", content, verdict)


def refused(cell: str, fact: str, help_: str) -> Case:
    return below(cell, Refused(f"`Z.csv`, line 2: `{shown(cell)}` in {FIRST} {fact}", help_))


CASES: list[Case] = [
    *(below(cell, Read([[1, 2], [value, 4]])) for cell, value in NUMBERS.items()),
    *(refused(cell, "is not a number", WITHOUT) for cell in WORDS),
    *(refused(cell, "is not finite", OUTSIDE) for cell in INFINITE),
    # One row alone has the variance 0, whatever its numbers are.
    file_of(
        "the largest and the smallest",
        "Z.csv",
        b"1.7976931348623157e308,-1.7976931348623158e308,2.2250738585072014e-308\n",
        Read([[1.7976931348623157e308, -1.7976931348623157e308, 2.2250738585072014e-308]]),
    ),
]
