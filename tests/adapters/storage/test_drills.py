"""Drills are on disk: their records, and the current one before its fault is made."""

from dataclasses import dataclass, field
from pathlib import Path

from sidecar.core.model.cause import Cause
from sidecar.core.model.drill import DrillOutcome, DrillPhase
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.moment import Moment
from sidecar.core.model.step_result import StepResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.recovery.takeover import restore_state
from tests.support.drill_world import LEAF, ROOT, DrillWorld
from tests.support.stored_world import append_all, open_test_store

DAY_S = 86_400.0


@dataclass
class Recorder:
    """Keeps the steps."""

    results: list[StepResult] = field(default_factory=list)

    def on_step(self, result: StepResult) -> None:
        self.results.append(result)


def drill_world() -> tuple[DrillWorld, list[StepResult]]:
    recorder = Recorder()
    return DrillWorld(listeners=(recorder,)), recorder.results


def pass_drill(world: DrillWorld) -> None:
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    world.cure()
    world.undo()
    world.works(LEAF)


async def test_records_are_read_newest_first(tmp_path: Path) -> None:
    world, results = drill_world()
    pass_drill(world)
    world.ask(DrillFault.UPSTREAM, LEAF)
    async with open_test_store(tmp_path) as store:
        await append_all(store, *results)
        assert await store.journal.drills(10) == tuple(reversed(world.drill_records))
        assert await store.journal.drills(1) == (world.drill_records[-1],)
        (of_root,) = await store.journal.drills(10, ROOT)
        assert of_root.outcome is DrillOutcome.PASSED


async def test_undo_is_on_disk_once_the_fault_may_be_made(tmp_path: Path) -> None:
    world, results = drill_world()
    world.ask(DrillFault.KILL)
    world.prepare()
    assert results[-1].state.drill is not None
    assert results[-1].state.drill.phase is DrillPhase.INJECTING
    async with open_test_store(tmp_path) as store:
        await append_all(store, *results)
    async with open_test_store(tmp_path) as store:
        saved = await store.load()
    assert saved is not None
    assert saved.drill == world.drill
    (killed,) = (i for i in saved.instances.values() if i.name == ROOT)
    assert killed.drilled == world.drill.undo.run if world.drill.undo else None


async def test_next_process_undoes_the_fault_and_records_it_as_interrupted(
    tmp_path: Path,
) -> None:
    world, results = drill_world()
    world.begin(DrillFault.STOP)
    async with open_test_store(tmp_path) as store:
        await append_all(store, *results)
    async with open_test_store(tmp_path) as store:
        saved = await store.load()
    assert saved is not None
    assert saved.drill is not None
    now = Moment(5.0, world.now.wall + 30.0)
    drill = restore_state(saved, world.now, now).drill
    assert drill is not None
    assert (drill.phase, drill.phase_since) == (DrillPhase.UNDOING, now)
    assert (drill.interrupted, drill.problem.code) == (True, R.DRILL_INTERRUPTED)
    assert drill.undo == saved.drill.undo
    assert drill.injected is not None
    assert saved.drill.injected is not None
    assert drill.injected == Moment(5.0 - 30.0, saved.drill.injected.wall)


async def test_old_records_are_removed_with_the_retention(tmp_path: Path) -> None:
    world, results = drill_world()
    pass_drill(world)
    world.now_s += 100 * DAY_S
    world.ask(DrillFault.UPSTREAM, LEAF)
    async with open_test_store(tmp_path) as store:
        await append_all(store, *results)
        removed = await store.prune(world.now.wall, 90 * DAY_S)
        assert removed["drills"] == 1
        (left,) = await store.journal.drills(10)
        assert left.outcome is DrillOutcome.REFUSED
