"""Facts in the messages about an incident: begin, cause, remedies, payments."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from sidecar.core.incidents.escalation import MAX_CHANGES
from sidecar.core.incidents.incident_facts import facts_of
from sidecar.core.incidents.incident_subject import instance_named
from sidecar.core.incidents.payment_impact import payment_impact_of_stack
from sidecar.core.incidents.remedy_facts import (
    CONFIG_FILES,
    WORKING_DIR,
    compose_command,
    facts_of_commands,
)
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.completed_remedy import (
    KEPT_REMEDIES,
    CompletedRemedy,
    add_completed_remedy,
    read_completed_remedies,
)
from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    AckRequested,
    EngineReachabilityChanged,
    SettingsApplied,
)
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.probe_result import probe_failure, probe_unknown
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.state import SettingsStatus
from sidecar.core.model.target import Mode, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.status.target_status import unknown_since_wall
from tests.support.notification_recipients import SERVICE, SETTINGS, WALLET, Notifier
from tests.support.rule_world import RuleWorld, container


def get_incident(notifier: Notifier) -> Incident:
    (incident,) = notifier.state.incidents.values()
    return incident


def list_messages(notifier: Notifier, kind: MessageKind) -> list[Message]:
    notifier.new_messages()
    return [m for m in notifier.messages if m.kind is kind and m.channel == "ops"]


def read_facts(notifier: Notifier) -> dict[str, str]:
    return facts_of(notifier.state, get_incident(notifier), notifier.world.now)


# --- begin


def test_an_incident_begins_with_the_first_failure() -> None:
    notifier = Notifier()
    began = notifier.world.now.wall
    notifier.world.fails(WALLET, Cause.REFUSED)
    (opened,) = list_messages(notifier, MessageKind.OPENED)
    assert float(opened.facts["since_wall"]) == pytest.approx(began, abs=0.02)
    assert opened.created_wall - began > 3.0
    assert get_incident(notifier).since_wall == pytest.approx(began, abs=0.02)


def test_a_silence_begins_with_the_request_that_was_not_answered() -> None:
    notifier = Notifier()
    began = notifier.world.now.wall
    for waited in (10.0, 20.0, 30.0, 40.0, 50.0):
        silent = replace(
            probe_failure(Cause.HUNG, text_reason("no answer")), waited_s=waited
        )
        notifier.world.probe(WALLET, silent, took_s=10.0)
    assert get_incident(notifier).since_wall == pytest.approx(began, abs=0.1)


def test_an_exit_begins_when_it_happens() -> None:
    notifier = Notifier()
    began = notifier.world.now.wall
    notifier.world.exits(WALLET)
    notifier.new_messages()
    assert get_incident(notifier).since_wall == pytest.approx(began, abs=0.1)
    assert read_facts(notifier)["reason"] == "the container exited by itself (exit 1)"


def test_a_dependent_that_failed_before_its_root_moves_the_begin() -> None:
    notifier = Notifier()
    began = notifier.world.now.wall
    notifier.world.fails(SERVICE, Cause.HTTP_5XX, times=1)
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.world.fails(SERVICE, Cause.HTTP_5XX)
    assert get_incident(notifier).affected == (SERVICE,)
    assert get_incident(notifier).since_wall == pytest.approx(began, abs=0.02)


# --- remedies


def test_each_remedy_is_remembered_with_its_time_and_outcome() -> None:
    notifier = Notifier()
    world = notifier.world
    world.fails(WALLET, Cause.REFUSED)
    decided = world.last(WALLET).at.wall
    world.complete_remedy(WALLET)
    world.works(WALLET)
    (resolved,) = list_messages(notifier, MessageKind.RESOLVED)
    (remedy,) = read_completed_remedies(resolved.facts["deeds"])
    assert (remedy.name, remedy.action) == (WALLET, Action.RESTART)
    assert remedy.outcome is RemedyOutcome.RECOVERED
    assert remedy.began_wall == pytest.approx(decided, abs=0.01)


def test_completed_remedies_are_bounded_and_the_last_ones_stay() -> None:
    remedies: tuple[CompletedRemedy, ...] = ()
    for number in range(KEPT_REMEDIES + 3):
        remedy = CompletedRemedy(
            float(number), WALLET, Action.RESTART, RemedyOutcome.FAILED
        )
        remedies = add_completed_remedy(remedies, remedy)
    assert len(remedies) == KEPT_REMEDIES
    assert [r.began_wall for r in remedies][-1] == KEPT_REMEDIES + 2.0


def test_the_facts_name_the_current_remedy_with_its_number() -> None:
    notifier = Notifier()
    world = notifier.world
    world.fails(WALLET, Cause.REFUSED)
    (opened,) = list_messages(notifier, MessageKind.OPENED)
    facts = opened.facts
    assert (facts["doing"], facts["attempt"], facts["attempts"]) == (
        "restart",
        "1",
        "8",
    )
    world.complete_remedy(WALLET)
    facts = read_facts(notifier)
    assert facts["doing"] == "verify_restart"
    assert float(facts["until_wall"]) - world.now.wall == pytest.approx(120.0, abs=0.1)


def test_the_next_message_comes_by_its_announced_time() -> None:
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.REFUSED)
    (opened,) = list_messages(notifier, MessageKind.OPENED)
    due = float(opened.facts["next_wall"])
    assert due - get_incident(notifier).since_wall == pytest.approx(900.0, abs=0.1)
    notifier.world.send(
        AckRequested(notifier.world.now, get_incident(notifier).id, "api")
    )
    notifier.world.wait(due - notifier.world.now.wall + 1.0, step=20.0)
    notifier.new_messages()
    assert [m for m in notifier.messages if m.created_wall > opened.created_wall]


@pytest.mark.parametrize("severity", [Severity.P2, Severity.P1])
def test_an_escalation_comes_by_the_announced_time(severity: Severity) -> None:
    notifier = Notifier(routes_p2=("ops",))
    cause = Cause.AUTH if severity is Severity.P2 else Cause.KILLED_BY_PROBE
    notifier.world.fails(WALLET, cause)
    notifier.new_messages()
    message_count = len(notifier.messages)
    due = float(notifier.messages[0].facts["next_wall"])
    for _ in range(40):
        notifier.world.wait(300.0, step=50.0)
        new = [m for m in notifier.messages[message_count:] if m.channel == "ops"]
        if new:
            assert new[0].created_wall <= due + 51.0
            return
    raise AssertionError("nothing came")


# --- present cause


def fail_with_auth_after_restart(notifier: Notifier) -> None:
    """After a restart for refused connections, the wallet rejects the password."""
    world = notifier.world
    world.fails(WALLET, Cause.REFUSED)
    notifier.new_messages()
    world.complete_remedy(WALLET)
    for _ in range(60):
        world.fails(WALLET, Cause.AUTH, times=1)
        world.wait(2.0)


def test_a_cause_that_changes_is_told_once() -> None:
    notifier = Notifier()
    fail_with_auth_after_restart(notifier)
    assert get_incident(notifier).cause is Cause.REFUSED
    assert read_facts(notifier)["cause"] == "auth"
    changed = list_messages(notifier, MessageKind.CHANGED)
    failed = list_messages(notifier, MessageKind.ACTION_FAILED)
    first = min((*changed, *failed), key=lambda m: m.created_wall)
    assert first.facts["cause"] == "auth"
    assert len(changed) <= 1
    assert {m.facts["cause"] for m in (*changed, *failed)} == {"auth"}


def test_causes_that_alternate_are_told_a_few_times_only() -> None:
    notifier = Notifier(routes_p2=("ops",))
    notifier.world.fails(WALLET, Cause.AUTH)
    notifier.new_messages()
    for cause in (Cause.MISCONFIGURED, Cause.AUTH) * 6:
        notifier.world.fails(WALLET, cause, times=4)
        notifier.new_messages()
    assert len(list_messages(notifier, MessageKind.CHANGED)) == MAX_CHANGES


def test_causes_with_the_same_remedy_send_no_change_message() -> None:
    notifier = Notifier()
    notifier.world.mode = Mode.ACT
    notifier.world.fails(WALLET, Cause.REFUSED)
    notifier.new_messages()
    notifier.world.complete_remedy(WALLET)
    for _ in range(70):
        notifier.world.fails(WALLET, Cause.RESET, times=1)
        notifier.world.wait(2.0)
    assert list_messages(notifier, MessageKind.CHANGED) == []


def test_a_worse_cause_raises_the_severity() -> None:
    notifier = Notifier(routes_p2=("ops",))
    notifier.world.fails(WALLET, Cause.AUTH)
    notifier.new_messages()
    notifier.world.fails(WALLET, Cause.DETACHED, times=4)
    (changed,) = list_messages(notifier, MessageKind.CHANGED)
    assert changed.severity is Severity.P1
    assert changed.facts["known_cause"] == "auth"


def test_the_facts_are_about_the_failing_dependent_once_the_root_works() -> None:
    notifier = Notifier()
    world = notifier.world
    world.fails(WALLET, Cause.REFUSED)
    world.fails(SERVICE, Cause.HTTP_5XX)
    notifier.new_messages()
    world.complete_remedy(WALLET)
    world.works(WALLET)
    world.fails(SERVICE, Cause.HTTP_5XX)
    assert world.instance(WALLET).state is TargetState.HEALTHY
    facts = read_facts(notifier)
    assert (facts["target"], facts["about"]) == (WALLET, SERVICE)
    assert (facts["cause"], facts["reason"]) == ("http_5xx", "it is http_5xx")


# --- payments and severity


def read_payments(notifier: Notifier) -> tuple[str, str]:
    facts = read_facts(notifier)
    return facts["payments"], facts["payments_of"]


def test_a_wallet_that_is_down_stops_payments() -> None:
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.REFUSED)
    assert read_payments(notifier) == ("stopped", WALLET)
    notifier.world.fails(SERVICE, Cause.HTTP_5XX)
    assert read_payments(notifier) == ("stopped", f"{WALLET}, {SERVICE}")
    notifier.world.complete_remedy(WALLET)
    notifier.world.works(WALLET, SERVICE)
    (resolved,) = list_messages(notifier, MessageKind.RESOLVED)
    assert resolved.facts["payments"] == "fine"


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (Cause.AUTH, "unknown"),
        (Cause.MISCONFIGURED, "unknown"),
        (Cause.DETACHED, "unknown"),
    ],
)
def test_payments_of_an_unaskable_wallet_are_judged_by_its_dependent(
    cause: Cause, expected: str
) -> None:
    notifier = Notifier(routes_p2=("ops",))
    notifier.world.fails(WALLET, cause)
    assert read_payments(notifier) == ("unseen", WALLET), "the service works"
    assert read_facts(notifier)["payments_by"] == SERVICE
    notifier.world.fails(SERVICE, Cause.AUTH, times=1)
    assert read_payments(notifier)[0] == expected


def test_a_wallet_without_its_server_sees_no_payments() -> None:
    notifier = Notifier(routes_p2=("ops",))
    for _ in range(60):
        notifier.world.fails(WALLET, Cause.UPSTREAM_LOST, times=1)
        notifier.world.wait(12.0)
    assert read_payments(notifier)[0] == "blind"


def test_payments_of_a_target_apart_from_the_wallet_and_without_one() -> None:
    shop = Target("shop", probes=(HttpProbe("http://shop/"),))
    for others, expected in (((), "unknown"), (Notifier().world.targets, "apart")):
        world = RuleWorld(targets=(shop, *others), notify=SETTINGS)
        world.works(*(target.name for target in world.targets))
        world.fails("shop", Cause.REFUSED)
        (incident,) = world.state.incidents.values()
        assert facts_of(world.state, incident, world.now)["payments"] == expected


def test_payments_of_the_stack_are_those_of_its_worst_wallet_or_service() -> None:
    notifier = Notifier(routes_p2=("ops",))
    world = notifier.world

    def judge() -> tuple[str, str]:
        facts = payment_impact_of_stack(world.state).facts
        return facts["payments"], facts["payments_of"]

    world.works(WALLET, SERVICE)
    assert judge() == ("fine", f"{SERVICE}, {WALLET}")
    world.fails(SERVICE, Cause.HTTP_5XX, times=1)
    assert judge() == ("unknown", SERVICE), "one failure is not certain"
    world.fails(WALLET, Cause.REFUSED)
    assert judge()[0] == "stopped"
    assert WALLET in judge()[1]


def test_message_about_sidecar_itself_has_the_payments_of_the_stack() -> None:
    notifier = Notifier(routes_p2=("ops",))
    world = notifier.world
    world.works(WALLET, SERVICE)
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.wait(61.0)
    (message,) = list_messages(notifier, MessageKind.ENGINE_LOST)
    assert message.facts["payments"] == "fine"


def test_a_wrong_password_is_p1_once_payments_of_a_dependent_stop() -> None:
    notifier = Notifier(routes_p2=("ops",))
    notifier.world.fails(WALLET, Cause.AUTH)
    (opened,) = list_messages(notifier, MessageKind.OPENED)
    assert opened.severity is Severity.P2
    notifier.world.fails(SERVICE, Cause.AUTH, times=4)
    assert get_incident(notifier).severity is Severity.P2, "auth measures nothing"
    notifier.world.fails(SERVICE, Cause.HTTP_5XX, times=4)
    notifier.world.wait(2.0)
    raised = list_messages(notifier, MessageKind.RAISED)
    assert [m.severity for m in raised[:1]] == [Severity.P1]
    assert raised[0].facts["affected"] == SERVICE
    assert raised[0].facts["payments"] == "stopped"


def test_messages_for_information_are_never_p1() -> None:
    notifier = Notifier(routes_p2=("ops",))
    world = notifier.world
    view = SettingsStatus("targets: x", world.now)
    world.state = replace(world.state, settings=view)
    notifier.new_messages()
    world.send(SettingsApplied(world.now, Mode.ACT, world.state.notify))
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.wait(61.0)
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    notifier.new_messages()
    by_kind = {m.kind: m.severity for m in notifier.messages}
    assert by_kind[MessageKind.SETTINGS_REFUSED] is Severity.P1
    assert by_kind[MessageKind.SETTINGS_TAKEN] is Severity.P3
    assert by_kind[MessageKind.ENGINE_BACK] is Severity.P3
    begin_walls = {m.kind: m.facts.get("from_wall") for m in notifier.messages}
    assert begin_walls[MessageKind.SETTINGS_TAKEN] == f"{view.since.wall:.3f}"
    assert float(begin_walls[MessageKind.ENGINE_BACK] or 0) >= view.since.wall


def test_an_operators_own_stop_is_for_information() -> None:
    notifier = Notifier()
    notifier.world.notice(WALLET, EngineEventKind.KILL)
    notifier.world.exits(WALLET, exit_code=143)
    notifier.world.notice(WALLET, EngineEventKind.STOP, status=Status.EXITED)
    notifier.world.wait(2.0)
    (notice,) = list_messages(notifier, MessageKind.NOTICE)
    assert notice.severity is Severity.P3
    assert notice.facts["payments"] == "stopped"


# --- compose command


def label_container(folder: str, files: str = "") -> Container:
    labels = MappingProxyType({WORKING_DIR: folder, CONFIG_FILES: files})
    return container(WALLET, labels=labels)


@pytest.mark.parametrize(
    ("folder", "files", "expected"),
    [
        ("/srv/shop", "/srv/shop/compose.yaml", "cd /srv/shop && docker compose"),
        ("/srv/shop", "", "cd /srv/shop && docker compose"),
        (
            "/srv/shop",
            "/srv/shop/compose.yaml,/srv/shop/prod.yaml",
            "cd /srv/shop && docker compose -f compose.yaml -f prod.yaml",
        ),
        ("/srv/shop", "/etc/x.yml", "cd /srv/shop && docker compose -f /etc/x.yml"),
        ("/srv/my shop", "", "cd '/srv/my shop' && docker compose"),
        ("/srv/$(reboot)", "", "cd '/srv/$(reboot)' && docker compose"),
        ("/srv/a\nb\x1b[31m", "", "cd '/srv/a b' && docker compose"),
        ("; reboot", "", ""),
        ("", "/srv/shop/compose.yaml", ""),
        ("/" + "x" * 400, "", ""),
    ],
)
def test_the_compose_command_is_quoted_and_bounded(
    folder: str, files: str, expected: str
) -> None:
    assert compose_command(label_container(folder, files)) == expected


def test_the_compose_command_of_a_missing_container_uses_other_labels() -> None:
    world = RuleWorld(notify=SETTINGS)
    instance_id = world.instance(SERVICE).id
    world.containers[instance_id] = replace(
        world.containers[instance_id], labels=label_container("/srv/shop").labels
    )
    world.relist()
    world.works(WALLET, SERVICE)
    del world.containers[world.instance(WALLET).id]
    world.relist()
    world.wait(62.0)
    (incident,) = world.state.incidents.values()
    facts = facts_of(world.state, incident, world.now)
    assert facts["compose"] == "cd /srv/shop && docker compose"
    assert facts["service"] == WALLET


def test_facts_of_commands_tell_a_wallet_daemon_from_other_services() -> None:
    world = RuleWorld(notify=SETTINGS)
    for name, expected in ((WALLET, "yes"), (SERVICE, "no")):
        facts = facts_of_commands(world.state, world.instance(name))
        assert facts["is_wallet"] == expected


def test_the_name_of_a_service_is_quoted_for_a_shell() -> None:
    named = Target(WALLET, service="a; reboot")
    world = RuleWorld(targets=(named,), notify=SETTINGS)
    facts = facts_of_commands(world.state, world.instance(WALLET))
    assert facts["service"] == "'a; reboot'"


def test_a_name_finds_its_instance_and_its_replica() -> None:
    world = RuleWorld(notify=SETTINGS)
    twin = container(SERVICE, 2)
    world.containers[world.instance(SERVICE).id._replace(number=2)] = twin
    world.relist()
    for name in (WALLET, f"{SERVICE}-1", f"{SERVICE}-2"):
        instance = instance_named(world.state, name)
        assert instance is not None
        assert instance.name == name
    for name in (SERVICE, "nobody", f"{SERVICE}-3", ""):
        assert instance_named(world.state, name) is None


def test_an_unknown_state_is_reported_from_its_begin() -> None:
    notifier = Notifier(("ops",))
    world = notifier.world
    began_wall = world.now.wall
    for _ in range(130):
        world.probe(
            WALLET, probe_unknown(Cause.PROBER_FAILED, text_reason("too many files"))
        )
        world.wait(5.0)
    (notice,) = list_messages(notifier, MessageKind.NOTICE)
    assert float(notice.facts["since_wall"]) - began_wall < 5.0
    assert float(notice.facts["as_of_wall"]) - began_wall >= 600.0


def test_a_stop_is_not_reported_from_the_begin_of_the_unknown_state() -> None:
    world = Notifier(("ops",)).world
    world.probe(
        WALLET, probe_unknown(Cause.PROBER_FAILED, text_reason("too many files"))
    )
    health = world.instance(WALLET).health
    assert unknown_since_wall(health, Cause.PROBER_FAILED, world.now) is not None
    assert unknown_since_wall(health, Cause.STOPPED, world.now) is None
