"""Each message answers five questions: what, since when, what is done, did it help,
what to do. Without a reader only this can be checked: that each answer is there.
"""

import itertools
import re
import shlex

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.completed_remedy import (
    CompletedRemedy,
    write_completed_remedies,
)
from sidecar.core.model.decision import Action
from sidecar.core.model.message import MessageKind
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.reason.reason_text import reason_facts
from sidecar.notify.installation import Installation
from sidecar.notify.message_catalog import LANGUAGES, read_catalog
from sidecar.notify.quoting import unmarked
from sidecar.notify.render import Renderer
from tests.support.notify_receivers import PLACE, WALL, message
from tests.unit.notify.test_texts import LINKS, SEOUL

OFFSET = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+09:00")
DONE = {"en": ("What Sidecar ",), "ko": ("Sidecar의 조치: ", "Sidecar가 한 조치")}
TO_DO = {"en": "What you should do:", "ko": "하실 일:"}
PAYMENTS = {"en": "Payments: ", "ko": "결제: "}
JARGON = (
    *("lane", "dead letter", "dead_letter", "guard", "brake", "streak", "efficacy"),
    *("budget", "remedy", "verdict", "cadence", "backoff", "fold", "replica"),
)
WITHOUT_INCIDENT = {
    MessageKind.BALANCE,
    MessageKind.ENGINE_LOST,
    MessageKind.ENGINE_BACK,
    MessageKind.OWN_NETWORK_LOST,
    MessageKind.OWN_NETWORK_BACK,
    MessageKind.SETTINGS_REFUSED,
    MessageKind.SETTINGS_TAKEN,
    MessageKind.PLAN_SKIPPED,
    MessageKind.STORE_LOST,
    MessageKind.TEST,
}
STAGES: tuple[dict[str, str], ...] = (
    {"doing": "", "attempt": "0"},
    {"doing": "restart"},
    {"doing": "", "attempt": "3", "lane": "slow", "next_try_wall": f"{WALL + 600}"},
    {"doing": "", "attempt": "8", "lane": "dead_letter"},
    {"doing": "", "attempt": "0", "mode": "observe"},
)
RENDERERS = {
    language: Renderer(read_catalog(language), SEOUL, PLACE, LINKS)
    for language in LANGUAGES
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(MessageKind))
def test_each_message_has_its_answers(language: str, kind: MessageKind) -> None:
    for cause, stage in itertools.product(Cause, STAGES):
        facts = {"cause": cause.value, **stage}
        text = RENDERERS[language](message(kind=kind, facts=facts))
        said = f"{text.title}\n{text.body}"
        assert "shop" in text.title
        assert "pay-1" in text.title
        assert OFFSET.search(text.body), said
        assert any(how in text.body for how in DONE[language]), said
        assert TO_DO[language] in text.body, said
        if kind not in WITHOUT_INCIDENT and "[closed]" not in text.title:
            closed = kind is MessageKind.RESOLVED and cause is Cause.ADDRESSES_LOST
            assert closed or PAYMENTS[language] in text.body, said
        low = said.rpartition("\n[")[0].lower()
        assert [word for word in JARGON if re.search(rf"\b{word}\b", low)] == []


def advice(cause: Cause, language: str = "en", **facts: str) -> str:
    known = {"doing": "", "attempt": "0", "cause": cause.value, **facts}
    body = RENDERERS[language](message(facts=known)).body
    return _from(body, TO_DO[language])


def _from(body: str, label: str) -> str:
    """What begins with a label, up to the links."""
    return body[body.index(label) :].partition("https://watch.example/")[0]


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (Cause.MISSING, "cd /srv/shop && docker compose up -d electron-cash"),
        (Cause.STOPPED, "docker start shop-electron-cash-1"),
        (Cause.PAUSED, "docker unpause shop-electron-cash-1"),
        (Cause.AUTH, "docker exec shop-sidecar-1 sidecar reload"),
        (Cause.AUTH, "ELECTRON_CASH_PASSWORD_FILE"),
        (Cause.DETACHED, "docker network connect shop_default shop-sidecar-1"),
        (Cause.CRASH_LOOP, "docker exec shop-sidecar-1 sidecar recover electron-cash"),
        (
            Cause.UPSTREAM_LOST,
            "do not restart it: addresses already given to customers",
        ),
        (Cause.THREAD_HELD, "do not restart it: addresses already given to customers"),
        (Cause.WALLET_NOT_LOADED, "do not delete the wallet file"),
        (Cause.MISCONFIGURED, "targets.electron-cash.probe.url"),
    ],
)
def test_advice_can_be_pasted(cause: Cause, expected: str) -> None:
    assert expected in advice(cause, network="shop_default")


