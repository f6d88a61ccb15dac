"""Message texts: complete in both languages, with whole sentences."""

import itertools
import os
import re
from pathlib import Path

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.completed_remedy import (
    CompletedRemedy,
    add_loads,
    read_completed_remedies,
    write_completed_remedies,
)
from sidecar.core.model.decision import Action
from sidecar.core.model.message import MessageKind
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.core.reason.reason_text import reason_facts
from sidecar.notify.link_signer import Signer, own_key
from sidecar.notify.message_catalog import LANGUAGES, read_catalog
from sidecar.notify.render import Links, Renderer
from tests.support.message_text import LINKS, PARTICLE, SEOUL
from tests.support.notify_receivers import FACTS, PLACE, WALL, message
from tests.support.repository import REPOSITORY

ENGLISH, KOREAN = (read_catalog(language) for language in LANGUAGES)
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def renderer(language: str = "en", links: Links | None = LINKS) -> Renderer:
    return Renderer(read_catalog(language), SEOUL, PLACE, links)


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    assert ENGLISH.texts.keys() == KOREAN.texts.keys()
    for key, text in ENGLISH.texts.items():
        theirs = KOREAN.texts[key]
        assert text
        assert theirs
        names = set(PLACEHOLDER.findall(text))
        # A title may omit facts that the body has, but not the reverse.
        assert set(PLACEHOLDER.findall(theirs)) == names, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_of_a_catalogue_stands_twice(language: str) -> None:
    file = REPOSITORY / f"sidecar/locale/{language}/LC_MESSAGES/sidecar.po"
    keys = re.findall(r'^msgid "(.+)"$', file.read_text(), re.MULTILINE)
    assert len(keys) == len(set(keys))


def test_every_cause_state_and_kind_has_its_texts() -> None:
    for cause in Cause:
        assert f"problem.{cause}" in ENGLISH.texts
        assert f"advice.cause.{cause}" in ENGLISH.texts
        assert f"was.{cause}" in ENGLISH.texts
        if CAUSES[cause].remedy is None:
            assert f"done.nothing.{cause}" in ENGLISH.texts
        if CAUSES[cause].is_ours:
            assert f"advice.dependent_first.{cause}" in ENGLISH.texts
    for state in TargetState:
        assert f"in_state.{state}" in ENGLISH.texts
    for kind in MessageKind:
        assert f"title.{kind}" in ENGLISH.texts
        assert f"body.{kind}" in ENGLISH.texts


def test_korean_has_no_particle_that_depends_on_a_name() -> None:
    for key, text in KOREAN.texts.items():
        assert not PARTICLE.search(text), (key, text)


def test_korean_is_korean_and_polite() -> None:
    hangul = re.compile("[가-힣]")
    for key, text in KOREAN.texts.items():
        if key not in {"title.opened", "place.stack"}:
            assert hangul.search(text), key
        if key.startswith(("problem.", "was.", "done.nothing.")):
            last = text.rstrip(".").split()[-1]
            assert last.endswith(("다", "없음")), (key, text)


def test_opened_message_has_all_its_lines_in_english() -> None:
    text = renderer()(message())
    assert text.title == "[P1] electron-cash (shop on pay-1): it does not answer"
    assert text.body.splitlines() == [
        (
            "What is broken: electron-cash (shop on pay-1), "
            "since 2026-01-02 12:03:18 +09:00 (told at 12:04:05)."
        ),
        "Payments: affected. Not working: electron-cash, bitcoincash-service",
        "What was measured: no answer from electron-cash:7777 for 47.0 s",
        "What Sidecar does: it is restarting the container (attempt 1 of 8).",
        "Next message: at once when it is over, at the latest about 12:20",
        (
            "What you should do: nothing for now. If it lasts, "
            "read the container's log: docker logs --tail 100 shop-electron-cash-1"
        ),
        "Where to look: https://watch.example/",
        (
            "I take care of it: "
            "https://watch.example/ack/01JARZ3NDEKTSV4RRFFQ69G5FA?t=ops.seal"
        ),
        "",
        "[01JARZ3NDEKTSV4RRFFQ69G5FA-1-opened-ops]",
    ]


