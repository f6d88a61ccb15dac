"""A crash loop is told once, with the last words of its container, in time."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    DecisionMade,
    EngineEventKind,
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
from sidecar.core.status.run_log import AGAIN
from sidecar.notify.message_catalog import read_catalog
from sidecar.notify.render import Renderer
from tests.support.notify_receivers import PLACE
from tests.support.rule_world import RuleWorld
from tests.unit.core.incidents.test_recipients import SERVICE, WALLET, Told
from tests.unit.core.recovery.test_takeover import killed_and_succeeded
from tests.unit.notify.test_texts import SEOUL

WORDS = "2026-01-02T03:04:05Z Traceback: the wallet file is locked"
IN_SEOUL = "2026-01-02 12:04:05 +09:00 Traceback: the wallet file is locked"


NO_WALLET = probe_failure(
    Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
)


def dies(
    world: RuleWorld, times: int = 3, name: str = WALLET, *, answers: bool = False
) -> None:
    """At once after each start by the engine's own policy.

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
            world.acted(name, restart=False)


def says(world: RuleWorld, name: str = WALLET, words: str | None = WORDS) -> None:
    """What was gathered for the page is there."""
    who = world.instance(name).id
    world.send(EvidenceGathered(world.now, who, words))
    world.wait(1.0)


def of_loops(told: Told) -> list[Message]:
    return [m for m in told.messages if m.kind is MessageKind.CRASH_LOOP]


def test_the_message_has_the_last_lines_and_goes_to_the_incidents_channels() -> None:
    told = Told()
    dies(told.world)
    assert told.world.last(WALLET).action is Action.PAGE
    says(told.world)
    (message,) = of_loops(told)
    assert (message.channel, message.incident) == (
        "ops",
        told.world.instance(WALLET).incident,
    )
    first = told.messages[0]
    assert first.kind is MessageKind.OPENED
    assert first.sequence < message.sequence
    text = Renderer(read_catalog("en"), SEOUL, PLACE)(message)
    assert text.title.startswith("[P1] Crash loop - electron-cash (shop on pay-1): it ")
    assert f"The last lines of its log:\n{IN_SEOUL}\n" in text.body
    assert "Repair what it names" in text.body
    assert "it died 3 times" in text.body


def test_it_is_told_without_them_when_they_do_not_come() -> None:
    told = Told()
    dies(told.world)
    assert of_loops(told) == []
    told.world.wait(5.0)
    (message,) = of_loops(told)
    text = Renderer(read_catalog("en"), SEOUL, PLACE)(message)
    assert "last lines" not in text.body
    says(told.world)
    assert len(of_loops(told)) == 1


def test_a_loop_that_logs_nothing_is_told_as_that_and_one_unread_is_not() -> None:
    told = Told()
    dies(told.world)
    says(told.world, words=None)
    assert of_loops(told) == []
    says(told.world, words="")
    (message,) = of_loops(told)
    text = Renderer(read_catalog("en"), SEOUL, PLACE)(message)
    assert "\nThe last lines of its log: none. It wrote nothing" in text.body
    told.world.send(RecoverRequested(told.world.now, WALLET))
    dies(told.world)
    told.world.wait(6.0)
    text = Renderer(read_catalog("en"), SEOUL, PLACE)(of_loops(told)[-1])
    assert "last lines" not in text.body


def test_the_boundary_of_two_runs_is_told_in_the_receivers_words() -> None:
    told = Told()
    dies(told.world)
    says(told.world, words=f"{WORDS}\n{AGAIN}\n{WORDS}")
    (message,) = of_loops(told)
    for language, words in (("en", AGAIN), ("ko", "--- 여기서 다시 시작됨 ---")):
        text = Renderer(read_catalog(language), SEOUL, PLACE)(message)
        assert f"{IN_SEOUL}\n{words}\n{IN_SEOUL}\n" in text.body


def test_one_loop_is_told_once_and_the_next_one_again() -> None:
    told = Told()
    dies(told.world)
    says(told.world)
    dies(told.world, 5)
    says(told.world)
    assert len(of_loops(told)) == 1
    told.world.send(RecoverRequested(told.world.now, WALLET))
    dies(told.world)
    says(told.world)
    assert len(of_loops(told)) == 2


def test_what_it_said_is_not_kept_once_it_was_told() -> None:
    told = Told()
    dies(told.world)
    says(told.world)
    says(told.world)
    words = told.world.instance(WALLET).last_words
    assert words is not None
    assert words.log is None


def test_another_page_about_the_same_loop_is_no_news() -> None:
    told = Told()
    dies(told.world)
    page = told.world.last(WALLET)
    says(told.world)
    told.world.send(DecisionMade(told.world.now, page))
    says(told.world)
    assert len(of_loops(told)) == 1


def test_a_pause_puts_it_off() -> None:
    told = Told()
    told.world.send(PauseRequested(told.world.now, (WALLET,)))
    dies(told.world)
    says(told.world)
    assert told.messages == []
    told.world.send(ResumeRequested(told.world.now, (WALLET,)))
    told.world.wait(1.0)
    (message,) = of_loops(told)
    assert message.facts["log"] == WORDS


def test_our_death_before_the_log_was_read_does_not_lose_the_message() -> None:
    told = Told()
    dies(told.world)
    successor = killed_and_succeeded(told.world)
    successor.state = replace(successor.state, notify=told.state.notify)
    successor.wait(6.0)
    kinds = [m.kind for m in successor.messages]
    assert kinds.count(MessageKind.CRASH_LOOP) == 1


