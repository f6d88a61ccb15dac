"""Who hears of what: routes, escalation, dependents, hooks, the resolve."""

from dataclasses import dataclass, field, replace
from types import MappingProxyType

from sidecar.core.incidents.notifications import transition_messages
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.event import (
    AckRequested,
    EngineEventKind,
    EngineReachabilityChanged,
    PauseRequested,
    RemedyCallResult,
    ResumeRequested,
    Tick,
)
from sidecar.core.model.lane import Lane, LaneName
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    HookPost,
    HookSettings,
    NotifySettings,
    Routes,
)
from sidecar.core.model.state import State
from sidecar.core.model.transition import IncidentChanged, RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.takeover import restore_state
from tests.support.rule_world import RuleWorld

SETTINGS = NotifySettings(
    channels=tuple(ChannelSettings(n, f"json://{n}") for n in ("ops", "phone")),
    routes=Routes(
        ("ops", "phone"),
        MappingProxyType(
            {
                Severity.P0: ("phone", "ops"),
                Severity.P1: ("ops",),
                Severity.P3: ("ops",),
            }
        ),
    ),
    hooks=(
        HookSettings(MessageKind.OPENED, Severity.P0, HookPost("http://a/pause")),
        HookSettings(MessageKind.RESOLVED, Severity.P0, HookPost("http://a/resume")),
        HookSettings(MessageKind.OPENED, None, HookPost("http://a/any")),
    ),
)
WALLET, SERVICE = "electron-cash", "bitcoincash-service"


@dataclass
class Told:
    """A world whose turns are told as the loop tells them."""

    routes_p2: tuple[str, ...] = ()
    world: RuleWorld = field(init=False)
    _seen: int = 0

    def __post_init__(self) -> None:
        by_severity = {**SETTINGS.routes.by_severity, Severity.P2: self.routes_p2}
        routes = replace(SETTINGS.routes, by_severity=MappingProxyType(by_severity))
        self.world = RuleWorld(notify=replace(SETTINGS, routes=routes))
        self.world.works(WALLET, SERVICE)
        self.turn()

    def turn(self) -> list[Message]:
        """Tell what came since the last call."""
        self.world.send(Tick(self.world.now))
        told, self._seen = self.messages[self._seen :], len(self.messages)
        return told

    @property
    def messages(self) -> list[Message]:
        return self.world.messages

    def heard(self) -> list[tuple[str, MessageKind]]:
        return [(m.channel, m.kind) for m in self.turn()]

    @property
    def state(self) -> State:
        return self.world.state


def test_an_opening_goes_by_severity_and_to_the_hooks_that_it_counts_for() -> None:
    told = Told()
    told.world.fails(WALLET, Cause.REFUSED)
    assert told.heard() == [
        ("ops", MessageKind.OPENED),
        ("hook:2", MessageKind.OPENED),
    ]
    assert told.heard() == []


def test_ids_are_the_same_for_the_same_turn_and_differ_otherwise() -> None:
    told, again = Told(), Told()
    for one in (told, again):
        one.world.fails(WALLET, Cause.REFUSED)
        one.turn()
    assert [m.id for m in told.messages] == [m.id for m in again.messages]
    assert told.messages[0].id.endswith("-1-opened-ops")
    assert len({m.id for m in told.messages}) == len(told.messages)


def test_facts_say_what_how_and_since_when() -> None:
    told = Told()
    told.world.fails(WALLET, Cause.REFUSED)
    facts = told.turn()[0].facts
    assert facts["target"] == WALLET
    assert facts["cause"] == "refused"
    assert facts["reason"] == "it is refused"
    assert facts["last_action"] == Action.RESTART
    opened = next(iter(told.state.incidents.values())).opened_at.wall
    assert float(facts["opened_at_wall"]) == round(opened, 3)
    container = told.world.instance(WALLET).container
    assert container is not None
    assert facts["container"] == container.name
    assert facts["next_try_wall"] == ""


def test_facts_say_that_the_wallet_could_not_be_loaded_until_it_is() -> None:
    told = Told()
    world = told.world
    world.fails(WALLET, Cause.WALLET_NOT_LOADED)
    assert told.turn()[0].facts["load_failure"] == ""
    world.acted(WALLET, RemedyCallResult.FAILED, restart=False)
    world.wait(SETTINGS.escalation.after_s[Severity.P1])
    last = told.turn()[-1].facts
    assert last["load_failure"] == "as asked"
    world.fails(WALLET, Cause.WALLET_NOT_LOADED, times=1)
    reason = "has no wallet loaded, and loading it failed: as asked"
    assert reason in str(world.last(WALLET).reason)
    world.acted(WALLET, restart=False)
    assert str(world.instance(WALLET).load_failure) == ""
    world.works(WALLET)
    resolved = told.turn()[-1]
    assert resolved.kind is MessageKind.RESOLVED
    assert (resolved.facts["remedies"], resolved.facts["loads"]) == ("1", "1")


