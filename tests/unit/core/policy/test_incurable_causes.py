"""Causes that a restart does not cure: a person is paged, nothing is restarted."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.model.target import RestartSettings
from tests.support.rule_scenarios import (
    RESTART,
    ROOT,
    start_healthy_wallet,
    start_healthy_world,
)
from tests.support.rule_world import WALLET

INCURABLE = [
    c
    for c, rule in CAUSES.items()
    if rule.remedy is None
    and c
    not in {
        Cause.CRASH_LOOP,
        Cause.STOPPED,
        Cause.PAUSED,
        Cause.MISSING,
        Cause.PROBER_FAILED,
        Cause.OWN_NETWORK,
        Cause.SUSPENDED,
    }
]


@pytest.mark.parametrize("cause", INCURABLE)
def test_an_incurable_cause_pages_a_person_and_restarts_nothing(
    cause: Cause,
) -> None:
    world = start_healthy_world()
    grace = CAUSES[cause].grace_s
    world.fails(ROOT, cause, 3)
    if grace:
        assert world.last(ROOT).action is Action.HOLD
        assert world.state.incidents == {}
    for _ in range(int(grace / 100.0) + 1):
        world.fails(ROOT, cause, 1, took_s=98.0)
    assert world.acts() == []
    assert world.last(ROOT).action is Action.PAGE
    assert f"because {CAUSES[cause].why_not}" in str(world.last(ROOT).reason)
    assert [i.cause for i in world.state.incidents.values()] == [cause]


def test_a_person_is_paged_once_for_a_lasting_cause() -> None:
    world = start_healthy_world()
    for _ in range(50):
        world.fails(ROOT, Cause.AUTH, 1)
        world.wait(2.0)
    pages = [d for d in world.decisions if d.action is Action.PAGE]
    assert len(pages) == 1


def test_a_person_is_paged_for_each_incurable_cause() -> None:
    world = start_healthy_wallet()
    world.fails(ROOT, Cause.AUTH)
    world.fails(ROOT, Cause.MISCONFIGURED)
    page_causes = [d.cause for d in world.decisions if d.action is Action.PAGE]
    assert page_causes == [Cause.AUTH, Cause.MISCONFIGURED]


def test_upstream_loss_is_restarted_after_the_grace_where_configured() -> None:
    probe = ElectronCashProbe(
        "http://e:7777/", restart_on_upstream_loss=True, upstream_grace_s=60.0
    )
    world = start_healthy_world(targets=(replace(WALLET, probes=(probe,)),))
    world.fails(ROOT, Cause.UPSTREAM_LOST, 5)
    assert world.acts() == []
    world.fails(ROOT, Cause.UPSTREAM_LOST, 30)
    assert world.acts() == [(ROOT, RESTART)]


def test_stale_upstream_height_is_restarted_where_configured() -> None:
    probe = ElectronCashProbe(
        "http://e:7777/", restart_on_upstream_loss=True, upstream_grace_s=60.0
    )
    world = start_healthy_world(targets=(replace(WALLET, probes=(probe,)),))
    world.fails(ROOT, Cause.UPSTREAM_STALE, 20)
    assert world.acts() == []
    world.fails(ROOT, Cause.UPSTREAM_STALE, 20)
    assert world.acts() == [(ROOT, RESTART)]


def test_the_upstream_grace_begins_with_the_upstream_loss() -> None:
    probe = ElectronCashProbe(
        "http://e:7777/", restart_on_upstream_loss=True, upstream_grace_s=60.0
    )
    world = start_healthy_world(targets=(replace(WALLET, probes=(probe,)),))
    world.fails(ROOT, Cause.WALLET_SYNCING, 60)
    world.fails(ROOT, Cause.UPSTREAM_LOST, 5)
    assert world.acts() == []


def test_a_hold_is_decided_once_while_the_cause_alternates() -> None:
    world = start_healthy_world(
        targets=(replace(WALLET, restart=RestartSettings(enabled=False)),)
    )
    for n in range(60):
        world.fails(ROOT, (Cause.REFUSED, Cause.RESET)[n % 2], 1)
    assert world.decision_guards(ROOT).count((Action.HOLD, Guard.OPTED_OUT)) == 1