def test_evidence_for_another_page_tells_nothing() -> None:
    told = Told()
    told.world.fails(WALLET, Cause.AUTH)
    says(told.world)
    told.world.wait(10.0)
    assert of_loops(told) == []


def test_a_dependents_loop_is_told_by_its_own_name_once_its_root_works() -> None:
    told = Told()
    world = told.world
    world.fails(WALLET, Cause.REFUSED)
    told.turn()
    dies(world, name=SERVICE)
    says(world, name=SERVICE)
    world.wait(10.0)
    assert of_loops(told) == []
    world.acted(WALLET)
    world.works(WALLET)
    world.wait(1.0)
    (message,) = of_loops(told)
    assert message.facts["target"] == SERVICE
    assert message.facts["affected"] == ""
    assert message.facts["reason"].startswith("it died 3 times")
    assert message.facts["log"] == WORDS


def pages(told: Told) -> int:
    decisions = told.world.decisions
    return sum(d.action is Action.PAGE for d in decisions)


def test_it_is_told_when_it_is_seen_though_a_load_is_verified() -> None:
    told = Told()
    dies(told.world, answers=True)
    remedy = told.world.instance(WALLET).remedy
    assert remedy is not None
    assert remedy.decision.action is Action.LOAD_WALLET
    says(told.world)
    assert len(of_loops(told)) == 1
    assert told.messages[0].kind is MessageKind.OPENED


def test_it_is_told_when_it_is_seen_though_a_load_is_under_way() -> None:
    told = Told()
    dies(told.world, 2)
    told.world.probe(WALLET, NO_WALLET)
    assert told.world.instance(WALLET).loading is not None
    dies(told.world, 1)
    says(told.world)
    assert len(of_loops(told)) == 1


def test_it_ends_the_verification_of_a_restart() -> None:
    told = Told()
    world = told.world
    world.fails(WALLET, Cause.REFUSED)
    world.acted(WALLET)
    dies(world, 2)
    assert world.instance(WALLET).remedy is not None
    dies(world, 1)
    (ended,) = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert ended.outcome is RemedyOutcome.NOT_RECOVERED
    assert str(ended.reason) == "its container exited again and again"
    says(world)
    assert len(of_loops(told)) == 1


def test_a_start_in_a_loop_is_verified_until_the_container_exits_again() -> None:
    told = Told()
    world = told.world
    for _ in range(3):
        world.exits(WALLET)
        world.wait(15.0)
        if world.is_acting(WALLET):
            world.acted(WALLET)
    world.exits(WALLET)
    assert world.last(WALLET).action is Action.PAGE
    world.wait(601.0, 10.0)
    assert world.is_acting(WALLET)
    world.acted(WALLET)
    world.wait(20.0)
    assert world.instance(WALLET).remedy is not None
    world.exits(WALLET)
    assert world.instance(WALLET).remedy is None


def test_loads_in_a_loop_are_no_news_and_neither_is_that_they_did_not_help() -> None:
    told = Told()
    dies(told.world, answers=True)
    says(told.world)
    so_far = pages(told)
    for _ in range(40):
        dies(told.world, 1, answers=True)
        told.world.wait(8.0)
    assert pages(told) == so_far == 1
    kinds = {m.kind for m in told.messages}
    assert MessageKind.ACTION_FAILED not in kinds


def test_a_load_that_is_verified_in_a_loop_holds_nobody_else() -> None:
    told = Told()
    world = told.world
    free = replace(world.targets[1], depends_on=())
    world.targets = (world.targets[0], free)
    world.relist()
    world.probe(WALLET, NO_WALLET)
    world.acted(WALLET, restart=False)
    world.exits(SERVICE)
    assert world.last(SERVICE).guard is Guard.REMEDY_RUNNING
    dies(world, answers=True)
    assert world.instance(WALLET).remedy is not None
    assert world.acts()[-1] == (SERVICE, Action.START)


def body(message: Message, language: str = "en") -> str:
    return Renderer(read_catalog(language), SEOUL, PLACE)(message).body


def test_recover_is_named_where_nobody_starts_it_again_soon() -> None:
    told = Told()
    world = told.world
    for _ in range(3):
        world.exits(WALLET)
        world.acted(WALLET, RemedyCallResult.DONE)
        world.wait(1.0)
    world.exits(WALLET)
    says(world)
    (message,) = of_loops(told)
    for language in ("en", "ko"):
        assert f"sidecar recover {WALLET}" in body(message, language)
    assert "leaves the container alone until 0" in body(message)
    assert "docker logs --tail 100 demo-electron-cash-1" in body(message)


def test_recover_is_for_the_case_that_the_engine_does_not_start_it_again() -> None:
    told = Told()
    dies(told.world)
    says(told.world)
    (message,) = of_loops(told)
    for language, where in (("en", "by itself, run: "), ("ko", "않으면 실행: ")):
        named = f"{where}docker exec shop-sidecar-1 sidecar recover {WALLET}"
        assert named in body(message, language)
    assert "it leaves the container alone. Another start" in body(message)


def test_a_dependents_loop_is_told_with_its_own_container_and_next_start() -> None:
    told = Told()
    world = told.world
    for _ in range(4):
        world.exits(SERVICE)
        if world.is_acting(SERVICE):
            world.acted(SERVICE)
        world.wait(12.0)
        world.works(WALLET)
    says(world, name=SERVICE)
    (message,) = of_loops(told)
    assert f"sidecar recover {SERVICE}" in body(message)
    assert "docker logs --tail 100 demo-bitcoincash-service-1" in body(message)
