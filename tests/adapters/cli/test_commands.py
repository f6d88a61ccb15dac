"""The command line as people and scripts use it: processes against a real server."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from aiohttp import web

from sidecar import __version__
from sidecar.cli.main import sidecar as command_line
from sidecar.core.model.cause import Cause
from sidecar.core.model.event import (
    PauseRequested,
    PlannedRestartCancelled,
    RecoverRequested,
    ReleaseRequested,
    RestartRequested,
    ResumeRequested,
)
from sidecar.core.text.printable import printable
from sidecar.web.server import WebServer
from tests.support.api_services import TOKEN, ApiServiceFakes, planned_restart_is_due
from tests.support.repository import REPOSITORY

ROOT = REPOSITORY
COMMAND = (sys.executable, "-m", "tests.support.cli_process")
DEADLINE_S = 20.0


class Ran(NamedTuple):
    status: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more}


async def sidecar(*arguments: str, **environ: str) -> Ran:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        cwd=ROOT,
        env=environment(**environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        out, err = await process.communicate()
    assert "Traceback" not in err.decode()
    return Ran(process.returncode or 0, out.decode(), err.decode())


class Served:
    """A sidecar's API, and commands that ask it."""

    def __init__(self, office: ApiServiceFakes, server: WebServer) -> None:
        self.office = office
        self.url = f"http://127.0.0.1:{server.port}"

    async def __call__(self, *arguments: str, token: str = TOKEN) -> Ran:
        return await sidecar(*arguments, SIDECAR_URL=self.url, SIDECAR_API_TOKEN=token)


async def serve(office: ApiServiceFakes) -> AsyncIterator[Served]:
    server = WebServer(office.desk, "127.0.0.1", 0)
    await server.start()
    yield Served(office, server)
    await server.stop()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async for one in serve(ApiServiceFakes()):
        yield one


@pytest.fixture
async def without_token() -> AsyncIterator[Served]:
    async for one in serve(ApiServiceFakes(token=None)):
        yield one


# --- without a sidecar


async def test_version() -> None:
    assert await sidecar("version") == (0, f"sidecar {__version__}\n", "")
    assert json.loads((await sidecar("version", "--json")).out) == {
        "version": __version__
    }


def every_command(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield (*path, name), command


COMMANDS = dict(every_command(command_line))


def test_every_promised_command_is_there() -> None:
    assert {" ".join(path) for path in COMMANDS} == {
        "run",
        "check",
        "status",
        "targets",
        "restart",
        "pause",
        "resume",
        "recover",
        "release",
        "reload",
        "history",
        "incidents",
        "incident",
        "ack",
        "postmortem",
        "remedies",
        "report",
        "schedule",
        "schedule skip",
        "schedule cancel",
        "notify test",
        "config check",
        "config show",
        "config schema",
        "version",
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
async def test_every_command_teaches_by_example(path: tuple[str, ...]) -> None:
    ran = await sidecar(*path, "--help")
    assert ran.status == 0
    assert f"  sidecar {' '.join(path)}" in ran.out.partition("Example:\n")[2]
    # run has no answer; the other two have a format of their own.
    own = path in {("run",), ("postmortem",), ("config", "schema")}
    assert ("--json" in ran.out) is not own


async def test_the_command_line_itself_teaches_by_example() -> None:
    ran = await sidecar("--help")
    assert ran.status == 0
    assert "  sidecar status --watch" in ran.out.partition("Example:\n")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("status", "--nonsense"),
        ("restart",),
        ("pause",),
        ("pause", "a", "--all"),
        ("schedule", "--count", "0"),
    ],
)
async def test_wrong_usage_is_2(arguments: tuple[str, ...]) -> None:
    ran = await sidecar(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert "Error" in ran.err


async def test_where_no_sidecar_answers_it_says_what_to_do() -> None:
    for command in (("status",), ("restart", "a"), ("schedule",)):
        ran = await sidecar(*command, "--url", "http://127.0.0.1:1")
        assert ran.status == 2
        assert (
            "no sidecar answers at http://127.0.0.1:1 (Connection refused)" in ran.err
        )
        assert "--url" in ran.err
        assert "what does its log say" in ran.err


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "http://",
        "ftp://127.0.0.1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://a b",
        "http://operator:opensesame@127.0.0.1:9787",
    ],
)
async def test_what_is_no_address_is_told_without_its_password(url: str) -> None:
    ran = await sidecar("status", "--url", url)
    assert (ran.status, ran.out) == (2, "")
    assert "is no address: write http://host:port" in ran.err
    assert "opensesame" not in ran.err


