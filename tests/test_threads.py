"""Work on all cores: its order, its errors, and how much of it is begun."""

import itertools
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from bncheck.threads import cores, map_in_order


@pytest.fixture(params=[1, 2, 5])
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """So many cores are counted on."""
    monkeypatch.setattr("bncheck.threads.cores", lambda: request.param)
    return request.param


def test_results_come_in_the_order_of_the_items(many: int) -> None:
    def slow_at_first(item: int) -> int:
        time.sleep(0.01 if item % 3 == 0 else 0)
        return item**2

    assert list(map_in_order(slow_at_first, range(20))) == [item**2 for item in range(20)]


def test_nothing_comes_of_nothing(many: int) -> None:
    assert list(map_in_order(abs, [])) == []


def test_no_more_is_begun_than_there_are_cores_to_work_on(many: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in itertools.count():
            taken.append(item)
            yield item

    results = map_in_order(abs, items())
    assert taken == []
    assert list(itertools.islice(results, 3)) == [0, 1, 2]
    assert len(taken) <= 3 + many + 1
    results.close()  # type: ignore[attr-defined]
    assert len(taken) <= 3 + many + 1


def test_an_error_comes_in_its_turn_and_ends_the_work(many: int) -> None:
    done = []

    def work(item: int) -> int:
        if item == 3:
            raise ZeroDivisionError("the third")
        done.append(item)
        return item

    results = map_in_order(work, range(1000))
    assert list(itertools.islice(results, 3)) == [0, 1, 2]
    with pytest.raises(ZeroDivisionError, match="the third"):
        next(results)
    assert len(done) <= 3 + many + 1
    assert list(results) == []


def test_work_is_done_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    if cores() == 1:
        pytest.skip("one core works on one thing at a time")
    both = threading.Barrier(2, timeout=30)
    assert len(list(map_in_order(lambda _: both.wait(), range(2)))) == 2


def test_what_numpy_is_told_not_to_warn_of_holds_on_every_thread(many: int) -> None:
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("error")
        results = list(map_in_order(lambda x: 1 / np.float64(x), [0.0] * 10))
    assert results == [np.inf] * 10


def test_the_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    count = cores.__wrapped__
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 4, 5}, raising=False)
    assert count() == 3
    monkeypatch.delattr(os, "sched_getaffinity")  # as where there is no such thing
    assert count() == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_the_child_of_a_fork_has_threads_of_its_own() -> None:
    script = """
import os, sys
from bncheck import threads
threads.cores = lambda: 2
print(list(threads.map_in_order(abs, range(5))), flush=True)
child = os.fork()
print(list(threads.map_in_order(abs, range(5))), flush=True)
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[0, 1, 2, 3, 4]\n" * 3
