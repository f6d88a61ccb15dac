"""A process that writes known records for ever, and prints which are on disk.

Each line on its standard output is the number of an append that has returned, or
``d`` and the number of a message whose delivery was recorded.
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from sidecar.clock import SystemClock
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.event import Tick
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import StateChanged
from sidecar.core.reason.reason import text_reason
from sidecar.storage.store import open_store
from tests.support.stored_world import message

INSTANCE_ID = InstanceId("t", 1)


def make_turn(number: int, clock: SystemClock) -> StepResult:
    """One turn that writes to every table."""
    at = clock.now()
    instance = Instance(INSTANCE_ID, "t", restarts_total=number, since=at)
    incident_id = f"i{number:08d}"
    incident = Incident(incident_id, "t", Cause.HUNG, Severity.P1, at, resolved_at=at)
    state = replace(
        State(started=at),
        instances=build_table({INSTANCE_ID: instance}),
        incidents=MappingProxyType({incident_id: incident}),
    )
    changed = StateChanged(
        at,
        INSTANCE_ID,
        "t",
        TargetState.HEALTHY,
        TargetState.DOWN,
        None,
        text_reason(str(number)),
        incident_id,
    )
    stored_message = message(number, incident=incident_id)
    return StepResult(
        Tick(at), (changed,), (), (INSTANCE_ID,), state, (stored_message,)
    )


def print_line(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main(state_dir: Path) -> None:
    clock = SystemClock()
    store = await open_store(state_dir, clock)
    state = await store.load()
    number = 0 if state is None else state.instances[INSTANCE_ID].restarts_total + 1
    while True:
        await store.append(make_turn(number, clock))
        print_line(str(number))
        if number % 3 == 0:
            await store.outbox.mark_delivered(f"m{number}", clock.now().wall)
            print_line(f"d{number}")
        if number % 7 == 0:
            await store.note_alive(clock.now().wall)
        number += 1


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
