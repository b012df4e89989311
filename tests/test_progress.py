"""How far the work has come is told to whoever listens, as long as they listen."""

from bncheck import progress


def test_a_listener_hears_what_is_planned_and_what_is_done() -> None:
    heard: list[tuple[int, int]] = []
    progress.plan(1)
    with progress.heard_by(lambda planned, done: heard.append((planned, done))):
        progress.plan(10)
        progress.advance(4)
    progress.advance(6)
    assert heard == [(10, 0), (0, 4)]


def test_listeners_are_forgotten_where_the_work_fails() -> None:
    heard: list[int] = []
    try:
        with progress.heard_by(lambda planned, done: heard.append(done)):
            raise ZeroDivisionError
    except ZeroDivisionError:
        progress.advance(1)
    assert heard == []
