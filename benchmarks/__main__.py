"""`python -m benchmarks`: everything in one run, as one Markdown table."""

import argparse
import time

from benchmarks import (
    answers,
    cpu,
    detection,
    door,
    forecast,
    listing,
    logs,
    memory,
    outage,
    page,
    scale,
    startup,
    store,
)
from benchmarks.table import HEADER, line

PARTS = {
    "startup": startup.measure,
    "memory": memory.measure,
    "cpu": cpu.measure,
    "detection": detection.measure,
    "outage": outage.measure,
    "store": store.measure,
    "door": door.measure,
    "listing": listing.measure,
    "answers": answers.measure,
    "logs": logs.measure,
    "page": page.measure,
    "scale": scale.measure,
    "forecast": forecast.measure,
}


def main() -> None:
    """Run the parts one after the other; each by itself: python -m benchmarks.PART."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in about five minutes")
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(
            f"no part {' '.join(sorted(unknown))}; there are {' '.join(PARTS)}"
        )
    began = time.monotonic()
    rows = []
    print("\n".join(HEADER), flush=True)
    for part in arguments.parts or PARTS:
        for row in PARTS[part](quick=arguments.quick):
            rows.append(row)
            print(line(row), flush=True)
    missed = [row.what for row in rows if row.is_met is False]
    print(f"\n{len(missed)} missed; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
