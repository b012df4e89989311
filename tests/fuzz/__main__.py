"""The fuzzer: `python -m tests.fuzz --seconds 60`."""

import argparse
import contextlib
import hashlib
import mmap
import os
import resource
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import atheris

with atheris.instrument_imports(include=["bncheck", "zipfile", "csv"]):
    from tests.fuzz.judge import ARGUMENTS, MB, Judge, joined, split, workplace

from tests.hostile import archives, npy_files, text_cells, text_tables

LONGEST = 9000
TOKENS = [
    b"\x93NUMPY\1\0",
    b"\x93NUMPY\2\0",
    b"'descr': '<f8'",
    b"'fortran_order': False",
    b"'shape': (1, 1)",
    b"'|O'",
    b"PK\3\4",
    b"PK\1\2",
    b"PK\5\6",
    b"PK\6\6",
    b"PK\6\7",
    b".npy",
    b"\xef\xbb\xbf",
    b"\r\n",
    b'""',
    b"1e400",
    b"nan",
    b"inf",
    b"#",
    b"_",
    b";",
    b"\t",
    b"9" * 20,
]
LIMIT = 2048 * MB
"""Address space of the fuzzer: where it is used up, there is a find."""


def seeds() -> Iterator[bytes]:
    """The corpus of hostile inputs, as far as it is short."""
    cases = [*npy_files.CASES, *archives.CASES, *text_cells.CASES, *text_tables.CASES]
    for case in cases:
        (content,) = case.files.values()
        argument = case.argument.replace("a.npz", "Z.npz")
        if argument in ARGUMENTS and isinstance(content, bytes) and len(content) < LONGEST:
            yield joined(argument, content)


def write_seeds(folder: Path) -> None:
    for seed in seeds():
        (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


def write_dictionary(path: Path) -> None:
    escaped = ("".join(f"\\x{byte:02x}" for byte in token) for token in TOKENS)
    path.write_text("".join(f'"{token}"\n' for token in escaped), "ascii")


def replay(path: Path) -> int:
    argument, columns, content = split(path.read_bytes())
    print(f"{argument}, --columns {columns}: {content[:2000]!r}")
    with workplace() as folder:
        find = Judge(folder).find_in(path.read_bytes())
    print(find or "nothing is wrong")
    return 1 if find else 0


def fuzz(seconds: int, corpus: Path, finds_folder: Path) -> int:
    """Run for so many seconds; every find is kept once, and the run goes on."""
    finds_folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    # libFuzzer ends its process without a word, hence one of its own, with counts in common.
    counts = mmap.mmap(-1, 16)
    with workplace() as folder:
        (folder / "seeds").mkdir()
        write_seeds(folder / "seeds")
        write_dictionary(folder / "tokens")
        child = os.fork()
        if child == 0:
            run_in_child(seconds, corpus, finds_folder, folder, counts)
        _, status = os.waitpid(child, 0)
    tried, read = struct.unpack("QQ", counts[:])
    finds = sorted(finds_folder.glob("*.txt"))
    print(f"{tried} files tried in {time.monotonic() - start:.0f} s, {read} of them read")
    if status:
        print(f"the fuzzer itself ended with status {status}: a crash or a hang, see above")
    for find in finds:
        print(f"  {find.with_suffix('')}: {find.read_text('utf-8')}")
    print(f"{len(finds)} finds in {finds_folder}")
    return 1 if finds or status else 0


def run_in_child(
    seconds: int, corpus: Path, finds_folder: Path, folder: Path, counts: mmap.mmap
) -> NoReturn:
    judge = Judge(folder)
    finds = {path.read_text("utf-8") for path in finds_folder.glob("*.txt")}
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))

    def try_one(data: bytes) -> None:
        find = judge.find_in(data)
        counts[:] = struct.pack("QQ", judge.tried, judge.read)
        if find and find not in finds:
            finds.add(find)
            path = finds_folder / hashlib.sha1(find.encode()).hexdigest()[:12]
            path.write_bytes(data)
            path.with_suffix(".txt").write_text(find, "utf-8")
            print(f"find: {find}", file=sys.stderr, flush=True)

    arguments = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST}",
        f"-dict={folder / 'tokens'}",
        f"-artifact_prefix={finds_folder}{os.sep}",  # of a hang, which ends the run
        "-timeout=60",
        "-rss_limit_mb=0",  # told by the judge, which goes on
        "-verbosity=0",
        str(corpus),
        str(folder / "seeds"),
    ]
    atheris.Setup([sys.argv[0], *arguments], try_one)
    atheris.Fuzz()
    raise AssertionError("the fuzzer leaves by itself")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, metavar="FOLDER", help="kept for a next run")
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"), metavar="FOLDER")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="one find again")
    options = parser.parse_args()
    if options.replay:
        return replay(options.replay)
    with contextlib.ExitStack() as stack:
        corpus = options.corpus or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        corpus.mkdir(exist_ok=True)
        return fuzz(options.seconds, corpus, options.finds)


if __name__ == "__main__":
    sys.exit(main())
