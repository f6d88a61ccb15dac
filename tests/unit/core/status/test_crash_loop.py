"""A crash loop sends one message in time, with the last log of its container."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    DecisionMade,
    EvidenceGathered,
    PauseRequested,
    RecoverRequested,
    RemedyCallResult,
    ResumeRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.status.crash_loop import SHORT_RUN_S
from sidecar.core.status.run_log import RUN_SEPARATOR
from sidecar.notify.message_catalog import read_catalog
from sidecar.notify.render import Renderer
from tests.support.message_text import SEOUL
from tests.support.notification_recipients import SERVICE, WALLET, Notifier
from tests.support.notify_receivers import PLACE
from tests.support.process_takeover import repeat_exits, start_successor
from tests.support.rule_world import RuleWorld

LOG_LINE = "2026-01-02T03:04:05Z Traceback: the wallet file is locked"
LOG_LINE_IN_SEOUL = "2026-01-02 12:04:05 +09:00 Traceback: the wallet file is locked"


NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
)


def crash(
    world: RuleWorld, times: int = 3, name: str = WALLET, *, answers: bool = False
) -> None:
    """Exit at once after each start by the engine's restart policy.

    ``answers``: each run lacks its wallet, which is loaded before the run dies.
    """
    for _ in range(times):
        world.exits(name, restart_policy="always")
        world.now_s += 1.0
        world.notice(
            name,
            EngineEventKind.START,
            status=Status.RUNNING,
            started_at=world.now.wall,
            restart_policy="always",
        )
        world.now_s += 1.0
        if answers:
            world.probe(name, NO_WALLET)
            world.complete_remedy(name, restart=False)


def receive_log(
    world: RuleWorld, name: str = WALLET, words: str | None = LOG_LINE
) -> None:
    """Deliver the log that was gathered for the page."""
    instance_id = world.instance(name).id
    world.send(EvidenceGathered(world.now, instance_id, words))
    world.wait(1.0)


def crash_loop_messages(notifier: Notifier) -> list[Message]:
    return [m for m in notifier.messages if m.kind is MessageKind.CRASH_LOOP]


def test_message_has_last_log_lines_and_goes_to_channels_of_incident() -> None:
    notifier = Notifier()
    crash(notifier.world)
    assert notifier.world.last(WALLET).action is Action.PAGE
    receive_log(notifier.world)
    (message,) = crash_loop_messages(notifier)
    assert (message.channel, message.incident) == (
        "ops",
        notifier.world.instance(WALLET).incident,
    )
    first = notifier.messages[0]
    assert first.kind is MessageKind.OPENED
    assert first.sequence < message.sequence
    text = Renderer(read_catalog("en"), SEOUL, PLACE)(message)
    assert text.title.startswith("[P1] Crash loop - electron-cash (shop on pay-1): it ")
    assert f"The last lines of its log:\n{LOG_LINE_IN_SEOUL}\n" in text.body
    assert "Repair what it names" in text.body
    assert "it died 3 times" in text.body


def test_message_is_sent_without_a_log_that_does_not_come() -> None:
    notifier = Notifier()
    crash(notifier.world)
    assert crash_loop_messages(notifier) == []
    notifier.world.wait(5.0)
    (message,) = crash_loop_messages(notifier)
    text = Renderer(read_catalog("en"), SEOUL, PLACE)(message)
    assert "last lines" not in text.body
    receive_log(notifier.world)
    assert len(crash_loop_messages(notifier)) == 1


def test_message_distinguishes_empty_log_from_unread_log() -> None:
    notifier = Notifier()
    crash(notifier.world)
    receive_log(notifier.world, words=None)
    assert crash_loop_messages(notifier) == []
    receive_log(notifier.world, words="")
    (message,) = crash_loop_messages(notifier)
    text = Renderer(read_catalog("en"), SEOUL, PLACE)(message)
    assert "\nThe last lines of its log: none. It wrote nothing" in text.body
    notifier.world.send(RecoverRequested(notifier.world.now, WALLET))
    crash(notifier.world)
    notifier.world.wait(6.0)
    text = Renderer(read_catalog("en"), SEOUL, PLACE)(crash_loop_messages(notifier)[-1])
    assert "last lines" not in text.body


def test_boundary_of_two_runs_in_the_log_is_translated() -> None:
    notifier = Notifier()
    crash(notifier.world)
    receive_log(notifier.world, words=f"{LOG_LINE}\n{RUN_SEPARATOR}\n{LOG_LINE}")
    (message,) = crash_loop_messages(notifier)
    for language, words in (
        ("en", RUN_SEPARATOR),
        ("ko", "--- 여기서 다시 시작됨 ---"),
    ):
        text = Renderer(read_catalog(language), SEOUL, PLACE)(message)
        assert f"{LOG_LINE_IN_SEOUL}\n{words}\n{LOG_LINE_IN_SEOUL}\n" in text.body


def test_each_crash_loop_sends_one_message() -> None:
    notifier = Notifier()
    crash(notifier.world)
    receive_log(notifier.world)
    crash(notifier.world, 5)
    receive_log(notifier.world)
    assert len(crash_loop_messages(notifier)) == 1
    notifier.world.send(RecoverRequested(notifier.world.now, WALLET))
    crash(notifier.world)
    receive_log(notifier.world)
    assert len(crash_loop_messages(notifier)) == 2


def test_log_is_dropped_after_the_message() -> None:
    notifier = Notifier()
    crash(notifier.world)
    receive_log(notifier.world)
    receive_log(notifier.world)
    words = notifier.world.instance(WALLET).last_words
    assert words is not None
    assert words.log is None


def test_second_page_about_the_same_loop_sends_no_message() -> None:
    notifier = Notifier()
    crash(notifier.world)
    page = notifier.world.last(WALLET)
    receive_log(notifier.world)
    notifier.world.send(DecisionMade(notifier.world.now, page))
    receive_log(notifier.world)
    assert len(crash_loop_messages(notifier)) == 1


def test_pause_postpones_the_message() -> None:
    notifier = Notifier()
    notifier.world.send(PauseRequested(notifier.world.now, (WALLET,)))
    crash(notifier.world)
    receive_log(notifier.world)
    assert notifier.messages == []
    notifier.world.send(ResumeRequested(notifier.world.now, (WALLET,)))
    notifier.world.wait(1.0)
    (message,) = crash_loop_messages(notifier)
    assert message.facts["log"] == LOG_LINE


def test_our_death_before_the_log_was_read_does_not_lose_the_message() -> None:
    notifier = Notifier()
    crash(notifier.world)
    successor = start_successor(notifier.world)
    successor.state = replace(successor.state, notify=notifier.state.notify)
    successor.wait(6.0)
    kinds = [m.kind for m in successor.messages]
    assert kinds.count(MessageKind.CRASH_LOOP) == 1


def test_repeated_exits_after_restart_of_sidecar_are_no_crash_loop() -> None:
    world = Notifier().world
    walls = []
    for _ in range(2):
        walls.append(world.now.wall)
        crash(world, times=1)
    successor = start_successor(world)
    repeat_exits(successor, WALLET, *walls)
    assert not successor.instance(WALLET).looping
    crash(successor, times=1)
    assert successor.instance(WALLET).looping


def test_exit_that_the_predecessor_has_forgotten_is_no_part_of_a_loop() -> None:
    world = Notifier().world
    walls = []
    for _ in range(3):
        world.wait(SHORT_RUN_S + 10.0, 5.0)
        walls.append(world.now.wall)
        crash(world, times=1)
        world.works(WALLET)
    successor = start_successor(world)
    repeat_exits(successor, WALLET, *walls)
    assert not successor.instance(WALLET).looping


def test_repeated_exits_of_a_loop_that_has_ended_are_no_loop() -> None:
    world = Notifier().world
    walls = []
    for _ in range(3):
        walls.append(world.now.wall)
        crash(world, times=1)
    assert world.instance(WALLET).looping
    world.wait(SHORT_RUN_S + 10.0, 5.0)
    assert not world.instance(WALLET).looping
    successor = start_successor(world)
    repeat_exits(successor, WALLET, *walls)
    assert not successor.instance(WALLET).looping


def test_exit_seen_before_and_after_restart_of_sidecar_counts_once() -> None:
    world = Notifier().world
    crash(world, times=1)
    exited_wall = world.now.wall
    world.exits(WALLET)
    successor = start_successor(world)
    repeat_exits(successor, WALLET, exited_wall)
    instance = successor.instance(WALLET)
    assert not instance.looping
    assert instance.short_runs == world.instance(WALLET).short_runs


def test_evidence_for_another_page_sends_no_message() -> None:
    notifier = Notifier()
    notifier.world.fails(WALLET, Cause.AUTH)
    receive_log(notifier.world)
    notifier.world.wait(10.0)
    assert crash_loop_messages(notifier) == []


def test_loop_of_a_dependent_sends_its_message_once_its_root_works() -> None:
    notifier = Notifier()
    world = notifier.world
    world.fails(WALLET, Cause.REFUSED)
    notifier.new_messages()
    crash(world, name=SERVICE)
    receive_log(world, name=SERVICE)
    world.wait(10.0)
    assert crash_loop_messages(notifier) == []
    world.complete_remedy(WALLET)
    world.works(WALLET)
    world.wait(1.0)
    (message,) = crash_loop_messages(notifier)
    assert message.facts["target"] == SERVICE
    assert message.facts["affected"] == ""
    assert message.facts["reason"].startswith("it died 3 times")
    assert message.facts["log"] == LOG_LINE


def count_pages(notifier: Notifier) -> int:
    decisions = notifier.world.decisions
    return sum(d.action is Action.PAGE for d in decisions)


def test_message_is_sent_while_a_load_is_verified() -> None:
    notifier = Notifier()
    crash(notifier.world, answers=True)
    remedy = notifier.world.instance(WALLET).remedy
    assert remedy is not None
    assert remedy.decision.action is Action.LOAD_WALLET
    receive_log(notifier.world)
    assert len(crash_loop_messages(notifier)) == 1
    assert notifier.messages[0].kind is MessageKind.OPENED


def test_message_is_sent_while_a_load_is_under_way() -> None:
    notifier = Notifier()
    crash(notifier.world, 2)
    notifier.world.probe(WALLET, NO_WALLET)
    assert notifier.world.instance(WALLET).loading is not None
    crash(notifier.world, 1)
    receive_log(notifier.world)
    assert len(crash_loop_messages(notifier)) == 1


def test_crash_loop_ends_the_verification_of_a_restart() -> None:
    notifier = Notifier()
    world = notifier.world
    world.fails(WALLET, Cause.REFUSED)
    world.complete_remedy(WALLET)
    crash(world, 2)
    assert world.instance(WALLET).remedy is not None
    crash(world, 1)
    (ended,) = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert ended.outcome is RemedyOutcome.NOT_RECOVERED
    assert str(ended.reason) == "its container exited again and again"
    receive_log(world)
    assert len(crash_loop_messages(notifier)) == 1


def test_a_start_in_a_loop_is_verified_until_the_container_exits_again() -> None:
    notifier = Notifier()
    world = notifier.world
    for _ in range(3):
        world.exits(WALLET)
        world.wait(15.0)
        if world.is_acting(WALLET):
            world.complete_remedy(WALLET)
    world.exits(WALLET)
    assert world.last(WALLET).action is Action.PAGE
    world.wait(601.0, 10.0)
    assert world.is_acting(WALLET)
    world.complete_remedy(WALLET)
    world.wait(20.0)
    assert world.instance(WALLET).remedy is not None
    world.exits(WALLET)
    assert world.instance(WALLET).remedy is None


def test_failed_loads_in_a_loop_send_no_message() -> None:
    notifier = Notifier()
    crash(notifier.world, answers=True)
    receive_log(notifier.world)
    so_far = count_pages(notifier)
    for _ in range(40):
        crash(notifier.world, 1, answers=True)
        notifier.world.wait(8.0)
    assert count_pages(notifier) == so_far == 1
    kinds = {m.kind for m in notifier.messages}
    assert MessageKind.ACTION_FAILED not in kinds


def test_load_verified_in_a_loop_does_not_block_other_targets() -> None:
    notifier = Notifier()
    world = notifier.world
    free = replace(world.targets[1], depends_on=())
    world.targets = (world.targets[0], free)
    world.relist()
    world.probe(WALLET, NO_WALLET)
    world.complete_remedy(WALLET, restart=False)
    world.exits(SERVICE)
    assert world.last(SERVICE).guard is Guard.REMEDY_RUNNING
    crash(world, answers=True)
    assert world.instance(WALLET).remedy is not None
    assert world.acts()[-1] == (SERVICE, Action.START)


def render_body(message: Message, language: str = "en") -> str:
    return Renderer(read_catalog(language), SEOUL, PLACE)(message).body


def test_message_names_recover_when_no_start_follows_soon() -> None:
    notifier = Notifier()
    world = notifier.world
    for _ in range(3):
        world.exits(WALLET)
        world.complete_remedy(WALLET, RemedyCallResult.DONE)
        world.wait(1.0)
    world.exits(WALLET)
    receive_log(world)
    (message,) = crash_loop_messages(notifier)
    for language in ("en", "ko"):
        assert f"sidecar recover {WALLET}" in render_body(message, language)
    assert "leaves the container alone until 0" in render_body(message)
    assert "docker logs --tail 100 demo-electron-cash-1" in render_body(message)


def test_message_names_recover_in_case_the_engine_does_not_start_it() -> None:
    notifier = Notifier()
    crash(notifier.world)
    receive_log(notifier.world)
    (message,) = crash_loop_messages(notifier)
    instead = {"en": "by itself, resume the repairs: ", "ko": "않으면 자동 복구 재개: "}
    for language, where in instead.items():
        named = f"{where}docker exec shop-sidecar-1 sidecar recover {WALLET}"
        assert named in render_body(message, language)
    assert "it leaves the container alone. Another start" in render_body(message)


def test_message_about_a_dependent_names_its_own_container() -> None:
    notifier = Notifier()
    world = notifier.world
    for _ in range(4):
        world.exits(SERVICE)
        if world.is_acting(SERVICE):
            world.complete_remedy(SERVICE)
        world.wait(12.0)
        world.works(WALLET)
    receive_log(world, name=SERVICE)
    (message,) = crash_loop_messages(notifier)
    assert f"sidecar recover {SERVICE}" in render_body(message)
    assert "docker logs --tail 100 demo-bitcoincash-service-1" in render_body(message)
