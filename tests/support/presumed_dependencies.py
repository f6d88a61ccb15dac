"""Targets that depend on a wallet by presumption, and a world of them."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import Tick
from sidecar.core.model.probe_result import probe_success
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.target import ProbeSchedule, Target
from tests.support import rule_world as usual
from tests.support.rule_scenarios import RESTART, ROOT
from tests.support.rule_world import RuleWorld

SITE = "site"
INTERVAL_S = 15.0
"""Time for a few failures at the fast pace."""
CADENCE = ProbeSchedule(interval_s=INTERVAL_S)
WALLET = replace(usual.WALLET, cadence=CADENCE)
SERVICE = replace(usual.SERVICE, cadence=CADENCE)
FREE = replace(SERVICE, depends_on=())
OTHER = Target(SITE, probes=(HttpProbe("http://site/"),), cadence=CADENCE)
RECOVERY_S = FREE.restart.recovery_timeout_s


def start_healthy_world(*targets: Target) -> RuleWorld:
    """A world of these targets, all probed as healthy."""
    world = RuleWorld(targets or (WALLET, FREE))
    world.works(*(target.name for target in world.targets))
    return world


def fail_after_restart(name: str, *targets: Target) -> RuleWorld:
    """Restart the target; its new run fails in the verification."""
    world = start_healthy_world(*targets)
    world.fails(name, Cause.HTTP_5XX)
    answer_wallet(world)
    assert world.acts() == [(name, RESTART)]
    world.complete_remedy(name)
    world.fails(name, Cause.HTTP_5XX, 1)
    return world


def answer_wallet(world: RuleWorld) -> None:
    """Probe the wallet as healthy, if there is one; then decide on all."""
    if any(target.wallet for target in world.targets):
        world.probe(ROOT, probe_success())
    world.send(Tick(world.now))
