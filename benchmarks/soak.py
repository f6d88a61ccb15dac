"""Random faults for a given time, against real containers: what Sidecar does of them.

Each stack has two wallet daemons, a service that needs one of them, a Sidecar as
compose/sidecar.yml runs it, and a neighbour's stack with the same names. The faults
come one after another, and in later rounds Sidecar is killed or loses the engine in
the middle of a treatment. Every fault must be healed within its bound, or rightly
left alone. Ctrl-C ends the soak with the table so far. Exit status 1: something is
wrong.

on order    Sidecar restarts at most ten times an hour in a stack. Where that limit
            holds a restart back, the soak orders it, as an operator would.
growth      in the longest life of a Sidecar, without its first two minutes: the
            median of the first third beside that of the last third; the worst stack
times       from the fault until all works again; of a fault that is left alone, the
            longer of: until Sidecar shows it, and from its end until all works
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.soak_plan import KINDS, FaultKind, choose_kinds
from benchmarks.soak_run import SoakRun
from benchmarks.soak_stack import soak_stack
from benchmarks.soak_table import write_tables
from benchmarks.soak_verdict import FaultRecord, StackRecord

SLACK_S = 10.0


def main() -> None:
    """Run the soak of the command line."""
    arguments = parse_arguments()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    print(
        f"soak: {arguments.minutes:g} min, {arguments.stacks} stacks, "
        f"seed {arguments.seed}; Ctrl-C ends it",
        flush=True,
    )
    records = run_soak(arguments, stopping)
    text, is_right = write_tables(records)
    print(f"\n{text}", flush=True)
    sys.exit(0 if is_right else 1)


def run_soak(
    arguments: argparse.Namespace, stopping: threading.Event
) -> list[StackRecord]:
    """The records of all stacks, which run at the same time."""
    began = time.monotonic()

    def run_stack(number: int) -> StackRecord:
        def report(fault: FaultRecord) -> None:
            print(_progress(number, time.monotonic() - began, fault), flush=True)

        name = f"soak-{os.urandom(4).hex()}"
        with soak_stack(name) as stack:
            run = SoakRun(
                stack=stack,
                seed=f"{arguments.seed}/{number}",
                kinds=arguments.faults,
                slack_s=arguments.slack,
                stopping=stopping,
                report=report,
            )
            run.run_for(arguments.minutes)
            return run.result()

    with ThreadPoolExecutor(arguments.stacks) as threads:
        running = [threads.submit(run_stack, nth) for nth in range(arguments.stacks)]
        try:
            return [each.result() for each in running]
        finally:
            stopping.set()


def _progress(stack: int, seconds: float, fault: FaultRecord) -> str:
    minutes, rest = divmod(int(seconds), 60)
    beside = "" if fault.beside == "nothing" else f", {fault.beside}"
    verdict = "" if fault.is_right else f"  WRONG {fault.note}"
    return (
        f"{minutes:3d}:{rest:02d} stack {stack}: {fault.kind.what}{beside}: "
        f"{fault.outcome} ({fault.took_s:.1f} s){verdict}"
    )


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; a fault in it ends the program with status 2."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/soak",
        description=__doc__,
        epilog="faults:\n"
        + "\n".join(f"  {name:17} {kind.what}" for name, kind in KINDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--minutes", type=_positive, default=30.0, help="how long (30)")
    add("--seed", default="soak", help="varies the order of the faults, and the pauses")
    add("--stacks", type=int, choices=range(1, 9), default=2, help="at once (2)")
    add(
        "--faults",
        type=_kinds,
        default=tuple(KINDS.values()),
        help="only these, by commas",
        metavar="NAME,...",
    )
    add(
        "--slack",
        type=_positive,
        default=SLACK_S,
        help="seconds that a busy machine may add to each bound (10)",
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    number = float(text)
    if not 0.0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text}; allowed: a number above 0")
    return number


def _kinds(text: str) -> tuple[FaultKind, ...]:
    try:
        return choose_kinds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    main()
