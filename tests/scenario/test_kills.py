"""Killed at any moment, nothing is forgotten and nothing is done twice.

SIDECAR_TEST_KILLS says how many kills (100), SIDECAR_TEST_SEED makes other nights
of them. A night is the same each time: its seed is the test's name.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.support.kill_campaign import KillCampaign, run_campaign
from tests.support.killable_sidecar import Step

KILLS = int(os.environ.get("SIDECAR_TEST_KILLS", "100"))
PER_NIGHT = 20
SEED = os.environ.get("SIDECAR_TEST_SEED", "night")

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("number", range(max(1, KILLS // PER_NIGHT)))
def test_a_night_of_kills(number: int, tmp_path: Path) -> None:
    night = run_campaign(f"{SEED}-{number}", PER_NIGHT, tmp_path)
    assert night.died.total() == PER_NIGHT
    show(night)


@pytest.mark.parametrize("step", Step, ids=lambda step: step.name.lower())
def test_a_kill_at_each_step(step: Step, tmp_path: Path) -> None:
    night = run_campaign(f"{SEED}-{step.name}", 4, tmp_path, only=step)
    assert night.died[step]
    show(night)


def show(night: KillCampaign) -> None:
    """For ``pytest -rP``."""
    world = night.world
    arrived = Counter(a.message.id for a in world.arrivals)
    print(  # noqa: T201
        f"{night.died.total()} kills, {len(night.lines)} records kept,"
        f" {len(world.acts)} calls to the engine, {len(arrived)} messages,"
        f" {arrived.total() - len(arrived)} of them twice; died",
        ", ".join(f"{step} ({count})" for step, count in sorted(night.died.items())),
    )
