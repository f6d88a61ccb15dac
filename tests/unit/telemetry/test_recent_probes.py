"""The last answers kept for the evidence."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import ContainersListed
from sidecar.core.model.target import InstanceId
from sidecar.telemetry.recent_probes import KEPT, RecentProbes
from tests.support.message_world import MessageWorld
from tests.support.rule_world import SERVICE, RuleWorld

ROOT = InstanceId("electron-cash", 1)
RUN = RuleWorld().containers[ROOT].run


def test_the_last_probes_are_kept_oldest_first() -> None:
    kept = RecentProbes()
    world = MessageWorld(listeners=(kept,))
    world.works("electron-cash", times=KEPT + 5)
    world.fails("electron-cash", Cause.REFUSED, 1)
    lines = kept.of(ROOT, RUN)
    assert len(lines) == KEPT
    assert lines[0].split()[1] == "success"
    assert lines[-1].endswith("failure refused 0.010 s it is refused")


def test_a_target_that_left_is_forgotten() -> None:
    kept = RecentProbes()
    world = MessageWorld(listeners=(kept,))
    world.works("electron-cash", "bitcoincash-service")
    world.send(ContainersListed(world.now, (SERVICE,), ()))
    assert kept.of(ROOT, RUN) == ()


def test_those_of_an_earlier_run_are_no_evidence_of_this_one() -> None:
    kept = RecentProbes()
    world = MessageWorld(listeners=(kept,))
    world.fails("electron-cash", Cause.REFUSED, 3)
    world.acted("electron-cash")
    world.works("electron-cash", times=1)
    container = world.instance("electron-cash").container
    assert container is not None
    assert container.run != RUN
    (line,) = kept.of(ROOT, container.run)
    assert line.split()[1] == "success"
