"""Recipients of messages: routes, escalation, dependents, hooks, the resolve."""

from dataclasses import replace
from types import MappingProxyType

from sidecar.core.incidents.notifications import transition_messages
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    AckRequested,
    EngineReachabilityChanged,
    PauseRequested,
    RemedyCallResult,
    ResumeRequested,
)
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.lane import Lane, LaneName
from sidecar.core.model.message import MessageKind
from sidecar.core.model.transition import IncidentChanged, RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.takeover import restore_state
from tests.support.notification_recipients import SERVICE, SETTINGS, WALLET, Notifier
from tests.support.rule_world import RuleWorld


def test_an_opening_goes_to_channels_and_hooks_of_its_severity() -> None:
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.REFUSED)
    assert notifier.new_deliveries() == [
        ("ops", MessageKind.OPENED),
        ("hook:2", MessageKind.OPENED),
    ]
    assert notifier.new_deliveries() == []


def test_message_ids_are_equal_for_equal_steps_and_differ_otherwise() -> None:
    notifier, again = Notifier(), Notifier()
    for each in (notifier, again):
        each.world.fails(WALLET, Cause.REFUSED)
        each.new_messages()
    assert [m.id for m in notifier.messages] == [m.id for m in again.messages]
    assert notifier.messages[0].id.endswith("-1-opened-ops")
    assert len({m.id for m in notifier.messages}) == len(notifier.messages)


def test_the_facts_name_target_cause_remedy_and_time() -> None:
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.REFUSED)
    facts = notifier.new_messages()[0].facts
    assert facts["target"] == WALLET
    assert facts["cause"] == "refused"
    assert facts["reason"] == "it is refused"
    assert facts["last_action"] == Action.RESTART
    opened = next(iter(notifier.state.incidents.values())).opened_at.wall
    assert float(facts["opened_at_wall"]) == round(opened, 3)
    container = notifier.world.instance(WALLET).container
    assert container is not None
    assert facts["container"] == container.name
    assert facts["next_try_wall"] == ""


def test_facts_say_that_the_wallet_could_not_be_loaded_until_it_is() -> None:
    notifier = Notifier()
    world = notifier.world
    world.fails(WALLET, Cause.WALLET_NOT_LOADED)
    assert notifier.new_messages()[0].facts["load_failure"] == ""
    world.complete_remedy(WALLET, RemedyCallResult.FAILED, restart=False)
    world.wait(SETTINGS.escalation.after_s[Severity.P1])
    last = notifier.new_messages()[-1].facts
    assert last["load_failure"] == "as asked"
    world.fails(WALLET, Cause.WALLET_NOT_LOADED, times=1)
    reason = "has no wallet loaded, and loading it failed: as asked"
    assert reason in str(world.last(WALLET).reason)
    world.complete_remedy(WALLET, restart=False)
    assert str(world.instance(WALLET).load_failure) == ""
    world.works(WALLET)
    resolved = notifier.new_messages()[-1]
    assert resolved.kind is MessageKind.RESOLVED
    assert (resolved.facts["remedies"], resolved.facts["loads"]) == ("1", "1")


def test_the_reason_of_a_failed_load_ends_with_the_run() -> None:
    world = Notifier().world
    world.fails(WALLET, Cause.WALLET_NOT_LOADED)
    world.complete_remedy(WALLET, RemedyCallResult.FAILED, restart=False)
    world.fails(WALLET, Cause.REFUSED)
    assert str(world.instance(WALLET).load_failure) == "as asked"
    world.complete_remedy(WALLET)
    assert str(world.instance(WALLET).load_failure) == ""


def test_a_dependents_trouble_is_not_told_while_the_root_is_down() -> None:
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.new_messages()
    notifier.world.fails(SERVICE, Cause.HTTP_5XX, times=4)
    incident = next(iter(notifier.state.incidents.values()))
    assert incident.affected == (SERVICE,)
    assert notifier.new_deliveries() == []