def test_a_wallet_that_cannot_be_loaded_has_steps_in_order() -> None:
    said = advice(
        Cause.WALLET_NOT_LOADED, load_failure="no file", wallet="/w/default_wallet"
    )
    steps = [int(n) for n in re.findall(r"(\d)\. ", said)]
    assert steps == [1, 2, 3, 4, 5]
    assert "1. Do not delete the wallet file" in said
    assert "docker cp shop-electron-cash-1:/w/default_wallet ./wallet-copy" in said
    korean = advice(
        Cause.WALLET_NOT_LOADED,
        "ko",
        load_failure="no file",
        wallet="/w/default_wallet",
    )
    assert "지갑 파일을 삭제하지 마십시오" in korean


def test_without_a_token_no_command_is_named_that_would_be_refused() -> None:
    bare = Renderer(
        read_catalog("en"), SEOUL, Installation("shop", "", "shop-sidecar-1", False)
    )

    def said(**facts: str) -> str:
        return bare(message(facts={"doing": "", **facts})).body

    assert "docker exec shop-sidecar-1 kill -HUP 1" in said(cause="auth")
    assert "run: docker restart shop-electron-cash-1" in said(cause="crash_loop")


def test_where_sidecar_runs_in_no_container_it_is_called_by_its_name() -> None:
    bare = Renderer(read_catalog("en"), SEOUL, Installation("shop", "pay-1"))
    body = bare(message(facts={"cause": "auth", "doing": ""})).body
    assert "run: sidecar reload" in body


@pytest.mark.parametrize(
    "hostile",
    [
        "cd /srv/https://evil.example && docker compose",
        "cd '/srv/@everyone' && docker compose",
        "cd /srv/shop.evil.example && docker compose",
        "cd '/srv/`x`' && docker compose",
    ],
)
def test_a_command_with_markup_in_it_is_left_out(hostile: str) -> None:
    assert unmarked(hostile) == ""
    said = advice(Cause.MISSING, compose=hostile)
    assert "bring it up: docker compose up -d electron-cash\n" in said


def test_a_compose_files_name_is_no_domain() -> None:
    command = "cd /srv/shop && docker compose -f prod.yml -f 'a b.yaml'"
    assert unmarked(command) == command
    assert shlex.split(command)[-1] == "a b.yaml"


@pytest.mark.parametrize("cause", [c for c in Cause if CAUSES[c].remedy is None])
def test_nothing_that_was_done_is_denied(cause: Cause) -> None:
    """A restart for another cause was tried: nobody says that nothing was done."""
    deed = CompletedRemedy(
        WALL, "electron-cash", Action.RESTART, RemedyOutcome.NOT_RECOVERED
    )
    facts = {
        "doing": "",
        "cause": cause.value,
        "deeds": write_completed_remedies((deed,)),
    }
    body = RENDERERS["en"](message(facts=facts)).body
    assert "restarted electron-cash: it did not work afterwards" in body
    assert "What Sidecar did: nothing" not in body


def test_another_cause_says_the_one_before_and_the_one_now() -> None:
    facts = {"cause": "auth", "first_cause": "refused", "known_cause": "refused"}
    told = message(kind=MessageKind.CHANGED, facts={**facts, "doing": ""})
    text = RENDERERS["en"](told)
    assert text.title == (
        "[P1] Another cause now - electron-cash (shop on pay-1): "
        "it rejects Sidecar's user or password"
    )
    assert (
        "The cause was: it accepts no connections. It is now: it rejects" in text.body
    )
    reminded = message(kind=MessageKind.REMINDER, facts={**facts, "doing": ""})
    body = RENDERERS["en"](reminded).body
    assert "How it began: it accepts no connections" in body


