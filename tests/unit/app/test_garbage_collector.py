"""The pace of the garbage collector: small collections, and a whole one in an hour."""

import asyncio
import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sidecar.app.garbage_collector import (
    COLLECT_EVERY_S,
    LATER_S,
    LOOK_EVERY_S,
    STARTED_S,
    SURVIVORS,
    YOUNG,
    YOUNG_COLLECTIONS,
    YOUNG_OBJECTS,
    count_young_objects,
    pace_garbage_collector,
)
from sidecar.simulation.virtual_time import run_virtual

OBJECTS = 150 * YOUNG_OBJECTS
"""With Python's own thresholds they lead to a collection of all objects."""

START_UP_S = sum(STARTED_S) + sum(LATER_S)


class Knot:
    """An object that only the garbage collector frees."""

    def __init__(self) -> None:
        self.itself = self


COUNTS = 20_000
"""Enough for dozens of harmed tuples, if the count is not made in one step."""


@pytest.fixture
def switch_interval() -> Iterator[None]:
    """Threads take turns as often as they can."""
    seconds = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(seconds)


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The collector as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def count_collections_of_all() -> int:
    return int(gc.get_stats()[2]["collections"])


def count_objects(generation: int) -> int:
    return len(gc.get_objects(generation=generation))


def test_many_new_objects_never_make_it_look_at_all() -> None:
    async def make_objects() -> tuple[int, int]:
        pacing = asyncio.create_task(pace_garbage_collector())
        await asyncio.sleep(START_UP_S + 1.0)
        before = count_collections_of_all()
        objects: list[list[None]] = [[] for _ in range(OBJECTS)]
        pacing.cancel()
        assert len(objects) == OBJECTS
        return before, count_collections_of_all()

    before, after = run_virtual(make_objects())
    assert after == before


def test_objects_of_the_start_are_excluded_a_second_later() -> None:
    async def start() -> int:
        pacing = asyncio.create_task(pace_garbage_collector())
        await asyncio.sleep(20.5)
        before = gc.get_freeze_count()
        objects: list[list[None]] = [[] for _ in range(YOUNG_OBJECTS)]
        await asyncio.sleep(1.0)
        pacing.cancel()
        assert len(objects) == YOUNG_OBJECTS
        return gc.get_freeze_count() - before

    assert run_virtual(start()) >= YOUNG_OBJECTS


@pytest.mark.parametrize(
    ("collections", "looks_at_survivors"),
    [(YOUNG_COLLECTIONS, False), (YOUNG_COLLECTIONS + 1, True)],
)
def test_objects_that_replace_old_ones_are_collected_soon(
    collections: int, looks_at_survivors: bool
) -> None:
    async def replace() -> tuple[int, int, int]:
        pacing = asyncio.create_task(pace_garbage_collector())
        await asyncio.sleep(START_UP_S + LOOK_EVERY_S / 2)
        objects: list[list[None]] = [[] for _ in range(2 * YOUNG_OBJECTS)]
        gc.collect()
        for _ in range(collections):
            gc.collect(YOUNG)
        for place in range(len(objects)):  # the collector counts none of these
            objects[place] = []
        before = count_objects(YOUNG)
        await asyncio.sleep(LOOK_EVERY_S)
        pacing.cancel()
        return before, count_objects(YOUNG), count_objects(SURVIVORS)

    before, young, survivors = run_virtual(replace())
    assert young < YOUNG_OBJECTS < before
    assert (survivors < YOUNG_OBJECTS) == looks_at_survivors


@pytest.mark.usefixtures("switch_interval")
def test_count_harms_no_tuple_that_another_thread_makes() -> None:
    is_over = threading.Event()

    def make_tuples() -> int:
        made = 0
        while not is_over.is_set():
            tuple(str(number) for number in range(100))
            made += 1
        return made

    with ThreadPoolExecutor(1) as thread:
        making = thread.submit(make_tuples)
        for _ in range(COUNTS):
            count_young_objects()
        is_over.set()
        assert making.result() > 0


def test_old_garbage_is_freed_within_the_hour() -> None:
    async def look() -> tuple[bool, bool]:
        pacing = asyncio.create_task(pace_garbage_collector())
        await asyncio.sleep(START_UP_S + 1.0)
        knot = Knot()
        gc.collect(1)  # it becomes old before it becomes garbage
        lives = weakref.ref(knot)
        del knot
        gc.collect(1)
        was_there = lives() is not None
        await asyncio.sleep(COLLECT_EVERY_S)
        pacing.cancel()
        return was_there, lives() is not None

    assert run_virtual(look()) == (True, False)