def test_a_dependents_failed_remedy_is_told_once_its_root_works() -> None:
    notifier = Notifier()
    world = notifier.world
    world.fails(WALLET, Cause.REFUSED)
    notifier.new_messages()
    world.fails(SERVICE, Cause.HTTP_5XX, times=4)
    notifier.new_messages()
    (incident,) = notifier.state.incidents.values()
    remedy_end = RemedyEnded(
        world.now,
        world.instance(SERVICE).id,
        SERVICE,
        Action.RESTART,
        Trigger.DEPENDENCY,
        Cause.HTTP_5XX,
        RemedyOutcome.NOT_RECOVERED,
        text_reason("it is http_5xx"),
        60.0,
        None,
        incident.id,
    )
    _, messages = transition_messages(world.state, [remedy_end], SETTINGS, world.now)
    assert messages == ()
    world.complete_remedy(WALLET)
    world.works(WALLET)
    _, messages = transition_messages(world.state, [remedy_end], SETTINGS, world.now)
    assert [(m.channel, m.kind) for m in messages] == [
        ("ops", MessageKind.ACTION_FAILED)
    ]


def test_a_remedy_that_did_not_help_is_told_and_counted() -> None:
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.new_messages()
    notifier.world.complete_remedy(WALLET)
    for _ in range(40):
        notifier.world.fails(WALLET, Cause.REFUSED, times=1)
        notifier.world.wait(3.0)
    messages = notifier.new_messages()
    failed = [m for m in messages if m.kind is MessageKind.ACTION_FAILED]
    assert [m.channel for m in failed] == ["ops"]
    assert failed[0].facts["remedies"] == "1"
    wait_s = float(failed[0].facts["next_try_wall"]) - failed[0].created_wall
    assert 10.0 <= wait_s <= 12.0, "the backoff after a first try"


def test_the_resolve_goes_to_all_earlier_recipients_and_its_hook() -> None:
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.new_messages()
    notifier.world.complete_remedy(WALLET)
    opened = next(iter(notifier.state.incidents.values()))
    urgent = replace(opened, severity=Severity.P0, told=(*opened.told, "gone"))
    notifier.world.state = replace(
        notifier.state, incidents=MappingProxyType({urgent.id: urgent})
    )
    notifier.world.works(WALLET)
    assert notifier.new_deliveries() == [
        ("ops", MessageKind.RESOLVED),
        ("hook:1", MessageKind.RESOLVED),
    ]
    assert notifier.messages[-1].facts["resolved_at_wall"]


def test_a_root_that_stays_down_is_raised_then_escalated_to_everybody() -> None:
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.new_messages()
    notifier.world.now_s += 901.0
    deliveries = [
        h for h in notifier.new_deliveries() if h[1] is not MessageKind.ACTION_FAILED
    ]
    assert deliveries == [
        ("phone", MessageKind.RAISED),
        ("ops", MessageKind.RAISED),
        ("hook:0", MessageKind.RAISED),
    ]
    notifier.world.now_s += 301.0
    assert notifier.new_deliveries() == [
        ("ops", MessageKind.ESCALATED),
        ("phone", MessageKind.ESCALATED),
    ]


def test_dead_letter_is_p0_at_once() -> None:
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.new_messages()
    notifier.world.complete_remedy(WALLET)
    root = notifier.world.instance(WALLET)
    lane = Lane(LaneName.DEAD_LETTER, slow_tries=5)
    given_up_root = replace(root, lane=lane, remedy=None)
    notifier.world.state = replace(
        notifier.state,
        instances=build_table({**notifier.state.instances, root.id: given_up_root}),
    )
    notifier.world.fails(WALLET, Cause.REFUSED, times=1)
    assert notifier.new_deliveries() == [
        ("phone", MessageKind.DEAD_LETTER),
        ("ops", MessageKind.DEAD_LETTER),
        ("hook:0", MessageKind.DEAD_LETTER),
    ]
    assert {m.severity for m in notifier.messages[-2:]} == {Severity.P0}


def test_a_pause_holds_the_opening_until_it_ends() -> None:
    notifier = Notifier()
    notifier.world.send(PauseRequested(notifier.world.now, (WALLET,)))
    notifier.world.fails(WALLET, Cause.REFUSED)
    assert notifier.new_deliveries() == []
    notifier.world.send(ResumeRequested(notifier.world.now, (WALLET,)))
    assert ("ops", MessageKind.OPENED) in notifier.new_deliveries()


