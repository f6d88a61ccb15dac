"""The last probe results, kept as evidence."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import ContainersListed, Event, ProbeCompleted
from sidecar.core.model.target import InstanceId
from sidecar.telemetry.recent_probes import KEPT, RecentProbes
from tests.support.message_world import MessageWorld
from tests.support.rule_world import SERVICE, RuleWorld

ROOT = InstanceId("electron-cash", 1)
RUN = RuleWorld().containers[ROOT].run


def test_the_last_probes_are_kept_oldest_first() -> None:
    recent = RecentProbes()
    world = MessageWorld(listeners=(recent,))
    world.works("electron-cash", times=KEPT + 5)
    world.fails("electron-cash", Cause.REFUSED, 1)
    lines = recent.of(ROOT, RUN)
    assert len(lines) == KEPT
    assert lines[0].split()[1] == "success"
    assert lines[-1].endswith("failure refused 0.010 s it is refused")


def test_removed_target_is_forgotten() -> None:
    recent = RecentProbes()
    world = MessageWorld(listeners=(recent,))
    world.works("electron-cash", "bitcoincash-service")
    world.send(ContainersListed(world.now, (SERVICE,), ()))
    assert recent.of(ROOT, RUN) == ()


def test_probes_of_an_earlier_run_are_no_evidence_of_this_one() -> None:
    recent = RecentProbes()
    world = MessageWorld(listeners=(recent,))
    world.fails("electron-cash", Cause.REFUSED, 3)
    world.complete_remedy("electron-cash")
    world.works("electron-cash", times=1)
    container = world.instance("electron-cash").container
    assert container is not None
    assert container.run != RUN
    (line,) = recent.of(ROOT, container.run)
    assert line.split()[1] == "success"


def test_probes_of_all_runs_are_given_for_the_page() -> None:
    recent = RecentProbes()
    world = MessageWorld(listeners=(recent,))
    world.fails("electron-cash", Cause.REFUSED, 3)
    world.complete_remedy("electron-cash")
    world.works("electron-cash", times=1)
    verdicts = [probe.outcome.verdict for probe in recent.probes_of(ROOT)]
    assert verdicts == ["failure", "failure", "failure", "success"]
    assert recent.probes_of(InstanceId("gone", 1)) == ()


def test_kept_probes_are_those_that_came() -> None:
    recent = RecentProbes()
    world = MessageWorld(listeners=(recent,))
    events: list[ProbeCompleted] = []
    send = world.send

    def note_and_send(event: Event) -> tuple[Decision, ...]:
        events.extend([event] if isinstance(event, ProbeCompleted) else [])
        return send(event)

    world.send = note_and_send  # type: ignore[method-assign]  # it only notes them
    world.works("electron-cash", times=KEPT - 2)
    world.fails("electron-cash", Cause.REFUSED, 1)
    world.fails("electron-cash", Cause.HUNG, 2)
    world.works("electron-cash", times=1)
    kept = recent.probes_of(ROOT)
    assert kept == tuple(events[-KEPT:])
    assert kept[0].outcome is kept[1].outcome
