"""Run a command in limited memory and print what it took: `limited.py BYTES COMMAND...`.

A program of its own, because Linux lets a process inherit the peak memory of the one that started
it: only a small one can see that of its children.
"""

import json
import os
import resource
import subprocess
import sys
import time


def main() -> None:
    limit, command = int(sys.argv[1]), sys.argv[2:]

    def set_limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=set_limit)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"status": child.returncode, "seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    main()
