"""Worlds that start healthy, and questions to them, for the tests of the rules."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.probe_result import probe_failure, probe_unknown
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.target import InstanceId, PlannedRestartSettings
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    RemedyOutcome,
)
from sidecar.core.reason.reason import text_reason
from tests.support.rule_world import SERVICE, WALLET, RuleWorld

ROOT = WALLET.name
LEAF = SERVICE.name
OTHER = "rates"
ROOT_INSTANCE = InstanceId(ROOT, 1)
RESTART = Action.RESTART
NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
)
PROBE_UNKNOWN = probe_unknown(
    Cause.PROBER_FAILED, text_reason("no file descriptors left")
)
INDEPENDENT = replace(
    SERVICE, name=OTHER, depends_on=(), probes=(HttpProbe("http://r/"),)
)
NIGHTLY_RESTART = PlannedRestartSettings("0 3 * * *")


def start_healthy_world(**settings: object) -> RuleWorld:
    """A world whose targets have all been probed as healthy."""
    world = RuleWorld(**settings)  # type: ignore[arg-type]  # as World's fields
    world.works(*(t.name for t in world.targets))
    return world


def start_healthy_wallet(**settings: object) -> RuleWorld:
    """A world with the wallet alone, probed as healthy."""
    world = RuleWorld(targets=(WALLET,), **settings)  # type: ignore[arg-type]  # its fields
    world.works(ROOT)
    return world


def list_remedy_outcomes(world: RuleWorld) -> list[tuple[str, RemedyOutcome]]:
    ends = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    return [(e.name, e.outcome) for e in ends]


def list_incident_steps(world: RuleWorld) -> list[tuple[str, IncidentStep]]:
    changes = [t for t in world.transitions if isinstance(t, IncidentChanged)]
    return [(t.target, t.step) for t in changes]


def list_try_times(
    world: RuleWorld, name: str, action: Action = RESTART
) -> list[float]:
    tries = [d for d in world.decisions if d.name == name and d.action is action]
    return [d.at.mono for d in tries]


def list_pages(world: RuleWorld, name: str) -> list[Decision]:
    return [d for d in world.decisions if d.name == name and d.action is Action.PAGE]


def start_container(world: RuleWorld, name: str) -> None:
    """Report a start of the target's container by somebody else."""
    now = world.now.wall
    world.notice(name, EngineEventKind.START, status=Status.RUNNING, started_at=now)


def restart_container(
    world: RuleWorld, instance_id: InstanceId = ROOT_INSTANCE
) -> None:
    """List the container with a new run, as after a restart by somebody else."""
    world.containers[instance_id] = replace(
        world.containers[instance_id], started_at=world.now.wall
    )
    world.relist()
