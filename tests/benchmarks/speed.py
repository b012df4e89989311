"""Time and memory beside those of others and targets: `python -m tests.benchmarks.speed`.

Every figure is a ratio, ours to the other's, of two things that are run in turn in one run: the
median of the ratios of the pairs, and their range. So it says the same on a machine that is slow or
busy, as far as both are slowed down alike.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.checks import check_lines
from tests.benchmarks.growth import growth_line
from tests.benchmarks.large import large_line
from tests.benchmarks.layers import layer_lines
from tests.benchmarks.rows import Line, Row, rendered
from tests.benchmarks.starts import start_lines


def lines(options: argparse.Namespace) -> Iterator[Line]:
    yield from start_lines()
    yield from layer_lines()
    yield from check_lines()
    yield growth_line(options.figure)
    if options.big:
        yield large_line(options.big_size * 1e9)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="lines with this in their name")
    parser.add_argument("--markdown", action="store_true", help="print the table as markdown")
    parser.add_argument(
        "--figure", type=Path, metavar="FILE", help="plot of the growth: .png, .svg"
    )
    parser.add_argument("--big", action="store_true", help="also a file larger than memory")
    parser.add_argument("--big-size", type=float, default=4, metavar="GB", help="4 by default")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    rows: list[Row] = []
    try:
        for line in lines(options):
            if options.only in line.name:
                print(line.name, file=sys.stderr)
                rows.extend(line.measure())
    finally:  # after Ctrl-C too, what was measured until then is not lost
        print(rendered(rows, markdown=options.markdown))


if __name__ == "__main__":
    main()
