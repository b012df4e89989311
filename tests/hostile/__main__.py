"""What the heavy inputs cost: `python -m tests.hostile`, with `--long` at full size."""

import argparse
import tempfile
import time
from pathlib import Path

from tests.hostile.heavy import HEAVY, weigh
from tests.hostile.running import MB


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--long", action="store_true", help="at full size: some minutes and 5 GB")
    parser.add_argument("--only", default="", metavar="TEXT", help="those with this in their name")
    options = parser.parse_args()
    chosen = [heavy for heavy in HEAVY if options.only in heavy.name]
    finds = 0
    print(f"{'input':42} {'file':>9} {'memory':>9} {'allowed':>9} {'time':>7}")
    for heavy in chosen:
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            cost = weigh(heavy, Path(folder), full=options.long)
            taken = time.monotonic() - start
        sizes = "".join(f"{n / MB:7.1f}MB " for n in (cost.file_size, cost.growth, cost.allowed))
        print(f"{heavy.name:42} {sizes}{taken:6.1f}s  {cost.find}", flush=True)
        finds += bool(cost.find)
    print(f"{len(chosen)} inputs tried, {finds} finds")


if __name__ == "__main__":
    main()
