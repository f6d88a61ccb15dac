"""Reasons in Korean: every sentence of ours is known, what is not ours is quoted."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.message import MessageKind
from sidecar.notify.message_catalog import read_catalog, texts_of
from sidecar.notify.render import Renderer
from sidecar.probes import jsonrpc_client
from sidecar.probes.http_client.errors import CLOSED_EARLY
from tests.adapters.notify_parts import PLACE, message
from tests.unit.test_notify_texts import LINKS, PARTICLE, PLACEHOLDER, SEOUL
from tests.unit.test_properties import STEPS, play

SIDECAR = Path(__file__).parents[2] / "sidecar"
KOREAN = read_catalog("ko")
QUOTED = re.compile(r"“[^”]*”")
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
    "docker start shop-electron-cash-1",
    "docker unpause shop-electron-cash-1",
    "docker logs --tail 100 shop-electron-cash-1",
)
ENGLISH = re.compile(r"[A-Za-z][a-z']+ [a-z']+ [a-z']+")
"""Three words in a row; names and settings are fewer."""

NUMBERS = (
    *(
        "seconds",
        "_s",
        "height",
        "exit",
        "len",
        "size",
        "so_many",
        "fail",
        "lag",
        "LIMIT",
        "tries",
    ),
    *(
        "size",
        "so_many",
        "whole",
        "alike",
        "threshold",
        "outages",
        "still",
        "lasted",
        "used",
        "budget",
    ),
)
STATUS = "status"
TIMES = ("format_wait", "wait", "left")
SAID = {
    "how": "did not help",
    "doing": "restart",
    "case.action": "restart",
    "phase": "verifying",
    "proof": "",
    "of": "",
    "last_reason(instance)": "no wallet is loaded",
    "what": "an operator stopped it",
    "instance.load_failure": "the wallet file is missing or its password is wrong",
    "instance.reason": "an operator stopped it",
    "describe_failure(instance)": "failure 1: no wallet is loaded",
    "so_far": "failure 1: no wallet is loaded",
    "seen": "failure 1: no wallet is loaded",
    "busy_since": " since 2026-11-29T17:00:02Z",
    "_busy_since(instance.health, at)": " since 2026-11-29T17:00:02Z",
    "waits": "xyz works again; this has 12 s left to follow by itself",
    "trouble": "its turn did not come in time",
    "rule.why_not": "a restart does not change a password",
    "rule.advice": "nothing",
    "proposal.why": "its planned restart is due",
    "proposal.action": "restart",
}


def sample(node: ast.expr) -> str:
    """An f-string as it may come out."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.BinOp):
        return sample(node.left) + sample(node.right)
    assert isinstance(node, ast.JoinedStr), ast.dump(node)
    return "".join(map(part, node.values))


def part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.FormattedValue)
    name = ast.unparse(node.value)
    if name in SAID:
        return SAID[name]
    if STATUS in name and "container" not in name:
        return "503"
    if name.startswith(TIMES):
        return "12 s"
    if node.format_spec is not None or any(n in name for n in NUMBERS):
        return "7"
    return "xyz"


MAKERS = {"probe_failure", "probe_failed", "probe_unknown", "_answers", "bad_body"}
NOT_SAID_THERE = {
    "f'{method} answered {what}'",
    "f'{type(error).__name__}: {error}'",
}
"""Made of a caller's words, or of others' alone."""

MADE_OTHERWISE = (
    ("reset", CLOSED_EARLY.format(place="xyz:1")),
    ("hung", jsonrpc_client._EARLIER_CALL),
    ("bad_body", "ping answered error -32603: xyz"),
    ("bad_body", "ping answered an error: xyz"),
    ("suspended", "this host was asleep during the probe"),
    ("suspended", "this process stood still during the probe"),
    ("http_5xx", "503: not the expected status"),
)