async def test_a_server_that_is_no_sidecar_is_named() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n<html>hello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        ran = await sidecar("status", "--url", f"http://127.0.0.1:{port}")
    assert ran.status == 2
    assert "is not a sidecar" in ran.err


@pytest.mark.parametrize("path", ["status", "refusal", "text"])
async def test_what_a_server_says_is_printable(path: str) -> None:
    odd = "a\x1b[2J\u202eb\x9b1m\ud800"

    async def says(_: web.Request) -> web.Response:
        if path == "text":
            return web.Response(text="a\x1b[2J\u202eb\x9b1m\ufffd")
        told = {"error": odd, "targets": [], "planned": [{odd: odd}]}
        return web.json_response(told, status=409 if path == "refusal" else 200)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", says)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    command = ("postmortem", "X") if path == "text" else ("schedule", "--json")
    ran = await sidecar(*command, "--url", url)
    await runner.cleanup()
    said = ran.out + ran.err
    assert "ab\ufffd" in said
    assert printable(said) == said


@pytest.mark.parametrize(
    ("file", "status"), [("good", 0), ("bad", 1), ("unsure", 2), ("empty", 2), ("x", 2)]
)
async def test_check_says_it_by_its_exit_status(file: str, status: int) -> None:
    assert (await sidecar("check", "--config", file)).status == status


async def test_check_of_one_target_and_in_json() -> None:
    ran = await sidecar("check", "electron-cash", "--config", "bad", "--json")
    assert ran.status == 0
    assert json.loads(ran.out) == [
        {
            "target": "electron-cash",
            "outcome": "success",
            "cause": None,
            "reason": "",
            "seconds": 0.012,
        }
    ]


async def test_a_table_in_a_pipe_is_plain_columns() -> None:
    ran = await sidecar("check", "--config", "bad")
    lines = ran.out.splitlines()
    assert lines[0].split() == ["TARGET", "OUTCOME", "CAUSE", "SECONDS", "REASON"]
    assert lines[2].split(maxsplit=4) == [
        "bitcoincash-service",
        "failure",
        "refused",
        "0.100",
        "connection refused",
    ]
    assert len({line.index("0.") for line in lines[1:]}) == 1
    assert "\x1b" not in ran.out


async def test_config_and_run_are_passed_on() -> None:
    ran = await sidecar("config", "check", "file.yaml")
    assert (ran.status, ran.out) == (0, "the configuration is good\n")
    assert ran.err == "warning: targets.x: tcp probes hold a single thread\n"
    ran = await sidecar("config", "check", "faulty")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "mode: found dance\nlanguage: found fr\n"
    ran = await sidecar("config", "check", "file.yaml", "--json")
    assert json.loads(ran.out) == {
        "good": True,
        "warnings": ["targets.x: tcp probes hold a single thread"],
    }
    assert ran.err == ""
    assert (await sidecar("config", "show", "f")).out == "stack: f\n"
    shown = await sidecar("config", "show", "f", "--json")
    assert json.loads(shown.out) == {"stack": "f"}
    assert json.loads((await sidecar("config", "schema")).out)
    assert (await sidecar("run", "--config", "f"))[:2] == (3, "runs with f\n")


# --- looking


async def test_status_is_a_table_with_reasons(served: Served) -> None:
    served.office.world.fails("electron-cash", Cause.REFUSED)
    ran = await served("status")
    assert ran.status == 0
    assert "stack oratio, mode act, ready" in ran.out
    (line,) = (x for x in ran.out.splitlines() if x.startswith("electron-cash"))
    assert "recovering" in line
    assert "refused: " in line
    assert "restart: " in line
    incident = served.office.world.instance("electron-cash").incident
    assert f"incident {incident} P1 electron-cash: refused" in ran.out


async def test_status_in_json_is_the_apis(served: Served) -> None:
    told = json.loads((await served("status", "--json")).out)
    assert {t["name"] for t in told["targets"]} == {
        "electron-cash",
        "bitcoincash-service",
    }


async def test_targets(served: Served) -> None:
    ran = await served("targets")
    assert "electron-cash        healthy  demo-electron-cash-1" in ran.out
    assert json.loads((await served("targets", "--json")).out)[0]["state"] == "healthy"


