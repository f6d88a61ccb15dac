"""Threads for blocking calls: reused, never shared, and no reason to go on running."""

import threading
import time
import weakref
from queue import SimpleQueue

from sidecar.engine.daemon_threads import KEPT, DaemonThreads

WAIT_S = 20.0


def test_next_work_runs_in_a_thread_that_has_ended_its_work() -> None:
    threads, used_threads = DaemonThreads("worker"), SimpleQueue[threading.Thread]()

    def note() -> None:
        used_threads.put(threading.current_thread())

    threads.run(note)
    first = used_threads.get(timeout=WAIT_S)
    # It may not have come back from the work yet: then another one does the next.
    used: set[threading.Thread] = set()
    end_s = time.monotonic() + WAIT_S
    while first not in used:
        assert time.monotonic() < end_s
        threads.run(note)
        used.add(used_threads.get(timeout=WAIT_S))
    assert first.daemon
    assert len(used) <= KEPT + 1
    threads.close()
    for thread in used:
        thread.join(WAIT_S)
        assert not thread.is_alive()


def test_work_that_blocks_holds_up_no_other_and_few_threads_are_kept() -> None:
    threads, ended = DaemonThreads("blocked"), threading.Event()
    count = 4 * KEPT
    all_run = threading.Barrier(count + 1)

    def block() -> None:
        all_run.wait(WAIT_S)
        ended.wait(WAIT_S)

    for _ in range(count):
        threads.run(block)
    all_run.wait(WAIT_S)
    own = [t for t in threading.enumerate() if t.name == "blocked"]
    assert len(own) == count
    ended.set()
    end_s = time.monotonic() + WAIT_S
    while len(alive := [t for t in own if t.is_alive()]) > KEPT:
        assert time.monotonic() < end_s
        time.sleep(0.01)
    threads.close()
    for thread in alive:
        thread.join(WAIT_S)
        assert not thread.is_alive()


def test_thread_that_ends_its_work_after_the_close_ends_too() -> None:
    threads, ended = DaemonThreads("late"), threading.Event()

    def wait() -> None:
        assert ended.wait(WAIT_S)

    threads.run(wait)
    (thread,) = [t for t in threading.enumerate() if t.name == "late"]
    threads.close()
    ended.set()
    thread.join(WAIT_S)
    assert not thread.is_alive()


class Result:
    """A result of some work."""


def test_idle_thread_keeps_nothing_of_its_work() -> None:
    threads, ended = DaemonThreads("idle"), threading.Event()
    result = Result()
    result_ref = weakref.ref(result)

    def work(held: Result = result) -> None:
        assert held is not None
        ended.set()

    threads.run(work)
    assert ended.wait(WAIT_S)
    del result, work
    end_s = time.monotonic() + WAIT_S
    while result_ref() is not None:
        assert time.monotonic() < end_s
        time.sleep(0.01)
    threads.close()