def test_opened_message_has_all_its_lines_in_korean() -> None:
    text = renderer("ko")(message())
    assert (
        text.title
        == "[P1] electron-cash (shop, 호스트 pay-1): 요청에 응답하지 않습니다"
    )
    assert text.body.splitlines()[:6] == [
        (
            "장애 대상: electron-cash (shop, 호스트 pay-1). "
            "발생 시각: 2026-01-02 12:03:18 +09:00(알림 시각: 12:04:05)."
        ),
        "결제: 영향 있음. 동작하지 않는 대상: electron-cash, bitcoincash-service",
        "측정 결과: 47.0초 동안 응답이 없습니다 (electron-cash:7777)",
        "현재 조치: 컨테이너를 다시 시작하고 있습니다(시도 1/8).",
        "다음 알림: 해결되면 바로, 늦어도 12:20쯤",
        (
            "하실 일: 지금은 없습니다. 계속되면 컨테이너 로그를 확인하십시오: "
            "docker logs --tail 100 shop-electron-cash-1"
        ),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(MessageKind))
def test_every_kind_and_cause_can_be_rendered(language: str, kind: MessageKind) -> None:
    render = renderer(language)
    states: tuple[dict[str, str], ...] = (
        {},
        {"lane": "dead_letter"},
        {"mode": "observe"},
        {"remedies": "2"},
    )
    for cause, facts in itertools.product(Cause, states):
        text = render(message(kind=kind, facts={"cause": cause.value, **facts}))
        assert not PLACEHOLDER.search(text.title + text.body), (cause, facts)
        assert text.body.endswith(f"[{message(kind=kind).id}]"), (cause, facts)


PAUSED = Reason.of(
    R.HELD,
    why=text_reason("failure 3: it hangs"),
    action="restart",
    objection=text_reason("It is paused."),
)
IDLE = {"doing": "", "attempt": "0"}
"""Nothing is under way, and nothing was tried."""
LATER = f"{WALL + 600.0:.3f}"


LOADED = {
    "cause": "wallet_not_loaded",
    "load_lane": "fast",
    "guard": "none",
    "doing": "",
    "attempt": "3",
    "last_reason": "no wallet: load_wallet now",
}
"""A load has ended with an unknown result."""


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"mode": "observe"}, "only observes"),
        ({**IDLE, "cause": "auth"}, "does not change a password"),
        ({"doing": "start"}, "starting the container (attempt 1 of 8)"),
        ({"doing": "load_wallet"}, "loading the wallet (attempt 1)."),
        ({"doing": "restart", "attempt": "0"}, "it is restarting the container."),
        (
            {"doing": "verify_restart", "until_wall": f"{WALL + 120.0:.3f}"},
            "restarted the container at 12:04:05 and sees until 12:06:05 whether that",
        ),
        (
            {**IDLE, "attempt": "3", "lane": "slow", "next_try_wall": LATER},
            "it tries again at 12:14:05 (attempt 4 of 8)",
        ),
        (
            {**IDLE, "next_try_wall": f"{WALL + 86_400.0:.3f}"},
            "it tries again at 2026-01-03 12:04:05 +09:00",
        ),
        (
            {**IDLE, "attempt": "8", "lane": "dead_letter"},
            "nothing more, until you say so. Attempts without success: 8.",
        ),
        (
            {**IDLE, **reason_facts("last_reason", PAUSED)},
            "it waits. Why: It is paused.",
        ),
        ({**IDLE, "last_reason": ""}, "it goes on measuring"),
        # The last decision was to act, which is no reason to wait.
        ({**IDLE, "guard": "none"}, "it goes on measuring"),
        (LOADED, "it tries again once the daemon has answered a check (attempt 4)."),
        ({**LOADED, "next_try_wall": LATER}, "tries again at 12:14:05 (attempt 4)."),
        ({**IDLE, "load_failure": "no file"}, "without success: no file"),
        (
            {**IDLE, "load_failure": "no file", "next_try_wall": LATER},
            "without success: no file. It tries again at 12:14:05 (attempt 1).",
        ),
        (
            {"doing": "", "load_failure": "no file", "lane": "dead_letter"},
            "nothing more, until you say so",
        ),
    ],
)
def test_body_describes_the_current_action(
    facts: dict[str, str], expected: str
) -> None:
    assert expected in renderer()(message(facts=facts)).body