def test_why_a_wallet_could_not_be_loaded_is_of_its_run() -> None:
    world = Told().world
    world.fails(WALLET, Cause.WALLET_NOT_LOADED)
    world.acted(WALLET, RemedyCallResult.FAILED, restart=False)
    world.fails(WALLET, Cause.REFUSED)
    assert str(world.instance(WALLET).load_failure) == "as asked"
    world.acted(WALLET)
    assert str(world.instance(WALLET).load_failure) == ""


def test_a_dependents_trouble_is_not_told_while_the_root_is_down() -> None:
    told = Told()
    told.world.fails(WALLET, Cause.REFUSED)
    told.turn()
    told.world.fails(SERVICE, Cause.HTTP_5XX, times=4)
    incident = next(iter(told.state.incidents.values()))
    assert incident.affected == (SERVICE,)
    assert told.heard() == []


def test_a_dependents_failed_remedy_is_told_once_its_root_works() -> None:
    told = Told()
    world = told.world
    world.fails(WALLET, Cause.REFUSED)
    told.turn()
    world.fails(SERVICE, Cause.HTTP_5XX, times=4)
    told.turn()
    (incident,) = told.state.incidents.values()
    ended = RemedyEnded(
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
    _, messages = transition_messages(world.state, [ended], SETTINGS, world.now)
    assert messages == ()
    world.acted(WALLET)
    world.works(WALLET)
    _, messages = transition_messages(world.state, [ended], SETTINGS, world.now)
    assert [(m.channel, m.kind) for m in messages] == [
        ("ops", MessageKind.ACTION_FAILED)
    ]


def test_a_remedy_that_did_not_help_is_told_and_counted() -> None:
    told = Told()
    told.world.fails(WALLET, Cause.REFUSED)
    told.turn()
    told.world.acted(WALLET)
    for _ in range(40):
        told.world.fails(WALLET, Cause.REFUSED, times=1)
        told.world.wait(3.0)
    sent = told.turn()
    failed = [m for m in sent if m.kind is MessageKind.ACTION_FAILED]
    assert [m.channel for m in failed] == ["ops"]
    assert failed[0].facts["remedies"] == "1"
    wait_s = float(failed[0].facts["next_try_wall"]) - failed[0].created_wall
    assert 10.0 <= wait_s <= 12.0, "the backoff after a first try"


def test_resolved_goes_to_all_who_heard_and_to_its_own_hook() -> None:
    told = Told()
    told.world.fails(WALLET, Cause.REFUSED)
    told.turn()
    told.world.acted(WALLET)
    opened = next(iter(told.state.incidents.values()))
    urgent = replace(opened, severity=Severity.P0, told=(*opened.told, "gone"))
    told.world.state = replace(
        told.state, incidents=MappingProxyType({urgent.id: urgent})
    )
    told.world.works(WALLET)
    assert told.heard() == [
        ("ops", MessageKind.RESOLVED),
        ("hook:1", MessageKind.RESOLVED),
    ]
    assert told.messages[-1].facts["resolved_at_wall"]


def test_a_root_that_stays_down_is_raised_then_escalated_to_everybody() -> None:
    told = Told()
    told.world.fails(WALLET, Cause.REFUSED)
    told.turn()
    told.world.now_s += 901.0
    heard = [h for h in told.heard() if h[1] is not MessageKind.ACTION_FAILED]
    assert heard == [
        ("phone", MessageKind.RAISED),
        ("ops", MessageKind.RAISED),
        ("hook:0", MessageKind.RAISED),
    ]
    told.world.now_s += 301.0
    assert told.heard() == [
        ("ops", MessageKind.ESCALATED),
        ("phone", MessageKind.ESCALATED),
    ]


def test_dead_letter_is_p0_at_once() -> None:
    told = Told()
    told.world.fails(WALLET, Cause.REFUSED)
    told.turn()
    told.world.acted(WALLET)
    root = told.world.instance(WALLET)
    lane = Lane(LaneName.DEAD_LETTER, slow_tries=5)
    lost = replace(root, lane=lane, remedy=None)
    told.world.state = replace(
        told.state,
        instances=MappingProxyType({**told.state.instances, root.id: lost}),
    )
    told.world.fails(WALLET, Cause.REFUSED, times=1)
    assert told.heard() == [
        ("phone", MessageKind.DEAD_LETTER),
        ("ops", MessageKind.DEAD_LETTER),
        ("hook:0", MessageKind.DEAD_LETTER),
    ]
    assert {m.severity for m in told.messages[-2:]} == {Severity.P0}


def test_a_pause_silences_and_its_end_tells() -> None:
    told = Told()
    told.world.send(PauseRequested(told.world.now, (WALLET,)))
    told.world.fails(WALLET, Cause.REFUSED)
    assert told.heard() == []
    told.world.send(ResumeRequested(told.world.now, (WALLET,)))
    assert ("ops", MessageKind.OPENED) in told.heard()


def test_an_operators_stop_is_a_notice() -> None:
    told = Told()
    told.world.fails(WALLET, Cause.DETACHED, times=1)
    told.world.notice(WALLET, EngineEventKind.KILL)
    told.world.exits(WALLET, exit_code=143)
    told.world.notice(WALLET, EngineEventKind.STOP, status=Status.EXITED)
    told.world.wait(2.0)
    sent = told.turn()
    assert [(m.channel, m.kind) for m in sent] == [("ops", MessageKind.NOTICE)]
    assert sent[0].facts["reason"] == "an operator stopped it"
    told.world.wait(120.0)
    assert told.heard() == []


def test_nobody_hears_where_there_are_no_channels() -> None:
    world = RuleWorld()
    world.works(WALLET, SERVICE)
    world.fails(WALLET, Cause.REFUSED)
    assert world.messages == []
    (incident,) = world.state.incidents.values()
    assert incident.told_wall == incident.opened_at.wall


def test_a_lost_engine_is_told_once_and_so_is_its_return() -> None:
    told = Told(("ops",))
    told.world.send(
        EngineReachabilityChanged(told.world.now, reachable=False, reason="no socket")
    )
    told.world.wait(59.0)
    assert told.turn() == []
    told.world.wait(2.0)
    told.world.send(
        EngineReachabilityChanged(told.world.now, reachable=False, reason="timeout")
    )
    told.world.wait(7200.0)
    (lost,) = told.turn()
    assert (lost.kind, lost.severity) == (MessageKind.ENGINE_LOST, Severity.P2)
    assert lost.facts["reason"] == "no socket"
    told.world.send(EngineReachabilityChanged(told.world.now, reachable=True))
    told.world.wait(7200.0)
    (back,) = told.turn()
    assert (back.kind, back.channel) == (MessageKind.ENGINE_BACK, "ops")
    assert float(back.facts["opened_at_wall"]) > float(lost.facts["opened_at_wall"])


def test_an_engine_that_people_know_to_be_lost_is_told_of_when_it_is_back() -> None:
    told = Told(("ops",))
    told.world.send(
        EngineReachabilityChanged(told.world.now, reachable=False, reason="no socket")
    )
    told.world.wait(61.0)
    assert [m.kind for m in told.turn()] == [MessageKind.ENGINE_LOST]
    now = told.world.now
    left = restore_state(told.state, now, now)
    told.world.state = replace(told.state, engine=left.engine, started=left.started)
    told.world.send(EngineReachabilityChanged(now, reachable=False, reason="no socket"))
    told.world.wait(61.0)
    assert told.turn() == []
    told.world.send(EngineReachabilityChanged(told.world.now, reachable=True))
    assert [m.kind for m in told.turn()] == [MessageKind.ENGINE_BACK]


def test_an_engine_that_restarts_is_not_worth_a_message() -> None:
    told = Told(("ops",))
    for _ in range(3):
        told.world.send(
            EngineReachabilityChanged(told.world.now, reachable=False, reason="gone")
        )
        told.world.wait(30.0)
        told.world.send(EngineReachabilityChanged(told.world.now, reachable=True))
        told.world.wait(30.0)
    assert told.turn() == []


def test_who_acknowledges_is_left_alone_until_it_is_forgotten() -> None:
    def told(*by: str) -> list[MessageKind]:
        world = Told(routes_p2=("ops",)).world
        world.fails(WALLET, Cause.AUTH)
        number = world.instance(WALLET).incident
        assert number is not None
        for who in by:
            world.send(AckRequested(world.now, "01JUNKNOWN", "api"))
            assert world.state.incidents[number].acked_at is None
            world.send(AckRequested(world.now, number, who))
            step = world.transitions[-1]
            assert isinstance(step, IncidentChanged)
            assert str(step.reason) == f"somebody takes care of it ({who})"
        world.wait(3 * 3600.0, step=20.0)
        return [m.kind for m in world.messages if m.channel in {"ops", "phone"}]

    assert MessageKind.ESCALATED in told()
    assert told("link sent to ops") == [MessageKind.OPENED]
