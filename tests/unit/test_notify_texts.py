"""Texts: both languages complete, whole sentences, everything that people need."""

import os
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.outcome import CAUSES, Cause
from sidecar.core.record import MessageKind
from sidecar.notify.render import Links, Renderer
from sidecar.notify.sign import Signer, own_key
from sidecar.notify.words import LANGUAGES, read_catalogue
from tests.adapters.notify_parts import FACTS, message

ENGLISH, KOREAN = (read_catalogue(language) for language in LANGUAGES)
SEOUL = ZoneInfo("Asia/Seoul")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
LINKS = Links("https://watch.example", lambda _, channel: f"{channel}.seal")
# A particle right after a name would be wrong for half of all names.
PARTICLE = re.compile(r"\}['\"]?(은|는|이|가|을|를|과|와|으로|로|이며|며)(?=[ .,])")


def renderer(language: str = "en", links: Links | None = LINKS) -> Renderer:
    return Renderer(read_catalogue(language), SEOUL, links)


def test_both_languages_say_the_same_things() -> None:
    assert ENGLISH.texts.keys() == KOREAN.texts.keys()
    for key, text in ENGLISH.texts.items():
        theirs = KOREAN.texts[key]
        assert text
        assert theirs
        names = set(PLACEHOLDER.findall(text))
        # A title may leave out what the page says elsewhere, never the other way.
        assert set(PLACEHOLDER.findall(theirs)) == names, key


def test_every_cause_and_kind_has_its_texts() -> None:
    for cause in Cause:
        assert f"problem.{cause}" in ENGLISH.texts
        assert f"advice.{cause}" in ENGLISH.texts
        if CAUSES[cause].cure is None:
            assert f"done.nothing.{cause}" in ENGLISH.texts
    for kind in MessageKind:
        assert f"title.{kind}" in ENGLISH.texts
        assert f"body.{kind}" in ENGLISH.texts


def test_korean_has_no_particle_that_depends_on_a_name() -> None:
    for key, text in KOREAN.texts.items():
        assert not PARTICLE.search(text), (key, text)


def test_korean_is_korean_and_polite() -> None:
    hangul = re.compile("[가-힣]")
    for key, text in KOREAN.texts.items():
        if key != "title.opened":
            assert hangul.search(text), key
        if key.startswith(("problem.", "done.nothing.")):
            last = text.rstrip(".").split()[-1]
            assert last.endswith(("다", "없음")), (key, text)


def test_an_opening_says_what_since_when_what_we_do_and_what_to_do() -> None:
    text = renderer()(message())
    assert text.title == ("[P1] electron-cash: it accepts requests and does not answer")
    assert text.body.splitlines() == [
        "What is broken: electron-cash, since 2026-01-02 12:04:05 KST.",
        "Also affected: bitcoincash-service",
        "What was measured: no answer from electron-cash:7777 for 47.0 s",
        "What Sidecar does: it is restarting the container.",
        (
            "What you should do: nothing for now. If the restarts do not help, "
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


def test_the_same_in_korean() -> None:
    text = renderer("ko")(message())
    assert text.title == "[P1] electron-cash: 요청에 응답하지 않습니다"
    assert text.body.splitlines()[:5] == [
        "장애 대상: electron-cash (발생 시각: 2026-01-02 12:04:05 KST)",
        "함께 영향을 받은 대상: bitcoincash-service",
        "측정 결과: 47.0초 동안 응답이 없습니다 (electron-cash:7777)",
        "Sidecar의 조치: 컨테이너를 다시 시작하고 있습니다.",
        (
            "하실 일: 지금은 없습니다. 다시 시작해도 해결되지 않으면 컨테이너 로그를 "
            "확인하십시오: docker logs --tail 100 shop-electron-cash-1"
        ),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(MessageKind))
@pytest.mark.parametrize("cause", list(Cause))
def test_everything_can_be_said(language: str, kind: MessageKind, cause: Cause) -> None:
    for facts in ({}, {"lane": "dead_letter"}, {"mode": "observe"}, {"remedies": "2"}):
        text = renderer(language)(
            message(kind=kind, facts={"cause": cause.value, **facts})
        )
        assert not PLACEHOLDER.search(text.title + text.body)
        assert text.body.endswith(f"[{message(kind=kind).id}]")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"mode": "observe"}, "only observes"),
        ({"cause": "auth"}, "does not change a password"),
        ({"last_action": "start"}, "starting the container"),
        ({"last_action": "load_wallet"}, "loading the wallet"),
        ({"remedies": "2"}, "without success so far: 2. It will try again shortly"),
        ({"remedies": "3", "lane": "slow"}, "The next ones come at longer"),
        (
            {"remedies": "3", "lane": "slow", "next_try_wall": "1767323645.0"},
            "so far: 3. It tries again at 2026-01-02 12:14:05 KST, then at longer",
        ),
        ({"remedies": "8", "lane": "dead_letter"}, "nothing more until you say so"),
        ({"last_action": "hold", "last_reason": "It is paused."}, "It is paused."),
        ({"last_action": "", "last_reason": ""}, "nothing yet."),
        ({"load_failure": "no file"}, "load the wallet, without success: no file"),
        (
            {"load_failure": "no file", "lane": "dead_letter", "remedies": "8"},
            "nothing more until you say so",
        ),
    ],
)
def test_what_we_did(facts: dict[str, str], expected: str) -> None:
    assert expected in renderer()(message(facts=facts)).body


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
    assert title.startswith(f"[P1] {expected} - electron-cash: ")


