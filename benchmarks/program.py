"""One part of the benchmarks as a program of its own: python -m benchmarks.PART."""

import argparse
from collections.abc import Callable, Iterable

from benchmarks.table import Row, markdown


def run(
    measure: Callable[..., Iterable[Row]], description: str | None, quick_help: str
) -> None:
    """Measure, and print the table. ``--quick`` is handed on to ``measure``."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=quick_help)
    print(markdown(measure(quick=parser.parse_args().quick)))
