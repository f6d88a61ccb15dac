"""Content and form of the log, and secrets that it never shows."""

import io
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
from loguru import logger

from sidecar.core.model.cause import Cause
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import EngineReachabilityChanged, ResumeRequested
from sidecar.core.recovery.takeover import restore_state
from sidecar.telemetry.event_log import EventLog, log_restored
from sidecar.telemetry.log import LogFormat, configure
from sidecar.telemetry.secret_mask import Mask
from tests.support.message_world import MessageWorld
from tests.support.repository import REPOSITORY

ROOT = REPOSITORY
SECRET = "hunter2-and-more/+"


class Log:
    """A configured log and what it wrote."""

    def __init__(self, level: str = "debug", form: LogFormat = LogFormat.JSON) -> None:
        self.stream = io.StringIO()
        configure(level, form, Mask([SECRET, "abc"]), self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(autouse=True)
def _undo() -> Iterator[None]:
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    logs = (logging.root.handlers[:], logging.root.level)
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = before
    logging.root.handlers[:], logging.root.level = logs
    logging.captureWarnings(capture=False)


def test_a_line_is_one_json_object_with_what_was_bound() -> None:
    log = Log()
    logger.bind(target="electron-cash", incident="01J", cause=Cause.HUNG, n=3).info(
        "two\nlines"
    )
    (line,) = log.lines
    assert str(line.pop("time")).endswith("Z")
    assert line == {
        "level": "info",
        "message": "two\nlines",
        "target": "electron-cash",
        "incident": "01J",
        "cause": "hung",
        "n": 3,
    }


def test_unknown_value_is_omitted_and_bound_value_forges_no_line() -> None:
    log = Log()
    logger.bind(incident=None, level="critical", message="forged").info("real")
    (line,) = log.lines
    assert (line["level"], line["message"]) == ("info", "real")
    assert "incident" not in line


def test_text_format_is_one_readable_line() -> None:
    log = Log(form=LogFormat.TEXT)
    logger.bind(target="electron-cash", incident="01J").warning("it is down")
    assert "WARNING electron-cash: it is down  [incident=01J]\n" in log.text
    assert "\x1b" not in log.text


def test_lines_below_the_level_are_not_logged() -> None:
    log = Log(level="info")
    logger.debug("quiet")
    logger.info("loud")
    assert [line["message"] for line in log.lines] == ["loud"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"it is {SECRET} indeed", "it is *** indeed"),
        ("it is hunter2-and-more%2F%2B indeed", "it is *** indeed"),
        ("http://bob:opensesame@host:7777/x", "http://bob:***@host:7777/x"),
        ("redis://:opensesame@host/0", "redis://:***@host/0"),
        ("password=opensesame rest", "password=*** rest"),
        ("rpcpassword: opensesame, rest", "rpcpassword: ***, rest"),
        ('{"api_token": "open sesame", "a": 1}', '{"api_token": ***, "a": 1}'),
        ("run --password opensesame -v", "run --password *** -v"),
        ("Authorization: Basic dTpvcGVuc2VzYW1l", "Authorization: Basic ***"),
        ("Authorization: Bearer opensesame", "Authorization: Bearer ***"),
        ("POST /x?token=opensesame&a=1", "POST /x?token=***&a=1"),
        ("abc is too short to be hidden", "abc is too short to be hidden"),
        ("the user or password is wrong", "the user or password is wrong"),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert Mask([SECRET, "abc"])(text) == masked


def test_a_secret_in_base64_is_masked() -> None:
    assert Mask(["opensesame"])("x b3BlbnNlc2FtZQ== y") == "x ***== y"


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Mask(["open", "opensesame"])("opensesame") == "***"


def fail_with(password: str) -> None:
    raise ValueError(f"cannot use {password}")


def test_secrets_are_masked_in_exceptions_and_library_logs() -> None:
    log = Log()
    try:
        fail_with(SECRET)
    except ValueError:
        logger.bind(url=f"http://u:{SECRET}@h/").exception("failed with {}", SECRET)
    logging.getLogger("urllib3").warning("retry %s", SECRET)
    assert SECRET not in log.text
    assert "ValueError: cannot use ***" in str(log.lines[0]["exception"])
    assert log.lines[1]["message"] == "retry ***"


def test_standard_library_log_is_captured_from_warning_on() -> None:
    log = Log()
    logging.getLogger("docker.api").info("chatter")
    logging.getLogger("aiohttp.server").error("trouble")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    assert [(line["level"], line["logger"]) for line in log.lines] == [
        ("error", "aiohttp.server"),
        ("warning", "py.warnings"),
    ]


def test_an_uncaught_error_is_a_masked_line_without_values() -> None:
    code = """if True:
        import threading
        from sidecar.telemetry.log import LogFormat, configure
        from sidecar.telemetry.secret_mask import Mask
        configure("info", LogFormat.JSON, Mask(["opensesame"]))
        def fail(word):
            raise RuntimeError("about " + word)
        thread = threading.Thread(target=fail, args=("opensesame",))
        thread.start()
        thread.join()
        fail("opensesame")
    """
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1
    assert "opensesame" not in process.stderr
    in_thread, in_main = map(json.loads, process.stderr.splitlines())
    assert "RuntimeError: about ***" in in_thread["exception"]
    assert in_main["level"] == "critical"


# --- values that cannot be logged


class Odd:
    def __str__(self) -> str:  # type: ignore[explicit-override]
        raise RuntimeError(f"no text for {SECRET}")


@pytest.mark.parametrize("form", list(LogFormat))
def test_value_that_cannot_be_logged_is_not_printed_unmasked(
    form: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log(form=form)
    half = "half of a character: \ud800"
    logger.info("{} {}", half, SECRET)
    logger.bind(odd=f"{half} {SECRET}").info("bound")
    logger.bind(odd=Odd(), also=SECRET).info("no text {}", SECRET)
    try:
        fail_with(f"{half} {SECRET}")
    except ValueError:
        logger.exception("failed")
    logging.getLogger("odd").warning("two %s %s", *[SECRET])
    log.text.encode()
    lines = [line for line in log.text.splitlines() if not line.startswith(" ")]
    assert len(lines) == 5
    assert "a log line could not be written (RuntimeError)" in lines[2]
    assert SECRET not in log.text
    assert "\ufffd" in lines[0]
    printed = capsys.readouterr()
    assert printed.err + printed.out == ""


@pytest.mark.parametrize("form", list(LogFormat))
def test_ascii_stream_gets_escapes(form: LogFormat) -> None:
    raw = io.BytesIO()
    configure("info", form, Mask([SECRET]), io.TextIOWrapper(raw, encoding="ascii"))
    logger.info("한국어 {}", SECRET)
    assert b"\\ud55c" in raw.getvalue()
    assert SECRET.encode() not in raw.getvalue()


def test_closed_stream_raises_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    log.stream.close()
    logger.info("about {}", SECRET)
    printed = capsys.readouterr()
    assert printed.err + printed.out == ""


@pytest.mark.parametrize("form", list(LogFormat))
def test_a_line_of_the_log_is_printable_and_of_bounded_length(form: LogFormat) -> None:
    log = Log(form=form)
    odd = "a\x1b[2Jb\u202ec\u2028d\x9b1me\nforged"
    logger.bind(target=odd, other=odd).warning("{}", odd)
    logger.warning("{}", "x" * 1_000_000)
    assert log.text.isascii()
    assert "\x1b" not in log.text
    assert "abcde" in log.text
    first, *_ = log.text.splitlines()
    assert "\n  forged" in log.text or form is LogFormat.JSON
    assert "abcde forged" in first
    assert max(map(len, log.text.splitlines())) < 20_000


def test_an_error_in_a_clean_up_is_a_masked_line() -> None:
    log = Log()
    before = sys.unraisablehook

    class Broken:
        def __del__(self) -> None:
            fail_with(SECRET)

    broken = Broken()
    del broken
    assert sys.unraisablehook is before
    assert "cannot use ***" in str(log.lines[0]["exception"])
    assert SECRET not in log.text


# --- events


def world_with_log(level: str = "info") -> tuple[MessageWorld, Log]:
    log = Log(level)
    world = MessageWorld(listeners=(EventLog(),))
    world.works("electron-cash", "bitcoincash-service")
    log.stream.seek(0)
    log.stream.truncate()
    return world, log


def test_outage_is_logged_line_by_line_with_its_incident() -> None:
    world, log = world_with_log()
    world.fails("electron-cash", Cause.REFUSED)
    world.complete_remedy("electron-cash")
    world.works("electron-cash", times=3)
    lines = [line for line in log.lines if line.get("target") == "electron-cash"]
    story = [str(line["message"]) for line in lines]
    steps = [
        "failing (was healthy): it is refused",
        "holding: ",
        "restarting it: ",
        "incident opened: ",
        "acted: as asked; now the probes judge",
        "restart ended: recovered",
        "healthy (was recovering)",
        "incident resolved: ",
    ]
    positions = [
        next((i for i, s in enumerate(story) if s.startswith(step)), None)
        for step in steps
    ]
    assert None not in positions, story
    (opened,) = (
        line for line in lines if str(line["message"]).startswith("incident o")
    )
    (restart,) = (
        line
        for line in lines
        if line.get("action") == "restart"
        and str(line["message"]).startswith("restarting")
    )
    assert restart["cause"] == "refused"
    assert restart["trigger"] == "failure"
    ended = lines[positions[5] or 0]
    assert ended["incident"] == opened["incident"]
    assert ended["outcome"] == "recovered"


def test_every_failure_below_the_threshold_is_logged() -> None:
    world, log = world_with_log()
    world.fails("electron-cash", Cause.REFUSED, times=2)
    lines = [line for line in log.lines if line.get("guard") == "threshold"]
    assert len(lines) == 2
    assert lines[0]["message"] != lines[1]["message"]


def test_page_is_logged_as_a_warning() -> None:
    world, log = world_with_log()
    world.fails("electron-cash", Cause.AUTH)
    (page,) = (line for line in log.lines if line.get("action") == "page")
    assert page["level"] == "warning"
    assert page["cause"] == "auth"
    assert str(page["message"]).startswith("a person is needed: ")


def test_page_about_an_operator_stop_is_logged_as_info() -> None:
    world, log = world_with_log()
    world.notice("electron-cash", EngineEventKind.KILL)
    world.exits("electron-cash")
    (page,) = (line for line in log.lines if line.get("action") == "page")
    assert page["level"] == "info"
    assert str(page["message"]).startswith("for your information: an operator")


def test_restored_incident_and_remedy_are_logged() -> None:
    world, log = world_with_log()
    world.fails("electron-cash", Cause.REFUSED)
    before = len(log.lines)
    now = world.now
    log_restored(restore_state(world.state, now, now))
    (incident,) = world.state.incidents
    goes_on, finished = log.lines[before:]
    assert goes_on["message"] == "an incident is still open, refused; it goes on"
    assert "finished, not begun again" in str(finished["message"])
    assert goes_on["incident"] == finished["incident"] == incident


def test_probes_are_logged_only_at_debug() -> None:
    world, log = world_with_log("debug")
    world.works("electron-cash", times=1)
    assert [line["level"] for line in log.lines] == ["debug"]
    world, log = world_with_log("info")
    world.works("electron-cash", times=1)
    assert log.lines == []


def test_loss_and_return_of_the_engine_are_logged_once_each() -> None:
    world, log = world_with_log()
    for reachable in (False, False, True, True):
        world.send(
            EngineReachabilityChanged(world.now, reachable, "connection refused")
        )
    assert [line["message"] for line in log.lines] == [
        "the engine is lost: connection refused; probing goes on, acting waits",
        "the engine is back; acting goes on",
    ]


def test_operator_request_is_logged() -> None:
    world, log = world_with_log()
    world.send(ResumeRequested(world.now, ("electron-cash",)))
    assert log.lines[0]["message"] == "an operator asked: to resume electron-cash"