async def test_watching_in_a_pipe_prints_each_change_once(served: Served) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "status",
        "--watch",
        cwd=ROOT,
        env=environment(SIDECAR_URL=served.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        first = [(await process.stdout.readline()).decode() for _ in range(2)]
        served.office.world.fails("electron-cash", Cause.REFUSED)
        change = (await process.stdout.readline()).decode()
        process.send_signal(signal.SIGINT)
        rest, err = await process.communicate()
    assert all(" healthy" in line for line in first)
    assert "electron-cash recovering: refused: " in change
    assert rest == b""
    assert err.strip() == b""
    assert process.returncode == 130


async def test_a_terminal_gets_a_table_and_colours(served: Served) -> None:
    coloured = await on_terminal(served, TERM="xterm")
    assert "\x1b[32mhealthy" in coloured
    plain = await on_terminal(served, TERM="xterm", NO_COLOR="1")
    assert "healthy" in plain
    assert "\x1b[32m" not in plain


async def test_a_narrow_terminal_has_the_reasons_below_the_table(
    served: Served,
) -> None:
    served.office.world.fails("electron-cash", Cause.AUTH)
    narrow = await on_terminal(served, "status", TERM="xterm", COLUMNS="80")
    assert "electron-cash: auth: it is auth; page: failure 3: it is auth; " in narrow
    wide = await on_terminal(served, "status", TERM="xterm", COLUMNS="200")
    assert "electron-cash: auth: it is auth; page" not in wide
    assert "auth: it is auth; " in wide


async def on_terminal(served: Served, command: str = "targets", **environ: str) -> str:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        command,
        cwd=ROOT,
        env=environment(SIDECAR_URL=served.url, **environ),
        stdout=theirs,
    )
    async with asyncio.timeout(DEADLINE_S):
        assert await process.wait() == 0
    os.close(theirs)
    try:
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)


async def test_watching_on_a_terminal_redraws_until_ctrl_c(served: Served) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "status",
        "--watch",
        cwd=ROOT,
        env=environment(SIDECAR_URL=served.url, TERM="xterm"),
        stdout=theirs,
    )
    os.close(theirs)
    shown = b""
    async with asyncio.timeout(DEADLINE_S):
        while b"healthy" not in shown:
            shown += await asyncio.to_thread(os.read, ours, 65536)
        process.send_signal(signal.SIGINT)
        drain = asyncio.create_task(asyncio.to_thread(read_to_end, ours))
        assert await process.wait() == 130
        await drain
    os.close(ours)
    assert b"stack oratio" in shown


def read_to_end(terminal: int) -> None:
    with contextlib.suppress(OSError):  # a terminal without a writer is an error
        while os.read(terminal, 65536):
            pass


async def test_the_schedule(served: Served) -> None:
    ran = await served("schedule", "--count", "2")
    assert ran.status == 0
    assert len(ran.out.splitlines()) == 3
    assert "0 3 * * * Asia/Seoul" in ran.out
    told = json.loads((await served("schedule", "--json", "--count", "4")).out)
    assert len(told["planned"]) == 4


# --- acting


async def test_a_restart(served: Served) -> None:
    ran = await served("restart", "electron-cash", "--now")
    assert ran.status == 0
    assert ran.out.startswith("electron-cash: restart: ")
    (event,) = served.office.asked
    assert isinstance(event, RestartRequested)
    assert event.now


async def test_a_program_gets_the_apis_answer_to_an_order(served: Served) -> None:
    ran = await served("restart", "electron-cash", "--now", "--json")
    assert json.loads(ran.out)["decision"]["action"] == "restart"
    for order in (
        ("release", "electron-cash"),
        ("recover", "electron-cash"),
        ("pause", "electron-cash", "--for", "2h"),
        ("resume", "--all"),
    ):
        ran = await served(*order, "--json")
        assert ran.status == 0
        assert "decision" in json.loads(ran.out)
    assert [type(event) for event in served.office.asked] == [
        RestartRequested,
        ReleaseRequested,
        RecoverRequested,
        PauseRequested,
        ResumeRequested,
    ]
    ran = await served("schedule", "skip", "electron-cash", "--json")
    assert json.loads(ran.out)["skipped"]["target"] == "electron-cash"


async def test_a_release_and_a_resume_say_what_they_did(served: Served) -> None:
    assert (await served("restart", "electron-cash", "--now")).status == 0
    assert (await served("release", "electron-cash")).out == "electron-cash: released\n"
    assert (await served("resume", "electron-cash")).out == "electron-cash: resumed\n"
    assert (await served("resume", "--all")).out == "all targets: resumed\n"


async def test_a_refusal_is_3_with_its_reason(served: Served) -> None:
    assert (await served("pause", "electron-cash")).status == 0
    ran = await served("restart", "electron-cash")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err.startswith("refused (paused): ")


