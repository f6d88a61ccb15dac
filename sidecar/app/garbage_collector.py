"""The pace of Python's garbage collector: short collections, for the loop's sake."""

import asyncio
import gc

STARTED_S = (1.0,) * 60
"""Waits from the start until the start-up objects of most stacks exist.

Those of 10,000 targets come in the first half minute: one collection of those of 30 s
took 230 ms.
"""

LATER_S = (60.0, 120.0)
"""Waits until those of 10,000 targets exist on a slow machine, after minutes."""

COLLECT_EVERY_S = 3600.0

YOUNG_OBJECTS = 10_000
"""So many new objects make the garbage collector look at them."""

YOUNG_COLLECTIONS = 2
"""So many collections let the next one look at their survivors as well.

With 10,000 targets on a slow machine it took up to 150 ms; with the usual 10, 230 ms.
"""

THRESHOLDS = (YOUNG_OBJECTS, YOUNG_COLLECTIONS, 1_000_000_000)
"""Those of the three generations; the last one is never reached."""

LOOK_EVERY_S = 0.5
"""Pause between two looks at the number of young objects."""

YOUNG = 0
"""The generation of the new objects."""

SURVIVORS = 1
"""The generation of the objects that survived a collection."""


async def pace_garbage_collector() -> None:
    """Keep the garbage collector from blocking the loop. Runs until cancelled."""
    gc.set_threshold(*THRESHOLDS)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_collect_young_objects())
        tasks.create_task(_collect_all_objects())


async def _collect_young_objects() -> None:
    """Collect young objects before there are many.

    The collector counts new objects less the freed ones, young or old. A probe's
    answer replaces old objects: with 10,000 targets, 80,000 objects were young at a
    count of 10,000, and the collection took 220 ms. The rule here is the collector's
    own, by the number of young objects.
    """
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if count_young_objects() > YOUNG_OBJECTS:
            _, collections, _ = gc.get_count()
            gc.collect(SURVIVORS if collections > YOUNG_COLLECTIONS else YOUNG)


def count_young_objects() -> int:
    """Number of new objects; counted without harm to other threads.

    The list of the objects is made, measured and dropped in one step of Python's. If
    another thread ran while the list exists, a tuple that it makes of a generator would
    fail with a SystemError (https://github.com/python/cpython/issues/39117).
    """
    (number,) = map(len, map(gc.get_objects, (YOUNG,)))
    return number


async def _collect_all_objects() -> None:
    """Exclude the start-up objects, then collect all others hourly.

    A collection of all objects took 370 ms with 10,000 targets: it comes once every
    COLLECT_EVERY_S, and never by itself. The start-up objects are excluded by several
    small ones. The last of these are of young objects alone, so that garbage of the
    first minutes may stay for ever.
    """
    for wait_s in STARTED_S:
        await asyncio.sleep(wait_s)
        gc.collect()
        gc.freeze()
    for wait_s in LATER_S:
        await asyncio.sleep(wait_s)
        gc.collect(SURVIVORS)
        gc.freeze()
    while True:
        await asyncio.sleep(COLLECT_EVERY_S)
        gc.collect()
