"""Several watchdogs: random faults in virtual time, with the real lease and checks."""

import os

from sidecar.simulation.virtual_time import run_virtual
from tests.support.lease_world import LeaseWorld

RUNS = int(os.environ.get("SIDECAR_TEST_LEASE_RUNS", "150"))
FIRST_SEED = int(os.environ.get("SIDECAR_TEST_SEED", "0"))
FAULTS = 4


async def run_worlds() -> tuple[list[LeaseWorld], list[str]]:
    worlds, broken = [], []
    for seed in range(FIRST_SEED, FIRST_SEED + RUNS):
        world = LeaseWorld(seed)
        await world.run(FAULTS)
        worlds.append(world)
        about = f"seed {seed}, {world.settings.on_lost}: {world.faults}"
        broken += [f"{violation} ({about})" for violation in world.engine.violations]
        if world.untreated_s > world.limit_s:
            broken.append(f"untreated for {world.untreated_s:.0f} s ({about})")
    return worlds, broken


def test_no_failure_is_treated_twice_and_none_is_left_untreated() -> None:
    worlds, broken = run_virtual(run_worlds())
    assert broken == []
    calls = sum(len(world.engine.calls) for world in worlds)
    assert calls > 3 * RUNS, "the model treats too few failures"
