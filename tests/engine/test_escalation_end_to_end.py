"""Escalation of a daemon that no restart helps, until it is acknowledged."""

import json
from collections import Counter
from datetime import datetime
from urllib.parse import urlsplit

import pytest
import requests

from tests.engine.harness import (
    DEADLINE_S,
    QUICK,
    WALLET,
    Json,
    Record,
    SidecarBox,
    Stack,
    WalletBox,
    WebhookBox,
    config,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

# Three restarts that do not help take about 17 s on an idle machine; the reminder and
# the escalation have times of their own and may come before the third.
REPEAT_S, ESCALATE_S = 13, 22
PAGE = "http://sidecar.example"
THIRD = (
    "[P1] 자동 복구 3회 실패, 담당자 조치 필요 - "
    "electron-cash ({}): 연결을 받지 않습니다"
)


def escalation_config(recovery_timeout: str = "4s") -> Json:
    """A configuration with short times, two channels, in Korean."""
    restart = {
        "backoff": "500ms",
        "stop_timeout": "1s",
        "dead_stop_timeout": "1s",
        "recovery_timeout": recovery_timeout,
    }
    quick = {**QUICK, "start_period": "2s"}
    webhook = "json://webhook:8090"
    return {
        **config({WALLET: wallet_target(restart=restart)}, defaults=quick),
        "language": "ko",
        "notify": {
            "channels": {
                "ops": {"url": f"{webhook}/ops"},
                "phone": {"url": f"{webhook}/phone"},
            },
            "routes": {"P0": ["phone", "ops"], "P1": ["ops"], "P2": ["ops"]},
            "escalate_after": {"P1": f"{ESCALATE_S}s"},
            "repeat": f"{REPEAT_S}s",
            "public_url": PAGE,
            "timezone": "Asia/Seoul",
        },
    }


def seconds_between(earlier: str, later: str) -> float:
    span = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    return span.total_seconds()


def follow_link(
    watcher: SidecarBox, link: str, method: str = "GET", *, incident: str | None = None
) -> requests.Response:
    """Request the link from outside, for its own or for another incident."""
    parts = urlsplit(link)
    path = parts.path if incident is None else f"/ack/{incident}"
    return watcher.ask(method, 9787, f"{path}?{parts.query}")


def incidents(watcher: SidecarBox) -> list[Json]:
    """All incidents, newest first."""
    answer = watcher.ask("GET", 9787, "/api/v1/incidents")
    return list(answer.json()["incidents"])


def break_permanently(wallet: WalletBox) -> None:
    wallet.set_fault("death_at_start", 0.01)
    wallet.end_daemon()


def repair_by_hand(wallet: WalletBox) -> None:
    """Repair the daemon inside its container; its control port is down as well."""
    wallet.run("python", "wallet.py", "fault", "death_at_start", "off")
    wallet.docker.restart(timeout=1)


def wait_for_incident(stack: Stack) -> str:
    """Id of the wallet daemon's current incident; its start may have had another."""
    return stack.wait_for(
        "an incident", lambda: str(stack.watcher.target(WALLET).get("incident") or "")
    )


def test_daemon_that_cannot_recover_is_escalated_until_acknowledged(
    stack: Stack,
) -> None:
    # It dies before a restart is judged: else it is one that never opens its port.
    wallet = stack.wallet(shape="wrapper", env={"BOOT_SECONDS": "0.05"})
    webhook = stack.webhook()
    stack.wait_for("the daemon answers", lambda: wallet.rpc("ping"))
    stack.sidecar(escalation_config())
    stack.wait_healthy(WALLET)

    break_permanently(wallet)
    incident = wait_for_incident(stack)
    link = wait_for_escalation(stack, webhook, incident)
    acknowledge_by_button(stack, link)
    kinds_by_channel = {
        name: webhook.kinds(incident, name) for name in ("ops", "phone")
    }

    repair_by_hand(wallet)
    stack.wait_healthy(WALLET)
    expected = {name: [*kinds, "resolved"] for name, kinds in kinds_by_channel.items()}
    stack.wait_for(
        "the resolve on both channels",
        lambda: {c: webhook.kinds(incident, c) for c in expected} == expected,
    )
    assert_phone_messages_follow_escalation(expected["phone"])
    assert stack.engine_calls() == [f"restart {WALLET}"] * 3
    assert_link_is_invalid(stack, wallet, webhook, link)
    assert {c: webhook.kinds(incident, c) for c in expected} == expected
    assert_order_and_language(stack, webhook, incident)


def wait_for_escalation(stack: Stack, webhook: WebhookBox, incident: str) -> str:
    """Wait for three failed restarts and the escalation; returns its link."""
    # The order depends on the machine's speed: reminders and the escalation have
    # their own times.
    stack.wait_for(
        "the third failure is told",
        lambda: third_failures(stack, webhook, incident),
        2 * DEADLINE_S,
    )
    stack.wait_outcome(WALLET, "restart", "not_recovered", times=3)
    assert stack.watcher.target(WALLET)["lane"] == "slow"
    assert stack.engine_calls() == [f"restart {WALLET}"] * 3
    page, *_ = stack.wait_for(
        "an escalation", lambda: webhook.messages(incident, "phone")
    )
    assert page["title"].startswith("[P1] 아직 확인한 담당자 없음 - electron-cash (")
    assert webhook.kinds(incident, "ops")[0] == "opened"
    stack.wait_for("a reminder", lambda: "reminder" in webhook.kinds(incident, "ops"))
    kinds = Counter(webhook.kinds(incident, "ops"))
    assert set(kinds) == {"opened", "action_failed", "reminder"}
    # Of failures that wait to be told, the last one tells all.
    assert (kinds["opened"], kinds["action_failed"] <= 3) == (1, True), kinds
    opened, escalated = (
        wait_for_incident_record(stack, incident, s) for s in ("opened", "escalated")
    )
    assert escalated.seconds_after(opened) > ESCALATE_S - 0.1
    return link_of_message(page["message"])


def third_failures(stack: Stack, webhook: WebhookBox, incident: str) -> list[str]:
    """The titles of the messages that tell the third failure."""
    titles = [m["title"] for m in webhook.messages(incident, "ops")]
    return [title for title in titles if title == THIRD.format(stack.project)]


def assert_phone_messages_follow_escalation(kinds: list[str]) -> None:
    """The phone channel gets the escalation and all messages after it."""
    first, *between, last = kinds
    assert (first, last) == ("escalated", "resolved")
    assert set(between) <= {"action_failed", "reminder"}


def wait_for_incident_record(stack: Stack, incident: str, what: str) -> Record:
    """Wait for the log's record of a step of the incident."""
    return stack.wait_for(
        f"the word that it was {what}",
        lambda: next(
            record
            for record in stack.watcher.records(WALLET)
            if record.fields.get("incident") == incident
            and record.message.startswith(f"incident {what}: ")
        ),
    )


def link_of_message(message: str) -> str:
    (link,) = [word for word in message.split() if word.startswith(f"{PAGE}/ack/")]
    return link


def acknowledge_by_button(stack: Stack, link: str) -> None:
    """Acknowledge by the page's button; then no reminder follows."""
    watcher = stack.watcher
    asked = follow_link(watcher, link)
    assert (asked.status_code, "처리하시겠습니까" in asked.text) == (200, True)
    forged = follow_link(watcher, f"{link}x", "POST")
    assert forged.status_code == 404
    assert incidents(watcher)[0]["acked_at"] is None

    pressed = follow_link(watcher, link, "POST")
    assert (pressed.status_code, "감사합니다" in pressed.text) == (200, True)
    acked_at = incidents(watcher)[0]["acked_at"]
    again = follow_link(watcher, link, "POST")
    assert "이미 담당자가 있습니다" in again.text
    stack.wait_for(
        "the time at which a reminder was due",
        lambda: seconds_between(acked_at, watcher.status_view()["at"]) > REPEAT_S + 3,
    )
    assert incidents(watcher)[0]["acked_at"] == acked_at


def assert_link_is_invalid(
    stack: Stack, wallet: WalletBox, webhook: WebhookBox, link: str
) -> None:
    """The link is too late for its own incident and invalid for another."""
    over = follow_link(stack.watcher, link, "POST")
    assert "이미 해결된 장애입니다" in over.text
    # This restart has time to help.
    stack.rewrite_config(json.dumps(escalation_config(recovery_timeout="60s")))
    stack.watcher.run("sidecar", "reload")
    wallet.end_daemon()
    second = wait_for_incident(stack)
    foreign = follow_link(stack.watcher, link, "POST", incident=second)
    assert foreign.status_code == 404
    stack.wait_healthy(WALLET)
    stack.wait_for(
        "the second resolve",
        lambda: webhook.kinds(second, "ops")[-1:] == ["resolved"],
    )
    ended = incidents(stack.watcher)[0]
    assert ended["acked_at"] is None
    lasted_s = seconds_between(ended["opened_at"], ended["resolved_at"])
    assert lasted_s > ESCALATE_S - 1 or webhook.kinds(second, "phone") == []


def assert_order_and_language(stack: Stack, webhook: WebhookBox, incident: str) -> None:
    for channel in ("ops", "phone"):
        ids = [m["id"].split("-") for m in webhook.messages(incident, channel)]
        numbers = [int(number) for _, number, *_ in ids]
        assert numbers == sorted(set(numbers)), channel
    opened, *_, resolved = webhook.messages(incident, "ops")
    assert "장애 대상: electron-cash" in opened["message"]
    assert stack.project in opened["message"]
    assert "+09:00" in opened["message"]
    tries = [
        m["title"] for m in webhook.messages(incident, "ops") if "3회" in m["title"]
    ]
    assert set(tries) == {THIRD.format(stack.project)}
    assert resolved["title"].startswith("[해결] electron-cash")
