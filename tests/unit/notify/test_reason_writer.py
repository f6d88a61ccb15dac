"""Reasons in Korean: every code has its text, and foreign text is quoted."""

import itertools
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.message import MessageKind
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.english import ENGLISH as ENGLISH_TEXTS
from sidecar.core.reason.reason import NO_REASON, Reason, text_reason
from sidecar.core.reason.reason_text import reason_facts
from sidecar.notify.message_catalog import read_catalog
from sidecar.notify.render import Renderer
from tests.support.message_text import LINKS, PARTICLE, SEOUL
from tests.support.notify_receivers import PLACE, message
from tests.support.rule_steps import STEPS, play

KOREAN = read_catalog("ko")
QUOTED = re.compile(r"“[^”]*”")
ENGLISH = re.compile(r"[A-Za-z][a-z']+ [a-z']+ [a-z']+")
"""Three words in a row; names and settings have fewer."""

COMMANDS = (
    "docker exec shop-sidecar-1",
    "docker compose up -d",
    "systemctl status docker",
    "systemctl start docker",
    "docker network connect",
    "sidecar config check",
    "sidecar check electron-cash",
    "sidecar restart electron-cash",
    "sidecar recover electron-cash",
    "docker restart shop-electron-cash-1",
    "docker restart shop-sidecar-1",
    "docker start shop-electron-cash-1",
    "docker unpause shop-electron-cash-1",
    "docker logs --tail 100 shop-electron-cash-1",
    "sidecar config show",
    "sidecar backup list electron-cash",
    "sidecar backup run electron-cash",
    "sidecar backup restore electron-cash",
    "sidecar maintenance run electron-cash",
    "docker exec shop-electron-cash-1 getent hosts example.org",
    "docker exec shop-electron-cash-1 df -h",
    "docker system df",
    "docker stats --no-stream",
    "sidecar drill list",
)


def placeholders(text: str) -> set[tuple[str, str]]:
    parsed = string.Formatter().parse(text)
    return {(name, form or "") for _, name, form, _ in parsed if name}


def find_english(text: str) -> list[str]:
    """English phrases of ours in a Korean text."""
    for command in COMMANDS:
        text = text.replace(command, "")
    return ENGLISH.findall(QUOTED.sub("", text))


def sample(code: R) -> Reason:
    """A reason of a code, each parameter of the kind that its text takes."""
    values: dict[str, str | int | float | Reason] = {}
    for name, form in placeholders(ENGLISH_TEXTS[code]):
        is_number = bool(form) or name.endswith(("_s", "seconds", "wall"))
        values[name] = 7.0 if is_number else SAMPLES.get(name, "xyz")
    return Reason.of(code, **values)


SAMPLES: dict[str, str | Reason] = {
    "reason": Reason.of(R.NO_WALLET_LOADED),
    "why": Reason.of(R.WORK_DONE),
    "objection": Reason.of(R.RESTARTS_OFF),
    "because": Reason.of(R.PASSWORD_STAYS),
    "advice": Reason.of(R.MATCH_PASSWORDS),
    "note": Reason.of(R.ENGINE_RESTARTED_IT),
    "action": "restart",
    "cause": "refused",
}


def test_every_code_has_a_korean_text() -> None:
    assert KOREAN.reasons.keys() == {str(code) for code in R}


def test_korean_text_of_a_code_is_korean_and_needs_no_particle() -> None:
    for code in R:
        korean = KOREAN.reasons[code]
        assert placeholders(korean) <= placeholders(ENGLISH_TEXTS[code]), code
        assert not PARTICLE.search(korean), code
        own_words = re.sub(r"\{[^}]*\}", "", korean)
        assert (
            re.search("[가-힣]", korean)
            or not re.search("[A-Za-z]{2}", own_words)
            or (code is R.STATUS_SAYS)
        ), code


def test_a_reason_of_each_code_has_no_english_sentence_in_korean() -> None:
    for code in R:
        text = KOREAN.write_reason(sample(code))
        assert find_english(text) == [], code
        assert "{" not in text, code


@given(steps=st.lists(STEPS, max_size=25))
def test_every_decision_of_any_story_can_be_written_in_korean(
    steps: list[tuple[object, ...]],
) -> None:
    world = play(steps)
    reasons = [decision.reason for decision in world.decisions]
    reasons += [instance.reason for instance in world.state.instances.values()]
    for reason in reasons:
        assert reason.is_complete
        assert find_english(KOREAN.write_reason(reason)) == []


@pytest.mark.parametrize("cause", list(Cause))
def test_a_korean_page_has_no_english_sentence_of_ours(cause: Cause) -> None:
    render = Renderer(KOREAN, SEOUL, PLACE, LINKS)
    rule = CAUSES[cause]
    reason = rule.why_not or Reason.of(R.NO_WALLET_LOADED)
    hold_reason = Reason.of(
        R.HELD,
        why=Reason.of(R.FAILURES, count=3, reason=reason),
        action="restart",
        objection=Reason.of(R.STACK_LIMIT, count=10),
    )
    states = (
        {"last_action": "hold", **reason_facts("last_reason", hold_reason)},
        {"lane": "dead_letter", "remedies": "3"},
        {"mode": "observe"},
    )
    for kind, facts in itertools.product(MessageKind, states):
        all_facts = {**facts, "cause": cause.value, **reason_facts("reason", reason)}
        text = render(message(kind=kind, facts=all_facts))
        assert find_english(f"{text.title}\n{text.body}") == [], (kind, facts)


def test_reason_of_several_reasons_is_written_in_parts() -> None:
    why = Reason.of(R.CONNECTION_REFUSED, place="electron-cash:7777")
    hold_reason = Reason.of(
        R.HELD,
        why=Reason.of(R.FAILURES, count=3, reason=why),
        action="restart",
        objection=Reason.of(R.LAST_TRY_FAILED, wait_s=20.0),
    )
    assert KOREAN.write_reason(hold_reason) == (
        "3회째 실패: 연결이 거부되었습니다 (electron-cash:7777). "
        "보류한 조치: 다시 시작. "
        "지난 시도로 복구되지 않았습니다(다음 시도까지 남은 시간: 20초)"
    )


def test_foreign_text_is_quoted() -> None:
    says = Reason.of(R.STATUS_SAYS, status=500, said="disk full")
    assert KOREAN.write_reason(says) == "HTTP 500: “disk full”"
    failed = Reason.of(R.FAILURES, count=1, reason=text_reason("who knows"))
    assert KOREAN.write_reason(failed) == "1회째 실패: “who knows”"
    assert KOREAN.write_reason(NO_REASON) == ""


def test_foreign_text_that_resembles_a_reason_is_quoted() -> None:
    text = "failure 1: no wallet is loaded {place} {0}"
    assert KOREAN.write_reason(text_reason(text)) == f"“{text}”"


def test_a_reason_stored_by_an_earlier_version_is_shown_as_it_is() -> None:
    old = message(
        kind=MessageKind.OPENED, facts={"reason": "connection refused by wallet:7777"}
    )
    text = Renderer(KOREAN, SEOUL, PLACE, LINKS)(old)
    assert "“connection refused by wallet:7777”" in text.body