@pytest.mark.parametrize(
    ("after_s", "expected"),
    [
        (0.0, "about 12:06"),
        (55.0, "about 12:06"),
        (55.1, "about 12:07"),
        (86_455.0, "about 2026-01-03 12:06 +09:00"),
    ],
)
def test_time_of_the_next_message_is_rounded_up(after_s: float, expected: str) -> None:
    facts = {"next_wall": f"{WALL + after_s:.3f}"}
    assert f"at the latest {expected}\n" in renderer()(message(facts=facts)).body


DEEDS = (
    CompletedRemedy(WALL, "electron-cash", Action.RESTART, RemedyOutcome.NOT_RECOVERED),
    CompletedRemedy(
        WALL + 60.0, "electron-cash", Action.RESTART, RemedyOutcome.RECOVERED
    ),
    CompletedRemedy(
        WALL + 65.0, "bitcoincash-service", Action.START, RemedyOutcome.FAILED
    ),
)


def test_body_lists_remedies_with_time_and_outcome() -> None:
    for kind in (MessageKind.REMINDER, MessageKind.RESOLVED):
        facts = {"deeds": write_completed_remedies(DEEDS), "remedies": "5"}
        body = renderer()(message(kind=kind, facts=facts)).body
        assert (
            "What Sidecar did:\n"
            "- earlier attempts: 2\n"
            "- 12:04:05 restarted electron-cash: it did not work afterwards\n"
            "- 12:05:05 restarted electron-cash: it helped\n"
            "- 12:05:10 started bitcoincash-service: it could not be carried out\n"
        ) in body


def test_completed_remedies_round_trip_and_invalid_lines_are_skipped() -> None:
    assert read_completed_remedies(write_completed_remedies(DEEDS)) == DEEDS
    assert (
        read_completed_remedies("x restart recovered a\n1.0 dance recovered a\n\n1.0")
        == ()
    )


def test_add_loads_lists_an_answered_load_once() -> None:
    name, load = "electron-cash", Action.LOAD_WALLET
    answered = CompletedRemedy(WALL + 20.0, name, load, RemedyOutcome.RECOVERED)
    others = (answered._replace(name="other"), DEEDS[0])
    remedies = add_loads((answered, *others), name, (WALL + 10.0, WALL + 30.0))
    in_vain = CompletedRemedy(WALL + 30.0, name, load, RemedyOutcome.NOT_RECOVERED)
    assert set(remedies) == {answered, *others, in_vain}
    assert remedies[-1] == in_vain


SLOW = {"lane": "slow", "remedies": "3"}
DEAD_LETTER = {"lane": "dead_letter", "remedies": "8"}


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        (MessageKind.ACTION_FAILED, {"remedies": "2"}, "Repair 2 did not help"),
        (MessageKind.ACTION_FAILED, SLOW, "3 repairs did not help, a person is needed"),
        (MessageKind.ESCALATED, SLOW, "Nobody has answered yet"),
    ],
)
def test_the_title_counts_repairs_and_calls_for_a_person(
    kind: MessageKind, facts: dict[str, str], expected: str
) -> None:
    title = renderer()(message(kind=kind, facts=facts)).title
    assert title.startswith(f"[P1] {expected} - electron-cash (shop on pay-1): ")


@pytest.mark.parametrize("kind", [MessageKind.ESCALATED, MessageKind.REMINDER])
@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "nothing for now"),
        (SLOW, "3. Run: docker exec shop-sidecar-1 sidecar restart electron-cash"),
        (
            DEAD_LETTER,
            "Resume the repairs: docker exec shop-sidecar-1 sidecar recover ",
        ),
        ({**SLOW, "cause": "auth"}, "Compare them with rpcuser and rpcpassword"),
        ({"load_failure": "no file"}, "Do not delete the wallet file"),
        (
            {"load_failure": "no file", "wallet": "/wallets/default_wallet"},
            "docker cp shop-electron-cash-1:/wallets/default_wallet ./wallet-copy",
        ),
    ],
)
def test_advice_after_the_fast_tries_is_not_to_wait(
    kind: MessageKind, facts: dict[str, str], expected: str
) -> None:
    body = renderer()(message(kind=kind, facts=facts)).body
    assert expected in body[body.index("What you should do:") :]


