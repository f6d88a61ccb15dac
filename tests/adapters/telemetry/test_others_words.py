"""What others say: without secrets, printable, and cut last, in every place."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.config.problem import quoted
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import NativeHealth, Process
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.guard import Guard
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import HookExec, HookSettings
from sidecar.core.model.probe_result import REASON_LIMIT
from sidecar.core.model.probe_settings import DockerProbe, ElectronCashProbe, ExecProbe
from sidecar.core.model.target import InstanceId
from sidecar.core.ports.engine import EngineRefused, ExecResult
from sidecar.core.reason.reason import text_reason
from sidecar.core.text.printable import printable
from sidecar.engine import answers, containers
from sidecar.engine.errors import answered_no
from sidecar.notify.hooks import hook_channel
from sidecar.notify.http_sender import HttpSender
from sidecar.probes.prober import LARGE_CHARACTERS, ProbeRunner
from sidecar.remedies import evidence
from sidecar.remedies.evidence import (
    COMMAND_CHARACTERS,
    LOG_CHARACTERS,
    Evidence,
    EvidenceCollector,
)
from sidecar.telemetry.log import LogFormat
from sidecar.telemetry.secret_mask import Mask
from tests.support.engine_server import raw_container
from tests.support.fakes import FakeClock, FakeEngine, a_container
from tests.support.notify_receivers import message
from tests.support.probe_servers import rpc_error, says, serving
from tests.support.secret_forms import FORMS
from tests.support.text_outputs import TextOutputs
from tests.unit.telemetry.test_secret_mask import SECRETS

SECRET = "Zq7Xv9Kp3Wd5"
MASK = Mask([SECRET])
CONTAINER = a_container()
ODD = "\x1b[2J\x1b]0;title\x07\u202eevil\u2066\u200f\x9b1m\x00\ud800\u2028end"
FORMATS = pytest.mark.parametrize("log_format", list(LogFormat))


def traces(text: str) -> list[str]:
    """Parts of the secret, four characters long, that can be read in a text."""
    parts = (SECRET[at : at + 4] for at in range(len(SECRET) - 3))
    return [part for part in parts if part in text]


def pushed(limit: int) -> list[str]:
    """Texts in which a limit falls everywhere within the secret."""
    return [
        f"{'x ' * ((limit - back) // 2)}{SECRET} and on" for back in range(-2, 40, 2)
    ]


# --- every place


@FORMATS
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_in_any_form_is_in_no_place(
    form: Callable[[str], str], log_format: LogFormat
) -> None:
    secret = "p'ss \"w&<r>d/+%é-비밀"
    written = form(secret)
    places = TextOutputs(f"no: {written} .", Mask([secret]), log_format).texts()
    for place, text in places.items():
        for line in written.split("\n"):
            assert len(line) < 5 or line.rstrip("=") not in text, place
        assert secret not in text, place
    for place in ("status", "history", "evidence", "log", "message opened 0"):
        # Of several lines a reason has the last one.
        shown = places[place].replace("\u2217", "*")
        assert "***" in shown or "\n" in written


@given(
    secret=SECRETS, which=st.sampled_from(sorted(FORMS)), log=st.sampled_from(LogFormat)
)
@settings(max_examples=40)
def test_any_secret_in_any_form_is_in_no_place(
    secret: str, which: str, log: LogFormat
) -> None:
    written = FORMS[which](secret)
    said = TextOutputs(f"no: {written} .", Mask([secret]), log)
    for place, text in said.texts().items():
        for line in written.split("\n"):
            assert len(line) < 5 or line.rstrip("=") not in text, place


@FORMATS
def test_what_is_not_printable_is_in_no_place(log_format: LogFormat) -> None:
    places = TextOutputs(f"no: {ODD}", Mask(), log_format).texts()
    for place, text in places.items():
        shown = text.replace("\\n", "\n").replace("\\t", "\t")
        assert printable(shown) == shown, place
        assert "\\u001b" not in shown, place
        text.encode()
    assert "evil" in json.loads(places["status"])["engine"]["reason"]


# --- masked first, cut afterwards


@pytest.mark.parametrize("said", pushed(REASON_LIMIT) + pushed(160))
async def test_no_part_of_a_secret_is_in_the_reason_of_a_probe(said: str) -> None:
    engine = FakeEngine(FakeClock(), CONTAINER)
    engine.exec_of["check"] = ExecResult(1, said)
    engine.change("c1", health=NativeHealth.UNHEALTHY, health_log=said)
    prober = ProbeRunner(engine, FakeClock(), mask=MASK)
    try:
        async with serving(says(rpc_error(-1, said))) as server:
            for probe in (
                ExecProbe(("check",)),
                DockerProbe(),
                ElectronCashProbe(server.url),
            ):
                outcome = await prober.probe(probe, CONTAINER)
                assert outcome.reason
                assert len(str(outcome.reason)) <= REASON_LIMIT
                assert traces(str(outcome.reason)) == []
    finally:
        await prober.close()


class Watched:
    """A mask that notes, for each text, whether it ran on the loop."""

    def __init__(self) -> None:
        self.on_loop: dict[str, bool] = {}

    def __call__(self, text: str) -> str:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.on_loop[text] = False
        else:
            self.on_loop[text] = True
        return text


async def test_a_long_reason_is_masked_beside_the_loop() -> None:
    engine, mask = FakeEngine(FakeClock(), CONTAINER), Watched()
    engine.exec_of["check"] = ExecResult(1, "x " * LARGE_CHARACTERS)
    prober = ProbeRunner(engine, FakeClock(), mask=mask)
    outcome = await prober.probe(ExecProbe(("check",)), CONTAINER)
    await prober.close()
    assert outcome.cause is Cause.COMMAND_FAILED
    assert list(mask.on_loop.values()) == [False]


async def gathered(engine: FakeEngine, mask: Callable[[str], str]) -> Evidence:
    room = EvidenceCollector(engine, FakeClock(), mask, lambda *_: ())
    wallet = InstanceId("electron-cash", 1)
    restart = Decision(
        FakeClock().now(),
        wallet,
        wallet.target,
        Action.RESTART,
        Guard.NONE,
        text_reason("hung"),
    )
    return (await room.gather(restart, CONTAINER)).evidence


async def test_a_long_log_is_masked_beside_the_loop() -> None:
    engine, mask = FakeEngine(FakeClock(), CONTAINER), Watched()
    log = engine.logs_of[CONTAINER.id] = "x " * evidence.LARGE_CHARACTERS
    assert (await gathered(engine, mask)).log
    assert mask.on_loop[log] is False


@pytest.mark.parametrize("back", range(1, len(SECRET)))
async def test_no_part_of_a_secret_is_in_evidence_that_is_cut(back: int) -> None:
    checked = f"{SECRET}{'y' * (COMMAND_CHARACTERS - back)}"
    engine = FakeEngine(FakeClock(), replace(CONTAINER, health_log=checked))
    engine.logs_of[CONTAINER.id] = f"{SECRET}{'y' * (LOG_CHARACTERS - back)}"
    command = f"{'y' * (COMMAND_CHARACTERS - back)}{SECRET}"
    engine.processes_of[CONTAINER.id] = (Process(1, 0, "S", command),)
    kept = await gathered(engine, MASK)
    assert kept.state is not None
    assert kept.log is not None
    for said in (kept.log, kept.state.health_log, kept.processes[0].command):
        assert traces(said) == []
        assert "yyyy" in said


@pytest.mark.parametrize("said", pushed(300))
def test_no_part_of_a_secret_is_in_what_the_engine_says(said: str) -> None:
    for body in (said, json.dumps({"message": said})):
        told = answered_no(500, body, "http://engine/containers/c1/start", MASK)
        assert isinstance(told, EngineRefused)
        assert traces(str(told)) == []


@pytest.mark.parametrize("said", pushed(1000))
def test_no_part_of_a_secret_is_in_what_a_health_check_says(said: str) -> None:
    raw = raw_container("c1")
    raw["State"]["Health"] = {"Status": "unhealthy", "Log": [{"Output": said}]}
    assert traces(containers.read_container(raw, MASK).health_log) == []


@pytest.mark.parametrize("said", pushed(300))
def test_no_part_of_a_secret_is_in_why_a_container_did_not_start(said: str) -> None:
    raw = raw_container("c1")
    raw["State"]["Error"] = said
    error = containers.read_container(raw, MASK).error
    assert error.startswith("x x ")
    assert traces(error) == []


@pytest.mark.parametrize("after", range(0, 60, 3))
def test_no_part_of_a_secret_begins_the_end_of_an_output(after: int) -> None:
    for end in ("", "\n"):
        said = f"a {SECRET}{end}{'y' * after} z{end}".encode()
        text = answers.last_text([b"x" * 100, said], len(said) - 6)
        assert traces(MASK(text)) == []


@pytest.mark.parametrize("said", pushed(60))
def test_no_part_of_a_secret_is_in_what_a_bad_label_says(said: str) -> None:
    assert traces(MASK(quoted(said))) == []
    assert traces(MASK(quoted(said.replace(" ", "")))) == []


@pytest.mark.parametrize("after", range(80, 120))
async def test_no_part_of_a_secret_is_in_the_error_of_a_hook(after: int) -> None:
    engine = FakeEngine(FakeClock(), CONTAINER)
    engine.exec_of["go"] = ExecResult(1, f"{SECRET}{'x' * after}")
    does = HookSettings(MessageKind.OPENED, None, HookExec("c", ("go",)))
    hook = hook_channel(0, does, HttpSender(), engine, lambda _: "c1", MASK)
    attempt = await hook.send(message())
    assert traces(attempt.error) == []
