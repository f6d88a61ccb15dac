"""Silence of a wallet daemon: its limits, the probe results around it, and a world."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.probe_result import (
    ProbeResult,
    WalletFacts,
    probe_failure,
    probe_success,
)
from sidecar.core.reason.reason import text_reason
from tests.support.rule_scenarios import ROOT
from tests.support.rule_world import WALLET, RuleWorld

CALM_S, OUTAGE_S = 45.0, 300.0
TIMEOUT_S, POLITE_S = 10.0, 90.0

LOADED = WalletFacts(
    connected=True,
    loaded=True,
    synchronised=True,
    height=117,
    server_height=117,
    paths=("/data/wallet",),
)
CUT_OFF = replace(LOADED, connected=False, server_height=0)


def healthy_result(waited_s: float = 0.0) -> ProbeResult:
    """Success of a daemon with a loaded wallet."""
    return replace(probe_success(wallet=LOADED), waited_s=waited_s)


def upstream_lost_result(waited_s: float = 0.0) -> ProbeResult:
    """Failure of a daemon that has lost its upstream server."""
    result = probe_failure(
        Cause.UPSTREAM_LOST, text_reason("lost"), rpc_answers=True, wallet=CUT_OFF
    )
    return replace(result, waited_s=waited_s)


def thread_held_result(waited_s: float = 10.0) -> ProbeResult:
    """Failure of a daemon that answered one call and is silent on the next."""
    result = probe_failure(
        Cause.THREAD_HELD, text_reason("it answers, but"), rpc_answers=True
    )
    return replace(result, waited_s=waited_s)


def hung_result(waited_s: float) -> ProbeResult:
    """Failure of a daemon that has not answered for ``waited_s``."""
    return replace(
        probe_failure(Cause.HUNG, text_reason("no answer")), waited_s=waited_s
    )


def start_world() -> RuleWorld:
    """A world with the wallet alone, which has answered two probes."""
    world = RuleWorld((WALLET,))
    for _ in range(2):
        world.probe(ROOT, healthy_result())
        world.now_s += 2.0
    return world


def list_restarts(world: RuleWorld) -> list[Decision]:
    return [d for d in world.decisions if d.action is Action.RESTART]
