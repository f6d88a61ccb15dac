"""A short soak: each kind of fault once, against real containers.

SIDECAR_TEST_SOAK_MINUTES runs random faults for so long, SIDECAR_TEST_SEED varies
them. ``benchmarks/soak`` prints the same tables as the failure of this test.
"""

import os
import threading

import pytest

from benchmarks.soak_plan import KINDS, plan_round
from benchmarks.soak_run import SoakRun
from benchmarks.soak_stack import soak_stack
from benchmarks.soak_table import write_tables

SEED = os.environ.get("SIDECAR_TEST_SEED", "soak")
MINUTES = float(os.environ.get("SIDECAR_TEST_SOAK_MINUTES", "0"))
SLACK_S = 40.0
"""For a machine on which many stacks share few cores."""
WARM_UP_S = 45.0
ROUND_S = 900.0

# The longest limit is the first to run: it mostly waits.
pytestmark = [pytest.mark.engine, pytest.mark.timeout(ROUND_S + 120.0 * MINUTES)]


def test_every_fault_is_healed_or_left_alone_and_sidecar_does_not_grow() -> None:
    kinds = tuple(KINDS.values())
    with soak_stack(f"sctest-soak-{os.urandom(4).hex()}") as stack:
        never = threading.Event()
        run = SoakRun(stack, SEED, kinds, SLACK_S, never, lambda _: None)
        if MINUTES:
            run.run_for(MINUTES)
        else:
            run.run_faults(plan_round(SEED, 0, kinds, kills=True))
        record = run.result()
        report = stack.stack.report()
    text, is_right = write_tables([record], WARM_UP_S)
    assert is_right, f"{text}\n{report}"
    if not MINUTES:
        assert {fault.kind.name for fault in record.faults} == set(KINDS)
