"""Foreign text: without secrets, printable, and cut last, in every output."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.config.problem import quote_value
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
from sidecar.engine.errors import error_of_status
from sidecar.notify.hooks import HookTools, hook_channel
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
from tests.support.probe_servers import reply_with, rpc_error, run_server
from tests.support.secret_forms import FORMS, SECRETS
from tests.support.text_outputs import TextOutputs

SECRET = "Zq7Xv9Kp3Wd5"
MASK = Mask([SECRET])
CONTAINER = a_container()
ODD = "\x1b[2J\x1b]0;title\x07\u202eevil\u2066\u200f\x9b1m\x00\ud800\u2028end"
FORMATS = pytest.mark.parametrize("log_format", list(LogFormat))


def find_traces(text: str) -> list[str]:
    """Parts of the secret, four characters long, that can be read in a text."""
    parts = (SECRET[at : at + 4] for at in range(len(SECRET) - 3))
    return [part for part in parts if part in text]


def make_texts_across_limit(limit: int) -> list[str]:
    """Texts in which a limit falls everywhere within the secret."""
    return [
        f"{'x ' * ((limit - back) // 2)}{SECRET} and on" for back in range(-2, 40, 2)
    ]


# --- every place


@FORMATS
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_encoded_secret_is_in_no_output(
    form: Callable[[str], str], log_format: LogFormat
) -> None:
    secret = "p'ss \"w&<r>d/+%é-비밀"
    encoded = form(secret)
    places = TextOutputs(f"no: {encoded} .", Mask([secret]), log_format).texts()
    for place, text in places.items():
        for line in encoded.split("\n"):
            assert len(line) < 5 or line.rstrip("=") not in text, place
        assert secret not in text, place
    for place in ("status", "history", "evidence", "log", "message opened 0"):
        # Of several lines a reason has the last one.
        visible = places[place].replace("\u2217", "*")
        assert "***" in visible or "\n" in encoded


@given(
    secret=SECRETS, form=st.sampled_from(sorted(FORMS)), log=st.sampled_from(LogFormat)
)
@settings(max_examples=40)
def test_any_encoded_secret_is_in_no_output(
    secret: str, form: str, log: LogFormat
) -> None:
    encoded = FORMS[form](secret)
    outputs = TextOutputs(f"no: {encoded} .", Mask([secret]), log)
    for place, text in outputs.texts().items():
        for line in encoded.split("\n"):
            assert len(line) < 5 or line.rstrip("=") not in text, place


@FORMATS
def test_unprintable_text_is_in_no_output(log_format: LogFormat) -> None:
    places = TextOutputs(f"no: {ODD}", Mask(), log_format).texts()
    for place, text in places.items():
        visible = text.replace("\\n", "\n").replace("\\t", "\t")
        assert printable(visible) == visible, place
        assert "\\u001b" not in visible, place
        text.encode()
    assert "evil" in json.loads(places["status"])["engine"]["reason"]


# --- masked first, cut afterwards


@pytest.mark.parametrize(
    "text", make_texts_across_limit(REASON_LIMIT) + make_texts_across_limit(160)
)
async def test_no_part_of_a_secret_is_in_the_reason_of_a_probe(text: str) -> None:
    engine = FakeEngine(FakeClock(), CONTAINER)
    engine.exec_of["check"] = ExecResult(1, text)
    engine.change("c1", health=NativeHealth.UNHEALTHY, health_log=text)
    prober = ProbeRunner(engine, FakeClock(), mask=MASK)
    try:
        async with run_server(reply_with(rpc_error(-1, text))) as server:
            for probe in (
                ExecProbe(("check",)),
                DockerProbe(),
                ElectronCashProbe(server.url),
            ):
                outcome = await prober.probe(probe, CONTAINER)
                assert outcome.reason
                assert len(str(outcome.reason)) <= REASON_LIMIT
                assert find_traces(str(outcome.reason)) == []
    finally:
        await prober.close()


class LoopRecordingMask:
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
    engine, mask = FakeEngine(FakeClock(), CONTAINER), LoopRecordingMask()
    engine.exec_of["check"] = ExecResult(1, "x " * LARGE_CHARACTERS)
    prober = ProbeRunner(engine, FakeClock(), mask=mask)
    outcome = await prober.probe(ExecProbe(("check",)), CONTAINER)
    await prober.close()
    assert outcome.cause is Cause.COMMAND_FAILED
    assert list(mask.on_loop.values()) == [False]


async def gather_evidence(engine: FakeEngine, mask: Callable[[str], str]) -> Evidence:
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
    engine, mask = FakeEngine(FakeClock(), CONTAINER), LoopRecordingMask()
    log = engine.logs_of[CONTAINER.id] = "x " * evidence.LARGE_CHARACTERS
    assert (await gather_evidence(engine, mask)).log
    assert mask.on_loop[log] is False


@pytest.mark.parametrize("back", range(1, len(SECRET)))
async def test_no_part_of_a_secret_is_in_evidence_that_is_cut(back: int) -> None:
    checked = f"{SECRET}{'y' * (COMMAND_CHARACTERS - back)}"
    engine = FakeEngine(FakeClock(), replace(CONTAINER, health_log=checked))
    engine.logs_of[CONTAINER.id] = f"{SECRET}{'y' * (LOG_CHARACTERS - back)}"
    command = f"{'y' * (COMMAND_CHARACTERS - back)}{SECRET}"
    engine.processes_of[CONTAINER.id] = (Process(1, 0, "S", command),)
    bundle = await gather_evidence(engine, MASK)
    assert bundle.state is not None
    assert bundle.log is not None
    for text in (bundle.log, bundle.state.health_log, bundle.processes[0].command):
        assert find_traces(text) == []
        assert "yyyy" in text


@pytest.mark.parametrize("text", make_texts_across_limit(300))
def test_no_part_of_a_secret_is_in_an_engine_error(text: str) -> None:
    for body in (text, json.dumps({"message": text})):
        error = error_of_status(500, body, "http://engine/containers/c1/start", MASK)
        assert isinstance(error, EngineRefused)
        assert find_traces(str(error)) == []


@pytest.mark.parametrize("text", make_texts_across_limit(1000))
def test_no_part_of_a_secret_is_in_a_health_log(text: str) -> None:
    raw = raw_container("c1")
    raw["State"]["Health"] = {"Status": "unhealthy", "Log": [{"Output": text}]}
    assert find_traces(containers.read_container(raw, MASK).health_log) == []


@pytest.mark.parametrize("text", make_texts_across_limit(300))
def test_no_part_of_a_secret_is_in_a_start_error(text: str) -> None:
    raw = raw_container("c1")
    raw["State"]["Error"] = text
    error = containers.read_container(raw, MASK).error
    assert error.startswith("x x ")
    assert find_traces(error) == []


@pytest.mark.parametrize("after", range(0, 60, 3))
def test_no_part_of_a_secret_begins_the_end_of_an_output(after: int) -> None:
    for end in ("", "\n"):
        output = f"a {SECRET}{end}{'y' * after} z{end}".encode()
        text = answers.last_text([b"x" * 100, output], len(output) - 6)
        assert find_traces(MASK(text)) == []


@pytest.mark.parametrize("text", make_texts_across_limit(60))
def test_no_part_of_a_secret_is_in_a_quoted_label(text: str) -> None:
    assert find_traces(MASK(quote_value(text))) == []
    assert find_traces(MASK(quote_value(text.replace(" ", "")))) == []


@pytest.mark.parametrize("after", range(80, 120))
async def test_no_part_of_a_secret_is_in_the_error_of_a_hook(after: int) -> None:
    engine = FakeEngine(FakeClock(), CONTAINER)
    engine.exec_of["go"] = ExecResult(1, f"{SECRET}{'x' * after}")
    does = HookSettings(MessageKind.OPENED, None, HookExec("c", ("go",)))
    hook = hook_channel(
        0, does, HookTools(HttpSender(), engine, lambda _: "c1", MASK, FakeClock())
    )
    attempt = await hook.send(message())
    assert find_traces(attempt.error) == []
