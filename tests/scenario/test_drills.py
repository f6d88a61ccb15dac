"""Drills in the whole loop: each fault, and a kill of Sidecar in each phase."""

import asyncio

import pytest

from sidecar.core.model.drill import DrillOutcome, DrillPhase
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.message import MessageKind
from sidecar.core.reason.code import ReasonCode as R
from tests.support.drill_harness import DrilledSidecar, KillMoment, run_drills
from tests.support.loop_harness import LEAF, ROOT, ROOT_ID

UNDONE_WITHIN_S = 10.0
ACTS = {
    DrillFault.KILL: [("start", ROOT_ID)],
    DrillFault.HANG: [("restart", ROOT_ID)],
    DrillFault.REFUSE: [("restart", ROOT_ID)],
    DrillFault.STOP: [("stop", ROOT_ID), ("start", ROOT_ID)],
}
"""Calls that change the container, the drill's own stop and start included."""


@pytest.mark.parametrize("fault", DrillFault)
def test_drill_of_each_fault_passes_in_the_whole_loop(fault: DrillFault) -> None:
    async def scenario(sidecar: DrilledSidecar) -> None:
        sidecar.request(fault)
        record = await sidecar.wait_for_record()
        assert (record.outcome, record.wrong_acts) == (DrillOutcome.PASSED, ()), record
        acts = [a for a in sidecar.harness.acts() if a[0] != "signal"]
        assert acts == ACTS.get(fault, [])
        assert not sidecar.is_fault_in_force()
        assert sidecar.messages == []
        assert all(i.incident is None for i in sidecar.state.instances.values())
        assert sidecar.state.restarts == ()

    run_drills(scenario)


@pytest.mark.parametrize("moment", KillMoment, ids=lambda moment: moment.name.lower())
@pytest.mark.parametrize("fault", DrillFault)
def test_next_sidecar_undoes_a_drill_that_a_kill_interrupted(
    fault: DrillFault, moment: KillMoment
) -> None:
    async def scenario(sidecar: DrilledSidecar) -> None:
        sidecar.request(fault)
        saved = await sidecar.die(moment)
        await asyncio.sleep(20.0)
        successor = sidecar.succeed(saved)
        await asyncio.sleep(UNDONE_WITHIN_S)
        assert not successor.is_fault_in_force()
        record = await successor.wait_for_record()
        is_over = moment in {KillMoment.UNDOING, KillMoment.UNDONE}
        if is_over and fault.rule.is_cured:
            assert record.outcome is DrillOutcome.PASSED
        else:
            assert record.outcome is DrillOutcome.INTERRUPTED
            assert record.reason.code is R.DRILL_INTERRUPTED
        assert not record.wrong_acts
        assert record.undo_problem.code is R.NONE
        await successor.harness.wait_until(
            lambda: {i.state for i in successor.state.instances.values()} == {"healthy"}
        )
        assert successor.messages == []
        assert successor.state.drill is None
        assert {i.name for i in successor.state.instances.values()} == {ROOT, LEAF}
        await successor.kill()

    run_drills(scenario)


def test_engine_that_is_lost_in_a_drill_delays_the_undo_and_people_are_told() -> None:
    async def scenario(sidecar: DrilledSidecar) -> None:
        sidecar.request(DrillFault.PAUSE)
        await sidecar.wait_for_phase(DrillPhase.WATCHING)
        engine = sidecar.harness.engine
        engine.unreachable = "connection refused"
        await asyncio.sleep(90.0)
        assert sidecar.state.drill is not None
        assert sidecar.state.drill.phase is DrillPhase.UNDOING
        assert sidecar.state.drill.is_undo_told
        engine.unreachable = ""
        record = await sidecar.wait_for_record()
        assert (record.outcome, record.reason.code) == (
            DrillOutcome.FAILED,
            R.DRILL_UNDO_FAILED,
        )
        assert not sidecar.is_fault_in_force()
        kinds = {message.kind for message in sidecar.messages}
        assert kinds >= {MessageKind.DRILL_STUCK, MessageKind.DRILL_PROBLEM}

    run_drills(scenario)
