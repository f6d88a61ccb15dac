"""Each message answers five questions: problem, start, action, outcome, and advice.

These tests check only that each answer is present.
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
from sidecar.notify.quoting import plain_command
from sidecar.notify.render import Renderer
from tests.support.message_text import LINKS, SEOUL
from tests.support.notify_receivers import PLACE, WALL, message

OFFSET = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+09:00")
ACTION_LABELS = {
    "en": ("What Sidecar ",),
    "ko": ("현재 조치: ", "지금까지 한 조치"),
}
TO_DO = {"en": "What you should do:", "ko": "하실 일:"}
PAYMENTS = {"en": "Payments: ", "ko": "결제: "}
JARGON = (
    *("lane", "dead letter", "dead_letter", "guard", "brake", "streak", "efficacy"),
    *("budget", "remedy", "verdict", "cadence", "backoff", "fold", "replica"),
)
WITHOUT_PAYMENTS = {
    MessageKind.ENGINE_BACK,
    MessageKind.SETTINGS_TAKEN,
    MessageKind.TEST,
}
STAGES: tuple[dict[str, str], ...] = (
    {"doing": "", "attempt": "0"},
    {"doing": "restart"},
    {"doing": "", "attempt": "3", "lane": "slow", "next_try_wall": f"{WALL + 600}"},
    {"doing": "", "attempt": "8", "lane": "dead_letter"},
    {"doing": "", "attempt": "0", "mode": "observe"},
)
DEPENDENT_DOWN = {
    "doing": "",
    "payments": "stopped",
    "payments_of": "bitcoincash-service",
    "dependents": "shop-b-1",
}
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
        full_text = f"{text.title}\n{text.body}"
        assert "shop" in text.title
        assert "pay-1" in text.title
        assert OFFSET.search(text.body), full_text
        assert any(label in text.body for label in ACTION_LABELS[language]), full_text
        assert TO_DO[language] in text.body, full_text
        if kind not in WITHOUT_PAYMENTS:
            assert PAYMENTS[language] in text.body, full_text
        low = full_text.rpartition("\n[")[0].lower()
        assert [word for word in JARGON if re.search(rf"\b{word}\b", low)] == []


def advice(cause: Cause, language: str = "en", **facts: str) -> str:
    values = {"doing": "", "attempt": "0", "cause": cause.value, **facts}
    body = RENDERERS[language](message(facts=values)).body
    return part_from(body, TO_DO[language])


def part_from(body: str, label: str) -> str:
    """Text from a label up to the links."""
    return body[body.index(label) :].partition("https://watch.example/")[0]


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (Cause.MISSING, "cd /srv/shop && docker compose up -d electron-cash"),
        (Cause.STOPPED, "docker start shop-electron-cash-1"),
        (Cause.PAUSED, "docker unpause shop-electron-cash-1"),
        (Cause.AUTH, "docker exec shop-sidecar-1 sidecar reload"),
        (Cause.AUTH, "ELECTRON_CASH_PASSWORD_FILE"),
        (Cause.DETACHED, "docker network inspect shop_default"),
        (Cause.DETACHED, "docker network connect shop_default shop-sidecar-1"),
        (Cause.AUTH, "1. See where Sidecar's user name and password come"),
        (Cause.AUTH, "cd /srv/shop && docker compose up -d watch\n"),
        (Cause.AUTH, "do not move a new file over it, Sidecar would keep the old one"),
        (
            Cause.DETACHED,
            "docker network connect --alias electron-cash shop_default shop-electron",
        ),
        (Cause.KILLED_BY_PROBE, "4. If it is not offline: read its log: docker logs"),
        (Cause.UPSTREAM_LOST, "note the addresses handed out lately before it"),
        (Cause.PROBER_FAILED, "keep running): docker restart shop-sidecar-1\n"),
        (Cause.MISCONFIGURED, "cd /srv/shop && docker compose up -d watch\n"),
        (Cause.NEVER_UP, "docker exec shop-sidecar-1 sidecar reload"),
        (Cause.KILLED_BY_PROBE, "cd /srv/shop && docker compose up -d electron-cash"),
        (Cause.OWN_NETWORK, "docker network connect shop_default shop-sidecar-1"),
        (Cause.ADDRESSES_LOST, "1. Stop the service that hands out addresses."),
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
def test_advice_has_the_command_or_step_for_its_cause(
    cause: Cause, expected: str
) -> None:
    assert expected in advice(cause, network="shop_default")


def test_a_wallet_that_cannot_be_loaded_has_steps_in_order() -> None:
    english = advice(
        Cause.WALLET_NOT_LOADED, load_failure="no file", wallet="/w/default_wallet"
    )
    steps = [int(n) for n in re.findall(r"(\d)\. ", english)]
    assert steps == [1, 2, 3, 4, 5, 6, 7]
    assert "1. Do not delete the wallet file" in english
    assert "docker cp shop-electron-cash-1:/w/default_wallet ./wallet-copy" in english
    korean = advice(
        Cause.WALLET_NOT_LOADED,
        "ko",
        load_failure="no file",
        wallet="/w/default_wallet",
    )
    assert "지갑 파일을 삭제하지 마십시오" in korean


def test_message_without_api_token_names_no_command_that_needs_it() -> None:
    bare = Renderer(
        read_catalog("en"), SEOUL, Installation("shop", "", "shop-sidecar-1", False)
    )

    def render_body(**facts: str) -> str:
        return bare(message(facts={"doing": "", **facts})).body

    signal = "'import os, signal; os.kill(1, signal.SIGHUP)'"
    command = f"docker exec shop-sidecar-1 python3 -c {signal}"
    assert command in render_body(cause="auth")
    by_hand = "resume the repairs: docker restart shop-electron-cash-1"
    assert by_hand in render_body(cause="crash_loop")


def test_message_names_plain_sidecar_command_outside_a_container() -> None:
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
    assert plain_command(hostile) == ""
    text = advice(Cause.MISSING, compose=hostile)
    assert "bring it up: docker compose up -d electron-cash\n" in text


def test_a_compose_files_name_is_no_domain() -> None:
    command = "cd /srv/shop && docker compose -f prod.yml -f 'a b.yaml'"
    assert plain_command(command) == command
    assert shlex.split(command)[-1] == "a b.yaml"


@pytest.mark.parametrize("cause", [c for c in Cause if CAUSES[c].remedy is None])
def test_message_lists_a_remedy_of_an_earlier_cause(cause: Cause) -> None:
    """A restart for another cause was tried, so the message lists it."""
    remedy = CompletedRemedy(
        WALL, "electron-cash", Action.RESTART, RemedyOutcome.NOT_RECOVERED
    )
    facts = {
        "doing": "",
        "cause": cause.value,
        "deeds": write_completed_remedies((remedy,)),
    }
    body = RENDERERS["en"](message(facts=facts)).body
    assert "restarted electron-cash: it did not work afterwards" in body
    assert "What Sidecar did: nothing" not in body


def test_changed_message_names_previous_and_current_cause() -> None:
    facts = {"cause": "auth", "first_cause": "refused", "known_cause": "refused"}
    sample = message(kind=MessageKind.CHANGED, facts={**facts, "doing": ""})
    text = RENDERERS["en"](sample)
    assert text.title == (
        "[P1] Another problem now - electron-cash (shop on pay-1): "
        "it rejects Sidecar's user or password"
    )
    assert (
        "The problem was: it accepts no connections. It is now: it rejects" in text.body
    )
    reminded = message(kind=MessageKind.REMINDER, facts={**facts, "doing": ""})
    body = RENDERERS["en"](reminded).body
    assert "How it began: it accepted no connections" in body


def test_failed_repair_with_a_new_cause_says_another_problem() -> None:
    facts = {"cause": "auth", "first_cause": "refused", "doing": "", "remedies": "1"}
    failed = MessageKind.ACTION_FAILED
    text = RENDERERS["en"](message(kind=failed, facts=facts))
    assert "Another problem after repair 1" in text.title
    assert "did not help" not in text.title
    assert (
        "After the last repair the first problem was over "
        "(it accepted no connections); now: it rejects Sidecar's user or password."
    ) in text.body
    assert "How it began" not in text.body
    of_another = message(kind=failed, facts={**facts, "about": "web"})
    assert "Repair 1 did not help" in RENDERERS["en"](of_another).title


def test_resolved_message_distinguishes_later_cause_from_the_first() -> None:
    remedy = "1.0 restart not_recovered electron-cash"
    facts = {"cause": "refused", "first_cause": "refused", "deeds": remedy}
    ended, end = {**facts, "known_cause": "auth"}, MessageKind.RESOLVED
    body = RENDERERS["en"](message(kind=end, facts=ended)).body
    assert "None of that helped" not in body
    assert "Whether that ended the first problem is not known." in body
    assert "The later one ended without Sidecar's doing." in body
    both = "it accepted no connections; later it rejected Sidecar's user or password."
    assert f"What it was: {both} From " in body
    body = RENDERERS["en"](message(kind=end, facts=facts)).body
    assert "What it was: it accepted no connections. From " in body
    assert "None of that helped: it came back without Sidecar's doing." in body


@pytest.mark.parametrize("language", LANGUAGES)
def test_payments_that_probably_work_name_the_services_that_work(language: str) -> None:
    facts = {"cause": "auth", "payments": "unseen", "payments_of": "electron-cash"}
    named = message(facts={**facts, "payments_by": "bitcoincash-service"})
    (line,) = payment_lines(RENDERERS[language](named).body, language)
    assert line.endswith(": bitcoincash-service")
    assert "electron-cash" in line
    unnamed = message(facts={**facts, "payments_by": ""})
    (line,) = payment_lines(RENDERERS[language](unnamed).body, language)
    assert line == read_catalog(language)("payments.unknown")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (MessageKind.SETTINGS_REFUSED, "payments.not_by_this"),
        (MessageKind.PLAN_SKIPPED, "payments.not_by_this"),
        (MessageKind.STORE_LOST, "payments.not_by_this"),
        (MessageKind.OWN_NETWORK_BACK, "payments.checking"),
        (MessageKind.OWN_NETWORK_LOST, "payments.unknown"),
        (MessageKind.ENGINE_LOST, "payments.unknown"),
        (MessageKind.BALANCE, "payments.unknown"),
    ],
)
def test_message_about_sidecar_itself_says_what_is_known_of_payments(
    kind: MessageKind, key: str, language: str
) -> None:
    for payments, expected in (("unknown", key), ("", key), ("fine", "payments.fine")):
        sample = message(kind=kind, facts={"payments": payments})
        body = RENDERERS[language](sample).body
        assert payment_lines(body, language) == [read_catalog(language)(expected)]


def payment_lines(body: str, language: str) -> list[str]:
    return [line for line in body.splitlines() if line.startswith(PAYMENTS[language])]


@pytest.mark.parametrize("kind", [MessageKind.OPENED, MessageKind.RESOLVED])
def test_lost_addresses_stop_the_services_that_hand_them_out_first(
    kind: MessageKind,
) -> None:
    facts = {"cause": "addresses_lost", "doing": "", "dependents": "shop-a-1 shop-b-1"}
    body = RENDERERS["en"](message(kind=kind, facts=facts)).body
    steps = part_from(body, TO_DO["en"])
    assert "payments are taken: docker stop shop-a-1 shop-b-1\n" in steps
    assert "docker start shop-a-1 shop-b-1\n" in steps
    assert steps.index("docker stop") < steps.index("createnewaddress")
    assert steps.index("createnewaddress") < steps.index("docker start")


def test_log_of_the_only_dependent_that_is_down_follows_the_advice() -> None:
    line = "If bitcoincash-service still does not work after that, read its log: "
    facts = {**DEPENDENT_DOWN, "cause": "upstream_lost"}
    body = RENDERERS["en"](message(facts=facts)).body
    assert f"{line}docker logs --tail 100 shop-b-1\n" in body
    for other in (
        {"payments": "fine"},
        {"payments_of": "electron-cash"},
        {"dependents": "shop-a-1 shop-b-1"},
        {"cause": "refused"},
        {"cause": "auth"},
    ):
        assert line not in RENDERERS["en"](message(facts={**facts, **other})).body


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("cause", ["auth", "misconfigured", "detached"])
def test_payments_come_before_advice_on_sidecars_own_settings(
    cause: str, language: str
) -> None:
    facts = {**DEPENDENT_DOWN, "cause": cause}
    body = RENDERERS[language](message(facts=facts)).body
    before, _, _ = body.partition(TO_DO[language])
    first = before.splitlines()[-1]
    assert "bitcoincash-service" in first
    assert first.endswith(": docker logs --tail 100 shop-b-1")


def test_missing_addresses_are_counted_where_that_is_known() -> None:
    counted = Reason.of(R.ADDRESSES_LOST, left=37, had=40, lost=3)
    facts = reason_facts("reason", counted)
    assert "(number when this was measured: 3)" in advice(Cause.ADDRESSES_LOST, **facts)
    facts["dependents"] = "shop-b-1"
    steps = advice(Cause.ADDRESSES_LOST, **facts)
    assert "(number when this was measured: 3)" in steps
    assert "docker stop shop-b-1" in steps
    assert "number when" not in advice(Cause.ADDRESSES_LOST, reason="fewer")


@pytest.mark.parametrize("cause", [Cause.MISCONFIGURED, Cause.NEVER_UP, Cause.DETACHED])
def test_advice_names_the_variable_of_its_own_kind_of_target(cause: Cause) -> None:
    def find_names(is_wallet: str) -> list[bool]:
        text = advice(cause, is_wallet=is_wallet, network="shop_default")
        return [name in text for name in ("ELECTRON_CASH_URL", "BCH_SERVICE_URL")]

    assert find_names("yes") == [True, False]
    assert find_names("no") == [False, True]
    assert find_names("") == [True, True]


def test_unknown_method_is_corrected_where_it_is_a_setting() -> None:
    reason = Reason.of(R.UNKNOWN_METHOD_NAMED, status=500, method="m")
    facts = reason_facts("reason", reason)
    step = "targets.electron-cash.probe.method"
    assert step in advice(Cause.MISCONFIGURED, is_wallet="no", **facts)
    assert step not in advice(Cause.MISCONFIGURED, is_wallet="yes", **facts)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("cause", "payments", "key"),
    [
        ("upstream_stale", "blind", "payments.blind_if_behind"),
        ("upstream_lost", "blind", "payments.blind"),
        ("suspended", "unseen", "payments.unseen_after_sleep"),
    ],
)
def test_payments_sentence_fits_the_cause(
    cause: str, payments: str, key: str, language: str
) -> None:
    names = {"payments_of": "a", "payments_by": "b"}
    facts = {"cause": cause, "payments": payments, **names}
    body = RENDERERS[language](message(facts=facts)).body
    expected = read_catalog(language)(key, **names)
    assert payment_lines(body, language) == [expected]


@pytest.mark.parametrize("kind", [MessageKind.ENGINE_LOST, MessageKind.STORE_LOST])
def test_last_resort_is_a_restart_of_sidecar_in_its_container(
    kind: MessageKind,
) -> None:
    command = "keep running): docker restart shop-sidecar-1\n"
    assert command in RENDERERS["en"](message(kind=kind)).body
    bare = Renderer(read_catalog("en"), SEOUL, Installation("shop", "pay-1"))
    assert "restart Sidecar" not in bare(message(kind=kind)).body


def test_message_of_a_deadly_call_names_it() -> None:
    reason = Reason.of(R.KILLED_BY_CALL, method="getbalance")
    facts = {"cause": "killed_by_probe", "doing": "", **reason_facts("reason", reason)}
    body = RENDERERS["en"](message(facts=facts)).body
    assert "Sidecar no longer sends getbalance, the call that it died of." in body
    body = RENDERERS["en"](message(facts={**facts, "reason_data": ""})).body
    assert "Sidecar no longer sends the call that it died of." in body


def test_lost_network_and_lost_store_have_the_command_where_it_is_known() -> None:
    facts = {"network": "shop_default"}
    sample = message(kind=MessageKind.OWN_NETWORK_LOST, facts=facts)
    body = RENDERERS["en"](sample).body
    assert "docker network connect shop_default shop-sidecar-1\n" in body
    body = RENDERERS["en"](message(kind=MessageKind.OWN_NETWORK_LOST)).body
    assert "cd /srv/shop && docker compose up -d watch\n" in body
    body = RENDERERS["en"](message(kind=MessageKind.STORE_LOST)).body
    code = """'import shutil; print(shutil.disk_usage("/srv/state"))'\n"""
    assert f"docker exec shop-sidecar-1 python3 -c {code}" in body
    bare = Renderer(read_catalog("en"), SEOUL, Installation("shop", "pay-1"))
    assert ": df -h\n" in bare(message(kind=MessageKind.STORE_LOST)).body


def test_acknowledgement_is_shown_with_its_time_and_channel() -> None:
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
    sample = message(facts={**facts, **reason_facts("reason", counted)})
    title = RENDERERS[language](sample).title
    assert "37" in title
    assert "40" in title
    unknown = RENDERERS["en"](message(facts={**facts, "reason": "fewer"})).title
    assert unknown.endswith("its wallet has forgotten addresses")


def test_path_of_a_fault_stays_exact_and_found_value_is_quoted() -> None:
    faults = (
        "targets.a.probe.url: found nothing; allowed: an address - it is needed\n"
        "mode: found '<!here>'; allowed: act or observe\n"
        "[x](https://evil.example)"
    )
    sample = message(kind=MessageKind.SETTINGS_REFUSED, facts={"faults": faults})
    lines = RENDERERS["en"](sample).body.splitlines()
    assert "targets.a.probe.url is empty; it must be an address" in lines
    assert "mode: found '‹!here›'; allowed: act or observe" in lines
    assert not any("evil.example" in line for line in lines)
    assert (
        "targets.a.probe.url: 값이 없습니다. 허용되는 값: 주소\n"
        in RENDERERS["ko"](sample).body
    )


def test_reason_shows_a_cause_in_words_and_a_long_time_in_hours() -> None:
    failing = Reason.of(R.IS_FAILING, root="electron-cash", cause="refused")
    skipped = reason_facts("last_reason", Reason.of(R.PLAN_SKIPPED, reason=failing))
    sample = message(kind=MessageKind.PLAN_SKIPPED, facts=skipped)
    body = RENDERERS["en"](sample).body
    assert "electron-cash is failing (it accepts no connections)" in body
    assert "refused" not in RENDERERS["ko"](sample).body
    stale = Reason.of(R.CHAIN_STALE, height=870000, seconds=10800.0, limit_s=10800.0)
    sample = message(facts=reason_facts("reason", stale))
    assert (
        "height 870000 for 3 h 0 min (limit 3 h 0 min)" in RENDERERS["en"](sample).body
    )
    assert "3시간 0분 동안" in RENDERERS["ko"](sample).body
    sample = message(facts={"reason": "no answer from a:7777 for 47.0 s, 99 s"})
    assert "for 47.0 s, 99 s" in RENDERERS["en"](sample).body


@pytest.mark.parametrize("kind", [MessageKind.ENGINE_BACK, MessageKind.SETTINGS_TAKEN])
def test_message_about_an_end_shows_the_period(kind: MessageKind) -> None:
    facts = {"from_wall": f"{WALL - 61.0:.3f}", "incident": ""}
    body = RENDERERS["en"](message(kind=kind, facts=facts)).body
    assert "from 2026-01-02 12:03:04 +09:00 to 12:04:05 (1 min 1 s)." in body
    body = RENDERERS["en"](message(kind=kind, facts={"incident": ""})).body
    assert "It is over since 2026-01-02" in body


def test_changed_message_explains_why_it_is_restarted_now() -> None:
    changed = MessageKind.CHANGED
    facts = {"cause": "refused", "known_cause": "upstream_lost"}
    body = RENDERERS["en"](message(kind=changed, facts=facts)).body
    assert "Why it is restarted now, although you were told not to: " in body
    assert "compare the addresses" in part_from(body, TO_DO["en"])
    for other in ({"known_cause": "auth"}, {"doing": ""}):
        body = RENDERERS["en"](message(kind=changed, facts={**facts, **other})).body
        assert "Why it is restarted now" not in body


def test_earlier_attempts_are_shown_with_their_known_outcome() -> None:
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
    """A command copied with its full stop would have another name in it."""
    values = {"container": "CONTAINER", "restart": "RESTART", "recover": "RECOVER"}
    values |= {"reload": "RELOAD", "compose": "COMPOSE", "sidecar": "SIDECAR"}
    values |= {"about": "a", "service": "SERVICE", "network": "N", "own": "OWN"}
    values |= {"wallet": "WALLET", "incident": "INCIDENT"}
    values |= {"own_up": "OWNUP", "disk": "DISK", "dependents": "DEPENDENTS"}
    values |= {"payments_of": "b", "lost": "3", "url_variable": "VARIABLE"}
    for language in LANGUAGES:
        for key, text in read_catalog(language).texts.items():
            if key.startswith("advice."):
                advice_text = text.format_map(values)
                assert not re.search(r"\b[A-Z]{3,}\.(?:\s|$)", advice_text), (
                    key,
                    advice_text,
                )