def of_probes() -> Iterator[tuple[str, str]]:
    """What probes find, by cause, as it is written in calls; and the rest."""
    yield from MADE_OTHERWISE
    for path in sorted((SIDECAR / "probes").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in MAKERS:
                yield from of_call(node)


def of_call(call: ast.Call) -> Iterator[tuple[str, str]]:
    cause, said = (*call.args, None, None)[:2]
    if cause is None or not isinstance(said, ast.JoinedStr | ast.Constant):
        return
    name = ast.unparse(cause)
    if name == "method":
        yield "bad_body", f"ping answered {sample(said)}"
    elif name.startswith("Cause.") and ast.unparse(said) not in NOT_SAID_THERE:
        yield name.removeprefix("Cause.").lower(), sample(said)


OF_STATUS = ("target_status", "own_network", "presumed_dependencies")


def of_rules() -> Iterator[str]:
    """What guards object, what states are said to be, what is decided."""
    status = [SIDECAR / "core" / "status" / f"{name}.py" for name in OF_STATUS]
    for path in (*(SIDECAR / "core" / "policy").rglob("*.py"), *status):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            said = said_by(node)
            if isinstance(said, ast.JoinedStr | ast.Constant) and sample(said):
                yield sample(said).replace("(did not help)", "(exit 7)")


def said_by(node: ast.AST) -> ast.expr | None:
    """Where a rule says something."""
    match node:
        case ast.Return(value=ast.JoinedStr() | ast.Constant(value=str()) as said):
            return said
        case ast.Assign(targets=[ast.Name(id="why" | "so_far")], value=said):
            return said
        case ast.Call(func=ast.Name(id="TargetStatus"), args=[_, _, said]):
            return said
        case ast.Call(func=ast.Name(id="Proposal"), args=[_, _, _, said, *_]):
            return said
        case ast.Call(func=ast.Name(id="propose_page"), args=[_, said]):
            return said
        case _:
            return None


FOUND = sorted(set(of_probes()))


def unknown_to(reason: str) -> list[str]:
    """What of a reason is in no language but English."""
    said = without_commands(KOREAN.reason(reason))
    return [*ENGLISH.findall(QUOTED.sub("", said)), *QUOTED.findall(said)]


def without_commands(text: str) -> str:
    for command in COMMANDS:
        text = text.replace(command, "")
    return text


@pytest.mark.parametrize(("cause", "reason"), FOUND)
def test_all_that_a_probe_finds_can_be_said(cause: str, reason: str) -> None:
    left = [q for q in unknown_to(reason) if q not in {"“xyz”"}]
    assert left == [], (cause, KOREAN.reason(reason))


def test_the_probes_reasons_were_found() -> None:
    assert len(FOUND) > 25
    causes = {cause for cause, _ in FOUND}
    probed = {"refused", "hung", "reset", "bad_body", "http_5xx", "auth", "detached"}
    assert probed | {"upstream_lost", "upstream_stale", "wallet_syncing"} <= causes


@pytest.mark.parametrize("reason", sorted(set(of_rules())))
def test_all_that_a_guard_or_a_state_says_can_be_said(reason: str) -> None:
    assert [q for q in unknown_to(reason) if q != "“xyz”"] == [], KOREAN.reason(reason)


@pytest.mark.parametrize("cause", list(Cause))
def test_why_nothing_is_done_can_be_said(cause: Cause) -> None:
    rule = CAUSES[cause]
    for said in filter(None, (rule.why_not, rule.advice)):
        if CAUSES[cause].remedy is None or cause is Cause.WALLET_NOT_LOADED:
            assert unknown_to(said) == []
            page = f"x; no restart, because {rule.why_not}; {rule.advice}"
            assert unknown_to(page) == ["“x”"], KOREAN.reason(page)


@given(steps=st.lists(STEPS, max_size=25))
def test_whatever_happened_every_decision_can_be_said(
    steps: list[tuple[object, ...]],
) -> None:
    world = play(steps)
    reasons = [d.reason for d in world.decisions]
    reasons += [i.reason for i in world.state.instances.values() if i.reason]
    for reason in reasons:
        left = [q for q in unknown_to(reason) if q not in OF_THE_TEST]
        assert left == [], (reason, KOREAN.reason(reason))


OF_THE_TEST = ("“x”", "“xyz”", "“as asked”", "“”")
"""What its own probes and engine say: not ours."""

REASONS = {c: [r for cause, r in FOUND if cause == c] or [""] for c in Cause}


@pytest.mark.parametrize("kind", list(MessageKind))
@pytest.mark.parametrize("cause", list(Cause))
def test_a_korean_page_has_no_english_sentence_of_ours(
    cause: Cause, kind: MessageKind
) -> None:
    render = Renderer(KOREAN, SEOUL, PLACE, LINKS)
    for reason in REASONS[cause]:
        held = f"failure 3: {reason}; no restart: 10 restarts in this stack within "
        held += "the hour: no more for now"
        for facts in (
            {"last_action": "hold", "last_reason": held},
            {"lane": "dead_letter", "remedies": "3"},
            {"mode": "observe"},
        ):
            told = message(
                kind=kind, facts={**facts, "cause": cause.value, "reason": reason}
            )
            text = render(told)
            page = without_commands(QUOTED.sub("", f"{text.title}\n{text.body}"))
            assert ENGLISH.findall(page) == [], page


def test_each_phrase_is_korean_says_nothing_more_and_needs_no_particle() -> None:
    phrases = texts_of(SIDECAR / "locale" / "ko" / "LC_MESSAGES" / "reasons.po")
    assert len(phrases) > 100
    for english, korean in phrases.items():
        placeholders = set(PLACEHOLDER.findall(english))
        assert set(PLACEHOLDER.findall(korean)) <= placeholders, english
        assert not PARTICLE.search(korean), korean
        assert re.search("[가-힣]", korean) or english == "{status}: {said}", korean


def test_a_sentence_of_several_is_said_in_parts() -> None:
    said = KOREAN.reason(
        "failure 3: connection refused by electron-cash:7777; no restart: "
        "the last try did not help; the next is in 20 s"
    )
    assert said == (
        "3회째 실패: 연결이 거부되었습니다 (electron-cash:7777). "
        "보류한 조치: 다시 시작. "
        "지난 시도로 복구되지 않았습니다(다음 시도까지 남은 시간: 20초)"
    )


def test_others_words_end_where_ours_go_on() -> None:
    said = KOREAN.reason(
        "failure 3: TLS with a:1 failed: bad seal; no restart: "
        "restarts are switched off for this target"
    )
    assert said == (
        "3회째 실패: TLS 연결에 실패했습니다 (a:1): “bad seal”. "
        "보류한 조치: 다시 시작. 이 대상은 다시 시작하지 않도록 설정되어 있습니다"
    )


def test_why_a_wallet_is_not_loaded_is_said() -> None:
    said = KOREAN.reason(
        "the daemon answers but has no wallet loaded, and loading it failed: the "
        "wallet file is missing or its password is wrong; no load_wallet: 3 tries did "
        "not help, so they come further apart: the next is in 9 min"
    )
    assert "지갑 파일이 없거나 지갑 비밀번호가 맞지 않습니다" in said
    assert ENGLISH.findall(said) == []


def test_what_is_not_ours_is_quoted() -> None:
    assert KOREAN.reason("500: disk full") == "HTTP 500: “disk full”"
    assert KOREAN.reason("failure 1: who knows") == "1회째 실패: “who knows”"
    assert KOREAN.reason("who knows") == "“who knows”"
    assert KOREAN.reason("") == ""


@pytest.mark.timeout(10)
def test_a_text_made_to_be_ambiguous_is_read_in_time() -> None:
    assert "who" in KOREAN.reason("failure 1: " * 40 + "who" + ": restart now" * 40)


def test_english_is_as_it_is() -> None:
    assert read_catalog("en").reason("who knows") == "who knows"