def test_a_repair_after_which_the_cause_is_another_is_told_as_such() -> None:
    facts = {"cause": "auth", "first_cause": "refused", "doing": "", "remedies": "1"}
    failed = MessageKind.ACTION_FAILED
    text = RENDERERS["en"](message(kind=failed, facts=facts))
    assert "Another cause after repair 1" in text.title
    assert "did not help" not in text.title
    assert (
        "After the last repair this is over: it accepted no connections. "
        "Now: it rejects Sidecar's user or password."
    ) in text.body
    assert "How it began" not in text.body
    of_another = message(kind=failed, facts={**facts, "about": "web"})
    assert "Repair 1 did not help" in RENDERERS["en"](of_another).title


def test_the_end_tells_a_later_cause_apart_from_the_first() -> None:
    deed = "1.0 restart not_recovered electron-cash"
    facts = {"cause": "refused", "first_cause": "refused", "deeds": deed}
    ended, end = {**facts, "known_cause": "auth"}, MessageKind.RESOLVED
    body = RENDERERS["en"](message(kind=end, facts=ended)).body
    assert "None of that helped" not in body
    assert "The first cause was over before; the later one went away otherwise." in body
    both = "it accepted no connections; later it rejected Sidecar's user or password."
    assert f"What it was: {both} From " in body
    body = RENDERERS["en"](message(kind=end, facts=facts)).body
    assert "What it was: it accepted no connections. From " in body
    assert "None of that helped" in body


def test_an_acknowledgement_is_told_with_its_time_and_way() -> None:
    facts = {"acked_by": "link sent to ops", "acked_at_wall": f"{WALL + 60.0:.3f}"}
    body = RENDERERS["en"](message(facts=facts)).body
    assert "acknowledged through the link sent to ops, at 12:05:05." in body
    in_korean = RENDERERS["ko"](message(facts=facts)).body
    assert "담당: 알림 링크로 확인됨(채널: ops), 확인 시각: 12:05:05." in in_korean
    assert "I take care of it: " not in body
    again = {"acked_at_wall": facts["acked_at_wall"]}
    body = RENDERERS["en"](message(kind=MessageKind.REOPENED, facts=again)).body
    assert "It was acknowledged at 12:05:05; that no longer counts" in body
    assert "Who takes care of it" not in body
    assert "I take care of it: " in body


def test_link_of_lost_addresses_says_that_it_closes_the_incident() -> None:
    body = RENDERERS["en"](message(facts={"cause": "addresses_lost"})).body
    closes = "The addresses are made again, close this incident: https://watch.example"
    assert closes in body
    assert "I take care of it: " not in body


@pytest.mark.parametrize("language", LANGUAGES)
def test_lost_addresses_are_counted_in_the_title(language: str) -> None:
    facts = {"cause": "addresses_lost"}
    counted = Reason.of(R.ADDRESSES_LOST, left=37, had=40, lost=3)
    told = message(facts={**facts, **reason_facts("reason", counted)})
    title = RENDERERS[language](told).title
    assert "37" in title
    assert "40" in title
    unknown = RENDERERS["en"](message(facts={**facts, "reason": "fewer"})).title
    assert unknown.endswith("its wallet has forgotten addresses")


def test_the_path_of_a_fault_stays_exact_and_what_was_found_is_quoted() -> None:
    faults = (
        "targets.a.probe.url: found nothing; allowed: an address - it is needed\n"
        "mode: found '<!here>'; allowed: act or observe\n"
        "[x](https://evil.example)"
    )
    told = message(kind=MessageKind.SETTINGS_REFUSED, facts={"faults": faults})
    lines = RENDERERS["en"](told).body.splitlines()
    assert "targets.a.probe.url is empty; it must be an address" in lines
    assert "mode: found '‹!here›'; allowed: act or observe" in lines
    assert not any("evil.example" in line for line in lines)
    assert (
        "targets.a.probe.url: 값이 없습니다. 허용되는 값: 주소\n"
        in RENDERERS["ko"](told).body
    )


