"""Samples of probes in the state: one history per run, kept across restarts."""

from dataclasses import replace

from sidecar.core.model.instance_table import build_table
from sidecar.core.model.memory import MemoryHistory, MemorySample
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult, probe_success
from sidecar.core.model.probe_settings import MemoryProbe
from sidecar.core.model.state import State
from sidecar.core.recovery.takeover import restore_state
from sidecar.storage.codec import decode, encode, persistent_part
from sidecar.storage.write.change_tracker import stored_fields
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

ROOT = "electron-cash"
MIB = 2.0**20


def result(anon_mib: float) -> ProbeResult:
    anon = anon_mib * MIB
    sample = MemorySample(anon, 512 * MIB, anon, anon)
    return replace(probe_success(), memory=sample)


def start_world() -> RuleWorld:
    target = replace(WALLET, probes=(*WALLET.probes, MemoryProbe(every_s=10.0)))
    world = RuleWorld(targets=(target, SERVICE))
    world.works(ROOT)
    return world


def grow(world: RuleWorld, samples: int, mib_each: float = 1.0) -> MemoryHistory:
    for number in range(samples):
        world.probe(ROOT, result(100.0 + number * mib_each))
        world.now_s += 10.0
    history = world.instance(ROOT).memory
    assert history is not None
    return history


def test_samples_become_windows_and_a_forecast() -> None:
    world = start_world()
    history = grow(world, 200, 1.5)
    assert history.run == container(ROOT).run
    assert history.forecast is not None
    assert history.forecast.silence is None
    assert len(history.windows) > 12


def test_probe_without_a_sample_changes_nothing() -> None:
    world = start_world()
    history = grow(world, 20)
    world.works(ROOT, times=3)
    assert world.instance(ROOT).memory == history


def test_target_without_the_probe_has_no_history() -> None:
    world = RuleWorld()
    world.probe(ROOT, result(100.0))
    assert world.instance(ROOT).memory is None


def test_new_run_begins_anew_and_remembers_the_last_runs() -> None:
    world = start_world()
    for number in range(8):
        fresh = container(ROOT, started_at=world.now.wall)
        world.containers[world.instance(ROOT).id] = fresh
        world.relist()
        history = grow(world, 100)
        assert history.run == fresh.run
        assert len(history.earlier) == min(number, 5)
    history = grow(world, 1)
    assert history.earlier[-1].slope_bytes_per_s > 0.09 * MIB


def test_history_is_written_when_a_window_is_complete() -> None:
    world = start_world()
    changes = []
    for _ in range(20):
        before = stored_fields(world.instance(ROOT))
        world.probe(ROOT, result(100.0))
        changes.append(stored_fields(world.instance(ROOT)) != before)
        world.now_s += 10.0
    assert sum(changes) in {4, 5}


def test_history_survives_a_restart_of_sidecar_with_its_times() -> None:
    world = start_world()
    history = grow(world, 200)
    instance = world.instance(ROOT)
    stored = decode(encode(persistent_part(instance)), type(instance))
    saved = State(started=world.now, instances=build_table({instance.id: stored}))
    later = Moment(77.0, world.now.wall + 60.0)
    restored = restore_state(saved, world.now, later)
    memory = restored.restored_instances[instance.id].memory
    assert memory is not None
    assert memory.windows == history.windows
    assert history.forecast is not None
    assert memory.forecast is not None
    assert history.forecast.limit_mono is not None
    assert memory.forecast.limit_mono is not None
    before_s = history.forecast.limit_mono - world.now.mono
    assert memory.forecast.limit_mono - later.mono == before_s - 60.0
