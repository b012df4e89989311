"""The installed program as a process of its own, with a limit on its memory and its peak told."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("bncheck")
MB = 2**20

# A process inherits the peak of the one it was started from, so that a small one stands between.
_LAUNCHER = """
import resource, subprocess, sys
peak, limit, longest_file, *command = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(longest_file), int(longest_file)))
status = subprocess.call(command)
kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
open(peak, "w").write(str(kilobytes // 1024 if sys.platform == "darwin" else kilobytes))
sys.exit(status if status >= 0 else 128 - status)
"""


@dataclass(frozen=True)
class Run:
    """What a run left: `peak` is the most memory that it held, in bytes."""

    status: int
    stdout: str
    stderr: str
    peak: int


def run(
    *arguments: str | bytes,
    folder: Path,
    stdin: int | None = subprocess.DEVNULL,
    limit: int = 4096 * MB,
    longest_file: int = 4096 * MB,
    timeout: float = 60,
    plugin: str = "",
) -> Run:
    """Run `bncheck` in a folder.

    Parameters
    ----------
    arguments
        The command line.
    stdin
        An open file.
    limit
        Bytes of address space that it may have.
    longest_file
        Bytes of any file that it may write.
    timeout
        Seconds after which it counts as hanging.
    plugin
        Python that is run in the program before it starts.
    """
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "sitecustomize.py").write_text(plugin, "utf-8")
        peak = Path(place) / "peak"
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER]
        process = subprocess.Popen(
            [*launcher, peak, str(limit), str(longest_file), PROGRAM, *arguments],
            cwd=folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # The threads of the linear algebra, which is not used, take address space each.
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": place},
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            raise
        kilobytes = int(peak.read_text())
    return Run(process.returncode, stdout.decode(), stderr.decode(), kilobytes * 1024)