def test_a_cause_is_told_in_words_and_a_long_time_as_people_count_it() -> None:
    failing = Reason.of(R.IS_FAILING, root="electron-cash", cause="refused")
    skipped = reason_facts("last_reason", Reason.of(R.PLAN_SKIPPED, reason=failing))
    told = message(kind=MessageKind.PLAN_SKIPPED, facts=skipped)
    body = RENDERERS["en"](told).body
    assert "electron-cash is failing (it accepts no connections)" in body
    assert "refused" not in RENDERERS["ko"](told).body
    stale = Reason.of(R.CHAIN_STALE, height=870000, seconds=10800.0, limit_s=10800.0)
    told = message(facts=reason_facts("reason", stale))
    assert "height 870000 for 3 h 0 min (limit 3 h 0 min)" in RENDERERS["en"](told).body
    assert "3시간 0분 동안" in RENDERERS["ko"](told).body
    told = message(facts={"reason": "no answer from a:7777 for 47.0 s, 99 s"})
    assert "for 47.0 s, 99 s" in RENDERERS["en"](told).body


@pytest.mark.parametrize("kind", [MessageKind.ENGINE_BACK, MessageKind.SETTINGS_TAKEN])
def test_what_is_over_is_told_from_when_to_when(kind: MessageKind) -> None:
    facts = {"from_wall": f"{WALL - 61.0:.3f}", "incident": ""}
    body = RENDERERS["en"](message(kind=kind, facts=facts)).body
    assert "from 2026-01-02 12:03:04 +09:00 to 12:04:05 (1 min 1 s)." in body
    body = RENDERERS["en"](message(kind=kind, facts={"incident": ""})).body
    assert "It is over since 2026-01-02" in body


def test_a_restart_after_all_says_why_it_is_now() -> None:
    changed = MessageKind.CHANGED
    facts = {"cause": "refused", "known_cause": "upstream_lost"}
    body = RENDERERS["en"](message(kind=changed, facts=facts)).body
    assert "Why it is restarted now: " in body
    assert "compare the addresses" in _from(body, TO_DO["en"])
    for other in ({"known_cause": "auth"}, {"doing": ""}):
        body = RENDERERS["en"](message(kind=changed, facts={**facts, **other})).body
        assert "Why it is restarted now: " not in body


def test_earlier_attempts_are_told_with_their_outcome_where_it_is_known() -> None:
    vain = CompletedRemedy(WALL, "a", Action.RESTART, RemedyOutcome.NOT_RECOVERED)
    facts = {"deeds": write_completed_remedies((vain,) * 5), "remedies": "5"}
    line = "- earlier attempts: 2, without success\n"
    assert line in RENDERERS["en"](message(facts=facts)).body
    helped = vain._replace(outcome=RemedyOutcome.RECOVERED)
    for other in (
        {"remedies": "6"},
        {"deeds": write_completed_remedies((helped, *(vain,) * 4))},
    ):
        body = RENDERERS["en"](message(facts={**facts, **other})).body
        assert "- earlier attempts: " in body
        assert "without success" not in body


def test_times_within_a_reason_are_in_the_zone() -> None:
    reason = "no answer; it is busy since 2026-01-02T03:00:00.000Z"
    body = RENDERERS["en"](message(facts={"reason": reason})).body
    assert "it is busy since 2026-01-02 12:00:00 +09:00" in body


def test_no_command_has_a_full_stop_after_it() -> None:
    """What is copied with the stop is another name."""
    values = {"container": "CONTAINER", "restart": "RESTART", "recover": "RECOVER"}
    values |= {"reload": "RELOAD", "compose": "COMPOSE", "sidecar": "SIDECAR"}
    values |= {"about": "a", "service": "SERVICE", "network": "N", "own": "OWN"}
    values |= {"wallet": "WALLET", "incident": "INCIDENT"}
    for language in LANGUAGES:
        for key, text in read_catalog(language).texts.items():
            if key.startswith("advice."):
                said = text.format_map(values)
                assert not re.search(r"\b[A-Z]{3,}\.(?:\s|$)", said), (key, said)
