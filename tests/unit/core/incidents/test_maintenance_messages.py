"""Messages about a target in a maintenance window wait for the end of the window."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import EngineReachabilityChanged, PlannedRestartDue
from sidecar.core.model.message import MessageKind
from tests.support.maintenance_windows import HOUR_S, begin_window
from tests.support.notification_recipients import SERVICE, WALLET, Notifier


def kinds(notifier: Notifier) -> set[MessageKind]:
    return {message.kind for message in notifier.new_messages()}


def test_failure_that_lasts_is_told_at_the_end_of_the_window() -> None:
    notifier = Notifier(("ops",))
    begin_window(notifier.world, lasts_s=HOUR_S)
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.world.wait(HOUR_S - 30.0, step=5.0)
    assert kinds(notifier) == set()
    notifier.world.wait(40.0)
    assert MessageKind.OPENED in kinds(notifier)


def test_failure_that_ends_in_the_window_is_never_told() -> None:
    notifier = Notifier(("ops",))
    begin_window(notifier.world, lasts_s=HOUR_S)
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.world.works(WALLET, SERVICE, times=3)
    notifier.world.wait(2 * HOUR_S, step=10.0)
    assert kinds(notifier) == set()


def test_end_of_an_incident_that_people_know_is_told_in_the_window() -> None:
    notifier = Notifier(("ops",))
    notifier.world.fails(WALLET, Cause.AUTH)
    assert MessageKind.OPENED in kinds(notifier)
    begin_window(notifier.world)
    notifier.world.works(WALLET, SERVICE, times=3)
    assert kinds(notifier) == {MessageKind.RESOLVED}


def test_window_of_another_target_silences_nothing() -> None:
    notifier = Notifier(("ops",))
    begin_window(notifier.world, SERVICE)
    notifier.world.fails(WALLET, Cause.REFUSED)
    assert MessageKind.OPENED in kinds(notifier)


def test_lost_engine_is_told_after_a_window_of_all_targets() -> None:
    notifier = Notifier(("ops",))
    begin_window(notifier.world, lasts_s=600.0)
    engine_lost = EngineReachabilityChanged(
        notifier.world.now, reachable=False, reason="no"
    )
    notifier.world.send(engine_lost)
    notifier.world.wait(590.0, step=5.0)
    assert kinds(notifier) == set()
    notifier.world.wait(20.0)
    assert kinds(notifier) == {MessageKind.ENGINE_LOST}


def test_lost_engine_is_told_in_a_window_of_one_target() -> None:
    notifier = Notifier(("ops",))
    begin_window(notifier.world, WALLET)
    engine_lost = EngineReachabilityChanged(
        notifier.world.now, reachable=False, reason="no"
    )
    notifier.world.send(engine_lost)
    notifier.world.wait(90.0)
    assert kinds(notifier) == {MessageKind.ENGINE_LOST}


def test_skipped_restart_is_told_at_the_end_of_the_window() -> None:
    notifier = Notifier(("ops",))
    period = begin_window(notifier.world, lasts_s=HOUR_S)
    notifier.world.fails(WALLET, Cause.REFUSED, times=1)
    notifier.world.send(PlannedRestartDue(notifier.world.now, WALLET))
    (message,) = notifier.new_messages()
    assert message.kind is MessageKind.PLAN_SKIPPED
    assert message.not_before_wall == period.end_wall
