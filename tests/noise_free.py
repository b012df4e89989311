"""Reports without what differs between processors and builds of NumPy: the rounding errors.

An error of 4.4e-11 is rounding. Elsewhere it may be 3.9e-11, or 0, or the largest may be in another
row. An error of 2.0e-03 is a mistake of the layer under test, and is the same everywhere.
"""

import re

ROUNDING = re.compile(r"\b\d(?:\.\d)?e-(?:0[89]|[1-9]\d)\b")
"""A number of one or two digits below 1e-7. Values have five digits, and are left alone."""

LARGER = re.compile(r"\b\d\.\de[+-]\d\d\b")
"""An error of two digits that is more than that."""

AGREEING_ROW = re.compile(
    r"(?P<start> \w+(?: \w+)?  (?:.* × \d+)?).*(?P<verdict>pass|inconclusive)"
)
"""A row of a table of checks whose errors may all be rounding."""


AGREEING_ENTRY = re.compile(r" .* ± (?:~|0) +(?:~|0)")
"""A row of a table of worst entries, after blanking, whose error is rounding."""

PICTURE_OF_ROUNDING = re.compile(
    r"^( \w+, error by .*)\n(?:.+\n)* log scale:  · below .*\n"
    r"|^( error of \w+ by step size).*\n(?:.+\n)*",
    re.MULTILINE,
)
"""A heat map of errors that are all within the tolerance, or a step-size curve."""

HEADER = re.compile(r" quantity | \w+, worst entries ")
"""Of a table of checks, or of worst entries."""


def noise_free(report: str) -> str:
    """The report with rounding errors, and what depends on them, blanked.

    In tables of checks these are the place of the worst entry with its values, where all errors of
    the row are rounding, and the widths of the columns. Of pictures of rounding the title is left.
    """
    report = PICTURE_OF_ROUNDING.sub(lambda match: f"{match[1] or match[2]}  ~\n", report)
    lines = []
    in_checks = False
    for line in report.splitlines():
        in_checks = bool(line) and (in_checks or HEADER.match(line) is not None)
        blanked = ROUNDING.sub("~", line)
        lines.append(_of_checks(blanked) if in_checks else blanked)
    return "".join(f"{line}\n" for line in lines)


def _of_checks(line: str) -> str:
    if AGREEING_ENTRY.fullmatch(line):
        return " ~"
    row = AGREEING_ROW.fullmatch(line)
    if row and not LARGER.search(line):
        line = f"{row['start']}  ~  {row['verdict']}"
    return re.sub(r"(?<=\S) {2,}", "  ", line)