@pytest.mark.parametrize("kind", [MessageKind.ESCALATED, MessageKind.REMINDER])
@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "nothing for now"),
        (SLOW, "then run: sidecar restart electron-cash"),
        (DEAD_LETTER, "then run: sidecar recover electron-cash"),
        ({**SLOW, "cause": "auth"}, "make the user and password"),
        ({"load_failure": "no file"}, "put the wallet file back"),
    ],
)
def test_once_quick_tries_are_used_up_nobody_is_told_to_wait(
    kind: MessageKind, facts: dict[str, str], expected: str
) -> None:
    (advice,) = (
        line
        for line in renderer()(message(kind=kind, facts=facts)).body.splitlines()
        if line.startswith("What you should do: ")
    )
    assert expected in advice


def test_a_log_is_asked_of_the_target_where_its_container_is_not_known() -> None:
    text = renderer()(message(facts={"container": ""}))
    assert "docker logs --tail 100 electron-cash\n" in text.body


def test_the_end_says_how_long_it_lasted_and_asks_nothing() -> None:
    for tried, loads, expected in (
        ("2", "0", "meanwhile: 2."),
        ("0", "0", "without Sidecar"),
        ("2", "2", "What Sidecar did: it loaded the wallet."),
        ("3", "1", "meanwhile: 3, loads of the wallet among them: 1."),
    ):
        text = renderer()(
            message(
                kind=MessageKind.RESOLVED,
                facts={"seconds": "7384", "remedies": tried, "loads": loads},
            )
        )
        assert text.title == "[resolved] electron-cash works again after 2 h 3 min"
        assert expected in text.body
        assert "ack" not in text.body
        assert "What you should do" not in text.body


def test_the_end_names_those_that_were_restarted_after_it() -> None:
    for language, expected in (
        ("en", "Restarted after it: web"),
        ("ko", "뒤이어 재시작한 대상: web"),
    ):
        resolved = message(kind=MessageKind.RESOLVED, facts={"followers": "web"})
        render = Renderer(read_catalogue(language), SEOUL)
        assert expected in render(resolved).body
    resolved = message(kind=MessageKind.RESOLVED)
    assert "Restarted after" not in renderer()(resolved).body


def test_without_a_public_address_there_are_no_links() -> None:
    assert "http" not in renderer(links=None)(message()).body


def test_a_test_message_alarms_nobody() -> None:
    told = message(kind=MessageKind.TEST)
    text = renderer()(told)
    assert text.title == "Sidecar: test message"
    assert "/ack/" not in text.body
    assert FACTS["reason"] not in text.body


def test_a_links_token_is_good_for_its_incident_and_channel_alone(
    tmp_path: Path,
) -> None:
    signer = Signer(own_key(tmp_path / "key"))
    token = signer.token("01J", "on-call.ops")
    assert signer.channel_of("01J", token) == "on-call.ops"
    assert signer.channel_of("01K", token) is None
    seal = token.rpartition(".")[2]
    for forged in (f"boss.{seal}", seal, f".{seal}", "", "ops.", f"{token}x", "ops.é"):
        assert signer.channel_of("01J", forged) is None


def test_the_key_is_ours_alone_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "ack.key"
    key = own_key(file)
    assert own_key(file) == key
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"cut")
    assert len(own_key(file)) == 32
    assert own_key(tmp_path / "other") != key


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o666, 0o604])
def test_others_lose_their_permission_to_read_the_key(
    tmp_path: Path, mode: int
) -> None:
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