async def test_a_token_missing_wrong_or_not_set_is_3(
    served: Served, without_token: Served
) -> None:
    for token in ("", "wrong"):
        ran = await served("restart", "electron-cash", token=token)
        assert ran.status == 3
        assert "--token-file" in ran.err
    ran = await without_token("restart", "electron-cash")
    assert ran.status == 3
    assert "SIDECAR_API_TOKEN" in ran.err


async def test_the_token_may_be_in_a_file(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    ran = await served("resume", "--all", "--token-file", str(file), token="")
    assert ran.status == 0
    ran = await sidecar(
        "resume", "--all", SIDECAR_URL=served.url, SIDECAR_API_TOKEN_FILE=str(file)
    )
    assert ran.status == 0
    ran = await served("resume", "--all", "--token-file", str(tmp_path / "none"))
    assert ran.status == 2
    assert "cannot be read" in ran.err


async def test_a_token_of_any_letters_is_sent_and_one_of_two_lines_is_not() -> None:
    async for served in serve(ApiServiceFakes(token="열쇠-é")):
        assert (await served("resume", "--all", token="열쇠-é")).status == 0
        for token in ("é-열쇠", "열쇠-é\nx"):
            ran = await served("resume", "--all", token=token)
            assert ran.status == (3 if "\n" not in token else 2)
            assert "token" in ran.err


async def test_an_unknown_target_is_2(served: Served) -> None:
    ran = await served("restart", "no/body")
    assert ran.status == 2
    assert "there is no target no/body; there are: " in ran.err


async def test_pause_recover_and_the_planned(served: Served) -> None:
    planned_restart_is_due(served.office)
    assert (await served("schedule", "cancel", "electron-cash")).status == 0
    assert (await served("schedule", "cancel", "electron-cash")).status == 3
    assert (await served("pause", "electron-cash", "--for", "2h")).out == (
        "electron-cash: paused for 2h\n"
    )
    assert (await served("pause", "--all", "--for", "soon")).status == 2
    assert (await served("recover", "electron-cash")).status == 0
    assert (await served("release", "electron-cash")).status == 0
    ran = await served("release", "electron-cash")
    assert (ran.status, ran.err) == (3, "no remedy of electron-cash is under way\n")
    assert [type(e) for e in served.office.asked] == [
        PlannedRestartCancelled,
        PauseRequested,
        RecoverRequested,
        ReleaseRequested,
    ]
    ran = await served("schedule", "skip", "electron-cash")
    assert ran.status == 0
    assert ran.out.startswith("electron-cash: no restart at ")
    assert (await served("schedule", "skip", "bitcoincash-service")).status == 3


async def test_every_order_answers_in_json(served: Served) -> None:
    planned_restart_is_due(served.office)
    for order, key in (
        ("schedule cancel electron-cash", "decision"),
        ("release electron-cash", "decision"),
        ("restart electron-cash --now", "decision"),
        ("pause electron-cash", "decision"),
        ("resume electron-cash", "decision"),
        ("recover electron-cash", "decision"),
        ("schedule skip electron-cash", "skipped"),
    ):
        ran = await served(*order.split(), "--json")
        assert (ran.status, ran.err) == (0, ""), order
        assert key in json.loads(ran.out), order


async def test_what_asks_nobody_answers_in_json() -> None:
    assert json.loads((await sidecar("version", "--json")).out) == {
        "version": __version__
    }
    ran = await sidecar("config", "check", "--json", "good.yaml")
    warning = "targets.x: tcp probes hold a single thread"
    told = {"good": True, "warnings": [warning]}
    assert (json.loads(ran.out), ran.err) == (told, "")


async def test_the_address_may_come_from_sidecar_listen(served: Served) -> None:
    port = served.url.rpartition(":")[2]
    assert (await sidecar("status", SIDECAR_LISTEN=f"0.0.0.0:{port}")).status == 0


async def test_a_proxy_of_the_environment_is_not_asked(served: Served) -> None:
    ran = await sidecar(
        "status", SIDECAR_URL=served.url, http_proxy="http://127.0.0.1:1"
    )
    assert ran.status == 0


async def test_reload_takes_the_file(served: Served) -> None:
    ran = await served("reload")
    assert ran == Ran(0, "the configuration file is in force\n", "")
    assert served.office.reloads == 1


async def test_reload_of_a_file_with_faults_is_3_and_names_them_all(
    served: Served,
) -> None:
    served.office.faults = ("mode: found 'atc'", "targets.a: found nothing")
    ran = await served("reload")
    assert (ran.status, ran.out) == (3, "")
    assert all(fault in ran.err.splitlines() for fault in served.office.faults)


async def test_reload_needs_the_token(served: Served) -> None:
    assert (await served("reload", token="nonsense")).status == 3
    assert served.office.reloads == 0