def test_an_operators_stop_is_a_notice() -> None:
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.DETACHED, times=1)
    notifier.world.notice(WALLET, EngineEventKind.KILL)
    notifier.world.exits(WALLET, exit_code=143)
    notifier.world.notice(WALLET, EngineEventKind.STOP, status=Status.EXITED)
    notifier.world.wait(2.0)
    messages = notifier.new_messages()
    assert [(m.channel, m.kind) for m in messages] == [("ops", MessageKind.NOTICE)]
    assert messages[0].facts["reason"] == "an operator stopped it"
    notifier.world.wait(120.0)
    assert notifier.new_deliveries() == []


def test_no_message_is_sent_without_channels() -> None:
    world = RuleWorld()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.REFUSED)
    assert world.messages == []
    (incident,) = world.state.incidents.values()
    assert incident.told_wall == incident.opened_at.wall


def test_a_lost_engine_is_told_once_and_so_is_its_return() -> None:
    notifier = Notifier(("ops",))
    notifier.world.send(
        EngineReachabilityChanged(
            notifier.world.now, reachable=False, reason="no socket"
        )
    )
    notifier.world.wait(59.0)
    assert notifier.new_messages() == []
    notifier.world.wait(2.0)
    notifier.world.send(
        EngineReachabilityChanged(notifier.world.now, reachable=False, reason="timeout")
    )
    notifier.world.wait(7200.0)
    (loss,) = notifier.new_messages()
    assert (loss.kind, loss.severity) == (MessageKind.ENGINE_LOST, Severity.P2)
    assert loss.facts["reason"] == "no socket"
    notifier.world.send(EngineReachabilityChanged(notifier.world.now, reachable=True))
    notifier.world.wait(7200.0)
    (back,) = notifier.new_messages()
    assert (back.kind, back.channel) == (MessageKind.ENGINE_BACK, "ops")
    assert float(back.facts["opened_at_wall"]) > float(loss.facts["opened_at_wall"])


def test_an_engine_that_people_know_to_be_lost_is_told_of_when_it_is_back() -> None:
    notifier = Notifier(("ops",))
    notifier.world.send(
        EngineReachabilityChanged(
            notifier.world.now, reachable=False, reason="no socket"
        )
    )
    notifier.world.wait(61.0)
    assert [m.kind for m in notifier.new_messages()] == [MessageKind.ENGINE_LOST]
    now = notifier.world.now
    restored_state = restore_state(notifier.state, now, now)
    notifier.world.state = replace(
        notifier.state, engine=restored_state.engine, started=restored_state.started
    )
    notifier.world.send(
        EngineReachabilityChanged(now, reachable=False, reason="no socket")
    )
    notifier.world.wait(61.0)
    assert notifier.new_messages() == []
    notifier.world.send(EngineReachabilityChanged(notifier.world.now, reachable=True))
    assert [m.kind for m in notifier.new_messages()] == [MessageKind.ENGINE_BACK]


def test_an_engine_that_restarts_is_not_worth_a_message() -> None:
    notifier = Notifier(("ops",))
    for _ in range(3):
        notifier.world.send(
            EngineReachabilityChanged(
                notifier.world.now, reachable=False, reason="gone"
            )
        )
        notifier.world.wait(30.0)
        notifier.world.send(
            EngineReachabilityChanged(notifier.world.now, reachable=True)
        )
        notifier.world.wait(30.0)
    assert notifier.new_messages() == []


def test_an_acknowledgement_stops_the_escalation() -> None:
    def list_kinds(*names: str) -> list[MessageKind]:
        world = Notifier(routes_p2=("ops",)).world
        world.fails(WALLET, Cause.AUTH)
        incident_id = world.instance(WALLET).incident
        assert incident_id is not None
        for name in names:
            world.send(AckRequested(world.now, "01JUNKNOWN", "api"))
            assert world.state.incidents[incident_id].acked_at is None
            world.send(AckRequested(world.now, incident_id, name))
            step = world.transitions[-1]
            assert isinstance(step, IncidentChanged)
            assert str(step.reason) == f"somebody takes care of it ({name})"
        world.wait(3 * 3600.0, step=20.0)
        return [m.kind for m in world.messages if m.channel in {"ops", "phone"}]

    assert MessageKind.ESCALATED in list_kinds()
    assert list_kinds("link sent to ops") == [MessageKind.OPENED]
