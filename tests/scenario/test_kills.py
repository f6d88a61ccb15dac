"""A sidecar that is killed at any moment loses nothing and repeats nothing.

SIDECAR_TEST_KILLS is the number of kills (100), SIDECAR_TEST_SEED varies the
campaigns. A campaign is reproducible: its seed contains the test's parameter.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.support.kill_campaign import KillCampaign, run_campaign
from tests.support.killable_sidecar import Step

KILLS = int(os.environ.get("SIDECAR_TEST_KILLS", "100"))
KILLS_PER_CAMPAIGN = 20
SEED = os.environ.get("SIDECAR_TEST_SEED", "night")


@pytest.mark.parametrize("number", range(max(1, KILLS // KILLS_PER_CAMPAIGN)))
def test_sidecar_loses_no_record_when_killed_at_random_steps(
    number: int, tmp_path: Path
) -> None:
    campaign = run_campaign(f"{SEED}-{number}", KILLS_PER_CAMPAIGN, tmp_path)
    assert campaign.kills_by_step.total() == KILLS_PER_CAMPAIGN
    print_summary(campaign)


@pytest.mark.parametrize("step", Step, ids=lambda step: step.name.lower())
def test_sidecar_loses_no_record_when_killed_at_a_given_step(
    step: Step, tmp_path: Path
) -> None:
    campaign = run_campaign(f"{SEED}-{step.name}", 4, tmp_path, only=step)
    assert campaign.kills_by_step[step]
    print_summary(campaign)


def print_summary(campaign: KillCampaign) -> None:
    """Print a summary, for ``pytest -rP``."""
    stack = campaign.stack
    arrived = Counter(a.message.id for a in stack.arrivals)
    print(  # noqa: T201
        f"{campaign.kills_by_step.total()} kills,"
        f" {len(campaign.journal_lines)} records kept,"
        f" {len(stack.engine_calls)} calls to the engine, {len(arrived)} messages,"
        f" {arrived.total() - len(arrived)} of them twice; died",
        ", ".join(
            f"{step} ({count})"
            for step, count in sorted(campaign.kills_by_step.items())
        ),
    )
