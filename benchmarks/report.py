"""How long a report takes: 90 days of realistic entries at 2 and at 1,000 targets.

Run with ``python -m benchmarks.report``.
"""

import random
import resource
import time
from collections.abc import Iterator

from sidecar.core.record import Entry, EntryKind, Watched
from sidecar.core.report import Books, Period, Standing

DAY_S = 86_400.0
DAYS = 90
OUTAGE_EVERY_S = 7 * DAY_S
SLICES = 100


def one_outage(target: str, at: float, chance: random.Random) -> Iterator[Entry]:
    """What the journal holds of an outage that a restart ends, without decisions."""
    restarted = at + 5.0 + 40.0 * chance.random()
    healthy = restarted + 20.0
    steps = (
        (at, "healthy", "failing", "refused"),
        (at + 4.0, "failing", "down", "refused"),
        (at + 4.1, "down", "recovering", "refused"),
        (healthy, "recovering", "healthy", None),
    )
    for wall, old, new, cause in steps:
        data = {"from": old, "to": new, "cause": cause, "reason": "connection refused"}
        yield Entry(wall, EntryKind.STATE, target, None, data)
    ended = {"action": "restart", "trigger": "failure", "outcome": "recovered"}
    yield Entry(healthy, EntryKind.REMEDY, target, None, ended)


def entries(targets: int, until: float) -> list[Entry]:
    """Of twice DAYS: the period, and the one before."""
    chance = random.Random(1)
    found: list[Entry] = []
    for number in range(targets):
        at = chance.random() * OUTAGE_EVERY_S
        while at < until - 600.0:
            found.extend(one_outage(f"target-{number:04d}", at, chance))
            at += 600.0 + chance.expovariate(1 / OUTAGE_EVERY_S)
    return sorted(found, key=lambda entry: entry.at_wall)


def measure(targets: int) -> str:
    until = 2 * DAYS * DAY_S
    found = entries(targets, until)
    watched = [Watched(day * DAY_S, day * DAY_S + 86_000.0) for day in range(2 * DAYS)]
    standing = {e.target: Standing("healthy", None, e.at_wall) for e in found}
    began, burnt = time.perf_counter(), time.process_time()
    books = Books(Period(until - DAYS * DAY_S, until), watched)
    longest_s = 0.0
    step = max(1, len(found) // SLICES)
    for nth in range(0, len(found), step):
        piece = time.perf_counter()
        books.add(found[nth : nth + step])
        longest_s = max(longest_s, time.perf_counter() - piece)
    made = books.close(standing)
    total = made.total
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - burnt
    return (
        f"{targets:>5} targets, {len(found):>7} entries, {len(made.gaps)} gaps: "
        f"{took_s:.3f} s ({cpu_s:.3f} s of CPU), "
        f"longest piece {longest_s * 1000:.1f} ms, {total.now.outages} outages"
    )


def main() -> None:
    for targets in (2, 1000):
        print(measure(targets))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak {peak_mb:.0f} MB, all entries at once included")


if __name__ == "__main__":
    main()