def test_log_command_names_the_target_without_a_known_container() -> None:
    text = renderer()(message(facts={"container": ""}))
    assert "docker logs --tail 100 electron-cash\n" in text.body


def test_resolved_message_has_cause_and_period_and_asks_for_nothing() -> None:
    ended = {"seconds": "7384", "resolved_at_wall": f"{WALL - 47.0 + 7384.0:.3f}"}
    text = renderer()(
        message(
            kind=MessageKind.RESOLVED, facts={**ended, "payments": "fine", "deeds": ""}
        )
    )
    assert text.title == (
        "[resolved] electron-cash (shop on pay-1) works again after 2 h 3 min"
    )
    assert text.body.splitlines()[:5] == [
        (
            "electron-cash (shop on pay-1) works again. What it was: it did not "
            "answer. From 2026-01-02 12:03:18 +09:00 to 14:06:22 (2 h 3 min)."
        ),
        "Also affected: bitcoincash-service",
        "Payments: what they need works again, as far as Sidecar measures.",
        "What Sidecar did: nothing, it recovered without Sidecar.",
        (
            "What you should do: nothing. A report of it: docker exec shop-sidecar-1 "
            "sidecar postmortem 01JARZ3NDEKTSV4RRFFQ69G5FA"
        ),
    ]
    assert "/ack/" not in text.body


def test_resolved_message_of_a_removed_target_does_not_say_it_works() -> None:
    resolved = message(kind=MessageKind.RESOLVED, facts={"watched": ""})
    text = renderer()(resolved)
    assert "is watched no more" in text.title
    assert "works again" not in text.title + text.body


def test_resolved_message_names_the_restarted_dependents() -> None:
    for language, expected in (
        ("en", "Restarted after it: web"),
        ("ko", "뒤이어 재시작한 대상: web"),
    ):
        resolved = message(kind=MessageKind.RESOLVED, facts={"followers": "web"})
        render = Renderer(read_catalog(language), SEOUL, PLACE)
        assert expected in render(resolved).body
    resolved = message(kind=MessageKind.RESOLVED)
    assert "Restarted after" not in renderer()(resolved).body


def test_message_without_a_public_url_has_no_links() -> None:
    assert "http" not in renderer(links=None)(message()).body


def test_test_message_has_no_link_and_no_reason() -> None:
    test_message = message(kind=MessageKind.TEST)
    text = renderer()(test_message)
    assert text.title == "Sidecar (shop on pay-1): test message"
    assert "/ack/" not in text.body
    assert FACTS["reason"] not in text.body


def test_link_token_is_valid_only_for_its_incident_and_channel(
    tmp_path: Path,
) -> None:
    signer = Signer(own_key(tmp_path / "key"))
    token = signer.token("01J", "on-call.ops")
    assert signer.channel_of("01J", token) == "on-call.ops"
    assert signer.channel_of("01K", token) is None
    seal = token.rpartition(".")[2]
    for forged in (f"boss.{seal}", seal, f".{seal}", "", "ops.", f"{token}x", "ops.é"):
        assert signer.channel_of("01J", forged) is None


def test_own_key_is_private_and_stays_the_same(tmp_path: Path) -> None:
    file = tmp_path / "ack.key"
    key = own_key(file)
    assert own_key(file) == key
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"cut")
    assert len(own_key(file)) == 32
    assert own_key(tmp_path / "other") != key


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o666, 0o604])
def test_own_key_removes_the_permissions_of_others(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "ack.key"
    key = own_key(file)
    file.chmod(mode)
    assert own_key(file) == key
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_is_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "ack.key"
    os.mkfifo(file)
    with pytest.raises(OSError, match="no regular file"):
        own_key(file)
